"""What may be forgotten: a pure decision, made at every tick.

A tick is a look at the store's revision; ticks come every five minutes, upstream's compaction interval. Two horizons
follow from them. Clients are answered 410 Gone for revisions before the last tick but one, so they may resume for at
least one interval and, like upstream's, cannot count on more. The store itself keeps the past for `seconds`, so that it
can be looked at, and less when it takes up more than `size_bytes`: then the older half of the past goes, tick by tick.
"""

from collections.abc import Sequence

import msgspec

INTERVAL_SECONDS = 300.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the past is kept. `seconds` 0: no more than clients need."""

    seconds: float = 3600.0
    size_bytes: int = 256 * 1024 * 1024


class Tick(msgspec.Struct, frozen=True):
    """The store's revision at a moment of the monotonic clock."""

    at: float
    revision: int


def horizon(ticks: Sequence[Tick]) -> int:
    """The oldest revision that clients may ask for; 0: any. Ticks are in order, the last is now."""
    return ticks[-2].revision if len(ticks) > 1 else 0


def forgotten(ticks: Sequence[Tick], size_bytes: int, retention: Retention) -> int:
    """The revision before which the store may forget; 0: nothing. Never beyond `horizon`."""
    visible = horizon(ticks)
    if not visible:
        return 0
    now = ticks[-1].at
    past = [tick for tick in ticks[:-1] if now - tick.at >= retention.seconds or not retention.seconds]
    revision = past[-1].revision if past else 0
    if size_bytes > retention.size_bytes:
        revision = max(revision, ticks[(len(ticks) - 1) // 2].revision)
    return min(revision, visible)


def kept(ticks: Sequence[Tick], compacted: int) -> list[Tick]:
    """The ticks that still matter after a compaction; the last two always do."""
    return [tick for tick in ticks[:-2] if tick.revision > compacted] + list(ticks[-2:])
