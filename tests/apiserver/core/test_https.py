"""The server on its HTTPS port, with a client certificate."""

import ssl
from pathlib import Path

import pytest

from pybernetes.apiserver.config import TlsFiles
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request
from pybernetes.base.x509 import CertificateAuthority, client_context
from pybernetes.testing import api_server


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    authority = CertificateAuthority.create("kubernetes")
    serving = authority.issue("kube-apiserver", names=("127.0.0.1",))
    serving.save(tmp_path / "server.crt", tmp_path / "server.key")
    (tmp_path / "ca.crt").write_bytes(authority.certificate_pem)
    return authority


def files(directory: Path) -> TlsFiles:
    return TlsFiles(
        certificate=str(directory / "server.crt"),
        key=str(directory / "server.key"),
        client_ca=str(directory / "ca.crt"),
    )


async def test_a_client_certificate_is_the_user(tmp_path: Path, authority: CertificateAuthority) -> None:
    modes = ("RBAC",)
    async with api_server(tls=files(tmp_path), listen_port=0, authorization_modes=modes) as server:
        assert server.http is not None
        pair = authority.issue("admin", organizations=("system:masters",))
        tls: ssl.SSLContext = client_context(authority.certificate_pem, pair)
        transport = HttpTransport(f"https://127.0.0.1:{server.http.port}", tls=tls)
        try:
            response = await transport(Request("GET", "/api/v1/namespaces"))
            assert response.status == 200
        finally:
            await transport.close()
        transport = HttpTransport(
            f"https://127.0.0.1:{server.http.port}", tls=client_context(authority.certificate_pem)
        )
        try:
            assert (await transport(Request("GET", "/api/v1/namespaces"))).status == 403
        finally:
            await transport.close()
