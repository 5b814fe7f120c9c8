"""Servers whose certificate does not satisfy — other names, another time, another authority — in the same words."""

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed

LINES = """\
get pods
get --raw /x
api-versions
apply -f cm.yaml
delete -f cm.yaml
create configmap y
get pods --tls-server-name=a.a.b.example
get pods --tls-server-name=x.other.example
"""
CASES = {
    "names": (("a.example", "*.b.example"), 0, "known"),
    "addresses": (("10.9.0.1", "::1"), 0, "known"),
    "both": (("a.example", "10.9.0.1"), 0, "known"),
    "no-names": ((), 0, "known"),
    "expired": (("127.0.0.1",), -20, "known"),
    "too-early": (("127.0.0.1",), 20, "known"),
    "unknown": (("127.0.0.1", "*.other.example"), 0, "unknown"),
    "of-the-same-name": (("127.0.0.1",), 0, "same"),
}


class Signer:
    """An authority, and what it issues."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = self._issue(self._name, self._key, (), 0, authority=True)

    def _issue(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], days: int, *, authority: bool
    ) -> str:
        start = datetime.now(UTC) + timedelta(days=days - 10)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=20))
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        found: list[x509.GeneralName] = []
        for name in names:
            try:
                found.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                found.append(x509.DNSName(name))
        if found:
            builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, names: tuple[str, ...], days: int) -> str:
        """A certificate whose time is `days` from now, with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        plain = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._issue(subject, key, names, days, authority=False) + plain.decode()


@contextmanager
def listening(pair: Path) -> Iterator[int]:
    """Shakes hands with everyone and says no more; the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("case", CASES)
def test_both_clients_say_the_same(tmp_path: Path, case: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    names, days, who = CASES[case]
    known = Signer("known")
    signer = {"known": known, "unknown": Signer("unknown"), "same": Signer("known")}[who]
    (tmp_path / "server.pem").write_text(signer.server(names, days))
    (tmp_path / "ca.pem").write_text(known.pem)
    with listening(tmp_path / "server.pem") as port:
        configs = {}
        for side in ("stock", "ours"):
            home = tmp_path / case / side
            home.mkdir(parents=True)
            cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(tmp_path / "ca.pem")}
            document = {
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"token": "x"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
            configs[side] = home / "kubeconfig"
            configs[side].write_text(json.dumps(document))
            (home / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
        pair = Pair(list(stock.values())[-1], tmp_path / "none", tmp_path)
        differences = pair.compared(LINES.splitlines(), configs)
    assert not differences, "\n\n".join(map(str, differences))
