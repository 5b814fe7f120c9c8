"""Accepting inside TLS, so that who speaks plain HTTP to an HTTPS port is told so.

    accept ─▶ handshake ─▶ the protocol's connection_made
                  └─ failed, and what came began like HTTP ─▶ 400 in plain text, as Go's server answers

The transports close a socket as soon as its handshake fails, before anybody could write to it; an accepted socket here
stays open until the handshake's outcome is known. A connection that does speak TLS pays nothing for this.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from pybernetes.base.log import logger

log = logger(__name__)

_BACKLOG = 1024
_AT_ONCE = 64
_DRAINED_BYTES = 64 * 1024
PAUSE_SECONDS = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The process or the system has no descriptors or memory for one more: what waits stays in the backlog for a while."""
_PLAIN_HTTP = "HTTP_REQUEST"
"""OpenSSL's reason when the first bytes are those of GET, HEAD, POST or PUT."""
_ANSWER = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

Handshake = Callable[[socket.socket], Coroutine[Any, Any, Any]]
"""Makes a transport of an accepted socket; raises what the handshake failed with."""


class _Accepted(socket.socket):
    """A socket whose `close` waits until its handshake is judged."""

    judged = False
    _closed_before = False

    def close(self) -> None:
        if self.judged:
            super().close()
        else:
            self._closed_before = True

    def judge(self, failure: BaseException | None) -> None:
        """The handshake is over: answer who spoke plain HTTP; close if the transport wanted to."""
        if isinstance(failure, ssl.SSLError) and failure.reason == _PLAIN_HTTP:
            with contextlib.suppress(OSError):
                self.recv(_DRAINED_BYTES)  # what is left unread would reset the connection before the answer is read
            with contextlib.suppress(OSError):
                self.send(_ANSWER)
        self.judged = True
        if failure is not None or self._closed_before:
            self.close()


class TlsListener:
    """Accepts on a bound socket until closed; handshakes that go on then are completed."""

    def __init__(self, listener: socket.socket, handshake: Handshake) -> None:
        self._listener = listener
        self._handshake = handshake
        self._handshakes: dict[asyncio.Task[Any], _Accepted] = {}
        self._loop = asyncio.get_running_loop()
        listener.listen(_BACKLOG)
        self._loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; the socket is closed."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    def abort(self) -> None:
        """Accept no more and end the handshakes that go on."""
        self.close()
        for task in self._handshakes:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                plain, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                log.error("Connections wait, since one cannot be accepted", err=error)
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            connection = _Accepted(plain.family, plain.type, plain.proto, fileno=plain.detach())
            connection.setblocking(False)
            task = self._loop.create_task(self._handshake(connection))
            self._handshakes[task] = connection
            task.add_done_callback(self._judge)

    def _judge(self, task: asyncio.Task[Any]) -> None:
        """The handshake came to its end, one way or another; it may not even have begun."""
        failure = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._handshakes.pop(task).judge(failure)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)
