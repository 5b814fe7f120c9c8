"""TLS within TLS: to the server behind a proxy that is itself spoken to by TLS.

OpenSSL reads and writes two buffers in memory; what it wants sent goes down through the outer stream, what it waits for
comes up through it.
"""

from __future__ import annotations

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHUNK = 65536


class TlsWithin:
    """An encrypted stream over another; has what a `TlsStream` has. One thread may send while another receives."""

    def __init__(self, outer: Any, inner: Any, incoming: Any, outgoing: Any, errors: Any) -> None:
        self._outer, self._inner = outer, inner
        self._incoming, self._outgoing = incoming, outgoing
        self._errors = errors
        self._lock, self._sending = _thread.allocate_lock(), _thread.allocate_lock()
        self.settimeout, self.shutdown, self.close = outer.settimeout, outer.shutdown, outer.close
        self.fileno = outer.fileno

    def handshake(self) -> None:
        """SSLError when the server's certificate does not satisfy."""
        self._driven(self._inner.do_handshake)

    def certificate(self) -> bytes:
        """What the peer showed, DER."""
        return bytes(self._inner.getpeercert(True))

    def recv(self, size: int) -> bytes:
        try:
            return self._driven(lambda: self._inner.read(size))  # type: ignore[no-any-return]
        except self._errors.SSLZeroReturnError:
            return b""
        except self._errors.SSLError as error:
            if "EOF" in str(error):
                return b""
            raise

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = self._driven(lambda part=view: self._inner.write(part))
            view = view[count:]

    def _driven(self, step: Any) -> Any:
        """The step's result, once the outer stream has brought what it needs."""
        while True:
            try:
                with self._lock:
                    result = step()
            except self._errors.SSLWantReadError:
                self._flush()
                data = self._outer.recv(_CHUNK)
                with self._lock:
                    if data:
                        self._incoming.write(data)
                    else:
                        self._incoming.write_eof()
            except self._errors.SSLError:
                self._flush()
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        """Send what is to be sent, in the order it was made."""
        with self._sending:
            with self._lock:
                data = self._outgoing.read()
            if data:
                self._outer.sendall(data)
