"""Storage version migration: every object of a resource is written anew, unchanged (KEP-4192).

    migrations of one resource, the oldest first ──▶ Running ──▶ page by page, an empty apply to each ──▶ Succeeded
                                                                              └ refused ──▶ Failed

What an empty apply changes is how the object is stored: in the storage version of today, encrypted with the key of
today. It carries uid and resourceVersion: who was written or deleted meanwhile answers with a conflict and needs no
more. A custom resource's definition says `StorageMigrating` meanwhile, and afterwards names the one version that is
stored, unless it was changed in between. Nothing but the page at hand is kept in memory.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..api import status
from ..api.resource import ResourceInfo, resource
from ..api.status import StatusError
from ..client.client import APPLY_PATCH
from ..client.discovery import discover
from ..client.informer import Informer
from ..client.view import PartialObject, metadata_view
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext

Object = dict[str, Any]

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
MIGRATING = "StorageMigrating"
FIELD_MANAGER = "storage-version-migrator-controller"
_PAGE = 500
_MIGRATIONS = resource("storageversionmigrations", "storagemigration.k8s.io", "v1beta1")
_DEFINITIONS = resource("customresourcedefinitions", "apiextensions.k8s.io")


def group_resource(migration: Object) -> str:
    """What it migrates, as `deployments.apps` or `secrets`: the key, so that one migration of a resource runs at a
    time."""
    wanted = (migration.get("spec") or {}).get("resource") or {}
    plural, group = wanted.get("resource") or "", wanted.get("group") or ""
    return f"{plural}.{group}" if group else plural


def is_true(obj: Object, kind: str) -> bool:
    """Whether the condition holds."""
    return any(one["type"] == kind and one["status"] == "True" for one in conditions_of(obj))


def is_over(migration: Object) -> bool:
    """Whether it has succeeded or failed."""
    return is_true(migration, SUCCEEDED) or is_true(migration, FAILED)


def conditions_of(obj: Object) -> list[Object]:
    return list((obj.get("status") or {}).get("conditions") or ())


def next_of(migrations: Iterable[Object]) -> Object | None:
    """Which of the migrations of one resource is to run: the one that does, or else the oldest. Pure."""
    waiting = [one for one in migrations if not is_over(one)]
    running = [one for one in waiting if is_true(one, RUNNING)]
    return min(
        running or waiting,
        key=lambda one: (one["metadata"].get("creationTimestamp") or "", one["metadata"]["name"]),
        default=None,
    )


def with_condition(obj: Object, kind: str, reason: str, message: str, now: datetime, **more: Any) -> Object:
    """A copy with the condition true (unless `more` says otherwise). What is over runs no more. Pure."""
    leaving = {kind, RUNNING} if kind in (SUCCEEDED, FAILED) else {kind}
    kept = [one for one in conditions_of(obj) if one["type"] not in leaving]
    made = {
        "type": kind,
        "status": "True",
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": reason,
        "message": message,
        **more,
    }
    return obj | {"status": (obj.get("status") or {}) | {"conditions": [*kept, made]}}


class StorageVersionMigrator:
    """See the module docstring. Keys are group resources."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._migrations: Informer[Object] = context.informers.of(_MIGRATIONS)
        self._controller = context.controller(FIELD_MANAGER, self._reconcile, workers=5)
        self._migrations.add_handler(self._changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        self._controller.enqueue(group_resource(new or old or {}))

    async def _reconcile(self, key: str) -> Result | None:
        migration = next_of(one for one in self._migrations.list() if group_resource(one) == key)
        if migration is not None:
            await self._run(await self._client.get(_MIGRATIONS, migration["metadata"]["name"]), key)
        return None

    async def _run(self, migration: Object, key: str) -> None:
        if is_over(migration):  # the informer is behind
            return
        info = await self._served(key)
        if info is None:
            await self._end(migration, None, "resource does not exist in discovery")
            return
        definition = await self._definition(key)
        if not is_true(migration, RUNNING):
            if definition is not None:
                definition = await self._tell_definition(
                    definition, "True", "MigrationRunning", f"Migration {migration['metadata']['name']} is running"
                )
            migration = await self._write(migration, RUNNING, "MigrationRunning", "The migration is running")
        try:
            await self._migrate(migration, info)
        except StatusError as error:
            if error.code == 429 or error.code >= 500:
                raise
            await self._end(migration, definition, "migration encountered unhandled error")
            return
        await self._end(migration, definition)

    async def _served(self, key: str) -> ResourceInfo | None:
        for info in (await discover(self._client)).resources:
            if info.group_resource == key and {"list", "patch"} <= set(info.verbs):
                return info
        return None

    async def _migrate(self, migration: Object, info: ResourceInfo) -> None:
        """Every object that is there now. StatusError when one cannot be written for a reason that will stay."""
        view, token = metadata_view(info), ""
        while True:
            page = await self._client.list(view, limit=_PAGE, continue_token=token)
            if not (migration.get("status") or {}).get("resourceVersion"):
                migration["status"]["resourceVersion"] = page.resource_version
                migration |= await self._client.update_status(migration, resource=_MIGRATIONS)
            for found in page.items or ():
                await self._rewrite(info, found)
            token = page.continue_token
            if not token:
                return

    async def _rewrite(self, info: ResourceInfo, found: PartialObject) -> None:
        meta = found.metadata
        body = {
            "apiVersion": info.group_version,
            "kind": info.kind,
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
        }
        try:
            await self._client.patch(
                info,
                meta.name or "",
                meta.namespace or "",
                body=body,
                content_type=APPLY_PATCH,
                field_manager=FIELD_MANAGER,
            )
        except StatusError as error:
            if not (status.is_conflict(error) or status.is_not_found(error)):
                raise

    async def _end(self, migration: Object, definition: Object | None, problem: str = "") -> None:
        if definition is not None:
            await self._end_definition(definition, problem)
        kind = FAILED if problem else SUCCEEDED
        await self._write(migration, kind, f"StorageVersionMigration{kind}", problem)

    async def _write(self, migration: Object, kind: str, reason: str, message: str) -> Object:
        changed = with_condition(migration, kind, reason, message, self._clock.now())
        return await self._client.update_status(changed, resource=_MIGRATIONS)

    # The definition of a custom resource

    async def _definition(self, key: str) -> Object | None:
        if "." not in key:
            return None
        try:
            return await self._client.get(_DEFINITIONS, key)
        except StatusError as error:
            if status.is_not_found(error):
                return None
            raise

    async def _tell_definition(
        self, definition: Object, told: str, reason: str, message: str, stored: list[str] | None = None
    ) -> Object:
        generation = definition["metadata"].get("generation", 0)
        changed = with_condition(
            definition, MIGRATING, reason, message, self._clock.now(), status=told, observedGeneration=generation
        )
        if stored is not None:
            changed["status"]["storedVersions"] = stored
        return await self._client.update_status(changed, resource=_DEFINITIONS)

    async def _end_definition(self, definition: Object, problem: str) -> None:
        current: Object = await self._client.get(_DEFINITIONS, definition["metadata"]["name"])
        if problem:
            await self._tell_definition(current, "False", "MigrationFailed", "The migration has failed")
            return
        seen = next((one for one in conditions_of(current) if one["type"] == MIGRATING), {})
        generation = current["metadata"].get("generation", 0)
        if seen.get("observedGeneration", definition["metadata"].get("generation", 0)) == generation:
            stored = [version["name"] for version in current["spec"]["versions"] if version.get("storage")]
            outcome = " and the stored versions have been updated"
        else:
            stored = None
            outcome = " but the stored versions have not been updated due to a generation mismatch"
        message = f"The migration has succeeded{outcome}"
        await self._tell_definition(current, "False", "MigrationSucceeded", message, stored)
