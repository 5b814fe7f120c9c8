"""The past as a list of operations, oldest first: what the store's watch replays, with authors and changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from ...api.resource import ResourceInfo
from ...store.store import Event, Store
from .author import read_note
from .changes import changes

ROOT = "/registry/"


class Operation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One write. `time` is RFC 3339 with milliseconds, "" when nobody noted it; `changes` as in `changes.py`."""

    revision: int
    time: str
    user: str
    verb: str
    group: str
    resource: str
    kind: str
    namespace: str
    name: str
    changes: list[str]


Locate = Callable[[str], ResourceInfo | None]
"""The resource whose storage prefix a key begins with."""


def operation(event: Event, info: ResourceInfo) -> Operation:
    """An event as an operation."""
    note = read_note(event.note)
    *_, namespace, name = ("", "", *event.kv.key.removeprefix(info.storage_prefix + "/").split("/"))
    verb = (note.verb if note is not None else "") or _plain_verb(event)
    changed = event.previous is not None and not event.deleted
    return Operation(
        revision=event.kv.mod_revision,
        time=_rfc3339(note.time) if note is not None else "",
        user=note.user if note is not None else "",
        verb=f"{verb} {note.sub}" if note is not None and note.sub else verb,
        group=info.group,
        resource=info.plural,
        kind=info.kind,
        namespace=namespace if info.namespaced else "",
        name=name,
        changes=changes(event.previous.value, event.kv.value, secret=info.kind == "Secret")
        if changed and event.previous is not None
        else [],
    )


def _plain_verb(event: Event) -> str:
    """For writes that no request made: what a lease ended, and the server's own."""
    if event.deleted:
        return "expire"
    return "create" if event.created else "update"


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def operations(past: Store, locate: Locate, prefix: str, after: int) -> AsyncIterator[Operation]:
    """Every operation under a key prefix after a revision, up to now. Compacted."""
    until = await past.revision()
    async with aclosing(past.watch(prefix, after=after)) as batches:
        async for batch in batches:
            for event in batch.events:
                if event.kv.mod_revision > until:
                    return
                info = locate(event.kv.key)
                if info is not None:
                    yield operation(event, info)
            if batch.revision >= until:
                return
