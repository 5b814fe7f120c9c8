"""Requests against a server in memory, in wire form: `status, body = await api.post(path, obj)`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.server import ApiServer
from pybernetes.base.http.message import Headers, PushBody, Request, Response
from pybernetes.testing import ADMIN, api_server

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


class Answer:
    """A finished response."""

    def __init__(self, response: Response, body: bytes) -> None:
        self.code = response.status
        self.headers = response.headers
        self.raw = body

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def message(self) -> str:
        return str(self.body["message"])

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __repr__(self) -> str:
        return f"{self.code} {self.raw.decode(errors='replace')}"


class Watching:
    """A sink that keeps what a watch pushed."""

    def __init__(self, body: PushBody) -> None:
        self.body = body
        self.data = b""
        self.closed = False
        self.waiting = 0
        self.drained: Callable[[], None] | None = None
        self._more = asyncio.Event()
        body.start(self)

    def write(self, data: bytes) -> None:
        self.data += data
        self._more.set()

    def buffered(self) -> int:
        return self.waiting

    def when_drained(self, call: Callable[[], None]) -> None:
        if self.waiting:
            self.drained = call
        else:
            asyncio.get_running_loop().call_soon(call)

    def take(self) -> None:
        """The receiver has read all."""
        self.waiting = 0
        call, self.drained = self.drained, None
        if call is not None:
            call()

    def close(self) -> None:
        self.closed = True

    async def received(self, count: int) -> None:
        """Wait for that many events."""
        while len(self.events) < count:
            self._more.clear()
            await self._more.wait()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it holds, which is asked now and after each event."""
        asked = 0
        async with asyncio.timeout(60):
            while not await holds():
                asked += 1
                await self.received(asked)

    @property
    def events(self) -> list[Object]:
        return [orjson.loads(line) for line in self.data.splitlines()]

    @property
    def seen(self) -> list[tuple[str, str]]:
        """(type, name) of every event."""
        return [(e["type"], e["object"].get("metadata", {}).get("name", "")) for e in self.events]


class Api:
    """One user at one server."""

    def __init__(self, server: ApiServer, user: UserInfo = ADMIN) -> None:
        self.server = server
        self.user = user

    async def send(
        self, method: str, path: str, body: bytes = b"", *, query: str = "", headers: Headers | None = None
    ) -> Response:
        request = Request(method, path, query, headers or [], body, context={"user": self.user})
        return await self.server.app(request)

    async def call(
        self, method: str, path: str, obj: Any = None, *, media: str = "", accept: str = "", query: str = ""
    ) -> Answer:
        headers: Headers = []
        if media:
            headers.append(("content-type", media))
        if accept:
            headers.append(("accept", accept))
        data = obj if isinstance(obj, bytes) else orjson.dumps(obj) if obj is not None else b""
        response = await self.send(method, path, data, query=query, headers=headers)
        body = response.body
        if not isinstance(body, bytes):
            assert hasattr(body, "__aiter__")
            body = b"".join([piece async for piece in body])
        return Answer(response, body)

    async def get(self, path: str, query: str = "", accept: str = "") -> Answer:
        return await self.call("GET", path, query=query, accept=accept)

    async def post(self, path: str, obj: Any, query: str = "", media: str = "") -> Answer:
        return await self.call("POST", path, obj, query=query, media=media)

    async def put(self, path: str, obj: Any, query: str = "") -> Answer:
        return await self.call("PUT", path, obj, query=query)

    async def patch(self, path: str, obj: Any, media: str = MERGE, query: str = "") -> Answer:
        return await self.call("PATCH", path, obj, media=media, query=query)

    async def delete(self, path: str, obj: Any = None, query: str = "") -> Answer:
        return await self.call("DELETE", path, obj, query=query)

    async def watch(self, path: str, query: str = "", accept: str = "") -> Watching:
        headers: Headers = [("accept", accept)] if accept else []
        response = await self.send("GET", path, query="watch=1&" + query, headers=headers)
        body = response.body
        assert response.status == 200, body
        assert not isinstance(body, bytes) and not hasattr(body, "__aiter__")
        return Watching(body)  # type: ignore[arg-type]

    async def settle(self) -> None:
        """Wait until the caches (and so the watchers) have every write made so far."""
        await self.server.cache.wait_consistent()

    async def config_map(self, name: str, namespace: str = "default", **metadata: Any) -> Answer:
        obj = {"metadata": {"name": name, **metadata}, "data": {"a": "1"}}
        answer = await self.post(f"/api/v1/namespaces/{namespace}/configmaps", obj)
        assert answer.code == 201, answer
        return answer

    async def pod(self, name: str, node: str = "", namespace: str = "default", **metadata: Any) -> Answer:
        spec: Object = {"containers": [{"name": "main", "image": "image"}]}
        if node:
            spec["nodeName"] = node
        answer = await self.post(
            f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": name, **metadata}, "spec": spec}
        )
        assert answer.code == 201, answer
        return answer


@asynccontextmanager
async def running_api(**config: Any) -> AsyncIterator[Api]:
    """An `Api` at a server of its own."""
    async with api_server(**config) as server:
        yield Api(server)
