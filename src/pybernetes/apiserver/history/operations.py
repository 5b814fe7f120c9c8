"""The past as a list of operations, oldest first: what the store's watch replays, with authors and changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from ...api.resource import ResourceInfo
from ...store.store import Event, Store, WatcherLagged
from .author import read_note
from .changes import changes

ROOT = "/registry/"
_SERVER = "system:apiserver"
"""Who writes without a request: the end of a custom resource definition takes its objects along."""


class Operation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One write. `time` is RFC 3339 with milliseconds, "" when nobody noted it; `uid` tells an object from another that
    had its name before; `changes` as in `changes.py`."""

    revision: int
    time: str
    user: str
    verb: str
    group: str
    resource: str
    kind: str
    namespace: str
    name: str
    uid: str
    changes: list[str]


Locate = Callable[[str], ResourceInfo | None]
"""The resource whose storage prefix a key begins with."""


def place(event: Event, info: ResourceInfo) -> tuple[str, str]:
    """(namespace, name) of the object an event is about."""
    *_, namespace, name = ("", "", *event.kv.key.removeprefix(info.storage_prefix + "/").split("/"))
    return namespace if info.namespaced else "", name


def operation(event: Event, info: ResourceInfo) -> Operation:
    """An event as an operation."""
    note = read_note(event.note)
    namespace, name = place(event, info)
    verb = (note.verb if note is not None else "") or _plain_verb(event)
    secret = info.kind == "Secret"
    changed = event.previous is not None and not event.deleted
    return Operation(
        revision=event.kv.mod_revision,
        time=_rfc3339(note.time) if note is not None else "",
        user=(note.user or _SERVER) if note is not None else "",
        verb=f"{verb} {note.sub}" if note is not None and note.sub else verb,
        group=info.group,
        resource=info.plural,
        kind=info.kind,
        namespace=namespace,
        name=name,
        uid=str((_object(event).get("metadata") or {}).get("uid") or ""),
        changes=changes(event.previous.value, event.kv.value, secret=secret)
        if changed and event.previous is not None
        else [],
    )


def former(event: Event) -> ResourceInfo | None:
    """The resource of an object that nothing serves any more: a custom one whose definition is gone. It is read from
    the key (`/registry/GROUP/PLURAL[/NAMESPACE]/NAME`) and the object itself."""
    group, _, rest = event.kv.key.removeprefix(ROOT).partition("/")
    plural, _, rest = rest.partition("/")
    if "." not in group or not rest:
        return None
    obj = _object(event)
    version, kind = str(obj.get("apiVersion") or "").rpartition("/")[2], str(obj.get("kind") or "")
    namespaced = "/" in rest
    prefix = f"{ROOT}{group}/{plural}"
    return ResourceInfo(group, version, plural, kind, kind.lower(), namespaced, (), storage_prefix=prefix)


def _object(event: Event) -> dict[str, Any]:
    """The object as the event left it, or as it was before it went."""
    value = event.kv.value or (event.previous.value if event.previous is not None else b"")
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain_verb(event: Event) -> str:
    """For writes that no request made: what a lease ended (nobody noted it), and the server's own."""
    if event.deleted:
        return "delete" if event.note else "expire"
    return "create" if event.created else "update"


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def events(past: Store, prefix: str, after: int) -> AsyncIterator[Event]:
    """Every change under a key prefix after a revision, up to now. Compacted. Others get their turn between batches,
    and a reader that new changes overtake goes on where it was."""
    until = await past.revision()
    while after < until:
        try:
            async with aclosing(past.watch(prefix, after=after)) as batches:
                async for batch in batches:
                    for event in batch.events:
                        if event.kv.mod_revision > until:
                            return
                        yield event
                    after = max(after, batch.revision)
                    if after >= until:
                        return
                    await asyncio.sleep(0)
        except WatcherLagged:
            continue
