"""A listener takes another certificate and other CAs while it serves."""

import ssl

import pytest

from pybernetes.base.http.client import HttpTransport, TransportError
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context, server_context, subject_of


async def who(request: Request) -> Response:
    name = subject_of(request.peer_certificate)[0] if request.peer_certificate else ""
    return Response(200, [], name.encode())


def context(old: bool, authorities: list[CertificateAuthority]) -> ssl.SSLContext:
    pair = authorities[0 if old else 1].issue("server", names=("127.0.0.1",))
    return server_context(pair, client_ca=authorities[0 if old else 1].certificate_pem)


async def test_new_connections_get_the_new_certificate_and_old_ones_go_on() -> None:
    authorities = [CertificateAuthority.create("old"), CertificateAuthority.create("new")]
    server = HttpServer(who, tls=context(True, authorities))
    async with running("server", server.serve):
        url = f"https://127.0.0.1:{server.port}"
        old, new = (HttpTransport(url, tls=client_context(a.certificate_pem, a.issue("client"))) for a in authorities)
        assert (await old(Request("GET", "/"))).status == 200
        with pytest.raises(TransportError):
            await new(Request("GET", "/"))
        await server.use_tls(context(False, authorities))
        assert (await new(Request("GET", "/"))).status == 200
        assert (await old(Request("GET", "/"))).status == 200  # its connection is the one from before
        stranger = HttpTransport(url, tls=client_context(authorities[0].certificate_pem))
        with pytest.raises(TransportError):
            await stranger(Request("GET", "/"))
        for transport in (old, new, stranger):
            await transport.close()
