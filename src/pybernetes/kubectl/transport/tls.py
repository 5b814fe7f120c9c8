"""TLS for a plain socket, or within TLS.

The `ssl` module takes 14 ms to import, a third of what a short command takes in all, and adds nothing to a blocking
client that the interpreter's `_ssl` does not have. Where `_ssl` has another shape than expected, `ssl` does the work.
"""

from __future__ import annotations

import _thread
import os

from ..errors import CommandError, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROTOCOL_TLS_CLIENT = 16
_READABLE, _WRITABLE = 1, 4
"""POLLIN and POLLOUT."""
_CERT_NONE, _CERT_REQUIRED = 0, 2


class Unverified(Unreachable):
    """The server's certificate does not satisfy."""


class TlsStream:
    """An encrypted stream over a socket: `recv`, `sendall`, `close`, as a socket has them.

    One thread may send while another receives: OpenSSL's object serves one at a time and never waits, the waiting for
    the socket is done here, without the lock. Any thread may close it: who waits is woken, and the descriptor is given
    back only when nobody uses it any more, since the next socket to be opened may get its number.
    """

    def __init__(self, sock: Any, inner: Any, errors: Any) -> None:
        self._sock = sock
        self._inner = inner
        self._closed = errors.SSLZeroReturnError
        self._wants_read, self._wants_write = errors.SSLWantReadError, errors.SSLWantWriteError
        self._lock = _thread.allocate_lock()
        self._over = False
        self._waiting = 0
        self._seconds: float | None = sock.gettimeout()
        sock.setblocking(False)

    def settimeout(self, seconds: float | None) -> None:
        self._seconds = seconds

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def recv(self, size: int) -> bytes:
        while True:
            try:
                with self._lock:
                    return b"" if self._over else self._inner.read(size)
            except self._wants_read:
                self._await(_READABLE)
            except self._wants_write:
                self._await(_WRITABLE)
            except self._closed:
                return b""
            except OSError as error:
                if "EOF" in str(error) or getattr(error, "errno", 0) == 8:
                    return b""
                raise

    def _await(self, what: int) -> None:
        """Until the socket is ready. TimeoutError."""
        import select

        with self._lock:
            if self._over:
                return
            self._waiting += 1
        try:
            poll = select.poll()
            poll.register(self._sock.fileno(), what)
            if not poll.poll(None if self._seconds is None else self._seconds * 1000):
                raise TimeoutError("timed out")
        finally:
            with self._lock:
                self._waiting -= 1
                if self._over and not self._waiting:
                    self._sock.close()

    def certificate(self) -> bytes:
        """What the peer showed, DER."""
        return bytes(self._inner.getpeercert(True))

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                with self._lock:
                    if self._over:
                        raise ConnectionResetError("the connection is closed")
                    count = self._inner.write(view)
            except self._wants_write:
                self._await(_WRITABLE)
            except self._wants_read:
                self._await(_READABLE)
            except OSError:
                self._hear_why()
                raise
            else:
                view = view[count:]

    def _hear_why(self) -> None:
        """The peer may have said why it will hear no more: raise that."""
        try:
            with self._lock:
                if not self._over:
                    self._inner.read(1)
        except OSError as error:
            if "_ALERT_" in str(error):
                raise

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        with self._lock:
            self._over = True
            if not self._waiting:
                self._sock.close()
                return
        try:
            self._sock.shutdown(2)
        except OSError:
            pass


def wrap(sock: Any, host: str, *, ca: str, insecure: bool, certificate: str = "", key: str = "") -> Any:
    """Shake hands over a socket or a stream that is encrypted already: a `TlsStream`, or a `TlsWithin`.

    Unreachable with Go's words when the server's certificate does not satisfy.
    """
    try:
        import _ssl as native

        context: Any = native._SSLContext(_PROTOCOL_TLS_CLIENT)
        context.check_hostname = not insecure
        context.verify_mode = _CERT_NONE if insecure else _CERT_REQUIRED
        inner_error = native.SSLError
    except (ImportError, AttributeError, TypeError, ValueError):
        return _wrap_by_library(sock, host, ca=ca, insecure=insecure, certificate=certificate, key=key)
    try:
        if ca:
            context.load_verify_locations(None, None, ca)
        elif not insecure:
            context.set_default_verify_paths()
    except inner_error:
        raise CommandError("unable to load root certificates: unable to parse bytes as PEM block") from None
    if certificate:
        _load_pair(context, certificate, key, inner_error)
    try:
        if isinstance(sock, TlsStream):
            return _within(sock, native, lambda come, go: context._wrap_bio(come, go, False, host))
        inner = context._wrap_socket(sock, False, host)
        inner.do_handshake()
    except inner_error as error:
        raise _explained(error, host) from None
    return TlsStream(sock, inner, native)


def _within(outer: TlsStream, errors: Any, wrapped: Any) -> Any:
    from .tls_within import TlsWithin

    incoming, outgoing = errors.MemoryBIO(), errors.MemoryBIO()
    stream = TlsWithin(outer, wrapped(incoming, outgoing), incoming, outgoing, errors)
    stream.handshake()
    return stream


def check_pair(certificate: str, key: str) -> None:
    """CommandError for a certificate and a key that do not belong together."""
    import ssl

    _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key, ssl.SSLError)


def _load_pair(context: Any, certificate: str, key: str, error: type[Exception]) -> None:
    """The library reads files only: give it one in memory."""
    pair = f"{certificate}\n{key}".encode("latin-1")
    descriptor = os.memfd_create("pair") if hasattr(os, "memfd_create") else -1
    if descriptor < 0:
        import tempfile

        descriptor, path = tempfile.mkstemp()
    else:
        path = f"/proc/self/fd/{descriptor}"
    try:
        os.write(descriptor, pair)
        context.load_cert_chain(path, path, None)
    except error as refusal:
        if "KEY_VALUES_MISMATCH" in str(refusal):
            raise CommandError("tls: private key does not match public key") from None
        raise CommandError("tls: failed to find any PEM data in certificate input") from None
    finally:
        os.close(descriptor)
        if not path.startswith("/proc/"):
            os.unlink(path)


def _wrap_by_library(sock: Any, host: str, *, ca: str, insecure: bool, certificate: str, key: str) -> Any:
    import socket
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = not insecure
    context.verify_mode = ssl.CERT_NONE if insecure else ssl.CERT_REQUIRED
    if ca:
        context.load_verify_locations(cadata=ca)
    elif not insecure:
        context.load_default_certs()
    if certificate:
        _load_pair(context, certificate, key, ssl.SSLError)
    try:
        if isinstance(sock, TlsStream):
            return _within(sock, ssl, lambda come, go: context.wrap_bio(come, go, False, host))
        plain = socket.socket(fileno=sock.detach())
        stream = context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLError as error:
        raise _explained(error, host) from None
    return TlsStream(stream, stream, ssl)


def _explained(error: Exception, host: str) -> Unreachable:
    code = getattr(error, "verify_code", 0)
    if code in (2, 7, 18, 19, 20, 21):
        why = "x509: certificate signed by unknown authority"
    elif code in (62, 64):
        why = f"x509: certificate is not valid for {host}"
    elif code in (9, 10):
        why = "x509: certificate has expired or is not yet valid"
    elif code:
        why = f"x509: {getattr(error, 'verify_message', error)}"
    elif "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error):
        message = "tls: first record does not look like a TLS handshake"
        return Unreachable(message, detail=message)
    else:
        from .alerts import words

        return Unreachable(f"remote error: tls: {words(str(error))}")
    return Unverified(f"tls: failed to verify certificate: {why}")
