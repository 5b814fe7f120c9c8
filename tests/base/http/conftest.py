"""A server of each protocol with callers to match."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop
from tests.base.http.h2_client import H2Client
from tests.base.http.raw import Raw

from pybernetes.base import x509
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import App
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """Every test of the HTTP stack runs on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Certificates:
    def __init__(self) -> None:
        self.ca = x509.CertificateAuthority.create("test-ca")
        self.server = self.ca.issue("server", names=["localhost", "127.0.0.1"], usages=x509.SERVER)
        self.admin = self.ca.issue("admin", organizations=["system:masters"], usages=x509.CLIENT)

    def server_context(self) -> ssl.SSLContext:
        return x509.server_context(self.server, client_ca=self.ca.certificate_pem)

    def client_context(self, *, identified: bool = True) -> ssl.SSLContext:
        return x509.client_context(self.ca.certificate_pem, self.admin if identified else None)


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """`server = await start(app, tls=…)`: a server that runs until the test ends."""
    async with AsyncExitStack() as stack:

        async def begin(app: App, **options: Any) -> HttpServer:
            server = HttpServer(app, **options)
            await stack.enter_async_context(running("server", server.serve))
            return server

        yield begin


@pytest.fixture(params=["h1", "h1 tls", "h2"])
async def serve(request: pytest.FixtureRequest, start: Any, certificates: Certificates) -> AsyncIterator[Any]:
    """`call = await serve(app)`: a caller of a server that runs the app, for each protocol."""
    callers: list[HttpTransport | H2Client] = []

    async def begin(app: App, **options: Any) -> HttpTransport | H2Client:
        caller: HttpTransport | H2Client
        if request.param == "h1":
            server = await start(app, **options)
            caller = HttpTransport(f"http://127.0.0.1:{server.port}")
        else:
            server = await start(app, tls=certificates.server_context(), **options)
            tls = certificates.client_context()
            if request.param == "h2":
                caller = await H2Client.connect(server.port, tls)
            else:
                caller = HttpTransport(f"https://127.0.0.1:{server.port}", tls=tls)
        callers.append(caller)
        begin.server = server  # type: ignore[attr-defined]
        return caller

    begin.protocol = request.param  # type: ignore[attr-defined]
    yield begin
    for caller in callers:
        await caller.close()


@pytest.fixture
async def dial() -> AsyncIterator[Any]:
    opened: list[Raw] = []

    async def begin(server: HttpServer) -> Raw:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", server.port))
        opened.append(raw)
        return raw

    yield begin
    for raw in opened:
        raw.writer.close()
