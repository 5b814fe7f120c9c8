"""Who may see a component's pages: over TLS, with a client certificate of the cluster's CA."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest

from pybernetes.api.user import component
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.health import Health
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context
from pybernetes.client.client import Client, read_body
from pybernetes.client.component_pages import ComponentPages, metrics_page
from pybernetes.client.in_process import InProcessTransport
from pybernetes.testing import api_server

AUTHORITY = CertificateAuthority.create("cluster", now=datetime.now(UTC))


async def _ask(port: int, tls: ssl.SSLContext) -> tuple[int, bytes]:
    transport = HttpTransport(f"https://127.0.0.1:{port}", tls=tls)
    try:
        response = await transport(Request("GET", "/metrics"))
        return response.status, await read_body(response)
    finally:
        await transport.close()


async def _answers(*contexts: ssl.SSLContext) -> list[int]:
    async with api_server(authorization_modes=("RBAC",)) as server:
        client = Client(InProcessTransport(server.app, component("system:kube-scheduler")))
        pages = ComponentPages("some", Health, client, SYSTEM_CLOCK, client_ca=AUTHORITY.certificate_pem)
        pages.pages["/metrics"] = metrics_page(lambda: b"up 1\n")
        http = pages.server("127.0.0.1", 0)
        async with running("pages", http.serve):
            return [(await _ask(http.port, tls))[0] for tls in contexts]


def test_a_client_certificate_is_believed() -> None:
    scraper = AUTHORITY.issue("prometheus", organizations=("system:monitoring",))
    nobody = AUTHORITY.issue("nobody")
    contexts = (client_context(None, scraper), client_context(None, nobody), client_context(None))
    assert asyncio.run(_answers(*contexts)) == [200, 403, 403]


def test_a_certificate_of_another_authority_is_not() -> None:
    stranger = CertificateAuthority.create("other", now=datetime.now(UTC)).issue("x", organizations=("system:masters",))
    with pytest.raises(OSError):
        asyncio.run(_answers(client_context(None, stranger)))
