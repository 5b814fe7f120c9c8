"""From a moment to a revision: `at=1234`, `at=2026-11-27T10:00:00Z` or `at=10m` (ago), and the cluster as it was then.

Revisions carry the time of their write in their notes, and time grows with them, so the last revision of a moment is
found by halving the range that the store still has. A revision without a note counts as its neighbour before it.
"""

import re
from datetime import UTC, datetime

from ...api import status
from ...store.store import Compacted, FutureRevision, KeyValue, Store
from ..call import Call
from ..watch_cache import Entry, Selection
from .author import read_note
from .journal import past_of

_AGO = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNITS = (86400, 3600, 60, 1)
_LONGEST = 40
"""Nothing that tells a moment is longer."""


def moment(text: str, now: float) -> int | float:
    """A revision (int) or a moment in seconds since the epoch (float). StatusError 400 for anything else."""
    if len(text) > _LONGEST or not text.isascii():
        raise _no_moment(text[:_LONGEST])
    if text.isdecimal():
        return int(text)
    ago = _AGO.fullmatch(text.removeprefix("-"))
    if text and ago is not None:
        return now - sum(int(number or 0) * unit for number, unit in zip(ago.groups(), _UNITS, strict=True))
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _no_moment(text) from None


def _no_moment(text: str) -> status.StatusError:
    return status.bad_request(
        f"{text!r} is neither a revision (1234), nor a time (2026-11-27T10:00:00Z), nor so long ago (1h30m)"
    )


async def oldest(past: Store) -> int:
    """The oldest revision that is still there."""
    try:
        await past.note(1)
    except Compacted as error:
        return error.oldest
    return 1


async def time_of(past: Store, revision: int, lowest: int) -> float:
    """When a revision, or the nearest before it that tells, was written; 0.0 when none down to `lowest` does."""
    for candidate in range(revision, lowest - 1, -1):
        note = read_note(await past.note(candidate))
        if note is not None:
            return note.time
    return 0.0


async def revision_at(past: Store, wanted: int | float) -> int:
    """The last revision of the moment. StatusError 410 when the store no longer reaches back so far, 400 for a
    revision that does not exist yet."""
    newest, lowest = await past.revision(), await oldest(past)
    if isinstance(wanted, int):
        if wanted > newest:
            raise status.bad_request(f"revision {wanted} does not exist yet; the present one is {newest}")
        if wanted < lowest:
            raise _gone(lowest)
        return wanted
    low, high = lowest, newest
    if await time_of(past, high, low) <= wanted:
        return high
    if await time_of(past, low, low) > wanted:
        raise _gone(lowest)
    while high - low > 1:
        middle = (low + high) // 2
        if await time_of(past, middle, low) <= wanted:
            low = middle
        else:
            high = middle
    return low


def _gone(lowest: int) -> status.StatusError:
    return status.expired(f"the history reaches back to revision {lowest} only")


async def resolve(call: Call, text: str) -> tuple[Store, int]:
    """The store to read from and the revision of a request's `at`."""
    past = past_of(call.resource.store)
    try:
        return past, await revision_at(past, moment(text, call.resource.clock.now().timestamp()))
    except (Compacted, FutureRevision) as error:
        raise status.expired(str(error)) from None


async def object_at(call: Call, text: str) -> Entry | None:
    """The named object as it was."""
    past, revision = await resolve(call, text)
    cache = call.resource.cache
    found: KeyValue | None = await past.get(cache.key(call.namespace, call.name), revision=revision)
    return cache.entry(found) if found is not None else None


async def objects_at(call: Call, chosen: Selection, text: str) -> tuple[list[Entry], int]:
    """The selected objects as they were, and the revision."""
    past, revision = await resolve(call, text)
    cache = call.resource.cache
    prefix = f"{cache.prefix}{chosen.namespace}/" if chosen.namespace else cache.prefix
    page = await past.list(prefix, revision=revision)
    return [entry for entry in map(cache.entry, page.items) if chosen.matches(entry)], revision
