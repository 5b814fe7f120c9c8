"""Pods as the API server alone answers for them, step by step: classes of service, generations, deletion, status,
resizing and volumes of a driver (test/e2e/node/pods.go, common/node/pod_resize.go, storage/csi_inline.go)."""

from typing import Any

import pytest
from tests.conformance.steps import (
    CORE,
    MERGE,
    OPTIONS,
    STRATEGIC,
    Object,
    made,
    of,
    pod,
    pod_template,
)
from tests.support.api import Api
from tests.support.typed_api import typed_api


@pytest.mark.parametrize("asks", [("100m", "100Mi"), ("50m", "100Mi"), None])
async def test_the_qos_class_of_a_pod(asks: tuple[str, str] | None) -> None:
    """Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu."""
    resources = {"limits": {"cpu": "100m", "memory": "100Mi"}}
    if asks:
        resources["requests"] = dict(zip(("cpu", "memory"), asks, strict=True))
    async with typed_api() as api:
        found = await made(api, f"{CORE}/pods", pod("p", container={"resources": resources}))
        assert found["status"]["qosClass"] == ("Burstable" if asks == ("50m", "100Mi") else "Guaranteed")


async def test_the_generation_of_a_pod_grows_with_its_spec() -> None:
    """Pod Generation pod generation should start at 1 and increment per update."""
    toleration = {"key": "foo-1", "operator": "Equal", "value": "bar", "effect": "NoSchedule"}

    def tolerate(found: Object) -> None:
        found["spec"]["tolerations"] = [*found["spec"].get("tolerations", []), toleration]

    steps: list[tuple[Any, bool]] = [
        (lambda found: None, False),
        (tolerate, True),
        (lambda found: found["spec"].update(activeDeadlineSeconds=5000), True),
        (lambda found: found["spec"]["containers"][0].update(image="nginx"), True),
        (lambda found: found["spec"]["initContainers"][0].update(image="pause"), True),
        (lambda found: found["metadata"].update(annotations={"key": "value"}), False),
        (lambda found: found["metadata"].update(generation=1), False),
    ]
    async with typed_api() as api:
        init = [{"name": "init-container", "image": "busybox"}]
        found = await made(api, f"{CORE}/pods", pod("p", initContainers=init))
        assert found["metadata"]["generation"] == 1
        expected = 1
        for change, grows in steps:
            found = (await api.get(f"{CORE}/pods/p")).body
            change(found)
            assert (await api.put(f"{CORE}/pods/p", found)).code == 200
            expected += grows
            assert (await api.get(f"{CORE}/pods/p")).body["metadata"]["generation"] == expected


async def test_the_generation_of_a_pod_is_not_its_makers_and_grows_with_its_deletion() -> None:
    """Pod Generation custom-set generation on new pods and graceful delete."""
    async with typed_api() as api:
        wanted = pod("p", nodeName="n")
        wanted["metadata"]["generation"] = 100
        assert (await made(api, f"{CORE}/pods", wanted))["metadata"]["generation"] == 1
        answer = await api.delete(f"{CORE}/pods/p", query="gracePeriodSeconds=60")
        assert (answer.code, answer.body["kind"]) == (200, "Pod")
        found = (await api.get(f"{CORE}/pods/p")).body["metadata"]
        assert (found["generation"], found["deletionGracePeriodSeconds"]) == (2, 60)


async def test_a_negative_grace_period_is_one_second() -> None:
    """Pod TerminationGracePeriodSeconds is negative pod with negative grace period; a template keeps it."""
    async with typed_api() as api:
        found = await made(api, f"{CORE}/pods", pod("p", terminationGracePeriodSeconds=-1))
        assert found["spec"]["terminationGracePeriodSeconds"] == 1
        found["spec"]["terminationGracePeriodSeconds"] = -1
        updated = await api.put(f"{CORE}/pods/p", found)
        assert (updated.code, updated.body["spec"]["terminationGracePeriodSeconds"]) == (200, 1), updated
        template = pod_template("t")
        template["template"]["spec"]["terminationGracePeriodSeconds"] = -1
        kept = await made(api, f"{CORE}/podtemplates", template)
        assert kept["template"]["spec"]["terminationGracePeriodSeconds"] == -1


async def test_the_life_of_a_pod_and_its_status() -> None:
    """Pods should run through the lifecycle of Pods and PodStatus; should patch a pod status."""
    async with typed_api() as api:
        here = f"{CORE}/pods/pod-test"
        await made(api, f"{CORE}/pods", pod("pod-test", labels={"test-pod-static": "true"}, nodeName="n"))
        ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
        running = {"status": {"phase": "Running", "conditions": ready}}
        assert (await api.patch(f"{here}/status", running, STRATEGIC)).code == 200
        patch = {
            "metadata": {"creationTimestamp": None, "labels": {"test-pod": "patched"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "agnhost", "image": "httpd", "resources": {}}],
            },
            "status": {},
        }
        answer = await api.patch(here, patch, STRATEGIC)
        assert answer.code == 422 and "pod updates may not change fields" in answer.message
        patch["spec"]["terminationGracePeriodSeconds"] = 30
        assert (await api.patch(here, patch, STRATEGIC)).code == 200
        found = (await api.get(here)).body
        assert (found["metadata"]["labels"]["test-pod"], found["spec"]["containers"][0]["image"]) == (
            "patched",
            "httpd",
        )
        status = (await api.get(f"{here}/status", accept="application/json")).body
        for condition in status["status"]["conditions"]:
            condition["status"] = "False"
        updated = await api.put(f"{here}/status", status)
        assert [row["status"] for row in updated.body["status"]["conditions"]] == ["False", "False"]
        patch = {
            "metadata": {"annotations": {"patchedstatus": "true"}},
            "status": {"message": "Patched by e2e test", "reason": "E2E"},
        }
        patched = (await api.patch(f"{here}/status", patch, MERGE)).body
        assert (patched["status"]["message"], patched["status"]["reason"]) == ("Patched by e2e test", "E2E")
        assert patched["metadata"]["annotations"] == {"patchedstatus": "true"}
        answer = await api.delete(
            f"{CORE}/pods", {**OPTIONS, "gracePeriodSeconds": 1}, query="labelSelector=test-pod-static%3Dtrue"
        )
        assert answer.code == 200
        assert (await api.get(here)).body["metadata"]["deletionGracePeriodSeconds"] == 1


async def a_node(api: Api) -> None:
    """One that resizes."""
    status = {"allocatable": {"cpu": "4", "memory": "8Gi"}, "declaredFeatures": ["GuaranteedQoSPodCPUResize"]}
    node = of("Node", "n", metadata={"labels": {"kubernetes.io/os": "linux"}}, spec={}, status=status)
    await made(api, "/api/v1/nodes", node)


async def test_a_pod_is_resized_on_its_own_path() -> None:
    """Pod InPlace Resize Container resize pod via the replace endpoint: what the API server does of it."""
    async with typed_api() as api:
        here = f"{CORE}/pods/p"
        await a_node(api)
        requests = {"cpu": "20m", "memory": "35Mi"}
        await made(api, f"{CORE}/pods", pod("p", container={"resources": {"requests": requests}}, nodeName="n"))
        found = (await api.get(here)).body
        more = {"requests": {"cpu": "30m", "memory": "45Mi"}}
        found["spec"]["containers"][0]["resources"] = more
        through_the_pod = await api.put(here, found)
        assert through_the_pod.code == 422
        assert (await api.put(f"{here}/resize", found)).code == 200
        read = (await api.get(here)).body
        assert (read["spec"]["containers"][0]["resources"], read["metadata"]["generation"]) == (more, 2)
        assert (await api.get(f"{here}/resize")).body == read
        as_json = (await api.get(f"{here}/resize", accept="application/json")).body
        assert as_json == (await api.get(here, accept="application/json")).body


def sized(cpu: str = "", cpu_limit: str = "", memory: str = "", memory_limit: str = "", **more: str) -> Object:
    requests = {name: amount for name, amount in (("cpu", cpu), ("memory", memory)) if amount}
    limits = {name: amount for name, amount in (("cpu", cpu_limit), ("memory", memory_limit)) if amount}
    return {"requests": {**requests, **more}, "limits": limits}


def containers(*rows: tuple[str, Object]) -> list[Object]:
    return [{"name": name, "image": "agnhost", "resources": resources} for name, resources in rows]


EQUAL = sized("20m", "20m", "35Mi", "35Mi")
BETWEEN = sized("20m", "40m", "35Mi", "45Mi")
ASKS = sized("20m")
QOS = "Pod QOS Class may not change as a result of resizing"
RENAMED = (
    "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize, "
    "spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize"
)
REFUSED = [
    pytest.param([("c1", {})], [("c1", sized(memory="35Mi"))], QOS, id="BestEffort requests memory"),
    pytest.param([("c1", {})], [("c1", sized("20m"))], QOS, id="BestEffort requests cpu"),
    pytest.param([("c1", EQUAL)], [("c1", sized("20m", memory="35Mi"))], "resource limits cannot be removed"),
    pytest.param([("c1", BETWEEN)], [("c1", sized("30m", memory="40Mi"))], "resource limits cannot be removed"),
    pytest.param([("c1", sized(memory="35Mi"))], [("c1", {})], "resource requests cannot be removed"),
    pytest.param([("c1", ASKS)], [("c1", {})], "resource requests cannot be removed"),
    pytest.param([("c1", ASKS), ("c2", ASKS)], [("c2", ASKS), ("c1", ASKS)], RENAMED, id="reordered"),
    pytest.param([("c1-old", EQUAL), ("c2-old", EQUAL)], [("c1-new", EQUAL), ("c2-new", EQUAL)], RENAMED, id="renamed"),
    pytest.param([("c1", ASKS)], [("c1", ASKS), ("c2", ASKS)], "containers may not be added or removed on resize"),
    pytest.param([("c1", BETWEEN)], [("c1", sized("40m", "40m", "45Mi", "45Mi"))], QOS, id="Burstable to Guaranteed"),
    pytest.param(
        [("c1", sized("20m", memory="35Mi", **{"ephemeral-storage": "1"}))],
        [("c1", sized("20m", memory="35Mi", **{"ephemeral-storage": "3"}))],
        "only cpu and memory resources are mutable",
    ),
]


@pytest.mark.parametrize(("before", "after", "words"), REFUSED)
async def test_a_resize_that_is_refused(
    before: list[tuple[str, Object]], after: list[tuple[str, Object]], words: str
) -> None:
    """Pod InPlace Resize Container apply invalid resize patch requests: replaced, and patched as Go's clients do."""
    async with typed_api() as api:
        await a_node(api)
        wanted = pod("p", nodeName="n")
        wanted["spec"]["containers"] = containers(*before)
        found = await made(api, f"{CORE}/pods", wanted)
        changed = {**found, "spec": {**found["spec"], "containers": containers(*after)}}
        replaced = await api.put(f"{CORE}/pods/p/resize", changed)
        assert replaced.code == 422 and words in replaced.message
        named = {name for name, _ in after}
        gone = [{"name": name, "$patch": "delete"} for name, _ in before if name not in named]
        rows: list[Object] = [
            {**row, "resources": {"$patch": "replace", **row["resources"]}} for row in containers(*after)
        ]
        order = [{"name": name} for name, _ in after]
        patch = {"spec": {"$setElementOrder/containers": order, "containers": [*rows, *gone]}}
        patched = await api.patch(f"{CORE}/pods/p/resize", patch, STRATEGIC)
        assert patched.code == 422 and words in patched.message
        assert (await api.get(f"{CORE}/pods/p")).body == found


async def test_a_pod_on_a_kubelet_that_does_not_tell_of_resources_is_not_resized() -> None:
    async with typed_api() as api:
        await a_node(api)
        here = f"{CORE}/pods/p"
        await made(api, f"{CORE}/pods", pod("p", container={"resources": ASKS}, nodeName="n"))
        started = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        row: Object = {"name": "agnhost", "image": "agnhost", "imageID": "", "ready": True, "restartCount": 0}
        row |= {"state": started}
        await api.patch(f"{here}/status", {"status": {"containerStatuses": [row]}}, STRATEGIC)
        more = {"spec": {"containers": [{"name": "agnhost", "resources": sized("30m")}]}}
        answer = await api.patch(f"{here}/resize", more, STRATEGIC)
        assert answer.code == 422
        assert answer.message.endswith("spec: Forbidden: Pod running on node without support for resize")
        row["resources"] = ASKS
        await api.patch(f"{here}/status", {"status": {"containerStatuses": [row]}}, STRATEGIC)
        assert (await api.patch(f"{here}/resize", more, STRATEGIC)).code == 200


async def test_volumes_of_a_driver_in_a_pod() -> None:
    """CSIInlineVolumes should support CSIVolumeSource in Pod API."""
    async with typed_api() as api:
        volumes = [
            {"name": "csi-inline-vol1", "csi": {"driver": "e2e.example.com"}},
            {"name": "csi-inline-vol2", "csi": {"driver": "e2e.example.com", "fsType": "ext4", "readOnly": True}},
        ]
        mounts = [{"name": volume["name"], "mountPath": f"/mnt/{volume['name']}"} for volume in volumes]
        wanted = pod("pod-csi-inline-volumes", container={"volumeMounts": mounts}, volumes=volumes)
        created = await made(api, f"{CORE}/pods", wanted)
        assert created["spec"]["volumes"] == volumes
        assert (await api.post(f"{CORE}/pods", wanted)).code == 409
        here = f"{CORE}/pods/pod-csi-inline-volumes"
        patched = await api.patch(here, {"metadata": {"annotations": {"patched": "true"}}}, MERGE)
        assert patched.body["metadata"]["annotations"] == {"patched": "true"}
        assert (await api.delete(here, OPTIONS)).code == 200
