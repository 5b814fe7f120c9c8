"""What upstream's generic test of a resource does (test/e2e/framework/conformance), with every stored kind.

create strictly, get, update, update of the status; then, for each kind of patch: delete, create anew, patch strictly
with an object that names itself (kind, apiVersion, namespace, name, uid), and the status in the same way. A watch by
label sees just that, with versions that only grow.
"""

from typing import Any

import pytest
from tests.apiserver.conformance.objects import DEFAULT_STATUS, NAMES, STATUSES
from tests.apiserver.conformance.test_api_operations import STORED, of
from tests.support.api import Answer, Api, running_api

from pybernetes.api.resource import ResourceInfo

LABEL = {"e2e-test.kubernetes.io": "x"}
STRICT = "fieldValidation=Strict"
APPLY = "application/apply-patch+yaml"
PATCHES = ("application/strategic-merge-patch+json", "application/merge-patch+json", APPLY)
Object = dict[str, Any]
HELD = ("namespaces", "persistentvolumes", "persistentvolumeclaims", "customresourcedefinitions")
"""Something keeps these for a while after their deletion."""


class Life:
    """The steps with one kind; each step's answer must be a success."""

    def __init__(self, api: Api, info: ResourceInfo) -> None:
        self.api, self.info = api, info
        self.collection = info.path("default" if info.namespaced else None)
        self.name = NAMES.get(info.group_resource, ["x1"])[0]
        self.path = f"{self.collection}/{self.name}"

    async def ok(self, answer: Answer, code: int = 200) -> Object:
        assert answer.code == code, (self.info.plural, self.info.group_version, answer)
        found: Object = answer.body
        return found

    async def create(self) -> Object:
        wanted = of(self.info, self.name)
        metadata = {
            **wanted["metadata"],
            "labels": {**wanted["metadata"]["labels"], **LABEL},
            "creationTimestamp": None,
        }
        body = {"apiVersion": self.info.group_version, "kind": self.info.kind, **wanted, "metadata": metadata}
        if self.info.namespaced:
            metadata["namespace"] = "default"
        return await self.ok(await self.api.post(self.collection, body, query=STRICT), 201)

    def named(self, obj: Object, **fields: Any) -> Object:
        """A patch as the test makes it."""
        keys = ("name", "namespace", "uid")
        metadata = {
            **fields.pop("metadata", {}),
            **{key: obj["metadata"][key] for key in keys if key in obj["metadata"]},
        }
        return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, **fields}

    async def patch(self, media: str, body: Any, subresource: str = "") -> Object:
        query = f"{STRICT}&fieldManager=test-apply&force=true" if media == APPLY else STRICT
        path = f"{self.path}/{subresource}" if subresource else self.path
        return await self.ok(await self.api.patch(path, body, media, query))

    async def delete(self) -> None:
        query = "gracePeriodSeconds=0&propagationPolicy=Background"
        answer = await self.api.delete(self.path, query=query)
        assert answer.code == 200, (self.info.plural, answer)
        assert (await self.api.get(self.path)).code == 404

    async def status(self, media: str, wanted: Object, obj: Object) -> None:
        answer = await self.patch(media, self.named(obj, status=wanted), "status")
        for key, value in wanted.items():
            assert answer["status"][key] == value or isinstance(value, list), (self.info.plural, media, answer)

    async def run(self) -> None:
        info, api = self.info, self.api
        version = api.server.cache.revision
        query = f"labelSelector=e2e-test.kubernetes.io%3Dx&resourceVersion={version}"
        watching = await api.watch(self.collection, query)
        await self.create()
        obj = await self.ok(await api.get(self.path))
        obj["metadata"]["labels"]["updated"] = "yes"
        obj = await self.ok(await api.put(self.path, obj, query=STRICT))
        has_status = "status" in info.subresources
        wanted = STATUSES.get(info.group_resource, DEFAULT_STATUS)
        if has_status:
            read = await self.ok(await api.get(f"{self.path}/status"))
            updated = await self.ok(
                await api.put(f"{self.path}/status", {**read, "status": {**read.get("status", {}), **wanted}})
            )
            assert updated["metadata"]["labels"]["updated"] == "yes"
        if info.plural in HELD:
            return
        for media in PATCHES:
            await self.delete()
            obj = await self.create()
            found = await self.patch(media, self.named(obj, metadata={"labels": {"patched": "yes"}}))
            assert found["metadata"]["labels"] == {**obj["metadata"]["labels"], "patched": "yes"}
            if has_status:
                await self.status(media, wanted, found)
        await self.delete()
        obj = await self.create()
        steps = [
            {"op": "test", "path": "/metadata/uid", "value": obj["metadata"]["uid"]},
            {"op": "add", "path": "/metadata/labels/patched", "value": "yes"},
        ]
        await self.patch("application/json-patch+json", steps)
        await self.delete()
        await api.settle()
        events = [event for event in watching.events if event["type"] != "BOOKMARK"]
        kinds = "".join(event["type"][0] for event in events)
        lives = kinds.split("D")
        assert len(lives) == 6 and lives.pop() == "" and all(life[0] == "A" and "A" not in life[1:] for life in lives)
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
        assert versions == sorted(versions)


GROUPS = sorted({info.group for info in STORED})


@pytest.mark.parametrize("group", GROUPS, ids=[group or "core" for group in GROUPS])
async def test_every_resource(group: str) -> None:
    async with running_api(aggregation=False) as api:
        for info in STORED:
            if info.group == group:
                await Life(api, info).run()
