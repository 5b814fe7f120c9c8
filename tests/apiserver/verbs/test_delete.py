"""DELETE of one object and of collections: grace, finalizers, propagation, preconditions, namespaces."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, PODS, running_api

A = CONFIG_MAPS + "/a"


async def test_a_deleted_object_is_gone_and_answered_as_a_status() -> None:
    async with running_api() as api:
        uid = (await api.config_map("a")).body["metadata"]["uid"]
        answer = await api.delete(A)
        assert answer.code == 200
        assert answer.body["status"] == "Success"
        assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": uid}
        assert (await api.get(A)).code == 404
        assert (await api.delete(A)).message == 'configmaps "a" not found'


async def test_some_kinds_answer_the_object() -> None:
    async with running_api() as api:
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        await api.post(accounts, {"metadata": {"name": "s"}})
        assert (await api.delete(accounts + "/s")).body["kind"] == "ServiceAccount"


async def test_a_finalizer_holds_the_object_until_it_is_removed() -> None:
    async with running_api() as api:
        await api.config_map("a", finalizers=["example.com/hold"])
        answer = await api.delete(A)
        metadata = answer.body["metadata"]
        assert metadata["deletionTimestamp"] and metadata["deletionGracePeriodSeconds"] == 0
        again = await api.delete(A)
        assert again.version == answer.version
        answer = await api.put(A, {"metadata": {"name": "a"}})
        assert answer.code == 200
        assert (await api.get(A)).code == 404


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        ({"propagationPolicy": "Orphan"}, ["orphan"]),
        ({"orphanDependents": True}, ["orphan"]),
    ],
    ids=str,
)
async def test_the_propagation_policy_becomes_a_finalizer(options: dict[str, Any], finalizers: list[str]) -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.delete(A, options)
        assert answer.body["metadata"]["finalizers"] == finalizers


async def test_background_deletion_removes_an_orphan_finalizer() -> None:
    async with running_api() as api:
        await api.config_map("a", finalizers=["orphan"])
        await api.delete(A, {"propagationPolicy": "Background"})
        assert (await api.get(A)).code == 404


async def test_jobs_orphan_their_pods_by_default() -> None:
    async with running_api() as api:
        jobs = "/apis/batch/v1/namespaces/default/jobs"
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
        answer = await api.post(jobs, {"metadata": {"name": "j"}, "spec": {"template": template}})
        assert answer.code == 201, answer
        assert "orphan" in (await api.delete(jobs + "/j")).body["metadata"]["finalizers"]


REFUSED: list[tuple[str, Any, int, str]] = [
    (
        "uid",
        {"preconditions": {"uid": "x"}},
        409,
        'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID',
    ),
    (
        "resourceVersion",
        {"preconditions": {"resourceVersion": "1"}},
        409,
        'Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does not match',
    ),
    (
        "both ways to say it",
        {"orphanDependents": True, "propagationPolicy": "Orphan"},
        422,
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": '
        "orphanDependents and deletionPropagation cannot be both set",
    ),
    (
        "unknown policy",
        {"propagationPolicy": "Later"},
        422,
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Later"',
    ),
    ("wrong type", {"gracePeriodSeconds": "1"}, 400, 'DeleteOptions in version "v1" cannot be handled'),
    ("another kind", {"kind": "Pod"}, 400, "decoded object cannot be converted to DeleteOptions"),
    ("dry run of another sort", {"dryRun": ["Some"]}, 422, 'DeleteOptions.meta.k8s.io "" is invalid: dryRun'),
]


@pytest.mark.parametrize(("options", "code", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_refused(options: Any, code: int, message: str) -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.delete(A, options)
        assert answer.code == code
        assert answer.message.startswith(message)
        assert (await api.get(A)).code == 200


async def test_a_dry_run_deletes_nothing() -> None:
    async with running_api() as api:
        await api.config_map("a")
        assert (await api.delete(A, query="dryRun=All")).code == 200
        assert (await api.get(A)).code == 200


async def test_a_scheduled_pod_gets_its_grace_period() -> None:
    async with running_api() as api:
        pod = (await api.pod("p", node="n1")).body
        answer = await api.delete(PODS + "/p", {"gracePeriodSeconds": 20})
        metadata = answer.body["metadata"]
        assert metadata["deletionGracePeriodSeconds"] == 20
        assert metadata["deletionTimestamp"] > pod["metadata"]["creationTimestamp"]
        assert metadata["generation"] == 2


async def test_a_pending_deletion_is_shortened_but_never_prolonged() -> None:
    async with running_api() as api:
        await api.pod("p", node="n1")
        first = (await api.delete(PODS + "/p", {"gracePeriodSeconds": 20})).body["metadata"]
        longer = (await api.delete(PODS + "/p", {"gracePeriodSeconds": 60})).body["metadata"]
        assert longer == first
        shorter = (await api.delete(PODS + "/p", {"gracePeriodSeconds": 5})).body["metadata"]
        assert shorter["deletionGracePeriodSeconds"] == 5
        assert shorter["deletionTimestamp"] < first["deletionTimestamp"]


async def test_grace_zero_removes_a_pod_at_once() -> None:
    async with running_api() as api:
        await api.pod("p", node="n1")
        await api.delete(PODS + "/p", query="gracePeriodSeconds=30")
        assert (await api.get(PODS + "/p")).code == 200
        await api.delete(PODS + "/p", query="gracePeriodSeconds=0")
        assert (await api.get(PODS + "/p")).code == 404


@pytest.mark.parametrize("phase", ["", "Succeeded", "Failed"])
async def test_unscheduled_and_finished_pods_need_no_grace(phase: str) -> None:
    async with running_api() as api:
        pod = (await api.pod("p", node="n1" if phase else "")).body
        if phase:
            await api.put(PODS + "/p/status", {**pod, "status": {"phase": phase}})
        await api.delete(PODS + "/p", {"gracePeriodSeconds": 30})
        assert (await api.get(PODS + "/p")).code == 404


async def test_a_pod_with_finalizers_goes_when_grace_and_finalizers_are_over() -> None:
    async with running_api() as api:
        await api.pod("p", node="n1", finalizers=["batch.kubernetes.io/job-tracking"])
        await api.delete(PODS + "/p", {"gracePeriodSeconds": 30})
        answer = await api.delete(PODS + "/p", {"gracePeriodSeconds": 0})
        assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 0
        pod = (await api.get(PODS + "/p")).body
        pod["metadata"]["finalizers"] = []
        await api.put(PODS + "/p", pod)
        assert (await api.get(PODS + "/p")).code == 404


async def test_a_namespace_terminates_until_it_is_finalized() -> None:
    async with running_api() as api:
        path = "/api/v1/namespaces/team"
        await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})
        answer = await api.delete(path)
        assert (answer.code, answer.body["status"]["phase"]) == (200, "Terminating")
        assert answer.body["metadata"]["deletionTimestamp"]
        assert (await api.delete(path)).version == answer.version
        namespace = answer.body
        namespace["spec"]["finalizers"] = []
        assert (await api.put(path, namespace)).body["spec"]["finalizers"] == ["kubernetes"]
        assert (await api.put(path + "/finalize", namespace)).code == 200
        assert (await api.get(path)).code == 404


async def test_a_collection_is_deleted_by_selector() -> None:
    async with running_api() as api:
        await api.config_map("a", labels={"x": "1"})
        await api.config_map("b", labels={"x": "2"})
        await api.config_map("c", labels={"x": "1"})
        answer = await api.delete(CONFIG_MAPS, query="labelSelector=x%3D1")
        assert answer.body["kind"] == "ConfigMapList"
        assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "c"]
        left = (await api.get(CONFIG_MAPS)).body["items"]
        assert [item["metadata"]["name"] for item in left] == ["b"]
