"""The configured webhooks, in the order in which they are asked, kept up to date from the watch cache."""

from typing import Any

import msgspec

from ....api.resource import ResourceInfo
from ....api.selectors import Labels, from_label_selector
from ...reader import ObjectReader

Object = dict[str, Any]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a configuration; `uid` is unique among all of them."""

    configuration: str
    uid: str
    name: str
    client: Object
    rules: list[Object]
    fail: bool
    equivalent: bool
    namespace_selector: Labels
    object_selector: Labels
    has_side_effects: bool
    timeout_seconds: int
    review_version: str
    reinvoke: bool
    conditions: tuple[tuple[str, str], ...]
    """(name, expression)."""


def webhook_of(configuration: str, uid: str, entry: Object) -> Webhook:
    """An entry with upstream's defaults. The selectors are valid: validation has seen them."""
    return Webhook(
        configuration=configuration,
        uid=uid,
        name=str(entry.get("name")),
        client=entry.get("clientConfig") or {},
        rules=entry.get("rules") or [],
        fail=entry.get("failurePolicy") != "Ignore",
        equivalent=entry.get("matchPolicy") != "Exact",
        namespace_selector=from_label_selector(entry.get("namespaceSelector") or {}),
        object_selector=from_label_selector(entry.get("objectSelector") or {}),
        has_side_effects=entry.get("sideEffects") not in ("None", "NoneOnDryRun"),
        timeout_seconds=int(entry.get("timeoutSeconds") or 10),
        review_version=next((v for v in entry.get("admissionReviewVersions") or () if v in ("v1", "v1beta1")), "v1"),
        reinvoke=entry.get("reinvocationPolicy") == "IfNeeded",
        conditions=tuple((str(c["name"]), str(c["expression"])) for c in entry.get("matchConditions") or ()),
    )


class Webhooks:
    """All webhooks of one kind of configuration: configurations by name, their entries in order."""

    def __init__(self, reader: ObjectReader, info: ResourceInfo) -> None:
        self._configurations: dict[str, list[Webhook]] = {}
        self._all: tuple[Webhook, ...] | None = ()
        self._reader = reader
        self._info = info
        reader.subscribe(info, self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            self._configurations.pop(old["metadata"]["name"], None)
        else:
            name = new["metadata"]["name"]
            self._configurations[name] = _entries(name, new.get("webhooks") or [])
        self._all = None

    def all(self) -> tuple[Webhook, ...]:
        """In the order of the configurations' names."""
        if self._all is None:
            found = self._configurations
            self._all = tuple(webhook for name in sorted(found) for webhook in found[name])
        return self._all


def _entries(configuration: str, entries: list[Object]) -> list[Webhook]:
    """Upstream tells entries of one name apart by their number."""
    seen: dict[str, int] = {}
    found = []
    for entry in entries:
        name = str(entry.get("name"))
        number = seen.get(name, 0)
        seen[name] = number + 1
        for condition in entry.get("matchConditions") or ():
            _warm(str(condition.get("expression")))
        found.append(webhook_of(configuration, f"{configuration}/{name}/{number}", entry))
    return found


def _warm(expression: str) -> None:
    """Compile a condition now, so that no request waits for it."""
    from ....api.cel import CelError
    from ....api.match_conditions import compiled

    try:
        compiled(expression)
    except CelError:
        return  # evaluated, it fails again and the failure policy decides
