"""`FieldManager`: keeps `metadata.managedFields` of one served version of a kind, for every way of writing.

    create, update, patch   created / updated: in place, on the object before admission and the kind's strategy see it
    apply                   applied: the merged object, or ApplyConflict

What a write may not touch on its endpoint (the status on the object itself, all but the status on `/status`) is given
as `ignored` and owned by nobody through it. An entry's time moves when the write changed something.

An object without entries is not tracked by updates (its managers were reset, or it is older than tracking); its first
apply gives all that is there to `before-first-apply`.
"""

from typing import Any

from ..digest import digest
from ..status import bad_request
from .compare import compare, is_flat
from .config import fitting_set, problems
from .conflicts import ApplyConflict
from .field_set import MEMBER, BadFields, FieldSet, difference, recursive_difference, union
from .last_applied import KUBECTL, allowed, annotation_of, refreshed
from .managers import APPLY, UPDATE, Key, Managers, Owned, capped, decode, encode, is_reset, key_for
from .nodes import MergeSchema, Object
from .updating import Applied, apply, update

_BEFORE_FIRST_APPLY = "before-first-apply"
_METADATA: FieldSet = {
    ".": MEMBER,
    "f:name": MEMBER,
    "f:namespace": MEMBER,
    "f:creationTimestamp": MEMBER,
    "f:selfLink": MEMBER,
    "f:uid": MEMBER,
    "f:clusterName": MEMBER,
    "f:generation": MEMBER,
    "f:managedFields": MEMBER,
    "f:resourceVersion": MEMBER,
}
_STRIPPED: FieldSet = {"f:apiVersion": MEMBER, "f:kind": MEMBER, "f:metadata": _METADATA}
NOTHING: FieldSet = {}
_KEPT = 256
_DEEP = frozenset({dict, list})


class Unfit(Exception):
    """A configuration that does not fit its type."""


class FieldManager:
    """See the module docstring. Times are meta/v1 Time texts."""

    def __init__(self, schema: MergeSchema) -> None:
        self.schema = schema
        self._creations: dict[tuple[Any, ...], FieldSet] = {}

    def created(
        self, obj: Object, manager: str, now: str, ignored: FieldSet = NOTHING, told: bytes | None = None
    ) -> None:
        """Track a new object, in place. A client may bring entries along. `told`: what its spec is known by."""
        brought = obj["metadata"].pop("managedFields", None)
        managers = _readable(brought) if brought else None
        key = key_for(manager, UPDATE, self.schema.api_version, "")
        if managers:
            self._track(self.schema.zero, obj, managers, key, now, ignored)
            return
        gained = difference(recursive_difference(self._creation(obj, told), ignored), _STRIPPED)
        if gained:
            obj["metadata"]["managedFields"] = encode({key: Owned(gained, self.schema.api_version, now)})

    def _creation(self, obj: Object, told: bytes | None = None) -> FieldSet:
        """All that a new object adds to an empty one: what `compare` finds, gathered member by member.

        Objects made from one template are alike, so what members added is kept: simple values and flat maps by their
        names, all others (containers, volumes, templates) by digest, since texts may hold secrets. The set of a pod
        with sixteen variables takes 10 us so, instead of 30."""
        zero = self.schema.zero
        found: FieldSet = {}
        for name, value in obj.items():
            before = zero.get(name)
            if value == before and name in zero:
                continue
            if type(value) is not dict or not value:
                found = union(found, self._compared({name: value}))
            elif name == "spec" and told is not None:
                made = self._creations.get((name, told))
                if made is None:
                    made = self._keep((name, told), self._gathered(name, value, before))
                found = union(found, made)
            else:
                found = union(found, self._gathered(name, value, before))
        return found

    def _gathered(self, name: str, value: Object, before: Any) -> FieldSet:
        """What one member of the object adds, gathered from its own members."""
        found: FieldSet = {}
        simple: Object = {}
        for member, inner in value.items():
            if before and member in before and (before[member] or type(inner) not in _DEEP):
                found = union(found, self._compared({name: {member: inner}}))
            elif inner and type(inner) in _DEEP:
                told = tuple(inner) if type(inner) is dict and is_flat(inner) else digest(inner)
                found = union(found, self._added((name, member, told), {name: {member: inner}}))
            else:
                simple[member] = inner
        return union(found, self._added((name, tuple(simple)), {name: simple})) if simple else found

    def _added(self, key: tuple[Any, ...], part: Object) -> FieldSet:
        """What a part adds, out of memory if it can be; None ends the key of what must not be kept."""
        kept = self._creations.get(key)
        if kept is None:
            kept = self._compared(part)
            if key[-1] is not None:
                self._keep(key, kept)
        return kept

    def _keep(self, key: tuple[Any, ...], fields: FieldSet) -> FieldSet:
        if len(self._creations) >= _KEPT:
            self._creations.clear()
        self._creations[key] = fields
        return fields

    def _compared(self, part: Object) -> FieldSet:
        zero = self.schema.zero
        return compare({name: zero[name] for name in part if name in zero}, part, self.schema.root).changed

    def updated(
        self, live: Object, new: Object, manager: str, now: str, subresource: str = "", ignored: FieldSet = NOTHING
    ) -> None:
        """Track a change, in place in `new`; `live` is the object it replaces."""
        metadata = new["metadata"]
        present = live["metadata"].get("managedFields")
        brought = metadata.pop("managedFields", None)
        managers: Managers | None = None
        if not subresource and brought is not None and brought != present:
            if is_reset(brought):
                return
            managers = _readable(brought)
        if not managers:
            if not present:
                return
            managers = decode(present)
        key = key_for(manager, UPDATE, self.schema.api_version, subresource)
        unchanged = self._track(without_entries(live), new, managers, key, now, ignored)
        if unchanged and present and (brought is None or brought == present or subresource):
            metadata["managedFields"] = present

    def _track(self, live: Object, new: Object, managers: Managers, key: Key, now: str, ignored: FieldSet) -> bool:
        """Writes the entries into `new`; True when nothing had changed."""
        shifted, gained = update(self.schema, live, new, managers, ignored)
        unchanged = shifted is managers
        gained = difference(gained, _STRIPPED) if gained else gained
        if gained:
            before = shifted.get(key)
            fields = union(gained, before.fields) if before is not None else gained
            shifted = capped({**shifted, key: Owned(fields, self.schema.api_version, now)})
        if shifted:
            new["metadata"]["managedFields"] = encode(shifted)
        return unchanged

    def applied(
        self,
        live: Object | None,
        config: Object,
        manager: str,
        now: str,
        *,
        force: bool,
        subresource: str = "",
        ignored: FieldSet = NOTHING,
    ) -> Object:
        """The object after server-side apply, `live` None when there is none yet; neither is changed.

        StatusError 400 for a configuration of another version or with managedFields, Unfit for one that does not fit
        the type, ApplyConflict."""
        schema = self.schema
        named = self._named(config)
        managers: Managers = {}
        base = schema.zero
        if live is not None:
            managers = decode(live["metadata"].get("managedFields"))
            base = without_entries(live)
            if not managers:
                managers = self._before_first_apply(base)
        key = key_for(manager, APPLY, schema.api_version, subresource)
        result = self._apply(base, config, named, managers, key, force, ignored)
        owned = result.managers.get(key)
        managers = dict(result.managers)
        if owned is not None:
            fields = difference(owned.fields, _STRIPPED)
            if not fields:
                del managers[key]
            else:
                time = now if result.obj is not None else owned.time
                managers[key] = Owned(fields, owned.api_version, time)
        obj = base if result.obj is None else result.obj
        if manager == KUBECTL and live is not None and annotation_of(live) is not None:
            obj = refreshed(obj, config)
        metadata = {**obj["metadata"], "managedFields": encode(managers)}
        if not metadata["managedFields"]:
            del metadata["managedFields"]
        return {**obj, "metadata": metadata}

    def _named(self, config: Object) -> FieldSet:
        """The fields of a configuration, which must be one of this type."""
        schema = self.schema
        found = config.get("apiVersion") or ""
        if found != schema.api_version:
            words = f"Incorrect version specified in apply patch. Specified patch version: {found}, expected: "
            raise bad_request(words + schema.api_version)
        if config["metadata"].get("managedFields") is not None:
            raise bad_request("metadata.managedFields must be nil")
        named = fitting_set(schema.root, config)
        if named is None:
            wrong = problems(schema.root, config)
            raise Unfit(wrong[0] if len(wrong) == 1 else "\n".join(["errors:", *("  " + text for text in wrong)]))
        return named

    def _before_first_apply(self, live: Object) -> Managers:
        key = key_for(_BEFORE_FIRST_APPLY, UPDATE, self.schema.api_version, "")
        _, gained = update(self.schema, self.schema.zero, live, {}, NOTHING)
        fields = difference(gained, _STRIPPED)
        return {key: Owned(fields, self.schema.api_version)} if fields else {}

    def _apply(
        self,
        live: Object,
        config: Object,
        named: FieldSet,
        managers: Managers,
        key: Key,
        force: bool,
        ignored: FieldSet,
    ) -> Applied:
        try:
            return apply(self.schema, live, config, named, managers, key, ignored, force=force)
        except ApplyConflict as conflict:
            if key.manager != KUBECTL:
                raise
            left = conflict.without(allowed(self.schema, live))
            if left is not None:
                raise left from None
        return apply(self.schema, live, config, named, managers, key, ignored, force=True)


def _readable(entries: Any) -> Managers | None:
    """Entries a client sent, None when they are none."""
    if not entries or is_reset(entries):
        return None
    try:
        return decode(entries, trusted=False)
    except (BadFields, AttributeError, TypeError):
        return None


def without_entries(obj: Object) -> Object:
    """The object without its managedFields; shares all else."""
    metadata = obj["metadata"]
    if "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
