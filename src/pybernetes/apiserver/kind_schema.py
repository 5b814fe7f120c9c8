"""How objects of one served version are made sound: unknown fields, types, defaults.

Built-in kinds go by the type table; a custom resource brings its own (`crds/version.py`).
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from ..api.defaulting import apply_defaults
from ..api.digest import digest
from ..api.patch import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH
from ..api.schema import ObjectSchema, schema_for
from .negotiation import ACCEPTED_BODIES

Object = dict[str, Any]
Unknown = Literal["ignore", "warn", "strict"]
APPLY_PATCH = "application/apply-patch+yaml"
_SOUND_LIMIT = 512


class KindSchema(Protocol):
    """See the module docstring. `bodies` and `patches` are the media types that requests may have."""

    bodies: tuple[str, ...]
    patches: tuple[str, ...]

    @property
    def strategic(self) -> ObjectSchema | None:
        """What strategic merge patches go by; None where there are none."""

    def decode(
        self, obj: Object, *, unknown: Unknown, duplicates: Sequence[str] = (), by_path: bool = False
    ) -> list[str]:
        """Bring an object into shape, in place; what there is to warn of, in the order of paths if that is wanted.
        StatusError 400."""

    def defaults(self, obj: Object) -> None:
        """Fill in defaults, in place."""


class BuiltinKind:
    """A kind of the type table; kinds that are not in it are taken as they come."""

    bodies: tuple[str, ...] = ACCEPTED_BODIES
    patches: tuple[str, ...] = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)

    def __init__(self, api_version: str, kind: str) -> None:
        self._api_version = api_version
        self._kind = kind

    @property
    def strategic(self) -> ObjectSchema | None:
        return schema_for(self._api_version, self._kind)

    def decode(
        self, obj: Object, *, unknown: Unknown, duplicates: Sequence[str] = (), by_path: bool = False
    ) -> list[str]:
        schema = self.strategic
        return schema.decode(obj, unknown=unknown, duplicates=duplicates, by_path=by_path) if schema is not None else []

    def _decode_without(
        self, obj: Object, members: tuple[str, ...], unknown: Unknown, duplicates: Sequence[str], by_path: bool
    ) -> list[str]:
        """As `decode`, of all but these members, which are structs and sound."""
        kept = [(name, obj[name]) for name in members]
        for name, _ in kept:
            obj[name] = {}  # in its place, so that the members keep their order
        try:
            return BuiltinKind.decode(self, obj, unknown=unknown, duplicates=duplicates, by_path=by_path)
        finally:
            for name, value in kept:
                obj[name] = value

    def defaults(self, obj: Object) -> None:
        apply_defaults(obj, self._api_version, self._kind)


class TemplatedKind(BuiltinKind):
    """Pods: many come with the same spec, that of their template.

    A spec that was found sound, and came in the shape that decoding gives it, is known by its digest from then on and
    not looked through again. With the fields it gives to its owner, which are known by the same digest (`Write.told`),
    that takes 10 us off the 230 of a create without HTTP. Digests only, since texts may be secrets."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(api_version, kind)
        self._sound: set[bytes] = set()

    def decode_sent(
        self, obj: Object, told: bytes | None, *, unknown: Unknown, duplicates: Sequence[str], by_path: bool
    ) -> list[str]:
        """As `decode`; `told` is the digest of the spec."""
        if told in self._sound:
            return self._decode_without(obj, ("spec",), unknown, duplicates, by_path)
        found = self.decode(obj, unknown=unknown, duplicates=duplicates, by_path=by_path)
        if told is not None and not found and unknown != "ignore" and digest(obj.get("spec")) == told:
            if len(self._sound) >= _SOUND_LIMIT:
                self._sound.clear()
            self._sound.add(told)
        return found


class SettledKind(BuiltinKind):
    """A built-in kind for an object some of whose members (`settled`, all of them structs) are as the store has them:
    they were checked and completed when they were written. Leaving out the spec takes a sixth off a status patch and
    off an apply of labels."""

    def __init__(self, api_version: str, kind: str, settled: tuple[str, ...]) -> None:
        super().__init__(api_version, kind)
        self._settled = settled

    def decode(
        self, obj: Object, *, unknown: Unknown, duplicates: Sequence[str] = (), by_path: bool = False
    ) -> list[str]:
        return self._decode_without(obj, self._settled, unknown, duplicates, by_path)

    def defaults(self, obj: Object) -> None:
        apply_defaults(obj, self._api_version, self._kind, self._settled)
