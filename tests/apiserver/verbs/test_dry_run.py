"""`dryRun=All`: the answer of the real write, and nothing written, at every endpoint that writes."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

NAMESPACE = "/api/v1/namespaces/default"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = "application/merge-patch+json"
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}
SCALE = {"metadata": {"name": "d"}, "spec": {"replicas": 7}}
BINDING = {"metadata": {"name": "free"}, "target": {"kind": "Node", "name": "n"}}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "bound"}}
CONTAINERS = [{"name": "debug", "image": "i", "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}]

WRITES: list[tuple[str, str, str, Any, str, int]] = [
    ("create", "POST", CONFIG_MAPS, {"metadata": {"name": "new"}}, "", 201),
    ("create by generated name", "POST", CONFIG_MAPS, {"metadata": {"generateName": "new-"}}, "", 201),
    (
        "create a service",
        "POST",
        NAMESPACE + "/services",
        {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}},
        "",
        201,
    ),
    ("update", "PUT", CONFIG_MAPS + "/a", {"metadata": {"name": "a"}, "data": {"x": "y"}}, "", 200),
    ("patch", "PATCH", CONFIG_MAPS + "/a", {"data": {"x": "y"}}, MERGE, 200),
    (
        "JSON patch",
        "PATCH",
        CONFIG_MAPS + "/a",
        [{"op": "remove", "path": "/data"}],
        "application/json-patch+json",
        200,
    ),
    ("patch of the status", "PATCH", PODS + "/bound/status", {"status": {"phase": "Failed"}}, MERGE, 200),
    ("update of the scale", "PUT", DEPLOYMENTS + "/d/scale", SCALE, "", 200),
    ("patch of the scale", "PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": 7}}, MERGE, 200),
    ("delete", "DELETE", CONFIG_MAPS + "/a", None, "", 200),
    ("delete with grace", "DELETE", PODS + "/bound", None, "", 200),
    ("delete of a collection", "DELETE", CONFIG_MAPS, None, "", 200),
    ("delete of a namespace", "DELETE", "/api/v1/namespaces/other", None, "", 200),
    ("binding", "POST", PODS + "/free/binding", BINDING, "", 201),
    ("binding of the collection", "POST", NAMESPACE + "/bindings", BINDING, "", 201),
    ("eviction", "POST", PODS + "/bound/eviction", EVICTION, "", 201),
    (
        "debug container",
        "PATCH",
        PODS + "/bound/ephemeralcontainers",
        {"spec": {"ephemeralContainers": CONTAINERS}},
        "application/strategic-merge-patch+json",
        200,
    ),
    (
        "finalize",
        "PUT",
        NAMESPACE + "/finalize",
        {"metadata": {"name": "default"}, "spec": {"finalizers": []}},
        "",
        200,
    ),
]


async def prepared(api: Api) -> None:
    await api.config_map("a")
    await api.pod("free")
    await api.pod("bound", node="n")
    assert (await api.post(DEPLOYMENTS, DEPLOYMENT)).code == 201
    assert (await api.post("/api/v1/namespaces", {"metadata": {"name": "other"}})).code == 201


async def everything(api: Api) -> dict[str, Any]:
    paths = [CONFIG_MAPS, PODS, DEPLOYMENTS, NAMESPACE + "/services", "/api/v1/namespaces"]
    await api.settle()
    return {path: (await api.get(path)).body for path in paths}


@pytest.mark.parametrize(
    ("method", "path", "obj", "media", "code"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES]
)
async def test_nothing_is_written(method: str, path: str, obj: Any, media: str, code: int) -> None:
    async with running_api() as api:
        await prepared(api)
        before = await everything(api)
        answer = await api.call(method, path, obj, media=media, query="dryRun=All")
        assert answer.code == code, answer
        assert await everything(api) == before
        # The same without dryRun does write, so that this test can fail.
        answer = await api.call(method, path, obj, media=media)
        assert answer.code == code, answer
        assert await everything(api) != before


async def test_options_in_the_body_of_a_delete_count() -> None:
    async with running_api() as api:
        await prepared(api)
        for path in (CONFIG_MAPS + "/a", CONFIG_MAPS):
            assert (await api.delete(path, {"dryRun": ["All"]})).code == 200
        assert (await api.get(CONFIG_MAPS + "/a")).code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", CONFIG_MAPS), ("PUT", CONFIG_MAPS + "/a")])
async def test_another_value_is_refused(method: str, path: str) -> None:
    async with running_api() as api:
        await prepared(api)
        answer = await api.call(method, path, {"metadata": {"name": "a"}}, query="dryRun=true")
        assert answer.code == 422
        assert answer.message.endswith('is invalid: dryRun: Unsupported value: ["true"]: supported values: "All"')


async def test_the_answer_is_that_of_the_write() -> None:
    async with running_api() as api:
        await prepared(api)
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "a"}}, query="dryRun=All")
        assert answer.code == 409
        answer = await api.post(NAMESPACE + "/services", WRITES[2][3], query="dryRun=All")
        assert answer.body["spec"]["clusterIP"]
        answer = await api.patch(CONFIG_MAPS + "/a", {"immutable": "x"}, query="dryRun=All")
        assert answer.code == 422
