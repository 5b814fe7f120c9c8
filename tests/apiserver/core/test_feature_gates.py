"""What a client sees of feature gates: fields, resources, plugins, documents, metrics."""

from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, running_api

STATEFUL_SETS = "/apis/apps/v1/namespaces/default/statefulsets"
Object = dict[str, Any]


def stateful_set() -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "serviceName": "s", "template": template}
    return {"metadata": {"name": "s"}, "spec": {**spec, "updateStrategy": strategy}}


@pytest.mark.parametrize("on", [False, True])
async def test_fields_of_a_gate_that_is_off_are_not_stored(on: bool) -> None:
    async with running_api(feature_gates={"MaxUnavailableStatefulSet": True} if on else {}) as api:
        made = await api.post(STATEFUL_SETS, stateful_set())
        assert made.code == 201, made
        rolling = made.body["spec"]["updateStrategy"]["rollingUpdate"]
        assert rolling == ({"maxUnavailable": 2, "partition": 0} if on else {"partition": 0})
        path = f"{STATEFUL_SETS}/s"
        patch = {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 3}}}}
        patched = await api.patch(path, patch)
        assert ("maxUnavailable" in patched.body["spec"]["updateStrategy"]["rollingUpdate"]) is on


async def test_what_was_stored_with_the_gate_on_outlives_it(tmp_path: Any) -> None:
    from pybernetes.store.sqlite import SqliteStore

    file = str(tmp_path / "state.db")
    async with running_api(store=SqliteStore(file), feature_gates={"MaxUnavailableStatefulSet": True}) as api:
        assert (await api.post(STATEFUL_SETS, stateful_set())).code == 201
    async with running_api(store=SqliteStore(file)) as api:
        patched = await api.patch(f"{STATEFUL_SETS}/s", {"spec": {"replicas": 3}})
        assert patched.body["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 2


@pytest.mark.parametrize("on", [False, True])
async def test_a_resource_may_need_its_gate_besides_its_version(on: bool) -> None:
    gates = {"ClusterTrustBundle": True} if on else {}
    async with running_api(runtime_config={"certificates.k8s.io/v1beta1": True}, feature_gates=gates) as api:
        found = await api.get("/apis/certificates.k8s.io/v1beta1/clustertrustbundles")
        assert found.code == (200 if on else 404)


@pytest.mark.parametrize("on", [False, True])
async def test_metrics_tell_what_is_on(on: bool) -> None:
    async with running_api(feature_gates={"ContainerStopSignals": on}) as api:
        text = (await api.get("/metrics")).raw.decode()
        assert f'kubernetes_feature_enabled{{name="ContainerStopSignals",stage="ALPHA"}} {int(on)}\n' in text
        assert 'kubernetes_feature_enabled{name="OpenAPIEnums",stage="BETA"} 1\n' in text
        assert 'kubernetes_feature_enabled{name="JobSuccessPolicy",stage=""} 1\n' in text


@pytest.mark.parametrize("on", [False, True])
async def test_documents_follow_their_gates(on: bool) -> None:
    async with running_api(feature_gates={"StorageVersionHash": on, "OpenAPIEnums": on}) as api:
        listed = (await api.get("/api/v1")).body["resources"]
        assert any("storageVersionHash" in row for row in listed) is on
        schemas = (await api.get("/openapi/v3/api/v1")).body["components"]["schemas"]
        policy = schemas["io.k8s.api.core.v1.Container"]["properties"]["imagePullPolicy"]
        assert ("enum" in policy) is on


async def test_without_watch_list_initial_events_are_refused() -> None:
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with running_api(feature_gates={"WatchList": False}) as api:
        response = await api.send("GET", CONFIG_MAPS, query=query)
        assert response.status == 422
        assert isinstance(response.body, bytes)
        words = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        assert words in orjson.loads(response.body)["message"]


@pytest.mark.parametrize("on", [False, True])
async def test_policies_that_mutate_follow_their_gate(on: bool) -> None:
    group = "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    expression = 'Object{metadata: Object.metadata{labels: {"seen": "yes"}}}'
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "mutations": [mutation], "reinvocationPolicy": "Never"}
    async with running_api(feature_gates={"MutatingAdmissionPolicy": on}) as api:
        await api.post(f"{group}/mutatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": spec})
        binding = {"metadata": {"name": "b"}, "spec": {"policyName": "p"}}
        await api.post(f"{group}/mutatingadmissionpolicybindings", binding)
        await api.settle()
        made = (await api.pod("p")).body
        assert (made["metadata"].get("labels") == {"seen": "yes"}) is on
        assert (await api.get(f"{PODS}/p")).code == 200


@pytest.mark.parametrize("on", [False, True])
async def test_large_answers_are_compressed_by_their_gate(on: bool) -> None:
    async with running_api(feature_gates={"APIResponseCompression": on}) as api:
        await api.post(CONFIG_MAPS, {"metadata": {"name": "m"}, "data": {"a": "x" * 200_000}})
        response = await api.send("GET", f"{CONFIG_MAPS}/m", headers=[("accept-encoding", "gzip")])
        assert (("content-encoding", "gzip") in response.headers) is on
