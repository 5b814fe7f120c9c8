"""Every operation on every stored kind: what the "should support ... API operations" tests of all groups do.

create, get, list (one namespace and all), watch, merge patch, update, conflict, the status on its own path, delete,
deletecollection; and what holds for all kinds: uid, versions, generation, managedFields, the table, protobuf.
"""

from typing import Any

import pytest
from tests.apiserver.conformance.objects import DEFAULT_STATUS, NAMES, SAMPLES, STATUSES, sample
from tests.support.api import Api, running_api

from pybernetes.api.protobuf import MEDIA_TYPE, decode
from pybernetes.api.resource import ResourceInfo, resources

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
STORED = [info for info in resources().values() if info.enabled and info.storage_prefix]
CASES = pytest.mark.parametrize("info", STORED, ids=[f"{info.plural}.{info.group_version}" for info in STORED])


def test_there_is_a_sample_of_every_kind() -> None:
    assert {info.group_resource.replace("events.events.k8s.io", "events") for info in STORED} == set(SAMPLES)


def paths(info: ResourceInfo) -> tuple[str, list[str]]:
    """The collection and three names in it."""
    return info.path("default" if info.namespaced else None), NAMES.get(info.group_resource, ["x1", "x2", "x3"])


def of(info: ResourceInfo, name: str) -> dict[str, Any]:
    if info.group_version == "events.k8s.io/v1":
        event = {
            "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "R",
            "action": "A",
            "note": "n",
        }
        more = {"type": "Normal", "reportingController": "c.example.com/x", "reportingInstance": "i"}
        metadata = {"name": name, "labels": {"test": "operations"}}
        return {**event, **more, "eventTime": "2026-01-01T00:00:00.000000Z", "metadata": metadata}
    return sample(info.group_resource, name)


async def created(api: Api, info: ResourceInfo) -> list[Any]:
    collection, names = paths(info)
    found = []
    for name in names:
        answer = await api.post(collection, of(info, name), query="fieldManager=maker")
        assert answer.code == 201, answer
        found.append(answer.body)
    return found


@CASES
async def test_create_get_list_and_watch(info: ResourceInfo) -> None:
    async with running_api(aggregation=False) as api:
        collection, names = paths(info)
        watching = await api.watch(
            collection, "labelSelector=test%3Doperations&resourceVersion=" + str(api.server.cache.revision)
        )
        objects = await created(api, info)
        for name, obj in zip(names, objects, strict=True):
            metadata = obj["metadata"]
            assert (obj["kind"], obj["apiVersion"]) == (info.kind, info.group_version)
            assert metadata["uid"] and metadata["creationTimestamp"] and metadata["resourceVersion"]
            assert [entry["manager"] for entry in metadata["managedFields"]] == ["maker"]
            assert metadata["managedFields"][0]["apiVersion"] == info.group_version
            assert (await api.get(f"{collection}/{name}")).body == obj
        for path in {collection, info.path()}:
            listed = (await api.get(path, "labelSelector=test%3Doperations")).body
            assert listed["kind"] == info.list_kind
            assert [item["metadata"]["name"] for item in listed["items"]] == names
        assert watching.seen[: len(names)] == [("ADDED", name) for name in names]
        again = await api.post(collection, of(info, names[0]))
        assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
        table = (await api.get(collection, "labelSelector=test%3Doperations", accept=TABLE)).body
        assert [row["object"]["metadata"]["name"] for row in table["rows"]] == names
        assert all(len(row["cells"]) == len(table["columnDefinitions"]) for row in table["rows"])
        wire = decode((await api.get(f"{collection}/{names[0]}", accept=MEDIA_TYPE)).raw)
        assert wire["metadata"]["uid"] == objects[0]["metadata"]["uid"]


@CASES
async def test_patch_and_update(info: ResourceInfo) -> None:
    async with running_api(aggregation=False) as api:
        collection, names = paths(info)
        (first, *_) = await created(api, info)
        path = f"{collection}/{names[0]}"
        before = (await api.get(path)).body["metadata"]
        patched = await api.patch(
            path, {"metadata": {"annotations": {"patched": "true"}}}, query="fieldManager=patcher"
        )
        assert (patched.code, patched.body["metadata"]["annotations"]["patched"]) == (200, "true"), patched
        assert patched.body["metadata"].get("generation") == before.get("generation")
        same = await api.patch(path, {"metadata": {"annotations": {"patched": "true"}}})
        assert same.version == patched.version
        owned = {entry["manager"]: entry["fieldsV1"] for entry in patched.body["metadata"]["managedFields"]}
        assert owned["patcher"] == {"f:metadata": {"f:annotations": {".": {}, "f:patched": {}}}}
        obj = (await api.get(path)).body
        obj["metadata"]["annotations"]["updated"] = "true"
        updated = await api.put(path, obj, query="fieldManager=updater")
        assert (updated.code, updated.body["metadata"]["annotations"]["updated"]) == (200, "true"), updated
        assert updated.body["metadata"]["uid"] == first["metadata"]["uid"]
        obj["metadata"]["annotations"]["updated"] = "late"
        late = await api.put(path, obj)
        assert (late.code, late.body["reason"]) == (409, "Conflict")
        other = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "", "uid": "another"}}
        assert (await api.put(path, other)).code in (409, 422)
        applied = {
            "apiVersion": info.group_version,
            "kind": info.kind,
            "metadata": {"annotations": {"applied": "true"}},
        }
        answer = await api.patch(path, applied, "application/apply-patch+yaml", "fieldManager=applier")
        assert (answer.code, answer.body["metadata"]["annotations"]["applied"]) == (200, "true"), answer


WITH_STATUS = [info for info in STORED if "status" in info.subresources]


@pytest.mark.parametrize("info", WITH_STATUS, ids=[f"{info.plural}.{info.group_version}" for info in WITH_STATUS])
async def test_the_status_on_its_own_path(info: ResourceInfo) -> None:
    async with running_api(aggregation=False) as api:
        collection, names = paths(info)
        await created(api, info)
        path = f"{collection}/{names[0]}"
        before = (await api.get(path + "/status")).body
        assert before == (await api.get(path)).body
        wanted = STATUSES.get(info.group_resource, DEFAULT_STATUS)
        patched = await api.patch(path + "/status", {"status": wanted}, query="fieldManager=reporter")
        assert patched.code == 200, patched
        shown = patched.body.get("status") or {}
        for key, value in wanted.items():
            assert shown[key] == value or isinstance(value, list), (key, shown)
        assert patched.body.get("spec") == before.get("spec")
        assert patched.body["metadata"].get("generation") == before["metadata"].get("generation")
        # Through the object itself the status does not change.
        obj = {**patched.body, "status": {}}
        updated = await api.put(path, obj)
        assert updated.code == 200, updated
        assert (updated.body.get("status") or {}) == shown
        replaced = await api.put(path + "/status", updated.body)
        assert replaced.code == 200, replaced
        assert (replaced.body.get("status") or {}) == shown


@CASES
async def test_delete_and_delete_collection(info: ResourceInfo) -> None:
    async with running_api(aggregation=False) as api:
        collection, names = paths(info)
        await created(api, info)
        gone = await api.delete(f"{collection}/{names[0]}", query="gracePeriodSeconds=0&propagationPolicy=Background")
        assert gone.code in (200, 202), gone
        held = info.plural in ("namespaces", "customresourcedefinitions", "persistentvolumes", "persistentvolumeclaims")
        if held:
            assert (await api.get(f"{collection}/{names[0]}")).body["metadata"].get("deletionTimestamp")
        else:
            missing = await api.get(f"{collection}/{names[0]}")
            assert (missing.code, missing.body["reason"]) == (404, "NotFound")
        if "deletecollection" not in info.verbs:
            return
        answer = await api.delete(
            collection, query="labelSelector=test%3Doperations&gracePeriodSeconds=0&propagationPolicy=Background"
        )
        assert answer.code == 200, answer
        left = (await api.get(collection, "labelSelector=test%3Doperations")).body["items"]
        assert left == [] or (held and all(item["metadata"].get("deletionTimestamp") for item in left))


@pytest.mark.parametrize(
    ("resource", "kept"),
    [
        ("deployments.apps", ["labels"]),
        ("volumeattachments.storage.k8s.io", ["labels", "annotations"]),
        ("flowschemas.flowcontrol.apiserver.k8s.io", ["labels", "annotations"]),
        ("services", []),
    ],
)
async def test_what_of_the_metadata_the_status_path_changes(resource: str, kept: list[str]) -> None:
    info = next(info for info in WITH_STATUS if info.group_resource == resource)
    async with running_api(aggregation=False) as api:
        collection, names = paths(info)
        await created(api, info)
        patch = {"metadata": {"labels": {"n": "1"}, "annotations": {"n": "1"}}}
        answer = await api.patch(f"{collection}/{names[0]}/status", patch, query="fieldManager=reporter")
        assert answer.code == 200, answer
        metadata = answer.body["metadata"]
        for key in ("labels", "annotations"):
            assert ("n" in metadata.get(key, {})) is (key not in kept)
        owned = [entry["fieldsV1"] for entry in metadata["managedFields"] if entry["manager"] == "reporter"]
        assert [key for key in ("labels", "annotations") if f"f:{key}" in str(owned)] == [
            key for key in ("labels", "annotations") if key not in kept
        ]
