"""PUT of an object and of its status."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, PODS, running_api

A = CONFIG_MAPS + "/a"


async def test_an_update_replaces_the_object() -> None:
    async with running_api() as api:
        before = (await api.config_map("a")).body
        answer = await api.put(A, {"metadata": {"name": "a"}, "data": {"b": "2"}})
        assert (answer.code, answer.body["data"]) == (200, {"b": "2"})
        for key in ("uid", "creationTimestamp", "namespace"):
            assert answer.body["metadata"][key] == before["metadata"][key]
        assert int(answer.version) > int(before["metadata"]["resourceVersion"])


async def test_an_update_that_changes_nothing_writes_nothing() -> None:
    async with running_api() as api:
        before = await api.config_map("a")
        revision = await api.server.cache.wait_consistent()
        answer = await api.put(A, {"metadata": {"name": "a"}, "data": {"a": "1"}})
        assert answer.version == before.version
        assert await api.server.cache.wait_consistent() == revision


async def test_an_old_resource_version_is_a_conflict() -> None:
    async with running_api() as api:
        old = (await api.config_map("a")).body
        await api.put(A, {"metadata": {"name": "a"}, "data": {"b": "2"}})
        answer = await api.put(A, old)
        assert (answer.code, answer.body["reason"]) == (409, "Conflict")
        assert answer.message == (
            'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )


async def test_the_present_resource_version_is_accepted() -> None:
    async with running_api() as api:
        obj = (await api.config_map("a")).body
        assert (await api.put(A, {**obj, "data": {"b": "2"}})).code == 200


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("no name", {}, 400, "the name of the object (a based on URL) was undeterminable: name must be provided"),
    ("another name", {"name": "b"}, 400, "the name of the object (b) does not match the name on the URL (a)"),
    (
        "another namespace",
        {"name": "a", "namespace": "b"},
        400,
        "the namespace of the object (b) does not match the namespace on the request (default)",
    ),
    (
        "another uid",
        {"name": "a", "uid": "x"},
        409,
        'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: '
        "/registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
        "precondition: x, UID in object meta: ",
    ),
    ("a bad label", {"name": "a", "labels": {"a": "b c"}}, 422, 'ConfigMap "a" is invalid: metadata.labels: Invalid'),
    ("a version that is none", {"name": "a", "resourceVersion": "x"}, 422, 'ConfigMap "a" is invalid: metadata.res'),
]


@pytest.mark.parametrize(("metadata", "code", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_refused(metadata: dict[str, Any], code: int, message: str) -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.put(A, {"metadata": metadata, "data": {"b": "2"}})
        assert answer.code == code
        assert answer.message.startswith(message)


async def test_a_missing_object_is_not_found() -> None:
    async with running_api() as api:
        answer = await api.put(A, {"metadata": {"name": "a"}})
        assert (answer.code, answer.message) == (404, 'configmaps "a" not found')


async def test_put_creates_where_that_is_allowed() -> None:
    async with running_api() as api:
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a"
        lease = {"metadata": {"name": "a"}, "spec": {"leaseDurationSeconds": 3}}
        assert (await api.put(path, lease)).code == 201


async def test_a_kind_that_demands_a_resource_version_gets_it() -> None:
    async with running_api() as api:
        leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        lease = {"metadata": {"name": "a"}, "spec": {"leaseDurationSeconds": 3}}
        await api.post(leases, lease)
        answer = await api.put(leases + "/a", {**lease, "spec": {"leaseDurationSeconds": 4}})
        assert answer.code == 422
        assert answer.message == (
            'Lease.coordination.k8s.io "a" is invalid: metadata.resourceVersion: '
            "Invalid value: 0: must be specified for an update"
        )


async def test_the_status_is_kept_on_the_object_and_changed_on_status() -> None:
    async with running_api() as api:
        pod = (await api.pod("p", node="n1")).body
        pod["status"] = {"phase": "Running"}
        answer = await api.put(PODS + "/p", {**pod, "metadata": {**pod["metadata"], "labels": {"a": "b"}}})
        assert answer.body["status"]["phase"] == "Pending"
        pod["metadata"] = answer.body["metadata"]
        pod["spec"]["nodeName"] = "n2"
        answer = await api.put(PODS + "/p/status", pod)
        assert answer.body["status"] == {"phase": "Running", "qosClass": "BestEffort"}
        assert answer.body["spec"]["nodeName"] == "n1"


async def test_the_generation_counts_changes_of_the_spec_alone() -> None:
    async with running_api() as api:
        sets = "/apis/apps/v1/namespaces/default/replicasets"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec: dict[str, Any] = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        obj = (await api.post(sets, {"metadata": {"name": "r"}, "spec": spec})).body
        assert obj["metadata"]["generation"] == 1
        obj["metadata"]["labels"] = {"x": "y"}
        obj = (await api.put(sets + "/r", obj)).body
        assert obj["metadata"]["generation"] == 1
        obj["spec"]["replicas"] = 2
        obj = (await api.put(sets + "/r", obj)).body
        assert obj["metadata"]["generation"] == 2
        obj["status"] = {"replicas": 2}
        obj = (await api.put(sets + "/r/status", obj)).body
        assert (obj["metadata"]["generation"], obj["status"]["replicas"]) == (2, 2)


async def test_no_finalizer_is_added_to_what_is_being_deleted() -> None:
    async with running_api() as api:
        obj = (await api.config_map("a", finalizers=["example.com/a"])).body
        await api.delete(A)
        obj["metadata"].pop("resourceVersion")
        obj["metadata"]["finalizers"] = ["example.com/a", "example.com/b"]
        answer = await api.put(A, obj)
        assert answer.code == 422
        assert "no new finalizers can be added if the object is being deleted, found new finalizers" in answer.message


async def test_a_dry_run_changes_nothing() -> None:
    async with running_api() as api:
        before = await api.config_map("a")
        answer = await api.put(A, {"metadata": {"name": "a"}, "data": {"b": "2"}}, query="dryRun=All")
        assert (answer.body["data"], answer.version) == ({"b": "2"}, before.version)
        assert (await api.get(A)).body["data"] == {"a": "1"}


async def test_two_writers_at_once_both_take_effect_in_turn() -> None:
    import asyncio

    async with running_api() as api:
        await api.config_map("a")
        answers = await asyncio.gather(
            *(api.put(A, {"metadata": {"name": "a"}, "data": {"n": str(i)}}) for i in range(20))
        )
        assert {answer.code for answer in answers} == {200}
        assert len({answer.version for answer in answers}) == 20
