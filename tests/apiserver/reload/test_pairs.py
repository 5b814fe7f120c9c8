"""A certificate by which we are known: contexts that exist show the new one as soon as the files change."""

import asyncio
import ssl
from pathlib import Path

from tests.apiserver.reload.test_server import listening

from pybernetes.apiserver.reload.pairs import FollowedPair
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context, server_context, subject_of

CA = CertificateAuthority.create("ca")


async def who(request: Request) -> Response:
    """Says as whom the client is known."""
    return Response(200, [], (subject_of(request.peer_certificate)[0] if request.peer_certificate else "").encode())


async def asked(port: int, context: ssl.SSLContext) -> bytes:
    """What a new connection is told."""
    transport = HttpTransport(f"https://127.0.0.1:{port}", tls=context)
    try:
        body = (await transport(Request("GET", "/"))).body
    finally:
        await transport.close()
    assert isinstance(body, bytes)
    return body


def followed(directory: Path, name: str) -> FollowedPair:
    renew(directory, name)
    return FollowedPair("certificate", str(directory / "x.crt"), str(directory / "x.key"))


def renew(directory: Path, name: str) -> None:
    CA.issue(name, names=("127.0.0.1",)).save(directory / "x.crt", directory / "x.key")


async def test_a_client_is_known_by_its_new_certificate(tmp_path: Path) -> None:
    pair = followed(tmp_path, "old")
    contexts = [
        pair.client_context(CA.certificate_pem),
        pair.client_context(None),
        pair.known_by(client_context(CA.certificate_pem)),
    ]
    server = HttpServer(who, tls=server_context(CA.issue("server", names=("127.0.0.1",)), client_ca=CA.certificate_pem))
    with listening() as log:
        async with running("server", server.serve), running("pair", pair.files.serve):
            assert {await asked(server.port, context) for context in contexts} == {b"old"}
            renew(tmp_path, "new")
            await log.until(used=1)
            assert {await asked(server.port, context) for context in contexts} == {b"new"}
            (tmp_path / "x.key").write_text("torn")
            await log.until(refused=1)
            later = pair.client_context(CA.certificate_pem)
            assert {await asked(server.port, context) for context in (*contexts, later)} == {b"new"}


async def test_a_server_shows_its_new_certificate(tmp_path: Path) -> None:
    pair = followed(tmp_path, "old")
    server = HttpServer(who, tls=pair.server_context(CA.certificate_pem))
    client = client_context(CA.certificate_pem, CA.issue("client"))

    async def shown() -> str:
        assert await asked(server.port, client) == b"client"
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", server.port))
        return subject_of(ssl.PEM_cert_to_DER_cert(pem))[0]

    with listening() as log:
        async with running("server", server.serve), running("pair", pair.files.serve):
            assert await shown() == "old"
            renew(tmp_path, "new")
            await log.until(used=1)
            assert await shown() == "new"
