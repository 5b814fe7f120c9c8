"""One object as it changes, whatever happens to lists and watches: what client-go's informers do for those who wait.

    list ──▶ watch from there ──▶ … the watch ends: watch on; it was of no use, or the server says no: list again

What fails is tried again, after a pause that doubles, until time is up. A list made again yields the object again, as
the stock client's waiters see it.
"""

from __future__ import annotations

import time

from .client import LimitKept, query_of
from .errors import CommandError, StatusFailure, Unreachable
from .exchange import ATTEMPTS, Gone, again
from .watching import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .client import Client
    from .discovery import Resource

    Change = tuple[str, dict[str, Any]]

PAUSE_SECONDS = 0.8
_LONGEST_SECONDS = 30.0
_SHORT_SECONDS = 1.0
"""A watch that ends sooner and told nothing was none."""
_WATCH_SECONDS = 600


def follow(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    deadline: float | None = None,
    *,
    refused: Callable[[StatusFailure], None] = lambda failure: None,
) -> Iterator[Change]:
    """What becomes of an object until the deadline (on the monotonic clock), or for ever.

    `ABSENT` of a list that does not have it, before it was seen; `ADDED`, `MODIFIED`; `DELETED` with its last state.
    `refused` is told of each list and watch that the server refuses and may raise.
    """
    follower = _Follower(client, resource, namespace, name, deadline)
    with LimitKept(client) as limit:
        while not follower.late():
            follower.patience(limit)
            try:
                yield from follower.watched() if follower.version else follower.listed()
            except Gone:
                follower.lost()
            except Unreachable:
                # It is not there, and what it knew it will know when it is back.
                follower.pause()
            except StatusFailure as failure:
                refused(failure)
                follower.start_again()
            except CommandError:
                follower.start_again()


class _Follower:
    def __init__(self, client: Client, resource: Resource, namespace: str, name: str, deadline: float | None) -> None:
        self._client = client
        self._resource = resource
        self._path = resource.path(namespace)
        self._selector = ("fieldSelector", f"metadata.name={name}")
        self._deadline = deadline
        self._seen: dict[str, Any] | None = None
        self.version = ""
        """From where to watch; empty: there is no list to start from."""
        self._failures = self._lost = 0

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    def late(self) -> bool:
        return self._left() <= 0

    def patience(self, limit: float) -> None:
        """No answer is waited for longer than there is time."""
        left = min(self._left(), limit or float("inf"))
        self._client.limit_seconds = 0.0 if left == float("inf") else max(left, 0.001)

    def pause(self) -> None:
        wait = min(PAUSE_SECONDS * 2**self._failures, _LONGEST_SECONDS)
        self._failures += 1
        time.sleep(max(0.0, min(wait, self._left())))

    def start_again(self) -> None:
        self.version = ""
        self.pause()

    def lost(self) -> None:
        """The connection, before there was an answer."""
        self._lost += 1
        if self._lost > ATTEMPTS:
            self._lost = 0
            self.start_again()
        else:
            again()

    def listed(self) -> Iterator[Change]:
        page = self._client.object("GET", self._path + query_of([self._selector]))
        self.version = str((page.get("metadata") or {}).get("resourceVersion") or "0")
        items = page.get("items") or ()
        if items:
            obj = items[0]
            obj.setdefault("kind", self._resource.kind)
            obj.setdefault("apiVersion", self._resource.api_version)
            yield self._changed("ADDED", obj)
        elif self._seen is None:
            yield "ABSENT", {}
        else:
            yield self._changed("DELETED", self._seen)

    def _changed(self, event: str, obj: dict[str, Any]) -> Change:
        if event != "DELETED":
            event = "ADDED" if self._seen is None else "MODIFIED"
        self._seen = None if event == "DELETED" else obj
        return event, obj

    def watched(self) -> Iterator[Change]:
        query = [
            self._selector,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self.version),
            ("timeoutSeconds", int(min(self._left() + 1, _WATCH_SECONDS))),
        ]
        started, told = time.monotonic(), False
        response = self._client.stream(self._path + query_of(query))
        self._lost = 0
        for event, obj in events(response):
            told = True
            if event == "ERROR":
                response.close()
                self.start_again()
                return
            self.version = str((obj.get("metadata") or {}).get("resourceVersion") or self.version)
            if event != "BOOKMARK":
                yield self._changed(event, obj)
            if self.late():
                return
        if told or time.monotonic() - started >= _SHORT_SECONDS:
            self._failures = 0
        else:
            self.start_again()
