"""[sig-apps] CronJob and PodDisruptionBudget step by step: the bodies of Go's clients and what the suite compares."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, replica_set

from pybernetes.api.core import Pod
from pybernetes.api.resource import resource
from pybernetes.api.status import StatusError
from pybernetes.client.client import MERGE_PATCH
from pybernetes.client.view import View

CRON_JOBS: View[Any] = View(resource("cronjobs", "batch"), dict)
BUDGETS: View[Any] = View(resource("poddisruptionbudgets", "policy"), dict)
LABEL = "special-label=cronjob-1"


def cron_job(name: str, schedule: str = "* */1 * * ?") -> dict[str, Any]:
    container = {
        "name": "c", "image": "example/busybox:1", "command": ["/bin/true"], "resources": {},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }  # fmt: skip
    spec = {
        "volumes": [{"name": "data", "emptyDir": {}}],
        "containers": [container],
        "restartPolicy": "OnFailure",
    }
    job = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 1,
        "template": {"metadata": {"creationTimestamp": None}, "spec": spec},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": name, "namespace": "default", "creationTimestamp": None,
            "labels": {"special-label": "cronjob-1"},
        },
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Allow",
            "jobTemplate": {"metadata": {"creationTimestamp": None}, "spec": job},
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 0,
        },
        "status": {},
    }  # fmt: skip


async def test_the_api_of_cron_jobs() -> None:
    async with control_plane("ttl-controller") as world:
        made = await world.create(cron_job("test-api"))
        found = await world.client.get(CRON_JOBS, "test-api", "default")
        assert found["metadata"]["uid"] == made["metadata"]["uid"]
        listed = await world.client.list(CRON_JOBS, "default", label_selector=LABEL)
        assert len(listed.items or ()) == 1
        assert len((await world.client.list(CRON_JOBS, label_selector=LABEL)).items or ()) == 1
        seen: list[tuple[str, Any]] = []

        async def follow(namespace: str) -> None:
            version = listed.metadata.resource_version or ""
            async for event in world.client.watch(
                CRON_JOBS, namespace, resource_version=version, label_selector=LABEL, allow_bookmarks=False
            ):
                seen.append((event.type, event.object["metadata"].get("annotations")))

        watches = [asyncio.create_task(follow(namespace)) for namespace in ("default", "")]
        patch = {"metadata": {"annotations": {"patched": "true"}}}
        patched = await world.client.patch(CRON_JOBS, "test-api", "default", body=patch)
        assert patched["metadata"]["annotations"] == {"patched": "true"}
        patched["metadata"]["annotations"]["updated"] = "true"
        updated = await world.client.update(patched)
        both = {"patched": "true", "updated": "true"}
        assert updated["metadata"]["annotations"] == both
        await world.until(lambda: len(seen) == 4)
        assert (
            sorted(seen, key=lambda one: len(one[1]))
            == [("MODIFIED", {"patched": "true"})] * 2 + [("MODIFIED", both)] * 2
        )
        for watch in watches:
            watch.cancel()
        patch = {
            "metadata": {"annotations": {"patchedstatus": "true"}},
            "status": {"lastScheduleTime": "2026-01-01T00:00:00Z"},
        }
        patched = await world.client.patch(CRON_JOBS, "test-api", "default", body=patch, subresource="status")
        assert patched["status"]["lastScheduleTime"] == "2026-01-01T00:00:00Z"
        assert patched["metadata"]["annotations"]["patchedstatus"] == "true"
        patched["status"]["lastScheduleTime"] = "2026-01-01T00:01:00Z"
        put = await world.client.update_status(patched)
        assert put["status"] == {"lastScheduleTime": "2026-01-01T00:01:00Z"}
        answer = await world.client.request("GET", "/apis/batch/v1/namespaces/default/cronjobs/test-api/status")
        assert answer.status == 200
        await world.create(cron_job("for-removal"))
        await world.client.delete(CRON_JOBS, "for-removal", "default")
        with pytest.raises(StatusError, match='"for-removal" not found'):
            await world.client.get(CRON_JOBS, "for-removal", "default")
        await world.client.delete_collection(CRON_JOBS, "default", label_selector=LABEL)
        assert not (await world.client.list(CRON_JOBS, "default", label_selector=LABEL)).items


def budget(name: str, namespace: str = "default", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": None, "labels": labels or {}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0},
    }


async def processed(world: World, name: str = "foo", namespace: str = "default") -> None:
    """What `waitForPdbToBeProcessed` asks for."""

    async def is_so() -> bool:
        found = await world.client.get(BUDGETS, name, namespace)
        return bool(found["status"].get("observedGeneration", 0) >= found["metadata"]["generation"])

    await world.until(is_so)


async def test_a_budget_is_made_updated_and_patched() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(budget("foo", minAvailable="1%"))
        await processed(world)
        found = await world.client.get(BUDGETS, "foo", "default")
        found["spec"]["minAvailable"] = "2%"
        assert (await world.client.update(found))["spec"]["minAvailable"] == "2%"
        await processed(world)
        patch = {"spec": {"minAvailable": "3%"}}
        patched = await world.client.patch(BUDGETS, "foo", "default", body=patch, content_type=MERGE_PATCH)
        assert patched["spec"]["minAvailable"] == "3%"
        await processed(world)
        await world.client.delete(BUDGETS, "foo", "default")
        with pytest.raises(StatusError, match="not found"):
            await world.client.get(BUDGETS, "foo", "default")


async def test_budgets_of_all_namespaces_are_listed_and_one_namespaces_deleted() -> None:
    async with control_plane("disruption-controller") as world:
        other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
        await world.create(other)
        labels = {"foo_pdb": "bar_pdb"}
        for name, namespace, least in (("foo", "default", 2), ("foo2", "default", "1%"), ("foo3", "other", 2)):
            await world.create(budget(name, namespace, labels, minAvailable=least))
            await processed(world, name, namespace)

        async def names(namespace: str) -> list[str]:
            found = await world.client.list(BUDGETS, namespace, label_selector="foo_pdb=bar_pdb")
            return sorted(one["metadata"]["name"] for one in found.items or ())

        assert (await names(""), await names("default")) == (["foo", "foo2", "foo3"], ["foo", "foo2"])
        await world.client.delete_collection(BUDGETS, "default")
        assert (await names(""), await names("default")) == (["foo3"], [])


async def test_an_eviction_is_blocked_until_the_budget_is_put_and_again_by_a_patch() -> None:
    async with control_plane("disruption-controller", "replicaset-controller") as world:
        await world.run_pods()

        async def running() -> list[str]:
            found = [one for one in await world.list(Pod) if one.metadata.deletion_timestamp is None]
            return [one.metadata.name or "" for one in found if one.status.phase == "Running"]

        async def all_run() -> bool:
            return len(await running()) == 3

        async def healthy() -> bool:
            status = (await world.client.get(BUDGETS, "foo", "default"))["status"]
            return (status["currentHealthy"], status["desiredHealthy"]) == (3, 2)

        async def evict(name: str) -> None:
            meta = {"name": name, "namespace": "default", "creationTimestamp": None}
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
            await world.client.create(
                body, subresource="eviction", name=name, namespace="default", resource=resource("pods")
            )

        async def refused(name: str) -> None:
            with pytest.raises(StatusError) as caught:
                await evict(name)
            causes = (caught.value.status()["details"] or {})["causes"]
            assert (caught.value.code, [one["reason"] for one in causes]) == (429, ["DisruptionBudget"])

        await world.create(budget("foo", minAvailable=3))
        await processed(world)
        await world.create(replica_set("web", 3))
        await world.until(all_run)
        name = (await running())[0]
        await refused(name)
        found = await world.client.get(BUDGETS, "foo", "default")
        found["spec"]["minAvailable"] = 2
        await world.client.update(found)
        await processed(world)
        await world.until(healthy)
        await evict(name)
        patch = {"spec": {"maxUnavailable": 0, "minAvailable": None}}
        await world.client.patch(BUDGETS, "foo", "default", body=patch, content_type=MERGE_PATCH)
        await processed(world)
        await world.until(all_run)
        name = (await running())[0]
        await refused(name)
        await world.client.delete(BUDGETS, "foo", "default")
        await world.until(all_run)
        await evict(name)
