"""One version of a definition: what its objects must look like, and how they come out of the store and go into it.

Objects in the store may be of another version, or older than a change of the schema: what is read is converted, pruned
and given defaults as if it came from a client. Objects written since the definition took its present form, in its only
version, are as they should be and pass untouched.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from ...api.patch import JSON_PATCH, MERGE_PATCH
from ...api.resource import ResourceInfo
from ...api.schema import schema_of_type
from ...api.status import bad_request
from ...api.structural.cel_rules import Rules, compile_rules
from ...api.structural.defaulting import apply_defaults
from ...api.structural.pruning import prune, prune_nulls
from ..kind_schema import APPLY_PATCH, Unknown
from ..negotiation import JSON, YAML
from ..watch_cache import Entry
from ..watch_cache.entry import encode, head, splice
from .conversion import Conversion, renamed
from .definition import Definition, Version

Object = dict[str, Any]

_LISTED = 100
_META = b'"metadata":{'
_REVISION = len(b'"resourceVersion":"')


class CustomVersion:
    """Implements `KindSchema`. `version` may be replaced (`definition` changed) while requests are served."""

    bodies: tuple[str, ...] = (JSON, YAML)
    patches: tuple[str, ...] = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
    strategic = None

    def __init__(self, definition: Definition, version: Version, info: ResourceInfo, conversion: Conversion) -> None:
        self.definition = definition
        self.version = version
        self.info = info
        self.conversion = conversion
        self._head = head(info.group_version, info.kind)
        self._only = len(definition.versions) == 1
        self._rules: Rules | None = None
        self._compiled = False

    @property
    def rules(self) -> Rules | None:
        """The CEL rules, compiled with the first object."""
        if not self._compiled:
            self._rules = compile_rules(self.version.schema)
            self._compiled = True
        return self._rules

    # -- what clients send

    def decode(
        self, obj: Object, *, unknown: Unknown, duplicates: Sequence[str] = (), by_path: bool = False
    ) -> list[str]:
        """See `KindSchema`."""
        paths = self._pruned(obj)
        if unknown == "ignore":
            return []
        problems = [f'unknown field "{path}"' for path in sorted(paths)]
        problems = list(dict.fromkeys([*duplicates, *problems]))[:_LISTED]
        if problems and unknown == "strict":
            raise bad_request(self._unusable(f"strict decoding error: {', '.join(problems)}"))
        return problems

    def _pruned(self, obj: Object) -> list[str]:
        metadata = obj.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise bad_request(self._unusable("metadata must be an object"))
        return prune(obj, self.version.schema, _sound_metadata)

    def _unusable(self, why: str) -> str:
        kind = self.info.kind
        return f'{kind} in version "{self.info.version}" cannot be handled as a {kind}: {why}'

    def defaults(self, obj: Object) -> None:
        """See `KindSchema`."""
        prune_nulls(obj, self.version.schema)
        apply_defaults(obj, self.version.schema)

    # -- what the store has

    def is_sound(self, data: bytes) -> bool:
        """Whether served bytes need no work."""
        if not self._only or not data.startswith(self._head):
            return False
        since = self.definition.unchanged_since
        if not since:
            return True
        start = len(self._head) + _REVISION
        return int(data[start : data.index(b'"', start)]) > since

    def shape(self, obj: Object) -> Object:
        """An object of this version as today's schema shows it; changed in place."""
        prune(obj, self.version.schema, _kept_metadata)
        self.defaults(obj)
        return obj

    def shown(self, data: bytes) -> bytes:
        """Served bytes of any version in this one; only without a webhook (else the bytes themselves)."""
        if self.is_sound(data):
            return data
        if self.conversion.by_webhook and not data.startswith(self._head):
            return data
        obj: Object = orjson.loads(data)
        return served(self.shape(renamed(obj, self.info.group_version)))

    async def read(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries with the bytes this version serves. StatusError 500 when a webhook fails."""
        if all(self.is_sound(entry.data) for entry in entries):
            return list(entries)
        objects = await self.conversion.convert([entry.copy() for entry in entries], self.version.name)
        return [
            msgspec.structs.replace(entry, data=served(self.shape(obj)), decoded=None)
            for entry, obj in zip(entries, objects, strict=True)
        ]

    async def in_this_version(self, data: bytes) -> bytes:
        """Served bytes of one object in this version."""
        if data.startswith(self._head):
            return data
        (obj,) = await self.conversion.convert([orjson.loads(data)], self.version.name)
        return served(self.shape(obj))

    async def loaded(self, obj: Object) -> Object:
        """A stored object (private) in this version."""
        (found,) = await self.conversion.convert([obj], self.version.name)
        return self.shape(found)

    async def stored(self, obj: Object) -> Object:
        """An object of this version in the one the store keeps."""
        storage = self.definition.storage
        if storage.name == self.version.name:
            return obj
        (found,) = await self.conversion.convert([obj], storage.name)
        found = dict(found)
        prune(found, storage.schema, _kept_metadata)
        prune_nulls(found, storage.schema)
        apply_defaults(found, storage.schema)
        return found

    async def converted(self, obj: Object) -> Object:
        """An object of another served version in this one, for admission."""
        (found,) = await self.conversion.convert([obj], self.version.name)
        return found


def _sound_metadata(metadata: Object) -> list[str]:
    """Metadata in its own schema: types checked, unknown fields removed and named."""
    found = schema_of_type("meta/v1.ObjectMeta").decode(metadata, unknown="warn")
    return [text.removeprefix('unknown field "').removesuffix('"') for text in found]


def _kept_metadata(metadata: Object) -> list[str]:
    return []


def served(obj: Object) -> bytes:
    """An object with a resourceVersion as served bytes: the version comes first in metadata."""
    version = obj["metadata"].get("resourceVersion")
    stored = encode(obj)
    return splice(stored, stored.index(_META) + len(_META), int(version)) if version else stored
