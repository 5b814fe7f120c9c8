"""scale, binding, eviction, ephemeral containers, resize."""

from typing import Any

import pytest
from tests.support.api import PODS, Api, running_api

from pybernetes.apiserver.resources.scale import selector_text

SETS = "/apis/apps/v1/namespaces/default/replicasets"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"


async def replica_set(api: Api) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    answer = await api.post(SETS, {"metadata": {"name": "r"}, "spec": spec})
    assert answer.code == 201, answer
    return dict(answer.body)


async def test_a_scale_shows_and_changes_the_replicas() -> None:
    async with running_api() as api:
        obj = await replica_set(api)
        scale = (await api.get(SETS + "/r/scale")).body
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["metadata"]["uid"] == obj["metadata"]["uid"]
        assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 0, "selector": "a=b"})
        scale["spec"]["replicas"] = 3
        answer = await api.put(SETS + "/r/scale", scale)
        assert (answer.code, answer.body["spec"]) == (200, {"replicas": 3})
        found = (await api.get(SETS + "/r")).body
        assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (3, 2)
        assert found["spec"]["template"] == obj["spec"]["template"]
        assert (await api.put(SETS + "/r/scale", scale)).code == 409


async def test_a_scale_below_zero_is_refused() -> None:
    async with running_api() as api:
        await replica_set(api)
        answer = await api.put(SETS + "/r/scale", {"metadata": {"name": "r"}, "spec": {"replicas": -1}})
        assert answer.code == 422
        assert answer.message == (
            'Scale.autoscaling "r" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
        )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["y", "x"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}, "!b,a"),
        (None, ""),
    ],
)
def test_selectors_as_text(selector: Any, expected: str) -> None:
    assert selector_text(selector) == expected


async def test_a_binding_assigns_the_pod_once() -> None:
    async with running_api() as api:
        await api.pod("p")
        binding = {"metadata": {"annotations": {"k": "v"}}, "target": {"kind": "Node", "name": "n1"}}
        answer = await api.post(PODS + "/p/binding", binding)
        assert (answer.code, answer.body["status"]) == (201, "Success")
        pod = (await api.get(PODS + "/p")).body
        assert pod["spec"]["nodeName"] == "n1"
        assert pod["metadata"]["annotations"] == {"k": "v"}
        (condition,) = pod["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
        answer = await api.post(PODS + "/p/binding", binding)
        assert answer.code == 409
        assert answer.message == (
            'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
        )


@pytest.mark.parametrize(
    ("binding", "code", "message"),
    [
        ({"target": {}}, 422, 'Binding "p" is invalid: target.name: Required value'),
        (
            {"target": {"kind": "Pod", "name": "n"}},
            422,
            'Binding "p" is invalid: target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        ),
        (
            {"metadata": {"name": "q"}, "target": {"name": "n"}},
            400,
            "name in URL does not match name in Binding object",
        ),
        (
            {"metadata": {"uid": "x"}, "target": {"name": "n"}},
            409,
            'Operation cannot be fulfilled on pods/binding "p": StorageError: invalid object, Code: 4, Key: /registry',
        ),
    ],
)
async def test_bindings_that_are_refused(binding: Any, code: int, message: str) -> None:
    async with running_api() as api:
        await api.pod("p")
        answer = await api.post(PODS + "/p/binding", binding)
        assert answer.code == code
        assert answer.message.startswith(message)


async def test_the_binding_of_a_missing_pod() -> None:
    async with running_api() as api:
        answer = await api.post(PODS + "/p/binding", {"target": {"name": "n"}})
        assert (answer.code, answer.message) == (404, 'pods "p" not found')


async def running_pod(api: Api, name: str, *, ready: bool = True) -> dict[str, Any]:
    pod = (await api.pod(name, node="n1", labels={"app": "web"})).body
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return dict(
        (await api.put(f"{PODS}/{name}/status", {**pod, "status": {"phase": "Running", "conditions": conditions}})).body
    )


async def budget(api: Api, name: str = "b", *, policy: str = "", **status: Any) -> None:
    spec: dict[str, Any] = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    if policy:
        spec["unhealthyPodEvictionPolicy"] = policy
    obj = (await api.post(BUDGETS, {"metadata": {"name": name}, "spec": spec})).body
    counts = {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, **status}
    answer = await api.put(f"{BUDGETS}/{name}/status", {**obj, "status": {"observedGeneration": 1, **counts}})
    assert answer.code == 200, answer


async def evict(api: Api, name: str, **options: Any) -> Any:
    eviction: dict[str, Any] = {"metadata": {"name": name}}
    if options:
        eviction["deleteOptions"] = options
    return await api.post(f"{PODS}/{name}/eviction", eviction)


async def test_an_eviction_without_budget_deletes_the_pod_with_grace() -> None:
    async with running_api() as api:
        await running_pod(api, "p")
        answer = await evict(api, "p", gracePeriodSeconds=7)
        assert (answer.code, answer.body["status"]) == (201, "Success")
        pod = (await api.get(PODS + "/p")).body
        assert pod["metadata"]["deletionGracePeriodSeconds"] == 7
        condition = pod["status"]["conditions"][-1]
        assert (condition["type"], condition["reason"]) == ("DisruptionTarget", "EvictionByEvictionAPI")


async def test_an_exhausted_budget_refuses() -> None:
    async with running_api() as api:
        await running_pod(api, "p")
        await budget(api)
        answer = await evict(api, "p")
        assert answer.code == 429
        assert answer.message == "Cannot evict pod as it would violate the pod's disruption budget."
        (cause,) = answer.body["details"]["causes"]
        assert cause == {
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
        }
        assert "deletionTimestamp" not in (await api.get(PODS + "/p")).body["metadata"]


async def test_a_budget_is_debited_by_each_eviction() -> None:
    async with running_api() as api:
        await running_pod(api, "p")
        await running_pod(api, "q")
        await budget(api, disruptionsAllowed=1)
        assert (await evict(api, "p")).code == 201
        status = (await api.get(BUDGETS + "/b")).body["status"]
        assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["p"])
        assert (await evict(api, "q")).code == 429


async def test_two_budgets_for_one_pod_are_an_error() -> None:
    async with running_api() as api:
        await running_pod(api, "p")
        await budget(api, disruptionsAllowed=1)
        await budget(api, "c", disruptionsAllowed=1)
        answer = await evict(api, "p")
        assert answer.code == 500
        assert answer.message.startswith("This pod has more than one PodDisruptionBudget")


async def test_a_budget_nobody_has_looked_at_refuses_for_now() -> None:
    async with running_api() as api:
        await running_pod(api, "p")
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
        await api.post(BUDGETS, {"metadata": {"name": "b"}, "spec": spec})
        answer = await evict(api, "p")
        assert answer.code == 429
        assert answer.header("retry-after") == ["10"]


@pytest.mark.parametrize(("policy", "healthy", "code"), [("", 0, 429), ("AlwaysAllow", 0, 201), ("", 1, 201)])
async def test_an_unhealthy_pod_may_go_by_policy(policy: str, healthy: int, code: int) -> None:
    async with running_api() as api:
        await running_pod(api, "p", ready=False)
        await budget(api, policy=policy, currentHealthy=healthy)
        assert (await evict(api, "p")).code == code


async def test_a_finished_pod_needs_no_budget() -> None:
    async with running_api() as api:
        pod = (await api.pod("p", node="n1", labels={"app": "web"})).body
        await api.put(PODS + "/p/status", {**pod, "status": {"phase": "Succeeded"}})
        await budget(api)
        assert (await evict(api, "p")).code == 201
        assert (await api.get(PODS + "/p")).code == 404


async def test_an_eviction_of_a_missing_pod() -> None:
    async with running_api() as api:
        answer = await evict(api, "p")
        assert (answer.code, answer.message) == (404, 'pods "p" not found')


async def test_ephemeral_containers_and_resources_change_nothing_else() -> None:
    async with running_api() as api:
        containers = [{"name": "main", "image": "image", "resources": {"requests": {"cpu": "500m"}}}]
        pod = (
            await api.post(PODS, {"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": containers}})
        ).body
        pod["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "busybox"}]
        pod["spec"]["nodeName"] = "elsewhere"
        pod["metadata"]["labels"] = {"x": "y"}
        answer = await api.put(PODS + "/p/ephemeralcontainers", pod)
        assert answer.code == 200, answer
        assert answer.body["spec"]["ephemeralContainers"][0]["name"] == "debug"
        assert answer.body["spec"]["nodeName"] == "n1"
        assert "labels" not in answer.body["metadata"]
        pod = answer.body
        await api.post("/api/v1/nodes", {"metadata": {"name": "n1", "labels": {"kubernetes.io/os": "linux"}}})
        await api.patch("/api/v1/nodes/n1/status", {"status": {"allocatable": {"cpu": "2", "memory": "1Gi"}}})
        pod["spec"]["containers"][0].update(image="other", resources={"requests": {"cpu": "1"}})
        answer = await api.put(PODS + "/p/resize", pod)
        container = answer.body["spec"]["containers"][0]
        assert (container["image"], container["resources"]["requests"]) == ("image", {"cpu": "1"})
        assert answer.body["metadata"]["generation"] == 3


async def test_a_binding_may_be_posted_to_the_collection() -> None:
    async with running_api() as api:
        await api.pod("p")
        path = "/api/v1/namespaces/default/bindings"
        answer = await api.post(path, {"metadata": {"name": "p"}, "target": {"name": "n1"}})
        assert answer.code == 201, answer
        assert (await api.get(PODS + "/p")).body["spec"]["nodeName"] == "n1"
        assert (await api.post(path, {"target": {"name": "n1"}})).code == 422


async def test_streams_that_nobody_serves_are_refused() -> None:
    async with running_api() as api:
        await api.pod("p")
        assert (await api.get(PODS + "/p/log")).code == 405
