"""Which events become which writes: the pure part of the recorder, with client-go's numbers.

    event ──aggregate──▶ itself, or a combined one ──observe──▶ create or count+1 ──limit──▶ write or drop

* Aggregate: more than 10 events that differ only in their message, each within 600 s of the last, become one.
* Observe: an event seen before (same object, reason, message, source) is not created again: its count goes up.
* Limit: per source and object 25 events at once, then one every 5 minutes.

Each table keeps the 4096 most recently used entries, and drops those that decide nothing any more as others come.
Events are core/v1 Events in wire form.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

Event = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")

CACHE_SIZE = 4096
MAX_SIMILAR = 10
SIMILAR_SECONDS = 600.0
SPAM_BURST = 25.0
SPAM_SECONDS_PER_EVENT = 300.0
_AT_ONCE = 2
COMBINED_PREFIX = "(combined from similar events): "


class _Recent(Generic[K, V]):
    """The most recently used entries of a mapping. `is_over` tells of an entry at an instant that it is as good as
    absent."""

    def __init__(self, is_over: Callable[[V, float], bool]) -> None:
        self._is_over = is_over
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: K, value: V, now: float) -> None:
        entries = self._entries
        entries[key] = value
        entries.move_to_end(key)
        if len(entries) > CACHE_SIZE:
            entries.popitem(last=False)
        for _ in range(_AT_ONCE):
            oldest = next(iter(entries))
            if oldest == key or not self._is_over(entries[oldest], now):
                break
            del entries[oldest]


class _Similar(msgspec.Struct):
    last: float
    messages: dict[str, None]


class _Bucket(msgspec.Struct):
    tokens: float
    updated: float


def _is_long_ago(similar: _Similar, now: float) -> bool:
    return now - similar.last > SIMILAR_SECONDS


def _is_full(bucket: _Bucket, now: float) -> bool:
    return bucket.tokens + (now - bucket.updated) / SPAM_SECONDS_PER_EVENT >= SPAM_BURST


class Observation(msgspec.Struct):
    """An event that was written: what is needed to count it up."""

    name: str
    first_timestamp: str
    count: int


class Verdict(msgspec.Struct):
    """What to write. `existing` is set when an event of that name is to be patched with the new count."""

    event: Event
    key: tuple[str, ...]
    existing: bool


class Correlator:
    """Tables of what was seen; `correlate` decides about one event."""

    def __init__(self) -> None:
        self._similar: _Recent[tuple[str, ...], _Similar] = _Recent(_is_long_ago)
        self._observed: _Recent[tuple[str, ...], Observation] = _Recent(lambda seen, now: False)
        self._buckets: _Recent[tuple[str, ...], _Bucket] = _Recent(_is_full)

    def correlate(self, event: Event, now: float) -> Verdict | None:
        """The write for an event at monotonic instant `now`; None when there are too many from its source."""
        event, key = self._aggregate(event, now)
        seen = self._observed.get(key)
        existing = seen is not None
        if seen is not None:
            event["metadata"]["name"] = seen.name
            event["firstTimestamp"] = seen.first_timestamp
            event["count"] = seen.count + 1
        self._observed.put(key, Observation(event["metadata"]["name"], event["firstTimestamp"], event["count"]), now)
        if not self._admit(event, now):
            return None
        return Verdict(event, key, existing)

    def _aggregate(self, event: Event, now: float) -> tuple[Event, tuple[str, ...]]:
        similar_key = _similar_key(event)
        full_key = (*similar_key, event["involvedObject"].get("fieldPath", ""), event["message"])
        similar = self._similar.get(similar_key)
        if similar is None or now - similar.last > SIMILAR_SECONDS:
            similar = _Similar(now, {})
        similar.last = now
        similar.messages[event["message"]] = None
        self._similar.put(similar_key, similar, now)
        if len(similar.messages) < MAX_SIMILAR:
            return event, full_key
        similar.messages.pop(next(iter(similar.messages)))
        return {**event, "message": COMBINED_PREFIX + event["message"]}, similar_key

    def _admit(self, event: Event, now: float) -> bool:
        source, involved = event["source"], event["involvedObject"]
        key = (
            source.get("component", ""),
            source.get("host", ""),
            *(involved.get(field, "") for field in ("kind", "namespace", "name", "uid", "apiVersion")),
        )
        bucket = self._buckets.get(key) or _Bucket(SPAM_BURST, now)
        bucket.tokens = min(SPAM_BURST, bucket.tokens + (now - bucket.updated) / SPAM_SECONDS_PER_EVENT)
        bucket.updated = now
        self._buckets.put(key, bucket, now)
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


def _similar_key(event: Event) -> tuple[str, ...]:
    source, involved = event["source"], event["involvedObject"]
    return (
        source.get("component", ""),
        source.get("host", ""),
        *(involved.get(field, "") for field in ("kind", "namespace", "name", "uid", "apiVersion")),
        event["type"],
        event["reason"],
        event.get("reportingComponent", ""),
        event.get("reportingInstance", ""),
    )
