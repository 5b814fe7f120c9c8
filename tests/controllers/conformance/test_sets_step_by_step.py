"""[sig-apps] DaemonSet and StatefulSet step by step: the bodies of Go's clients and what the suite compares."""

import asyncio
import json
from typing import Any

from tests.controllers.conformance.test_workloads import DAEMON, FOREVER, daemons, images, set_image, start_daemons
from tests.support.control_plane import World, control_plane, node, pod

from pybernetes.api.apps import ControllerRevision, DaemonSet, StatefulSet
from pybernetes.api.core import Pod
from pybernetes.api.resource import resource
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

PODS: View[Any] = View(resource("pods"), dict)
DAEMON_SETS: View[Any] = View(resource("daemonsets", "apps"), dict)
STATEFUL_SETS: View[Any] = View(resource("statefulsets", "apps"), dict)
REVISIONS: View[Any] = View(resource("controllerrevisions", "apps"), dict)
ONLY = ("statefulset-controller",)
PROBE = {
    "httpGet": {"path": "/index.html", "port": 80},
    "periodSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 1,
}


def daemon_set() -> dict[str, Any]:
    labels = {"daemonset-name": "web"}
    container = {"name": "main", "image": "example/web:1", "ports": [{"containerPort": 9376}], "resources": {}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "web", "namespace": "default", "creationTimestamp": None, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": labels},
                "spec": {"containers": [container], "securityContext": {}},
            },
            "updateStrategy": {},
        },
        "status": {
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
        },
    }  # fmt: skip


def stateful_set(name: str, replicas: int, labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    container = {"name": "webserver", "image": "example/web:1", "resources": {}, "readinessProbe": PROBE}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": None},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": labels, "annotations": {}},
                "spec": {"containers": [container]},
            },
            "serviceName": "test",
            "updateStrategy": {"type": "RollingUpdate"},
            **spec,
        },
        "status": {"replicas": 0, "availableReplicas": 0},
    }


async def follow(world: World, kind: View[Any], version: str, seen: list[tuple[str, Any]], **selectors: str) -> None:
    async for event in world.client.watch(
        kind, "default", resource_version=version, allow_bookmarks=False, **selectors
    ):  # fmt: skip
        seen.append((event.type, event.object))


# DaemonSets


async def test_a_client_finds_the_current_history_by_its_bytes() -> None:
    """The suite (and `kubectl rollout undo`) encodes the template as a Go map and compares that with the data."""

    async def current(world: World) -> list[int]:
        found = await world.client.get(DAEMON_SETS, "web", "default")
        patch = {"spec": {"template": {**found["spec"]["template"], "$patch": "replace"}}}
        expected = json.dumps(patch, sort_keys=True)
        listed = await world.client.list(REVISIONS, "default", label_selector="daemonset-name=web")
        return [one["revision"] for one in listed.items or () if json.dumps(one["data"]) == expected]

    async with control_plane(*DAEMON, **FOREVER) as world:
        made = await start_daemons(world, daemon_set(), "a", "b")
        rolling = {"maxUnavailable": 1, "maxSurge": 0}
        assert made["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
        assert await current(world) == [1]
        (first,) = await world.list(ControllerRevision)
        hashes = {(one.metadata.labels or {})["controller-revision-hash"] for one in await world.list(Pod)}
        assert hashes == {(first.metadata.labels or {})["controller-revision-hash"]}
        await set_image(world, DaemonSet, "example/web:2")
        await daemons(world, 2, "example/web:2")
        assert await current(world) == [2]


async def test_a_daemon_whose_status_is_put_as_failed_is_made_again() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a")
        listed = await world.client.list(PODS, "default", label_selector="daemonset-name=web")
        failed = {**(listed.items or [])[0], "apiVersion": "v1", "kind": "Pod"}
        failed["metadata"] = {**failed["metadata"], "resourceVersion": ""}
        failed["status"] = {**failed["status"], "phase": "Failed"}
        await world.client.update_status(failed)

        async def replaced() -> bool:
            return failed["metadata"]["uid"] not in {one.metadata.uid for one in await world.list(Pod)}

        await world.until(replaced)
        await daemons(world, 1)


async def test_daemons_follow_a_label_that_is_put_on_a_node_and_a_new_selector() -> None:
    color = "daemonset-color"

    async def paint(world: World, value: str) -> None:
        patch = {"metadata": {"labels": {color: value}}}
        await world.client.patch(
            View(resource("nodes"), dict), "a", body=patch, content_type=STRATEGIC_MERGE_PATCH
        )  # fmt: skip

    async with control_plane(*DAEMON, **FOREVER) as world:
        await world.run_pods()
        for name in ("a", "b"):
            await world.create(node(name))
        body = daemon_set()
        body["spec"]["template"]["spec"]["nodeSelector"] = {color: "blue"}
        await world.create(body)
        await asyncio.sleep(5)
        assert not await world.list(Pod)
        await paint(world, "blue")
        await daemons(world, 1)
        await paint(world, "green")

        async def none_left() -> bool:
            return not await world.list(Pod)

        await world.until(none_left)
        patch = {
            "spec": {
                "template": {"spec": {"nodeSelector": {color: "green"}}},
                "updateStrategy": {"type": "RollingUpdate"},
            }
        }
        await world.client.patch(DaemonSet, "web", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH)
        await daemons(world, 1)
        (found,) = await world.list(Pod)
        assert found.spec.node_selector == {color: "green"}


async def test_a_collection_of_daemon_sets_is_listed_and_deleted() -> None:
    async with control_plane(*DAEMON, "garbage-collector-controller", **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a")
        selector = "daemonset-name=web"
        assert len((await world.client.list(DAEMON_SETS, label_selector=selector)).items or ()) == 1
        await world.client.delete_collection(
            DAEMON_SETS, "default", label_selector=selector, grace_period_seconds=1
        )  # fmt: skip
        assert not (await world.client.list(DAEMON_SETS, label_selector=selector)).items

        async def none_left() -> bool:
            return not await world.list(Pod)

        await world.until(none_left)


# StatefulSets


async def is_settled(world: World, name: str, replicas: int) -> bool:
    """What `waitForStatus` and `WaitForRunningAndReady` ask for."""
    found = await world.client.get(STATEFUL_SETS, name, "default")
    status = found["status"]
    return (
        status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        and status["replicas"] == status.get("readyReplicas", 0) == replicas
        and status.get("currentRevision") == status.get("updateRevision")
    )


async def resize(world: World, name: str, replicas: int) -> None:
    """Put the whole object with another number, and wait as the suite does."""
    found = await world.client.get(STATEFUL_SETS, name, "default")
    found["spec"]["replicas"] = replicas
    await world.client.update(found)
    await world.until(lambda: is_settled(world, name, replicas))


async def test_a_stateful_set_is_patched_listed_and_deleted_as_a_collection() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set("test-ss", 1, {"name": "sample-pod", "pod": "httpd"}))
        await world.until(lambda: is_settled(world, "test-ss", 1))
        # The suite's very patch: a field in the wrong case, which names nothing, and another container.
        containers = [{"name": "test-ss", "image": "example/pause:1"}]
        patch = {
            "metadata": {"labels": {"test-ss": "patched"}},
            "spec": {
                "replicas": 2,
                "template": {"spec": {"TerminationGracePeriodSeconds": 1, "containers": containers}},
            },
        }
        await world.client.patch(
            STATEFUL_SETS, "test-ss", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH
        )  # fmt: skip
        found = await world.client.get(STATEFUL_SETS, "test-ss", "default")
        assert found["spec"]["replicas"] == 2
        spec = found["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] == 30 and "TerminationGracePeriodSeconds" not in spec
        assert [one["image"] for one in spec["containers"]] == ["example/pause:1", "example/web:1"]
        await world.until(lambda: is_settled(world, "test-ss", 2))
        listed = await world.client.list(STATEFUL_SETS, label_selector="test-ss=patched")
        assert len(listed.items or ()) == 1
        await world.client.delete_collection(
            STATEFUL_SETS, "default", label_selector="test-ss=patched", grace_period_seconds=1
        )
        assert not (await world.client.list(STATEFUL_SETS, label_selector="test-ss=patched")).items


async def test_an_evicted_pod_is_seen_to_go_and_come_back_by_a_field_selector() -> None:
    async with control_plane(*ONLY) as world:
        world.reject = lambda one: one.metadata.name == "ss-0"
        await world.run_pods()
        listed = await world.client.list(PODS, "default", field_selector="metadata.name=ss-0")
        seen: list[tuple[str, Any]] = []
        version = listed.metadata.resource_version or ""
        watch = follow(world, PODS, version, seen, field_selector="metadata.name=ss-0")
        following = asyncio.create_task(watch)
        await world.create(pod("test-pod"))
        body = stateful_set("ss", 1, {"foo": "bar", "baz": "blah"})
        body["spec"]["template"]["spec"]["nodeName"] = "a"
        await world.create(body)
        await world.until(lambda: seen and seen[0][0] == "ADDED")
        rejected = await world.get(Pod, "ss-0")
        world.reject = lambda one: False
        await world.report(rejected, "Failed")
        await world.until(lambda: "DELETED" in [type_ for type_, _ in seen])

        async def is_back() -> bool:
            found = await world.client.list(PODS, "default", field_selector="metadata.name=ss-0")
            return [
                one["status"]["phase"] for one in found.items or () if one["metadata"]["uid"] != rejected.metadata.uid
            ] == ["Running"]

        await world.until(is_back)
        following.cancel()
        assert {one["metadata"]["name"] for _, one in seen} == {"ss-0"}


async def test_pods_come_and_go_in_the_order_that_a_watch_by_labels_tells() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        seen: list[tuple[str, Any]] = []
        listed = await world.client.list(PODS, "default", label_selector="baz=blah,foo=bar")
        watch = follow(world, PODS, listed.metadata.resource_version or "", seen, label_selector="baz=blah,foo=bar")
        following = asyncio.create_task(watch)
        await world.create(stateful_set("ss", 1, {"foo": "bar", "baz": "blah"}))
        await world.until(lambda: is_settled(world, "ss", 1))
        await resize(world, "ss", 3)
        await resize(world, "ss", 0)
        await world.until(lambda: [type_ for type_, _ in seen].count("DELETED") == 3)
        for wanted, order in (("ADDED", ["ss-0", "ss-1", "ss-2"]), ("DELETED", ["ss-2", "ss-1", "ss-0"])):
            assert [one["metadata"]["name"] for type_, one in seen if type_ == wanted] == order
        following.cancel()


async def test_a_canary_keeps_what_the_partition_keeps_when_pods_are_deleted() -> None:
    async def revisions(world: World) -> tuple[str, str]:
        status = (await world.get(StatefulSet, "ss2")).status
        return status.current_revision or "", status.update_revision or ""

    async def labeled(world: World) -> dict[str, str]:
        found = await world.list(Pod)
        return {one.metadata.name or "": (one.metadata.labels or {})["controller-revision-hash"] for one in found}

    async def partition(world: World, value: int) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": value}}
        found = await world.client.get(STATEFUL_SETS, "ss2", "default")
        found["spec"]["updateStrategy"] = strategy
        await world.client.update(found)

    async def as_split(world: World, at: int) -> None:
        async def is_so() -> bool:
            old, new = await revisions(world)
            pods = {one.metadata.name: one.status.phase for one in await world.list(Pod)}
            wanted = {f"ss2-{number}": new if number >= at else old for number in range(3)}
            return await labeled(world) == wanted and set(pods.values()) == {"Running"}

        await world.until(is_so)

    async with control_plane(*ONLY) as world:
        await world.run_pods()
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
        await world.create(stateful_set("ss2", 3, {"foo": "bar"}, updateStrategy=strategy))
        await world.until(lambda: is_settled(world, "ss2", 3))
        old = (await revisions(world))[0]
        found = await world.client.get(STATEFUL_SETS, "ss2", "default")
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "example/web:2"
        await world.client.update(found)

        async def told() -> bool:
            current, update = await revisions(world)
            return current == old != update

        await world.until(told)
        assert await images(world) == ["example/web:1"] * 3
        await partition(world, 2)
        await as_split(world, 2)
        for name in ("ss2-0", "ss2-2"):
            await world.client.delete(Pod, name, "default")
        await asyncio.sleep(10)
        await as_split(world, 2)
        for value in (1, 0):
            await partition(world, value)
            await as_split(world, value) if value else await world.until(lambda: is_settled(world, "ss2", 3))
        current, update = await revisions(world)
        assert current == update != old
        assert set((await labeled(world)).values()) == {update}
        assert await images(world) == ["example/web:2"] * 3
