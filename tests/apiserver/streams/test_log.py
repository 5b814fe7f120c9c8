"""pods/log: what is asked of the kubelet, and what is refused before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.apiserver.streams.stage import message, stage
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from pybernetes.base import x509
from pybernetes.base.http.message import Request, Response

PODS = "/api/v1/namespaces/default/pods"


async def lines(request: Request) -> Response:
    return Response(200, [("content-type", "text/plain")], b"one\ntwo\n")


async def test_log_of_the_only_container() -> None:
    async with stage(lines) as s:
        query = "follow=true&timestamps=1&previous=false&tailLines=5&limitBytes=100&sinceSeconds=60"
        code, body, response = await s.get(f"{PODS}/web/log", query)
        assert (code, body, response.header("content-type")) == (200, "one\ntwo\n", "text/plain")
        assert s.seen[0].path == "/containerLogs/default/web/app"
        assert s.seen[0].query == "follow=true&timestamps=true&sinceSeconds=60&tailLines=5&limitBytes=100"
        assert s.seen[0].peer_certificate is not None


async def test_since_time_goes_on_as_it_came() -> None:
    async with stage(lines) as s:
        await s.get(f"{PODS}/web/log", "sinceTime=2026-01-01T00%3A00%3A00Z&container=app")
        assert s.seen[0].query == "sinceTime=2026-01-01T00%3A00%3A00Z"


async def test_lines_arrive_while_the_log_is_followed() -> None:
    more = asyncio.Event()

    async def followed(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first\n"
            await more.wait()
            yield b"second\n"

        return Response(200, [("content-type", "text/plain")], pieces())

    async with stage(followed) as s:
        response = await s.client(Request("GET", f"{PODS}/web/log", "follow=true"))
        assert isinstance(response.body, AsyncIterator)
        assert await anext(response.body) == b"first\n"
        more.set()
        assert await anext(response.body) == b"second\n"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (None, [b"", b"one\ntwo\n"]),
        ("binary.k8s.io", [b"", b"one\ntwo\n"]),
        ("base64.binary.k8s.io", ["", "b25lCnR3bwo="]),
    ],
)
async def test_log_over_a_websocket(offered: str | None, expected: list[bytes | str]) -> None:
    async with stage(lines) as s:
        url = f"ws://127.0.0.1:{s.front_port}{PODS}/web/log?container=app"
        subprotocols = [Subprotocol(offered)] if offered else None
        async with connect(url, compression=None, proxy=None, subprotocols=subprotocols) as socket:
            assert socket.subprotocol == offered
            assert [piece async for piece in socket] == expected
            assert socket.close_code == 1000
        assert s.seen[0].path == "/containerLogs/default/web/app"


async def test_followed_log_over_a_websocket_is_closed_when_the_client_leaves() -> None:
    closed = asyncio.Event()

    async def followed(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"line\n"
                    await asyncio.sleep(0.01)
            finally:
                closed.set()

        return Response(200, [("content-type", "text/plain")], pieces())

    async with stage(followed) as s:
        url = f"ws://127.0.0.1:{s.front_port}{PODS}/web/log?follow=true"
        async with connect(url, compression=None, proxy=None) as socket:
            assert await socket.recv() == b""
            assert (await socket.recv())[:5] == b"line\n"
        async with asyncio.timeout(60):
            await closed.wait()


async def test_log_over_a_websocket_with_an_unknown_subprotocol_is_refused() -> None:
    async with stage(lines) as s:
        url = f"ws://127.0.0.1:{s.front_port}{PODS}/web/log"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, compression=None, proxy=None, subprotocols=[Subprotocol("other")])
        assert refused.value.response.status_code == 400


async def test_pod_without_a_node_has_an_empty_log() -> None:
    async with stage() as s:
        assert (await s.get(f"{PODS}/pending/log"))[:2] == (200, "")


async def test_kubelet_refusal_is_the_message() -> None:
    text = 'container "app" in pod "web" is waiting to start: ContainerCreating'

    async def waiting(request: Request) -> Response:
        return Response(400, body=text.encode())

    async with stage(waiting) as s:
        code, body, _ = await s.get(f"{PODS}/web/log")
        assert (code, message(body)) == (400, text)


async def test_kubelet_that_cannot_be_reached() -> None:
    async with stage() as s:
        s.kubelet_port = 1
        s.put_world()
        code, body, _ = await s.get(f"{PODS}/web/log", "follow=true")
        assert code == 500
        assert message(body) == (
            'Get "https://127.0.0.1:1/containerLogs/default/web/app?follow=true": '
            "dial tcp 127.0.0.1:1: connect: connection refused"
        )


REFUSED = {
    "no such pod": ("gone", "", 404, 'pods "gone" not found'),
    "several containers": (
        "two",
        "",
        400,
        "a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [setup]",
    ),
    "no such container": ("two", "container=c", 400, "container c is not valid for pod two"),
    "negative tail": (
        "web",
        "tailLines=-1",
        422,
        'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ),
    "zero limit": (
        "web",
        "limitBytes=0",
        422,
        'PodLogOptions "web" is invalid: limitBytes: Invalid value: 0: must be greater than 0',
    ),
    "not a number": ("web", "tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str) -> None:
    pod, query, code, text = REFUSED[name]
    async with stage() as s:
        got, body, _ = await s.get(f"{PODS}/{pod}/log", query)
        assert (got, message(body)) == (code, text)
        assert not s.seen


async def test_both_kinds_of_since() -> None:
    async with stage() as s:
        code, body, _ = await s.get(f"{PODS}/web/log", "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z")
        assert code == 422
        assert "at most one of `sinceTime` or `sinceSeconds` may be specified" in message(body)


async def test_init_container_by_name() -> None:
    async with stage(lines) as s:
        assert (await s.get(f"{PODS}/two/log", "container=setup"))[0] == 200


async def test_unverified_kubelet_only_when_asked() -> None:
    other = x509.CertificateAuthority.create("other").certificate_pem
    async with stage(lines, kubelet_ca=other) as s:
        code, body, _ = await s.get(f"{PODS}/web/log")
        assert code == 500
        assert "tls: failed to verify certificate" in message(body)
        assert not s.seen
        assert (await s.get(f"{PODS}/web/log", "insecureSkipTLSVerifyBackend=true"))[:2] == (200, "one\ntwo\n")
        assert s.seen[0].peer_certificate is not None
