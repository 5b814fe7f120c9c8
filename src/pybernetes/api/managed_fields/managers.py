"""The entries of `metadata.managedFields`: who manages, by which operation and version, and what.

An applier is the same whatever version it applies with; an updater is another one for each version. Entries are kept
sorted (appliers before updaters, then by time), and those of updaters capped: the oldest are joined under one name.
"""

from typing import Any

import msgspec

from .field_set import BadFields, FieldSet, checked, union
from .order import in_order

Object = dict[str, Any]

APPLY, UPDATE = "Apply", "Update"
MAX_UPDATERS = 10
_ANCIENT = "ancient-changes"


class Key(msgspec.Struct, frozen=True, order=False):
    """Tells managers apart; `api_version` is "" for appliers."""

    manager: str
    operation: str
    api_version: str = ""
    subresource: str = ""


class Owned(msgspec.Struct, frozen=True):
    """What one manager owns, in terms of one version. `time` as on the wire, "" when unknown."""

    fields: FieldSet
    api_version: str
    time: str = ""

    def having(self, fields: FieldSet) -> "Owned":
        return Owned(fields, self.api_version, self.time)


Managers = dict[Key, Owned]


def key_for(manager: str, operation: str, api_version: str, subresource: str) -> Key:
    """The key of the manager of a request."""
    return Key(manager or "unknown", operation, "" if operation == APPLY else api_version, subresource)


def decode(entries: Any, *, trusted: bool = True) -> Managers:
    """From wire form. BadFields for what is no entry; `trusted` entries are our own and not looked at closely."""
    found: Managers = {}
    for entry in entries or ():
        if not trusted:
            _check(entry)
        operation, api_version = entry.get("operation", ""), entry.get("apiVersion", "")
        key = key_for(entry.get("manager", ""), operation, api_version, entry.get("subresource", ""))
        fields = entry.get("fieldsV1") or {}
        found[key] = Owned(fields if trusted else checked(fields), api_version, entry.get("time") or "")
    return found


def _check(entry: Any) -> None:
    if not isinstance(entry, dict) or entry.get("operation") not in (APPLY, UPDATE):
        raise BadFields("invalid operation")
    if not entry.get("apiVersion"):
        raise BadFields("apiVersion must not be empty")
    if entry.get("fieldsType", "FieldsV1") != "FieldsV1":
        raise BadFields("fieldsType must be FieldsV1")


def is_reset(entries: Any) -> bool:
    """Whether a client asks to forget all managers: one empty entry."""
    return isinstance(entries, list) and len(entries) == 1 and not entries[0]


def encode(managers: Managers) -> list[Object]:
    """To wire form, sorted."""
    keyed = sorted(managers.items(), key=_order)
    return [_entry(key, owned) for key, owned in keyed]


def _order(item: tuple[Key, Owned]) -> tuple[str, str, str, str, str]:
    key, owned = item
    return key.operation, owned.time, key.manager, owned.api_version, key.subresource


def _entry(key: Key, owned: Owned) -> Object:
    entry: Object = {"manager": key.manager, "operation": key.operation, "apiVersion": owned.api_version}
    if owned.time:
        entry["time"] = owned.time
    entry["fieldsType"] = "FieldsV1"
    entry["fieldsV1"] = in_order(owned.fields)
    if key.subresource:
        entry["subresource"] = key.subresource
    return entry


def capped(managers: Managers, limit: int = MAX_UPDATERS) -> Managers:
    """At most `limit` updaters, if enough of them share a version: the oldest become one per version."""
    updaters = [key for key in managers if key.operation != APPLY]
    if len(updaters) <= limit:
        return managers
    found = dict(managers)
    first_of: dict[str, Key] = {}
    count = len(updaters)
    for key in sorted(updaters, key=lambda key: (found[key].time, key.manager, key.api_version, key.subresource)):
        if count <= limit:
            break
        owned = found[key]
        first = first_of.setdefault(owned.api_version, key)
        if first is key:
            continue
        bucket = Key(_ANCIENT, UPDATE, owned.api_version)
        if bucket not in found:
            found[bucket] = found.pop(first)
        if key != bucket:
            earlier = found[bucket]
            del found[key]
            found[bucket] = Owned(union(owned.fields, earlier.fields), owned.api_version, owned.time)
        count -= 1
    return found


def without_times(entries: list[Object]) -> list[Object]:
    """Entries as they compare when only the times differ."""
    return [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
