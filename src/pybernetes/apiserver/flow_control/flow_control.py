"""Keeps schemas and levels in step with the objects, sorts requests into them and shares the seats out.

Before the objects are there the built-in ones count, so that the first request is served like any other. A level that
was deleted goes on until its requests are done, since they hold it.
"""

from typing import Any

from ...api.user import UserInfo
from ...base.clock import Clock
from ...base.http.message import Headers
from ..reader import Object, ObjectReader
from ..request_info import RequestInfo
from .level import Level, settings_of
from .objects import LEVELS, MANDATORY, SCHEMAS, built_in
from .schemas import Schema, ordered
from .shares import allocate, bounds

_REMEMBERED = 4096
_ADJUST_SECONDS = 1.0


class Decision:
    """Where requests of one shape go."""

    __slots__ = ("headers", "labels", "level", "schema")

    def __init__(self, schema: Schema, level: Level) -> None:
        self.schema = schema
        self.level = level
        self.labels = (level.settings.name, schema.name)
        self.headers: Headers = [
            ("x-kubernetes-pf-flowschema-uid", schema.uid),
            ("x-kubernetes-pf-prioritylevel-uid", level.settings.uid),
        ]


class FlowControl:
    """`classify` costs a dictionary look-up for what was seen before (bench/flow_control.py)."""

    def __init__(self, reader: ObjectReader, clock: Clock, total_seats: int) -> None:
        self.total_seats = total_seats
        self.levels: dict[str, Level] = {}
        self.schemas: list[Schema] = []
        self._clock = clock
        schemas, levels = built_in()
        self._schema_objects = dict(schemas)
        self._level_objects = dict(levels)
        self._decisions: list[Decision] = []
        self._known: dict[tuple[Any, ...], Decision] = {}
        self._adjusted = float("-inf")
        self._stale = True
        reader.subscribe(SCHEMAS, lambda old, new: self._changed(self._schema_objects, schemas, old, new))
        reader.subscribe(LEVELS, lambda old, new: self._changed(self._level_objects, levels, old, new))

    def _changed(
        self, objects: dict[str, Object], mandatory: dict[str, Object], old: Object | None, new: Object | None
    ) -> None:
        if new is not None:
            objects[new["metadata"]["name"]] = new
        elif old is not None:
            name = old["metadata"]["name"]
            objects.pop(name, None)
            if name in MANDATORY:
                objects[name] = mandatory[name]
        self._stale = True

    def classify(self, user: UserInfo, info: RequestInfo) -> Decision:
        """The first schema that matches, and its level."""
        if self._stale:
            self._rebuild()
        path = "" if info.is_resource else info.path
        key = (user.name, user.groups, info.verb, info.group, info.resource, info.subresource, info.namespace, path)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[key] = self._decide(user, info)
        return found

    def _decide(self, user: UserInfo, info: RequestInfo) -> Decision:
        catch_all = None
        for decision in self._decisions:
            if decision.schema.matches(user, info):
                return decision
            if decision.schema.name == "catch-all":
                catch_all = decision
        assert catch_all is not None  # mandatory objects are always there
        return catch_all

    def _rebuild(self) -> None:
        self._stale = False
        self._known.clear()
        self.schemas = ordered([Schema(obj) for obj in self._schema_objects.values()])
        before, self.levels = self.levels, {}
        for name, obj in self._level_objects.items():
            settings = settings_of(obj)
            kept = before.get(name)
            self.levels[name] = kept if kept is not None and kept.settings == settings else Level(settings, self._clock)
        shares = sum(level.settings.shares for level in self.levels.values())
        for level in self.levels.values():
            s = level.settings
            level.bounds = bounds(self.total_seats, s.shares, shares, s.lendable_percent, s.borrowing_percent)
            level.limit = level.bounds.nominal
            level.dispatch()
        self._decisions = [
            Decision(schema, self.levels[schema.level]) for schema in self.schemas if schema.level in self.levels
        ]

    def congested(self) -> None:
        """Somebody has to wait: share the seats out anew, unless that was done just now."""
        now = self._clock.monotonic()
        if now - self._adjusted < _ADJUST_SECONDS:
            return
        self._adjusted = now
        levels = [level for level in self.levels.values() if not level.exempt]
        limits = allocate(self.total_seats, [(level.bounds, float(level.demand())) for level in levels])
        for level, limit in zip(levels, limits, strict=True):
            level.limit = limit
            level.dispatch()

    def is_dangling(self, schema: Object) -> bool:
        """Whether a FlowSchema names a level that is not there."""
        name = (schema["spec"].get("priorityLevelConfiguration") or {}).get("name")
        return name not in self._level_objects
