"""An extension API server behind an APIService, over real HTTPS with the front-proxy certificate."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.api import Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authn.request_header import RequestHeaderAuthenticator
from pybernetes.apiserver.openapi import swagger_protobuf
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, server_context
from pybernetes.client.client import read_body

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
FLUNDERS = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders"
RESOURCE = {"name": "flunders", "singularName": "", "namespaced": True, "kind": "Flunder", "verbs": ["get", "list"]}
Object = dict[str, Any]


class Sample:
    """A little extension API server: one kind, kept in memory, the caller proven by the front proxy."""

    def __init__(self, directory: Path) -> None:
        serving, proxies = CertificateAuthority.create("sample-ca"), CertificateAuthority.create("proxy-ca")
        proxies.issue("front-proxy-client").save(directory / "proxy.crt", directory / "proxy.key")
        self.files = {
            "proxy_client_certificate": str(directory / "proxy.crt"),
            "proxy_client_key": str(directory / "proxy.key"),
        }
        self.authority = base64.b64encode(serving.certificate_pem).decode()
        self.objects: dict[str, Object] = {}
        self.users: list[UserInfo] = []
        self.healthy = True
        self.asked_for_swagger = 0
        self._proven = RequestHeaderAuthenticator(proxies.certificate_pem, allowed_names=("front-proxy-client",))
        pair = serving.issue("sample", names=("sample-api.wardle.svc",))
        tls = server_context(pair, client_ca=proxies.certificate_pem)
        self.http = HttpServer(self._answer, host="127.0.0.1", port=0, tls=tls)

    async def _answer(self, request: Request) -> Response:
        user = await self._proven.authenticate(request)
        if user is None:
            return json({"kind": "Status", "code": 401}, 401)
        if not self.healthy:
            return json({"kind": "Status", "code": 500}, 500)
        path = request.path
        if path == "/apis/wardle.example.com/v1alpha1":
            group_version = "wardle.example.com/v1alpha1"
            return json({"kind": "APIResourceList", "groupVersion": group_version, "resources": [RESOURCE]})
        if path == "/openapi/v2":
            self.asked_for_swagger += 1
            paths = {FLUNDERS: {}, "/apis/": {}}
            return json({"swagger": "2.0", "paths": paths, "definitions": {"com.example.Flunder": {}}})
        if path == "/openapi/v3/apis/wardle.example.com/v1alpha1":
            return json({"openapi": "3.0.0", "paths": {FLUNDERS: {}}})
        if not path.startswith(FLUNDERS):
            return json({"kind": "Status", "code": 404}, 404)
        self.users.append(user)
        if request.header("upgrade"):
            return Response(
                101, [("connection", "Upgrade"), ("upgrade", request.header("upgrade") or "")], upgrade=loud
            )
        if request.method == "POST":
            obj = orjson.loads(await request.body.read(1 << 20))
            self.objects[obj["metadata"]["name"]] = obj
            return json(obj, 201)
        if request.query == "watch=1":

            async def events() -> AsyncIterator[bytes]:
                for obj in self.objects.values():
                    yield orjson.dumps({"type": "ADDED", "object": obj}) + b"\n"

            return Response(200, [("content-type", "application/json")], events())
        return json({"kind": "FlunderList", "items": list(self.objects.values())})


async def loud(stream: ByteStream) -> None:
    """Answers everything in capitals until the other side ends."""
    while data := await stream.read():
        await stream.write(data.upper())
    stream.close()


def json(body: Any, code: int = 200) -> Response:
    return Response(code, [("content-type", "application/json")], orjson.dumps(body))


def api_service(sample: Sample, **changes: Any) -> Object:
    spec = {
        "group": "wardle.example.com",
        "version": "v1alpha1",
        "groupPriorityMinimum": 2000,
        "versionPriority": 200,
        "service": {"namespace": "wardle", "name": "sample-api", "port": sample.http.port},
        "caBundle": sample.authority,
    }
    return {"metadata": {"name": "v1alpha1.wardle.example.com"}, "spec": {**spec, **changes}}


@asynccontextmanager
async def stage(directory: Path, **config: Any) -> AsyncIterator[tuple[Api, Sample]]:
    sample = Sample(directory)
    async with running("sample", sample.http.serve), running_api(aggregation=True, **sample.files, **config) as api:
        await api.post("/api/v1/namespaces", {"metadata": {"name": "wardle"}})
        yield api, sample


async def make_service(api: Api) -> None:
    spec = {"type": "ExternalName", "externalName": "localhost"}
    await api.post("/api/v1/namespaces/wardle/services", {"metadata": {"name": "sample-api"}, "spec": spec})


async def condition(api: Api, value: str, name: str = "v1alpha1.wardle.example.com") -> Object:
    """Wait until the APIService says so."""
    watching = await api.watch(SERVICES, f"fieldSelector=metadata.name%3D{name}")
    count = 0
    while True:
        await watching.received(count + 1)
        for event in watching.events[count:]:
            count += 1
            for row in (event["object"].get("status") or {}).get("conditions") or ():
                if row["status"] == value:
                    found: Object = row
                    return found


async def ready(api: Api, sample: Sample) -> None:
    await make_service(api)
    answer = await api.post(SERVICES, api_service(sample))
    assert answer.code == 201, answer
    found = await condition(api, "True")
    assert (found["reason"], found["message"]) == ("Passed", "all checks passed")


async def test_requests_are_answered_by_the_extension_server(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        made = await api.post(FLUNDERS, {"metadata": {"name": "f"}})
        assert made.code == 201 and sample.objects["f"]
        assert (await api.get(FLUNDERS)).body["items"] == [{"metadata": {"name": "f"}}]
        watched = await api.get(FLUNDERS, "watch=1")
        assert orjson.loads(watched.raw)["type"] == "ADDED"


@pytest.mark.parametrize("protocol", ["SPDY/3.1", "websocket"])
async def test_an_upgraded_connection_is_relayed(tmp_path: Path, protocol: str) -> None:
    """As `kubectl exec` into what an extension server offers: the client is on a connection of its own."""
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)

        async def as_alice(request: Request) -> Response:
            request.context["user"] = UserInfo("alice", groups=("system:authenticated",))
            return await api.server.app(request)

        front = HttpServer(as_alice, host="127.0.0.1", port=0)
        async with running("front", front.serve):
            client = HttpTransport(f"http://127.0.0.1:{front.port}")
            headers = [("upgrade", protocol), ("connection", "Upgrade"), ("authorization", "Bearer secret")]
            if protocol == "websocket":
                headers += [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
            response = await client(Request("POST", f"{FLUNDERS}/f/exec", "command=ls", headers))
            assert response.status == 101
            assert ("upgrade", protocol) in response.headers
            assert response.connection is not None
            for word in (b"hello", b"again" * 1000):
                await response.connection.write(word)
                seen = b""
                while len(seen) < len(word):
                    seen += await response.connection.read()
                assert seen == word.upper()
            response.connection.close()
            await client.close()
        assert [user.name for user in sample.users] == ["alice"]
        sample.healthy = False
        refused = await api.send("POST", f"{FLUNDERS}/f/exec", headers=[("upgrade", protocol)])
        assert refused.status == 500


async def test_the_callers_identity_is_passed_on_and_cannot_be_forged(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        alice = UserInfo("alice", "7", ("staff", "system:authenticated"), {"example.com/scope": ["a", "b"]})
        forged = [("x-remote-user", "root"), ("x-remote-group", "system:masters")]
        response = await Api(api.server, alice).send("GET", FLUNDERS, headers=forged)
        assert response.status == 200
        assert sample.users == [alice]


async def test_what_it_offers_is_discovered_with_ours(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        groups = [group["name"] for group in (await api.get("/apis")).body["groups"]]
        assert groups[-1] == "wardle.example.com" and "apps" in groups
        group = (await api.get("/apis/wardle.example.com")).body
        assert group["kind"] == "APIGroup" and group["preferredVersion"]["version"] == "v1alpha1"
        assert (await api.get("/apis/wardle.example.com/v1alpha1")).body["resources"] == [RESOURCE]
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        whole = await api.get("/apis", accept=accept)
        entry = next(row for row in whole.body["items"] if row["metadata"]["name"] == "wardle.example.com")
        (version,) = entry["versions"]
        assert version["freshness"] == "Current"
        assert version["resources"][0]["responseKind"]["kind"] == "Flunder"
        again = await api.send("GET", "/apis", headers=[("accept", accept), ("if-none-match", whole.header("etag")[0])])
        assert again.status == 304


async def test_its_openapi_is_served_with_ours(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        headers = [("accept", "application/json"), ("accept-encoding", "gzip")]
        swagger = orjson.loads(await read_body(await api.send("GET", "/openapi/v2", headers=headers)))
        assert FLUNDERS in swagger["paths"] and "/api/v1/namespaces/{namespace}/pods" in swagger["paths"]
        assert "com.example.Flunder" in swagger["definitions"]
        where = "apis/wardle.example.com/v1alpha1"
        assert (await api.get("/openapi/v3")).body["paths"][where]["serverRelativeURL"] == f"/openapi/v3/{where}"
        assert FLUNDERS in (await api.get(f"/openapi/v3/{where}")).body["paths"]


async def test_the_merged_openapi_is_kept_until_a_part_of_it_changes(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        first = await api.get("/openapi/v2", accept="application/json")
        (etag,) = first.header("etag")
        headers = [("accept", "application/json"), ("if-none-match", etag)]
        assert (await api.send("GET", "/openapi/v2", headers=headers)).status == 304
        again = await api.get("/openapi/v2")
        assert again.raw is first.raw and sample.asked_for_swagger == 1
        protobuf = await api.get("/openapi/v2", accept=swagger_protobuf.MEDIA_TYPE)
        assert protobuf.header("content-type") == [swagger_protobuf.ANSWERED_TYPE]
        assert b"com.example.Flunder" in protobuf.raw
        refused = await api.get("/openapi/v2", accept="application/xml")
        assert refused.code == 406
        assert (await api.delete(f"{SERVICES}/v1alpha1.wardle.example.com")).code == 200
        await api.settle()
        assert FLUNDERS not in (await api.get("/openapi/v2")).body["paths"]


async def test_each_thing_that_is_missing_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await api.post(SERVICES, api_service(sample))
        found = await condition(api, "False")
        assert (found["reason"], found["message"]) == (
            "ServiceNotFound",
            'service/sample-api in "wardle" is not present',
        )
        refused = await api.get(FLUNDERS)
        assert (refused.code, refused.raw) == (503, b"service unavailable\n")
        await make_service(api)
        assert (await condition(api, "True"))["reason"] == "Passed"
        services = "/api/v1/namespaces/wardle/services"
        await api.delete(f"{services}/sample-api")
        spec = {"ports": [{"port": sample.http.port + 1}], "selector": {"a": "b"}}
        await api.post(services, {"metadata": {"name": "sample-api"}, "spec": spec})
        assert (await condition(api, "False"))["reason"] in ("ServicePortError", "ServiceNotFound")


async def test_a_sick_server_is_not_available(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        sample.healthy = False
        await make_service(api)
        await api.post(SERVICES, api_service(sample))
        found = await condition(api, "False")
        assert found["reason"] == "FailedDiscoveryCheck"
        assert found["message"].endswith("bad status from /apis/wardle.example.com/v1alpha1: 500")
        sample.healthy = True
        assert (await condition(api, "True"))["reason"] == "Passed"


async def test_our_own_groups_have_local_services(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, _):
        found = await condition(api, "True", "v1.apps")
        assert (found["reason"], found["message"]) == ("Local", "Local APIServices are always available")
        core = (await api.get(f"{SERVICES}/v1.")).body
        assert core["spec"] == {"groupPriorityMinimum": 18000, "version": "v1", "versionPriority": 1}
        assert core["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
        uid = (await api.get(f"{SERVICES}/v1.apps")).body["metadata"]["uid"]
        watching = await api.watch(SERVICES, "fieldSelector=metadata.name%3Dv1.apps")
        await api.delete(f"{SERVICES}/v1.apps")
        await watching.received(3)
        assert watching.events[-1]["type"] == "ADDED" and watching.events[-1]["object"]["metadata"]["uid"] != uid


async def test_a_service_is_listed_updated_and_deleted(tmp_path: Path) -> None:
    async with stage(tmp_path) as (api, sample):
        await ready(api, sample)
        labels = {"metadata": {"labels": {"apiservice": "patched"}}}
        name = "v1alpha1.wardle.example.com"
        assert (await api.patch(f"{SERVICES}/{name}", labels)).body["metadata"]["labels"] == {"apiservice": "patched"}
        found = (await api.get(SERVICES, "labelSelector=apiservice%3Dpatched")).body["items"]
        assert [item["metadata"]["name"] for item in found] == [name]
        await api.delete(SERVICES, query="labelSelector=apiservice%3Dpatched")
        assert (await api.get(f"{SERVICES}/{name}")).code == 404
        assert (await api.get(FLUNDERS)).code == 404


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "v2"}, 'metadata.name: Invalid value: "v1alpha1.wardle.example.com": must be'),
        ({"groupPriorityMinimum": 30000}, "spec.groupPriorityMinimum: Invalid value: 30000: must be positive"),
        ({"insecureSkipTLSVerify": True}, "may not be true if caBundle is present"),
        ({"service": None}, "local APIServices may not have a caBundle"),
    ],
)
async def test_wrong_services_are_refused(tmp_path: Path, changes: Object, expected: str) -> None:
    async with stage(tmp_path) as (api, sample):
        answer = await api.post(SERVICES, api_service(sample, **changes))
        assert answer.code == 422 and expected in answer.message


async def test_extension_servers_learn_whom_to_believe(tmp_path: Path) -> None:
    (tmp_path / "front.crt").write_bytes(CertificateAuthority.create("front-proxy").certificate_pem)
    trust = {"request_header_ca": str(tmp_path / "front.crt"), "request_header_allowed_names": ("front-proxy-client",)}
    async with stage(tmp_path, **trust) as (api, _):
        path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
        data = (await api.get(path)).body["data"]
        assert data["requestheader-allowed-names"] == '["front-proxy-client"]'
        assert data["requestheader-client-ca-file"].startswith("-----BEGIN CERTIFICATE-----")
        assert data["requestheader-username-headers"] == '["X-Remote-User"]'
