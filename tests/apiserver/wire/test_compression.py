"""gzip of large answers."""

import gzip
from collections.abc import AsyncIterator
from types import SimpleNamespace

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.apiserver.compression import accepts_gzip, compressed
from pybernetes.base.http.message import Headers, Request, Response

GZIP: Headers = [("accept-encoding", "deflate, gzip;q=0.5")]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("gzip", True), ("GZIP, br", True), ("br, gzip;q=0.1", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_what_a_client_accepts(header: str, accepted: bool) -> None:
    assert accepts_gzip(Request("GET", "/", headers=[("accept-encoding", header)])) is accepted


async def filled(api: Api, count: int) -> None:
    for at in range(count):
        await api.post(CONFIG_MAPS, {"metadata": {"name": f"m{at:03}"}, "data": {"a": "x" * 20_000}})


async def test_large_lists_and_objects_are_compressed() -> None:
    async with running_api() as api:
        await filled(api, 8)
        response = await api.send("GET", CONFIG_MAPS, headers=GZIP)
        assert response.header("content-encoding") == "gzip"
        assert response.header("vary") == "Accept-Encoding"
        assert isinstance(response.body, bytes)
        assert gzip.decompress(response.body) == (await api.get(CONFIG_MAPS)).raw
        await api.post(CONFIG_MAPS, {"metadata": {"name": "big"}, "data": {"a": "y" * 200_000}})
        response = await api.send("GET", CONFIG_MAPS + "/big", headers=GZIP)
        assert isinstance(response.body, bytes) and len(response.body) < 20_000
        assert orjson.loads(gzip.decompress(response.body))["metadata"]["name"] == "big"


async def test_a_streamed_list_is_compressed_as_it_goes() -> None:
    async with running_api() as api:
        await filled(api, 90)
        response = await api.send("GET", CONFIG_MAPS, headers=GZIP)
        assert response.header("content-encoding") == "gzip"
        assert hasattr(response.body, "__aiter__")
        packed = b"".join([piece async for piece in response.body])
        assert gzip.decompress(packed) == (await api.get(CONFIG_MAPS)).raw


async def test_small_answers_watches_writes_and_other_clients_are_left_alone() -> None:
    async with running_api() as api:
        await api.config_map("a")
        assert (await api.send("GET", CONFIG_MAPS, headers=GZIP)).header("content-encoding") is None
        await filled(api, 8)
        assert (await api.send("GET", CONFIG_MAPS)).header("content-encoding") is None
        response = await api.send("GET", CONFIG_MAPS, query="watch=1", headers=GZIP)
        assert response.header("content-encoding") is None
        body = orjson.dumps({"metadata": {"name": "n"}, "data": {"a": "y" * 200_000}})
        assert (await api.send("POST", CONFIG_MAPS, body, headers=GZIP)).header("content-encoding") is None


async def test_a_stream_of_a_subresource_passes_piece_by_piece() -> None:
    async def log() -> AsyncIterator[bytes]:
        yield b"first\n"
        raise AssertionError("asked for more than the reader wants")

    info = SimpleNamespace(subresource="log")
    request = Request("GET", "/api/v1/namespaces/n/pods/p/log", headers=GZIP, context={"info": info})
    response = await compressed(request, Response(200, [("content-type", "text/plain")], log()))
    assert response.header("content-encoding") is None
    assert isinstance(response.body, AsyncIterator)
    assert await anext(response.body) == b"first\n"
