"""Create and update of any kind: the one path from a decoded object to stored bytes.

    create   admit -> name -> prepare -> check -> admission validate -> begin -> put(expected=0)
    update   read (cache) -> make -> versions -> admit -> prepare -> check -> validate -> begin -> put(expected=rev)

An update reads from the watch cache first; that may be a little old. Whatever then fails is decided again on the
store's own state, so no client sees an error that comes from an old cache (apiserver `GuaranteedUpdate`). A lost race
starts over with the winner's state unless the client named a resourceVersion. An update that changes nothing writes
nothing.
"""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import msgspec
import orjson

from ...api import field, names, status
from ...api.gated_fields import Tree, drop_disabled
from ...api.managed_fields import Unconverted
from ...api.managed_fields.managers import without_times
from ...api.resource import ResourceInfo
from ...api.status import StatusError
from ...api.validation import object_meta
from ...base.clock import Clock
from ...base.random_ids import uuid4_text
from ...store.store import Conflict, KeyValue, LeaseNotFound, Store
from ..admission.chain import AdmissionChain
from ..admission.plugin import AdmissionRequest
from ..watch_cache import Entry, ResourceCache
from ..watch_cache.entry import encode, splice
from ..watch_cache.handover import Handover
from .leases import LeasePool
from .strategy import Object, Strategy, Write, instant

_NAME_ATTEMPTS = 8

Make = Callable[[Object], Object]
"""From a private copy of the present object (with its resourceVersion) to the wanted one, in the storage version."""


class Written(msgspec.Struct):
    """The outcome of a write: the object's JSON as served (storage version)."""

    data: bytes
    created: bool = False
    deleted: bool = False

    def object(self) -> Object:
        found: Object = orjson.loads(self.data)
        return found


class GenericResource:
    """The objects of one stored resource."""

    def __init__(
        self,
        info: ResourceInfo,
        strategy: Strategy,
        *,
        store: Store,
        cache: ResourceCache,
        seen: Callable[[int], Awaitable[None]],
        admission: AdmissionChain,
        leases: LeasePool,
        clock: Clock,
        is_stale: Callable[[str], bool] = lambda key: False,
        gated: Callable[[], Tree] = lambda: (),
    ) -> None:
        self.info = info
        self.strategy = strategy
        self.store = store
        self.cache = cache
        self.admission = admission
        self.clock = clock
        self.seen = seen
        """Waits until the caches have a write, so that a client finds what it was told is done."""
        self._leases = leases
        self._is_stale = is_stale
        self._gated_fields = gated

    @cached_property
    def _gated(self) -> Tree:
        """The fields whose feature gates are off, found when first written."""
        return self._gated_fields()

    # -- errors

    def not_found(self, name: str) -> StatusError:
        return status.not_found(self.info.group, self.info.plural, name)

    def conflict(self, name: str, why: str = "") -> StatusError:
        return status.conflict(self.info.group, self.info.plural, name, why)

    # -- create

    async def create(self, obj: Object, write: Write, namespace: str) -> Written:
        """Store a new object. StatusError: invalid, forbidden, already exists."""
        metadata: Object = obj.setdefault("metadata", {})
        match_namespace(metadata, namespace)
        request = self.admission_request("CREATE", write, namespace, metadata.get("name") or "", obj)
        await self.admission.admit(request)
        obj = request.object if request.object is not None else obj
        metadata = obj["metadata"]
        self._fill(metadata)
        base = metadata.get("generateName") if not metadata.get("name") else None
        if not base:
            return await self._create(obj, write, namespace, request)
        for _ in range(_NAME_ATTEMPTS):
            metadata["name"] = names.generated_name(base)
            try:
                return await self._create(obj, write, namespace, request)
            except StatusError as error:
                if not status.is_already_exists(error):
                    raise
        name = status.already_exists(self.info.group, self.info.plural, metadata["name"])
        name.message += ", the server was not able to generate a unique name for the object"
        raise name

    def _fill(self, metadata: Object) -> None:
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            metadata.pop(key, None)
        version = metadata.get("resourceVersion")
        if version is not None and not (version.isdecimal() and int(version)):
            del metadata["resourceVersion"]  # none that the store would stumble over
        metadata["creationTimestamp"] = instant(self.clock.now())
        metadata["uid"] = uuid4_text()

    async def _create(self, obj: Object, write: Write, namespace: str, request: AdmissionRequest) -> Written:
        strategy, metadata = self.strategy, obj["metadata"]
        if self._gated:
            drop_disabled(obj, None, self._gated)
        strategy.prepare_create(obj, write)
        errors = object_meta.validate(
            metadata,
            namespaced=self.info.namespaced,
            name_rule=strategy.name_rule,
            domain_finalizers=strategy.domain_finalizers,
        )
        errors += strategy.validate_create(obj, write)
        name = metadata.get("name") or ""
        if errors:
            raise status.invalid(self.info.group, self.info.kind, name, errors)
        write.warnings += strategy.warnings(obj, None)
        request.name, request.object = name, obj
        await self.admission.validate(request)
        if "resourceVersion" in metadata and not write.dry_run:
            # As upstream: its store refuses, after everybody else, and the API server takes that for its own failure.
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        finish = await strategy.begin_create(obj, write)
        stored = False
        try:
            key = self.cache.key(namespace, name)
            value = encode(obj)
            if write.dry_run:
                if await self.store.get(key) is not None:
                    raise status.already_exists(self.info.group, self.info.plural, name)
                return Written(value, created=True)
            kept = encode(await strategy.stored(obj)) if strategy.converts else value
            try:
                revision = await self.put(key, kept, None, None, obj)
            except Conflict as lost:
                raise self._exists(name, lost.current) from None
            stored = True
            await self.seen(revision)
            return Written(self.served(key, value, revision), created=True)
        finally:
            if finish is not None:
                await finish(stored)

    def _exists(self, name: str, current: KeyValue | None) -> StatusError:
        error = status.already_exists(self.info.group, self.info.plural, name)
        if current is not None and orjson.loads(current.value)["metadata"].get("deletionTimestamp"):
            error.message = f"object is being deleted: {error.message}"
        return error

    async def put(self, key: str, value: bytes, entry: Entry | None, old: Object | None, new: Object) -> int:
        """Store bytes in the place of `entry` (None: of nothing) and give the cache what they were made from (`old` and
        `new`, which nobody may change from then on; nothing where the store has other versions); the revision."""
        converts = self.strategy.converts
        handover = Handover(value, entry, None if converts else old, None if converts else new)
        handovers, expected = self.cache.handovers, entry.revision if entry is not None else 0
        handovers.expect(key, handover)
        try:
            ttl = self.strategy.ttl_seconds
            if not ttl:
                return await self.store.put(key, value, expected=expected)
            try:
                return await self.store.put(key, value, expected=expected, lease=await self._leases.lease_for(ttl))
            except LeaseNotFound:
                self._leases.forget(ttl)
                return await self.store.put(key, value, expected=expected, lease=await self._leases.lease_for(ttl))
        except BaseException:
            handovers.withdraw(key, handover)
            raise

    async def remove(self, entry: Entry, old: Object) -> int:
        """Take an object out of the store, as `put`."""
        handover = Handover(b"", entry, None if self.strategy.converts else old, None)
        handovers = self.cache.handovers
        handovers.expect(entry.key, handover)
        try:
            return await self.store.delete(entry.key, expected=entry.revision)
        except BaseException:
            handovers.withdraw(entry.key, handover)
            raise

    def served(self, key: str, value: bytes, revision: int) -> bytes:
        """The bytes of a write as the cache has them, or else made from what was stored."""
        entry = self.cache.get(key)
        if entry is not None and entry.revision == revision and not self.strategy.converts:
            return entry.data
        return splice(value, self.cache.head_size, revision)

    def admission_request(
        self, operation: str, write: Write, namespace: str, name: str, obj: Object | None, old: Object | None = None
    ) -> AdmissionRequest:
        """What the admission plugins get to see."""
        return AdmissionRequest(
            operation=operation,
            resource=self.info,
            subresource=write.subresource,
            namespace=namespace,
            name=name,
            object=obj,
            old_object=old,
            options=write.options,
            user=write.user,
            dry_run=write.dry_run,
            warnings=write.warnings,
            served=write.served,
        )

    # -- read for change

    async def fetch(self, key: str) -> Entry | None:
        """The object as the store has it now."""
        kv = await self.store.get(key)
        return self.cache.entry(kv) if kv is not None else None

    # -- update

    async def update(
        self,
        namespace: str,
        name: str,
        make: Make,
        write: Write,
        *,
        create_missing: bool = False,
        reads_only: bool = False,
    ) -> Written:
        """Change an object, or create it when it is missing and that is allowed.

        `make` is called once per attempt; `reads_only`: it does not change what it is given, which saves a copy (7 % of
        a status patch). StatusError: not found, conflict, invalid, forbidden."""
        written = await self._update(namespace, name, make, write, create_missing, reads_only)
        if self.strategy.converts:
            written.data = await self.strategy.shown(written.data)
        return written

    async def _update(
        self, namespace: str, name: str, make: Make, write: Write, create_missing: bool, reads_only: bool
    ) -> Written:
        key = self.cache.key(namespace, name)
        entry = self.cache.get(key)
        fresh = entry is None
        if fresh:
            entry = await self.fetch(key)
        while True:
            if entry is None:
                if not create_missing:
                    raise self.not_found(name)
                if write.may_create is not None:
                    await write.may_create()
                obj = make({})
                obj["metadata"].pop("resourceVersion", None)
                return await self.create(obj, write, namespace)
            try:
                written = await self._attempt(entry, namespace, name, make, write, reads_only)
            except Conflict as lost:
                entry, fresh = (self.cache.entry(lost.current) if lost.current else None), True
                continue
            except StatusError:
                if fresh:
                    raise
                written = None
            if written is not None and (fresh or written.data is not entry.data):
                return written
            # Refused, or nothing to change, as an old cache sees it: look again at the store itself.
            latest, fresh = await self.fetch(key), True
            if written is not None and latest is not None and latest.revision == entry.revision:
                return written
            entry = latest

    async def _attempt(
        self, entry: Entry, namespace: str, name: str, make: Make, write: Write, reads_only: bool
    ) -> Written:
        strategy = self.strategy
        if strategy.converts:
            old = await strategy.loaded(entry.copy())
            new = await _made(make, old)
        else:
            old = self.cache.peek(entry)
            new = make(old if reads_only else entry.copy())
        metadata: Object = new.setdefault("metadata", {})
        before: Object = old["metadata"]
        self._check_version(metadata, before, name, entry.key, patched=write.is_patch)
        request = self.admission_request("UPDATE", write, namespace, name, new, old)
        await self.admission.admit(request)
        new = request.object if request.object is not None else new
        metadata = new["metadata"]
        self._keep(metadata, before)
        if self._gated:
            drop_disabled(new, old, self._gated)
        strategy.prepare_update(new, old, write)
        metadata = new["metadata"]
        errors = object_meta.validate(
            metadata,
            namespaced=self.info.namespaced,
            name_rule=strategy.name_rule,
            domain_finalizers=strategy.domain_finalizers,
        )
        errors += object_meta.validate_update(metadata, before)
        errors += strategy.validate_update(new, old, write)
        if errors:
            raise status.invalid(self.info.group, self.info.kind, name, errors)
        if not write.subresource:
            write.warnings += [text for text in strategy.warnings(new, old) if text not in write.warnings]
        request.object = new
        await self.admission.validate(request)
        metadata["resourceVersion"] = before.get("resourceVersion")
        if self._finished_deleting(new, before):
            return await self._delete_instead(entry, old, new, write)
        unchanged = (new == old or _differ_in_times_only(new, old)) and not self._is_stale(entry.key)
        if unchanged and not strategy.converts:
            return Written(entry.data)
        finish = await strategy.begin_update(new, old, write)
        stored = False
        try:
            value = encode(new)
            kept = encode(await strategy.stored(new)) if strategy.converts else value
            if unchanged and splice(kept, self.cache.head_size, entry.revision) == entry.data:
                return Written(entry.data)
            if write.dry_run:
                return Written(splice(value, self.cache.head_size, entry.revision))
            revision = await self.put(entry.key, kept, entry, old, new)
            stored = True
            await self.seen(revision)
            return Written(self.served(entry.key, value, revision))
        finally:
            if finish is not None:
                await finish(stored)

    def _check_version(self, metadata: Object, before: Object, name: str, key: str, *, patched: bool) -> None:
        """The uid of an update is a precondition; that of a patch is a field, which must not change."""
        uid = metadata.get("uid")
        other = bool(uid) and uid != before.get("uid")
        if other and not patched:
            raise self.conflict(name, status.unmet_precondition(key, "UID", uid, before.get("uid")))
        version = metadata.get("resourceVersion")
        if version and version != "0":
            if version != before.get("resourceVersion"):
                if not version.isdecimal():
                    raise invalid_version(self.info, name, version)
                raise self.conflict(name)
        elif self.info.requires_resource_version:
            error = field.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise status.invalid(self.info.group, self.info.kind, name, [error])
        if other:
            immutable = field.invalid("metadata.uid", uid, "field is immutable")
            raise status.invalid(self.info.group, self.info.kind, name, [immutable])

    def _keep(self, metadata: Object, before: Object) -> None:
        """What an update can never change is taken from the old object."""
        metadata.pop("selfLink", None)
        for key in ("generation", "creationTimestamp", "deletionTimestamp"):
            if key in before:
                metadata[key] = before[key]
            elif key == "generation":
                metadata.pop(key, None)
        if not metadata.get("uid"):
            metadata["uid"] = before.get("uid")
        if metadata.get("deletionGracePeriodSeconds") is None and "deletionGracePeriodSeconds" in before:
            metadata["deletionGracePeriodSeconds"] = before["deletionGracePeriodSeconds"]
        if self.info.namespaced and not metadata.get("namespace"):
            metadata["namespace"] = before.get("namespace")

    def _finished_deleting(self, new: Object, before: Object) -> bool:
        metadata = new["metadata"]
        return (
            bool(before.get("deletionTimestamp"))
            and not metadata.get("finalizers")
            and not before.get("deletionGracePeriodSeconds")
            and self.strategy.may_delete_on_update(new)
        )

    async def _delete_instead(self, entry: Entry, old: Object, new: Object, write: Write) -> Written:
        if write.dry_run:
            return Written(encode(new), deleted=True)
        revision = await self.remove(entry, old)
        await self.strategy.after_delete(new, write)
        await self.seen(revision)
        return Written(splice(encode(new), self.cache.head_size, revision), deleted=True)


def _differ_in_times_only(new: Object, old: Object) -> bool:
    """Whether two objects are the same but for when their fields were last written: no reason to write."""
    now, before = new["metadata"].get("managedFields"), old["metadata"].get("managedFields")
    if not now or not before or {**new["metadata"], "managedFields": before} != old["metadata"]:
        return False
    if {**new, "metadata": None} != {**old, "metadata": None}:
        return False
    return now != before and without_times(now) == without_times(before)


def match_namespace(metadata: Object, namespace: str) -> None:
    """An object without namespace gets the request's; another one is refused."""
    found = metadata.get("namespace") or ""
    if found == namespace:
        return
    if not found:
        metadata["namespace"] = namespace
    elif not namespace:
        metadata.pop("namespace")
    else:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def invalid_version(info: ResourceInfo, name: str, version: Any) -> StatusError:
    """422: a resourceVersion that is no number."""
    error = field.invalid(
        "metadata.resourceVersion", version, f'strconv.ParseUint: parsing "{version}": invalid syntax'
    )
    return status.invalid(info.group, info.kind, name, [error])


async def _made(make: Make, old: Object) -> Object:
    """What is made of a copy; owners of fields may be noted in versions that others have to be asked for."""
    while True:
        try:
            return make(orjson.loads(orjson.dumps(old)))
        except Unconverted as missing:
            await missing.convert()
