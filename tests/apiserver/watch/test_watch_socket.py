"""Watches over WebSockets, as browsers open them, with an independent client."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.api import CONFIG_MAPS, Api, running_api
from tests.support.clock import eventually
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from pybernetes.api.protobuf import MEDIA_TYPE, decode
from pybernetes.api.protobuf.wire import fields
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.testing import ADMIN


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Api, str]]:
    """A server and where its watch of ConfigMaps is, for the administrator."""
    async with running_api() as api:

        async def app(request: Request) -> Response:
            request.context["user"] = ADMIN
            return await api.server.app(request)

        server = HttpServer(app, host="127.0.0.1", port=0)
        async with running("front", server.serve):
            yield api, f"ws://127.0.0.1:{server.port}{CONFIG_MAPS}?watch=true"


def watchers(api: Api) -> int:
    endpoint = api.server.registry.find("", "v1", "configmaps")
    assert endpoint is not None and endpoint.resource is not None
    return len(endpoint.resource.cache.fanout)


async def test_every_event_is_a_message() -> None:
    async with stage() as (api, url):
        await api.config_map("a")
        await api.config_map("b")
        async with connect(url, compression=None, proxy=None) as socket:
            await api.delete(CONFIG_MAPS + "/a")
            seen = [await socket.recv() for _ in range(3)]
            assert all(isinstance(message, str) and message.endswith("}\n") for message in seen)
            events = [json.loads(message) for message in seen]
            assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
                ("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"),
            ]  # fmt: skip
            assert watchers(api) == 1
        await eventually(lambda: watchers(api) == 0)


async def test_protobuf_comes_in_binary_messages() -> None:
    async with stage() as (api, url):
        await api.config_map("a")
        await api.config_map("b")
        async with connect(url, compression=None, proxy=None, additional_headers={"accept": MEDIA_TYPE}) as socket:
            for name in ("a", "b"):
                message = await socket.recv()
                assert isinstance(message, bytes)
                event = dict(fields(memoryview(message)))
                (raw,) = dict(fields(event[2])).values()  # type: ignore[arg-type]
                assert bytes(event[1]) == b"ADDED" and decode(raw)["metadata"]["name"] == name  # type: ignore[arg-type]


async def test_the_end_of_the_watch_is_the_end_of_the_connection() -> None:
    async with (
        stage() as (_, url),
        connect(
            url + "&timeoutSeconds=1", compression=None, proxy=None, subprotocols=[Subprotocol("base64.binary.k8s.io")]
        ) as socket,
    ):
        assert socket.subprotocol == "base64.binary.k8s.io"
        assert [message async for message in socket] == []
        assert socket.close_code == 1000


async def test_what_is_refused_is_refused_before_the_upgrade() -> None:
    async with stage() as (api, url):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url + "&fieldSelector=x%3D1", compression=None, proxy=None)
        assert refused.value.response.status_code == 400
        headers = [("upgrade", "websocket"), ("sec-websocket-version", "8")]
        answer = await api.send("GET", CONFIG_MAPS, query="watch=1", headers=headers)
        assert answer.status == 400 and watchers(api) == 0
