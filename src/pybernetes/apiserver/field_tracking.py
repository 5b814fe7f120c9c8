"""Field management at an endpoint: each write's changes are tracked in the version the client speaks, before admission.

    tracking.created(obj, write)            POST, and PUT or apply of something new
    tracking.updated(live, obj, write)      PUT and the three patches
    tracking.applied(live, config, write)   server-side apply

A built-in kind's merge schema comes from the type table; whoever serves a custom resource gives its own with
`tracking.use(schema)` (a `MergeSchema`, for instance a `StructuralSchema`).
"""

from typing import Any

from ..api.managed_fields import ApplyConflict, FieldManager, MergeSchema, Unconverted
from ..api.managed_fields.builtin import BuiltinSchema
from ..api.managed_fields.manager import Unfit
from ..api.managed_fields.structural import StructuralSchema
from ..api.resource import ResourceInfo
from ..api.schema.table import type_of
from ..api.status import StatusError
from ..base.clock import Clock
from .conversion import convert
from .resources.strategy import Strategy, Write, instant

Object = dict[str, Any]

_NAME_LIMIT = 128


class FieldTracking:
    """The field manager of one endpoint; made when it is first needed."""

    def __init__(self, info: ResourceInfo, strategy: Strategy, clock: Clock) -> None:
        self._info = info
        self._strategy = strategy
        self._clock = clock
        self._manager: FieldManager | None = None

    def use(self, schema: MergeSchema) -> None:
        """Track by this schema from now on."""
        self._manager = FieldManager(schema)

    @property
    def manager(self) -> FieldManager:
        if self._manager is None:
            self._manager = FieldManager(self._schema())
        return self._manager

    def _schema(self) -> MergeSchema:
        api_version, kind = self._info.group_version, self._info.kind
        if type_of(api_version, kind) is None:
            return StructuralSchema(api_version, kind, None)
        return BuiltinSchema(api_version, kind, lambda obj, start, end: convert(obj, kind, start, end))

    def created(self, obj: Object, write: Write) -> None:
        """In place."""
        obj.setdefault("metadata", {})
        ignored = self._strategy.reset_fields("")
        try:
            self.manager.created(obj, write.field_manager, self._now(), ignored, write.told)
        except Unconverted:  # entries of another version that the client brought are off by now, and not followed
            self.manager.created(obj, write.field_manager, self._now(), ignored)

    def updated(self, live: Object, new: Object, write: Write) -> None:
        """In place in `new`; both in this endpoint's version."""
        ignored = self._strategy.reset_fields(write.subresource)
        new.setdefault("metadata", {})
        self.manager.updated(live, new, write.field_manager, self._now(), write.subresource, ignored)

    def applied(self, live: Object | None, config: Object, write: Write, *, force: bool) -> Object:
        """The object after an apply, not yet checked against the schema. StatusError 400, 409, 500."""
        ignored = self._strategy.reset_fields(write.subresource)
        try:
            return self.manager.applied(
                live,
                config,
                write.field_manager,
                self._now(),
                force=force,
                subresource=write.subresource,
                ignored=ignored,
            )
        except ApplyConflict as conflict:
            raise conflict.error() from None
        except Unfit as error:
            raise self._unfit(config, error) from None

    def _unfit(self, config: Object, error: Unfit) -> StatusError:
        """Upstream's words. It answers 500, we say that the request is at fault (without a reason, as upstream, so
        that kubectl prints the same)."""
        metadata, info = config["metadata"], self._info
        name = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
        kind = f"{info.group}/{info.version}, Kind={info.kind}"
        return StatusError(400, "", f"failed to create typed patch object ({name}; {kind}): {error}", {})

    def _now(self) -> str:
        return instant(self._clock.now())


def manager_of(field_manager: str, user_agent: str) -> str:
    """The manager of a write: the parameter, else the user agent's name (`kubectl` of `kubectl/v1.33 (...)`)."""
    if field_manager:
        return field_manager
    name = user_agent.partition("/")[0]
    return "".join(letter for letter in name if letter.isprintable())[:_NAME_LIMIT]
