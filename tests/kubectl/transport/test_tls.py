"""A TLS stream that one thread closes while another waits for it."""

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from pybernetes.base.x509 import SERVER, CertificateAuthority, server_context
from pybernetes.kubectl.transport import tls
from pybernetes.kubectl.transport.connection import Socket

SECONDS = 30.0


class Server(threading.Thread):
    """Shakes hands with every client and then says nothing until it goes."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
                with self._context.wrap_socket(accepted, server_side=True) as stream:
                    stream.settimeout(SECONDS)
                    while stream.recv(65536):
                        pass
            except ssl.SSLError:
                continue
            except OSError:
                if self._listener.fileno() < 0:
                    return

    def close(self) -> None:
        """Closing alone would leave the thread to accept what comes to the next listener."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join(SECONDS)


@pytest.fixture
def stream() -> Iterator[tls.TlsStream]:
    authority = CertificateAuthority.create("test-ca")
    server = Server(server_context(authority.issue("server", names=["127.0.0.1"], usages=SERVER)))
    server.start()
    sock = Socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(("127.0.0.1", server.port))
    yield tls.wrap(sock, "127.0.0.1", ca=authority.certificate_pem.decode(), insecure=False)
    server.close()


def waiting(stream: tls.TlsStream) -> tuple[threading.Thread, list[bytes]]:
    """A thread that receives, and what it got, once it waits for the socket."""
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(stream.recv(100)), daemon=True)
    thread.start()
    while not stream._waiting:
        time.sleep(0.001)
    return thread, got


def test_who_waits_is_woken_and_nothing_is_sent_any_more(stream: tls.TlsStream) -> None:
    thread, got = waiting(stream)
    stream.close()
    thread.join(SECONDS)
    assert got == [b""]
    assert stream.recv(100) == b""
    with pytest.raises(ConnectionResetError, match="the connection is closed"):
        stream.sendall(b"late")


def test_another_socket_with_the_number_of_the_closed_one_is_left_alone(stream: tls.TlsStream) -> None:
    """OpenSSL keeps the number: what it reads there would be another connection's, and it would answer there."""
    thread, _ = waiting(stream)
    stream.shutdown(2)
    stream.close()
    pairs = [socket.socketpair() for _ in range(20)]
    for end in (end for pair in pairs for end in pair):
        end.send(b"GET / HTTP/1.1\r\n\r\n")
    thread.join(SECONDS)
    assert not thread.is_alive()
    for end in (end for pair in pairs for end in pair):
        assert end.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
        assert not select.select([end], [], [], 0)[0]
    for end in (end for pair in pairs for end in pair):
        end.close()
