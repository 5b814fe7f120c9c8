"""Clients that write, read and watch config maps through every failure, and record what they saw."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

from tests.robustness.history import Change, History, Read, Write

from pybernetes.base.http.client import TransportError
from pybernetes.base.http.message import Request, Response

MAPS = "/api/v1/namespaces/default/configmaps"
LABEL = "robustness"
MARKER = "marker"
CALL_SECONDS = 8.0


Transport = Callable[[Request], Awaitable[Response]]


class Unanswered(Exception):
    """Nobody knows whether it happened."""


class Traffic:
    """`ended` stops writers and readers; watchers go on until they have seen the marker, which `final` writes."""

    def __init__(self, transport: Transport, history: History, seed: int, name: str = "") -> None:
        """name: tells the values of several of these apart."""
        self._transport = transport
        self._history = history
        self._random = random.Random(seed)
        self._values = (f"{name}{number}" for number in count())
        self.watched = asyncio.Event()
        """A watch has its beginning: what is written from now on is in the history."""
        self.ended = asyncio.Event()

    async def _ask(self, method: str, path: str, body: object = None, query: str = "") -> tuple[int, dict]:
        headers = [("content-type", "application/json")] if body is not None else []
        data = json.dumps(body).encode() if body is not None else b""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self._transport(Request(method, path, query, headers, data))
                text = await _whole(answer)
        except (TransportError, OSError, TimeoutError) as error:
            raise Unanswered from error
        if answer.status >= 500 or answer.status == 429:
            raise Unanswered(text)
        return answer.status, json.loads(text)

    # writers

    async def write(self) -> None:
        """One client after the other: make, change (conditioned or not), remove; keys are shared."""
        while not self.ended.is_set():
            key = f"k{self._random.randrange(6)}"
            action = self._random.choice(["create", "create", "update", "update", "patch", "delete"])
            try:
                await getattr(self, f"_{action}")(key)
            except Unanswered:
                await asyncio.sleep(0.02)

    def _object(self, key: str, value: str, version: str = "") -> dict:
        metadata = {"name": key, "labels": {LABEL: "yes"}}
        if version:
            metadata["resourceVersion"] = version
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": value}}

    async def _attempt(self, kind: str, key: str, value: str, after: int, *call: object) -> None:
        began = time.monotonic()
        try:
            code, body = await self._ask(*call)
        except Unanswered:
            self._history.writes.append(Write(kind, key, value, began, time.monotonic(), after=after))
            raise
        ended = time.monotonic()
        if code >= 400:
            assert code in (404, 409), body
            self._history.writes.append(Write(kind, key, value, began, ended, refused=True, after=after))
            return
        revision = 0 if kind == "delete" else int(body["metadata"]["resourceVersion"])
        self._history.writes.append(Write(kind, key, value, began, ended, revision, after=after))

    async def _create(self, key: str) -> None:
        value = f"v{next(self._values)}"
        await self._attempt("create", key, value, 0, "POST", MAPS, self._object(key, value))

    async def _update(self, key: str) -> None:
        found = await self._read(key)
        if found is not None:
            value = f"v{next(self._values)}"
            body = self._object(key, value, found)
            await self._attempt("update", key, value, int(found), "PUT", f"{MAPS}/{key}", body)

    async def _patch(self, key: str) -> None:
        value = f"v{next(self._values)}"
        began = time.monotonic()
        try:
            answer, body = await self._merge(key, value)
        except Unanswered:
            self._history.writes.append(Write("patch", key, value, began, time.monotonic()))
            raise
        revision = int(body["metadata"]["resourceVersion"]) if answer < 400 else 0
        self._history.writes.append(Write("patch", key, value, began, time.monotonic(), revision, answer >= 400))

    async def _merge(self, key: str, value: str) -> tuple[int, dict]:
        headers = [("content-type", "application/merge-patch+json")]
        body = json.dumps({"data": {"v": value}}).encode()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await self._transport(Request("PATCH", f"{MAPS}/{key}", "", headers, body))
                text = await _whole(answer)
        except (TransportError, OSError, TimeoutError) as error:
            raise Unanswered from error
        if answer.status >= 500 or answer.status == 429:
            raise Unanswered(text)
        return answer.status, json.loads(text)

    async def _delete(self, key: str) -> None:
        await self._attempt("delete", key, f"d{next(self._values)}", 0, "DELETE", f"{MAPS}/{key}")

    # readers

    async def _read(self, key: str) -> str | None:
        began = time.monotonic()
        code, body = await self._ask("GET", f"{MAPS}/{key}")
        ended = time.monotonic()
        if code == 404:
            self._history.reads.append(Read(key, began, ended, None, 0))
            return None
        version = body["metadata"]["resourceVersion"]
        self._history.reads.append(Read(key, began, ended, body["data"]["v"], int(version)))
        return str(version)

    async def read(self) -> None:
        while not self.ended.is_set():
            try:
                await self._read(f"k{self._random.randrange(6)}")
                await asyncio.sleep(0.005)
            except Unanswered:
                await asyncio.sleep(0.02)

    # watchers

    async def watch(self) -> None:
        """One watch that resumes where it broke off. A relist would be a gap: it is not allowed."""
        start = await self._present()
        seen: list[Change] = []
        self._history.watches.append((start, seen))
        self.watched.set()
        at = start
        while True:
            try:
                async for kind, obj in self._events(at):
                    at = int(obj["metadata"]["resourceVersion"])
                    if kind == "BOOKMARK":
                        continue
                    if obj["metadata"]["name"] == MARKER:
                        return
                    seen.append(Change(kind, obj["metadata"]["name"], obj["data"]["v"], at))
            except (TransportError, OSError, TimeoutError, Unanswered):
                await asyncio.sleep(0.02)

    async def _present(self) -> int:
        while True:
            try:
                _, body = await self._ask("GET", MAPS, query="limit=1")
                return int(body["metadata"]["resourceVersion"])
            except Unanswered:
                await asyncio.sleep(0.02)

    async def _events(self, at: int) -> AsyncIterator[tuple[str, dict]]:
        query = f"watch=1&allowWatchBookmarks=true&resourceVersion={at}&labelSelector={LABEL}"
        answer = await self._transport(Request("GET", MAPS, query))
        if answer.status != 200:
            raise Unanswered(await _whole(answer))
        body = answer.body
        assert isinstance(body, AsyncIterator)
        rest = b""
        try:
            async for piece in body:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    assert event["type"] != "ERROR", event
                    yield event["type"], event["object"]
        finally:
            await body.aclose()  # type: ignore[attr-defined]

    async def final(self) -> None:
        """Record the state at the end, then write the marker."""
        while True:
            try:
                _, body = await self._ask("GET", MAPS, query=f"labelSelector={LABEL}")
                break
            except Unanswered:
                await asyncio.sleep(0.02)
        self._history.final = {
            item["metadata"]["name"]: (item["data"]["v"], int(item["metadata"]["resourceVersion"]))
            for item in body["items"]
        }
        # One more change, so that every watch has something to see that comes after everything else.
        code, marker = await self._ask("POST", MAPS, self._object(MARKER, "end"))
        assert code == 201, marker


async def _whole(answer: Response) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    assert isinstance(answer.body, AsyncIterator)
    return b"".join([piece async for piece in answer.body])
