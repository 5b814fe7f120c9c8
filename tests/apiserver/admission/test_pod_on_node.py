"""Pods that have their node: resizes that do not fit it, and features that its kubelet does not declare."""

from typing import Any

import pytest
from tests.support.api import PODS, Answer, Api, running_api

STRATEGIC = "application/strategic-merge-patch+json"
FEATURE = "GuaranteedQoSPodCPUResize"
Object = dict[str, Any]


async def node(api: Api, features: list[str] | None = None, system: str = "linux") -> None:
    body = {"metadata": {"name": "n", "labels": {"kubernetes.io/os": system}}}
    assert (await api.post("/api/v1/nodes", body)).code == 201
    status: Object = {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"}, "declaredFeatures": features or []}
    assert (await api.patch("/api/v1/nodes/n/status", {"status": status})).code == 200


async def pod(api: Api, **resources: Object) -> None:
    containers = [{"name": "c", "image": "i", "resources": resources}]
    body = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": containers}}
    assert (await api.post(PODS, body)).code == 201


async def resize(api: Api, **requests: str) -> Answer:
    resources = {"requests": requests}
    if "limits" in requests:
        resources = {"requests": {"cpu": requests["limits"]}, "limits": {"cpu": requests["limits"]}}
    body = {"spec": {"containers": [{"name": "c", "resources": resources}]}}
    return await api.patch(f"{PODS}/p/resize", body, STRATEGIC)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({"cpu": "1500m"}, ""),
        ({"cpu": "3"}, "Node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000"),
        (
            {"cpu": "3", "memory": "2Gi"},
            "Node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; "
            "memory, requested: 2147483648, allocatable: 1073741824",
        ),
    ],
)
async def test_a_resize_must_fit_the_node(requests: dict[str, str], words: str) -> None:
    async with running_api() as api:
        await node(api)
        await pod(api, requests={"cpu": "1", "memory": "100Mi"})
        answer = await resize(api, **requests)
        assert answer.code == (403 if words else 200), answer
        if words:
            assert answer.message == f'pods "p" is forbidden: {words}'


async def test_only_linux_resizes() -> None:
    async with running_api() as api:
        await node(api, system="windows")
        await pod(api, requests={"cpu": "1"})
        answer = await resize(api, cpu="2")
        assert answer.message.endswith('pod resize is only supported on linux nodes, node "n" is "windows"')


async def test_a_node_that_is_gone() -> None:
    async with running_api() as api:
        await pod(api, requests={"cpu": "1"})
        assert (await resize(api, cpu="2")).message == 'pods "p" is forbidden: node "n" not found'


@pytest.mark.parametrize(
    ("features", "gates", "code"), [([FEATURE], {}, 200), ([], {}, 403), ([], {"NodeDeclaredFeatures": False}, 200)]
)
async def test_a_guaranteed_pod_gets_other_cpus_where_that_is_declared(
    features: list[str], gates: dict[str, bool], code: int
) -> None:
    async with running_api(feature_gates=gates) as api:
        await node(api, features)
        whole = {"cpu": "1", "memory": "100Mi"}
        await pod(api, requests=whole, limits=whole)
        answer = await resize(api, limits="2")
        assert answer.code == code, answer
        if code == 403:
            words = f'pod update requires features {FEATURE} which are not available on node "n"'
            assert answer.message == f'pods "p" is forbidden: {words}'
        assert (await api.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})).code == 200
