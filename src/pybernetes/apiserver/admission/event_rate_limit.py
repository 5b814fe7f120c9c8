"""EventRateLimit: at most so many events a second, by server, namespace, user or source and object.

Configured as upstream's `eventratelimit.admission.k8s.io/v1alpha1` Configuration: `limits` with `type`, `qps`, `burst`
and `cacheSize`.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from ...api import status
from ...api.resource import ResourceInfo
from ...base.clock import Clock
from .plugin import AdmissionRequest

Object = dict[str, Any]
_CACHE_SIZE = 4096


class Limit(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One limit; `type` is Server, Namespace, User or SourceAndObject."""

    type: str
    qps: float
    burst: float
    cache_size: int = _CACHE_SIZE


class Bucket:
    """Tokens that come back with time."""

    __slots__ = ("_at", "_left")

    def __init__(self, burst: float, now: float) -> None:
        self._left = burst
        self._at = now

    def take(self, limit: Limit, now: float) -> bool:
        """Whether there was a token."""
        self._left = min(limit.burst, self._left + (now - self._at) * limit.qps)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class EventRateLimit:
    """Follows upstream's plugin of the same name."""

    name = "EventRateLimit"

    def __init__(self, clock: Clock, configuration: Object) -> None:
        self._clock = clock
        self._limits = msgspec.convert(configuration.get("limits") or [], list[Limit])
        self._buckets: list[OrderedDict[str, Bucket]] = [OrderedDict() for _ in self._limits]

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.plural == "events" and operation in ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 429 when a limit is reached; a dry run takes no token."""
        if request.dry_run:
            return
        now = self._clock.monotonic()
        refused: list[str] = []
        for limit, buckets in zip(self._limits, self._buckets, strict=True):
            key = _key(limit.type, request)
            bucket = buckets.get(key)
            if bucket is None:
                bucket = buckets[key] = Bucket(limit.burst, now)
            buckets.move_to_end(key)
            if len(buckets) > limit.cache_size:
                buckets.popitem(last=False)
            if not bucket.take(limit, now):
                refused.append(f"limit reached on type {limit.type} for key {key}")
        if refused:
            shown = refused[0] if len(refused) == 1 else f"[{', '.join(refused)}]"
            raise status.too_many_requests(shown)


def _key(kind: str, request: AdmissionRequest) -> str:
    if kind == "Server":
        return ""
    if kind == "Namespace":
        return request.namespace
    if kind == "User":
        return request.user.name
    event = request.object or {}
    source, about = event.get("source") or {}, event.get("involvedObject") or event.get("regarding") or {}
    keys = ("kind", "namespace", "name", "uid", "apiVersion")
    parts = [source.get("component"), source.get("host"), *(about.get(key) for key in keys)]
    return "".join(str(part or "") for part in parts)
