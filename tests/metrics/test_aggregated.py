"""metrics.k8s.io as clients see it: through the aggregator, over real HTTPS, with RBAC on both sides."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from tests.support.api import Answer, Api, running_api
from tests.support.metrics_api import BASE, SERVICES, Stage, proxied, serving_metrics

from pybernetes.api.protobuf import decode
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request
from pybernetes.base.x509 import KeyPair, client_context
from pybernetes.client.client import read_body
from pybernetes.cluster.addons import metrics as addon

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


@asynccontextmanager
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_api(**proxied(tmp_path)) as api, serving_metrics(api) as world:
        yield world


async def test_what_pods_and_nodes_use(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        await world.pod("web", app="web")
        world.kubelets.run("n1", "default", "web", {"main": (0.25, 64 << 20), "side": (0.1, 1 << 20)})
        await world.look()
        world.kubelets.run("n1", "default", "web", {"main": (0.75, 96 << 20)})
        await world.look()
        found = (await world.api.get(f"{BASE}/namespaces/default/pods/web")).body
        assert found == {
            "kind": "PodMetrics",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {
                "name": "web",
                "namespace": "default",
                "creationTimestamp": "2026-01-01T00:00:30Z",
                "labels": {"app": "web"},
            },
            "timestamp": "2026-01-01T00:00:30Z",
            "window": "15s",
            "containers": [
                {"name": "main", "usage": {"cpu": "750m", "memory": "96Mi"}},
                {"name": "side", "usage": {"cpu": "100m", "memory": "1Mi"}},
            ],
        }
        listed = (await world.api.get(f"{BASE}/nodes")).body
        assert (listed["kind"], listed["metadata"]) == ("NodeMetricsList", {})
        assert [(item["metadata"]["name"], item["usage"]) for item in listed["items"]] == [
            ("n1", {"cpu": "500m", "memory": "3Gi"}),
            ("n2", {"cpu": "1500m", "memory": "3Gi"}),
        ]
        assert "kind" not in listed["items"][0]
        assert (await world.api.get(f"{BASE}/nodes/n2")).body["usage"]["cpu"] == "1500m"


async def test_selection(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        await world.api.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
        for name, namespace, tier in (("b", "default", "x"), ("a", "default", "y"), ("c", "other", "x")):
            await world.pod(name, namespace, tier=tier)
            world.kubelets.run("n1", namespace, name, {"main": (0.1, 1 << 20)})
        await world.look()
        await world.look()

        async def names(path: str, query: str = "") -> list[str]:
            answer = await world.api.get(f"{BASE}/{path}", query)
            assert answer.code == 200, answer.body
            return [item["metadata"]["name"] for item in answer.body["items"]]

        assert await names("pods") == ["a", "b", "c"]
        assert await names("namespaces/default/pods") == ["a", "b"]
        assert await names("pods", "labelSelector=tier%3Dx") == ["b", "c"]
        assert await names("pods", "fieldSelector=metadata.name%3Dc") == ["c"]
        assert await names("pods", "fieldSelector=metadata.namespace%21%3Dother") == ["a", "b"]
        assert await names("nodes", "labelSelector=zone+in+(n2)") == ["n2"]
        assert await names("nodes", "fieldSelector=metadata.name%3Dn1") == ["n1"]
        refused = await world.api.get(f"{BASE}/pods", "fieldSelector=spec.nodeName%3Dn1")
        assert refused.code == 400
        words = '"spec.nodeName" is not a known field selector: only "metadata.name", "metadata.namespace"'
        assert refused.body["message"] == words
        assert (await world.api.get(f"{BASE}/pods", "labelSelector=%2C%2C%3D")).code == 400


async def test_what_is_not_known_is_not_found(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        await world.pod("new")
        await world.look()
        for path, message in (
            ("namespaces/default/pods/new", 'podmetrics.metrics.k8s.io "default/new" not found'),
            ("namespaces/default/pods/none", 'pods "none" not found'),
            ("nodes/none", 'node "none" not found'),
        ):
            answer = await world.api.get(f"{BASE}/{path}")
            assert (answer.code, answer.body["reason"], answer.body["message"]) == (404, "NotFound", message)
        assert (await world.api.get(f"{BASE}/pods")).body["items"] == []
        world.kubelets.silent.add("n1")
        await world.look()
        await world.look()
        gone = await world.api.get(f"{BASE}/nodes/n1")
        assert gone.body["message"] == 'nodemetrics.metrics.k8s.io "n1" not found'
        assert [item["metadata"]["name"] for item in (await world.api.get(f"{BASE}/nodes")).body["items"]] == ["n2"]


@pytest.mark.parametrize(
    ("method", "path", "query", "code"),
    [
        ("POST", "nodes", "", 405),
        ("DELETE", "nodes/n1", "", 405),
        ("GET", "nodes", "watch=1", 405),
        ("GET", "pods/x", "", 404),
        ("GET", "services", "", 404),
        ("GET", "nodes/n1/status", "", 404),
        ("GET", "namespaces/default/nodes", "", 404),
    ],
)
async def test_nothing_else_is_served(tmp_path: Path, method: str, path: str, query: str, code: int) -> None:
    async with stage(tmp_path) as world:
        assert (await world.api.call(method, f"{BASE}/{path}", {}, query=query)).code == code


async def test_words_of_what_is_not_served(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        watched = await world.api.get(f"{BASE}/pods", "watch=1")
        assert watched.message == 'watch is not supported on resources of kind "pods.metrics.k8s.io"'
        deleted = await world.api.delete(f"{BASE}/nodes/n1")
        assert deleted.message == "the server does not allow this method on the requested resource"


async def test_tables_protobuf_yaml_and_metadata(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        await world.pod("web")
        world.kubelets.run("n1", "default", "web", {"main": (0.2, 4 << 20), "side": (0.1, 1 << 20)})
        await world.look()
        await world.look(15.5)
        table = (await world.api.get(f"{BASE}/pods", accept=TABLE)).body
        assert [(column["name"], column["format"]) for column in table["columnDefinitions"]] == [
            ("Name", "name"),
            ("cpu", "quantity"),
            ("memory", "quantity"),
            ("Window", "duration"),
        ]
        assert table["rows"][0]["cells"] == ["web", "300m", "5Mi", "15.5s"]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        whole = (await world.api.get(f"{BASE}/nodes/n1", "includeObject=Object", accept=TABLE)).body
        assert whole["rows"][0]["object"]["usage"] == {"cpu": "500m", "memory": "3Gi"}
        assert (await world.api.get(f"{BASE}/pods", "labelSelector=a", accept=TABLE)).body["rows"] == []

        binary = await world.api.get(f"{BASE}/pods", accept="application/vnd.kubernetes.protobuf, */*")
        assert dict(binary.headers)["content-type"] == "application/vnd.kubernetes.protobuf"
        item = decode(binary.raw)["items"][0]
        assert (item["window"], item["containers"][0]["usage"]["cpu"]) == ("15.5s", "200m")
        assert b"window: 15.5s" in (await world.api.get(f"{BASE}/pods", accept="application/yaml")).raw
        meta = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        partial = (await world.api.get(f"{BASE}/pods", accept=meta)).body
        assert partial["kind"] == "PartialObjectMetadataList" and "containers" not in partial["items"][0]


async def test_discovery_and_openapi(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        resources = (await world.api.get(BASE)).body["resources"]
        assert [(row["name"], row["kind"], row["namespaced"], row["verbs"]) for row in resources] == [
            ("nodes", "NodeMetrics", False, ["get", "list"]),
            ("pods", "PodMetrics", True, ["get", "list"]),
        ]
        groups = {group["name"] for group in (await world.api.get("/apis")).body["groups"]}
        assert "metrics.k8s.io" in groups
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        found = (await world.api.get("/apis", accept=accept)).body["items"]
        group = next(group for group in found if group["metadata"]["name"] == "metrics.k8s.io")
        assert [row["resource"] for row in group["versions"][0]["resources"]] == ["nodes", "pods"]
        described = (await world.api.get("/openapi/v3/apis/metrics.k8s.io/v1beta1")).body
        assert f"{BASE}/namespaces/{{namespace}}/pods/{{name}}" in described["paths"]
        assert "io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics" in described["components"]["schemas"]
        swagger = (await world.api.get("/openapi/v2")).body
        assert f"{BASE}/nodes" in swagger["paths"] and "/api/v1/pods" in swagger["paths"]


async def test_who_may_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        await world.look()
        await world.look()
        nobody = await world.as_user("jane").get(f"{BASE}/nodes")
        assert nobody.code == 403
        words = 'nodes.metrics.k8s.io is forbidden: User "jane" cannot list resource "nodes" in API group '
        assert nobody.body["message"].startswith(words + '"metrics.k8s.io" at the cluster scope')
        await _bind(world.api, "jane", "system:aggregated-metrics-reader")
        assert (await world.as_user("jane").get(f"{BASE}/nodes")).code == 200
        role = (
            await world.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader")
        ).body
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        assert {prefix + name: "true" for name in ("view", "edit", "admin")} == role["metadata"]["labels"]


async def _bind(api: Api, user: str, role: str) -> None:
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    await api.post(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {"metadata": {"name": f"{user}-{role}"}, "subjects": [subject], "roleRef": ref},
    )


async def test_its_own_identity_may_do_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        own = world.as_user(addon.USER)
        for method, path in (
            ("GET", "/api/v1/secrets"),
            ("POST", "/api/v1/namespaces/default/pods"),
            ("GET", "/api/v1/namespaces/default/configmaps"),
            ("DELETE", "/api/v1/nodes/n1"),
            ("GET", "/api/v1/nodes/n1/proxy/logs"),
            ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ):
            assert (await own.call(method, path, {})).code == 403, (method, path)


async def _direct(world: Stage, context: ssl.SSLContext, path: str, *headers: tuple[str, str]) -> Answer:
    """A request to the metrics server itself, past the aggregator."""
    transport = HttpTransport(f"https://localhost:{world.server.port}", tls=context)
    try:
        response = await transport(Request("GET", path, "", list(headers)))
        return Answer(response, await read_body(response))
    finally:
        await transport.close()


async def test_who_comes_past_the_aggregator_is_nobody(tmp_path: Path) -> None:
    """Headers of the front proxy count for nothing without its certificate."""
    async with stage(tmp_path) as world:
        context = client_context(None)
        assert (await _direct(world, context, "/readyz")).code == 500
        await world.look()
        forged = [("x-remote-user", "kubernetes-admin"), ("x-remote-group", "system:masters")]
        answer = await _direct(world, context, f"{BASE}/nodes", *forged)
        assert answer.code == 403 and "system:anonymous" in answer.body["message"]
        assert (await _direct(world, context, f"{BASE}/nodes", ("authorization", "Bearer nonsense"))).code == 401
        assert (await _direct(world, context, "/healthz")).raw == b"ok"
        assert (await _direct(world, context, "/readyz")).raw == b"ok"
        assert (await _direct(world, context, "/metrics")).code == 403


async def test_its_own_metrics(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        world.kubelets.silent.add("n2")
        await world.look()
        await world.look()
        proxy = KeyPair.load(tmp_path / "proxy.crt", tmp_path / "proxy.key")
        headers = [("x-remote-user", "kubernetes-admin"), ("x-remote-group", "system:masters")]
        text = (await _direct(world, client_context(None, proxy), "/metrics", *headers)).raw.decode()
        assert 'metrics_server_kubelet_request_total{success="true"}' in text
        assert 'metrics_server_storage_points{type="node"} 1' in text
        assert (
            orjson.loads((await _direct(world, client_context(None, proxy), "/version", *headers)).raw)["major"] == "1"
        )


async def test_the_certificate_is_for_the_service(tmp_path: Path) -> None:
    async with stage(tmp_path) as world:
        spec = (await world.api.get(f"{SERVICES}/{addon.API_SERVICE}")).body["spec"]
        assert base64.b64decode(spec["caBundle"]).startswith(b"-----BEGIN CERTIFICATE-----")
        assert not spec.get("insecureSkipTLSVerify")
