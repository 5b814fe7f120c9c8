"""A node goes from one API server to the next: refused, lost, gone from the list; and remembers them."""

import asyncio
import errno
import json
import ssl
from contextlib import asynccontextmanager

import pytest
from tests.support.clock import eventually
from tests.support.ports import free_port

from pybernetes.base.http.client_connection import TransportError
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster import api_servers
from pybernetes.cluster.addons.apply import apply
from pybernetes.cluster.addons.objects import Object, endpoint_slice
from pybernetes.cluster.api_servers import ApiServers, ordered
from pybernetes.testing import ADMIN, api_server

A, B, C, LB = "https://10.0.0.1:6443", "https://10.0.0.2:6443", "https://10.0.0.3:6443", "https://lb:443"


@pytest.mark.parametrize(
    ("current", "living", "given", "expected"),
    [
        ([A], [A, B, C], A, [A, B, C]),
        ([B, C, A], [A, B, C], A, [B, C, A]),
        ([A, B, C], [B, C], A, [B, C, A]),
        ([B, A, C], [A, C], A, [A, C]),
        ([LB], [A, B], LB, [A, B, LB]),
        ([A, LB], [B], LB, [B, LB]),
        ([LB], [], LB, [LB]),
    ],
    ids=[
        "learnt", "order of use", "the joined one died", "another died", "an address for all", "behind it one died",
        "nothing is known",
    ],
)  # fmt: skip
def test_which_servers_are_used(current, living, given, expected):
    assert ordered(current, living, given) == expected


class Server:
    """Answers with its name, and hangs on /hang."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = asyncio.Event()

    async def app(self, request: Request) -> Response:
        if request.path == "/hang":
            self.asked.set()
            await asyncio.Event().wait()
        return Response(200, [], self.name.encode())


@asynccontextmanager
async def listening(server: Server):
    http = HttpServer(server.app)
    async with running(server.name, http.serve):
        yield f"http://127.0.0.1:{http.port}"


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}"


def servers(first: str, tmp_path) -> ApiServers:
    return ApiServers(first, ssl.create_default_context(), tmp_path / "api-servers.json")


async def ask(found: ApiServers, path: str = "/") -> bytes:
    return (await found(Request("POST", path, body=b"{}"))).body


async def test_a_request_that_reaches_nobody_goes_to_the_next_server(tmp_path):
    async with listening(Server("b")) as b:
        first = nobody()
        found = servers(first, tmp_path)
        with pytest.raises(TransportError, match="connection refused"):
            await ask(found)
        await found.use([first, b])
        assert await ask(found) == b"b"
        assert json.loads((tmp_path / "api-servers.json").read_text()) == [first, b]
        assert await ask(servers(first, tmp_path)) == b"b", "remembered"


async def test_what_was_lost_on_its_way_is_not_repeated_but_the_next_one_goes_elsewhere(tmp_path):
    a = Server("a")
    async with listening(Server("b")) as b, listening(a) as url:
        found = servers(url, tmp_path)
        await found.use([url, b])
        lost = asyncio.create_task(ask(found, "/hang"))
        await a.asked.wait()
        await found._transports[url].close()  # as when the connection breaks
        with pytest.raises(TransportError):
            await lost
        assert await ask(found) == b"b"


async def test_what_runs_through_a_server_that_is_gone_ends(tmp_path):
    a = Server("a")
    async with listening(Server("b")) as b, listening(a) as url:
        found = servers(url, tmp_path)
        await found.use([url, b])
        hanging = asyncio.create_task(ask(found, "/hang"))
        await a.asked.wait()
        await found.use([b])
        with pytest.raises(TransportError):
            await hanging
        assert await ask(found) == b"b"
        await found.use([url, b])
        assert await ask(found) == b"b", "there is no reason to go back"


async def test_a_server_that_falls_silent_loses_all_that_runs_through_it_at_once(tmp_path):
    a = Server("a")
    async with listening(Server("b")) as b, listening(a) as url:
        found = servers(url, tmp_path)
        await found.use([url, b])
        hanging = asyncio.create_task(ask(found, "/hang"))
        await a.asked.wait()
        (watch,) = found._transports[url]._all
        assert await ask(found) == b"a"
        (idle,) = found._transports[url]._all - {watch}
        idle.connection_lost(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))  # what the kernel says, not awaited
        with pytest.raises(TransportError):
            await hanging
        assert await ask(found) == b"b"


async def test_a_server_whose_answer_is_given_up_loses_all_that_runs_through_it(tmp_path, monkeypatch):
    monkeypatch.setattr(api_servers, "GIVEN_UP_SECONDS", 0.0)
    a = Server("a")
    async with listening(Server("b")) as b, listening(a) as url:
        found = servers(url, tmp_path)
        await found.use([url, b])
        watch = asyncio.create_task(ask(found, "/hang"))
        await a.asked.wait()
        a.asked.clear()
        heartbeat = asyncio.create_task(ask(found, "/hang"))
        await a.asked.wait()
        heartbeat.cancel()
        with pytest.raises(TransportError):
            await watch
        assert await ask(found) == b"b"


async def test_what_runs_through_an_address_for_all_moves_to_the_servers_themselves(tmp_path):
    balancer = Server("balancer")
    async with listening(Server("b")) as b, listening(balancer) as url:
        found = servers(url, tmp_path)
        watch = asyncio.create_task(ask(found, "/hang"))
        await balancer.asked.wait()
        await found.use([b])
        with pytest.raises(TransportError):
            await watch
        assert await ask(found) == b"b"
        assert await ask(servers(url, tmp_path)) == b"b", "at the next start too"
        await found.use([nobody()])
        assert await ask(found) == b"balancer", "nobody else is reached"


def kubernetes(*addresses: str) -> Object:
    found = endpoint_slice("kubernetes", addresses, [("https", 6443, "TCP")])
    found["metadata"]["namespace"] = "default"
    return found


async def test_the_list_follows_the_kubernetes_service(tmp_path):
    memory = tmp_path / "api-servers.json"
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        found = servers(A, tmp_path)
        await apply(client, [kubernetes("10.0.0.1")])
        async with running("api servers", lambda ready: found.serve(client, ready)):
            assert found._living == [A], "known when it is ready"
            for addresses, expected in (("21", [A, B]), ("2", [B, A]), ("32", [B, C, A])):
                await apply(client, [kubernetes(*(f"10.0.0.{number}" for number in addresses))])
                await eventually(lambda wanted=expected: found._servers == wanted)
                assert json.loads(memory.read_text()) == expected
