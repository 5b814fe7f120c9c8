"""Standard streams joined to a process in a container, with or without a terminal.

One thread takes what the server sends, another sends what is typed (or in a file), so that neither waits for the other;
a terminal is raw meanwhile and its size is told again whenever it changes. The exit code of the process is what the
error channel says at the end.
"""

from __future__ import annotations

import os
import select
import sys

from .errors import CommandError
from .transport.websocket import ERROR, RESIZE, STDERR, STDIN, STDOUT
from .wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .session import Session
    from .transport.channels import Channels

_CHUNK = 32768


class Terminal:
    """Raw while it is open; restored whatever happens."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: Any = None

    def __enter__(self) -> Terminal:
        import termios
        import tty

        self._before = termios.tcgetattr(self._descriptor)
        # What was typed ahead is kept.
        tty.setraw(self._descriptor, termios.TCSADRAIN)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


class Attached:
    """A running exchange."""

    def __init__(self, session: Session, socket: Channels, *, stdin: bool, tty: bool) -> None:
        self._session = session
        self._socket = socket
        self._stdin = stdin
        self._tty = tty
        self._status = b""
        self._out = getattr(session.out, "buffer", None)
        self._err = getattr(session.err, "buffer", None)

    def run(self) -> int:
        """Until the process ends; its exit code. CommandError when it could not be run."""
        descriptor = sys.stdin.fileno() if self._stdin else -1
        if self._tty and self._stdin and os.isatty(descriptor):
            with Terminal(descriptor):
                self._loop(descriptor)
        else:
            self._loop(descriptor)
        self._session.out.flush()
        return exit_code(self._status)

    def _loop(self, descriptor: int) -> None:
        import _thread
        import signal

        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        previous: Any = None
        if self._tty:
            previous = signal.signal(signal.SIGWINCH, lambda *_: os.write(wake_write, b"w"))
            self._resize()
        _thread.start_new_thread(self._send, (descriptor, wake_read))
        try:
            while self._take():
                pass
        finally:
            if self._tty:
                signal.signal(signal.SIGWINCH, previous)
            os.close(wake_write)
            self._socket.close()

    def _send(self, descriptor: int, wake: int) -> None:
        """Input and sizes of the terminal, until `wake` is closed at its other end or the peer is gone."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
        try:
            while True:
                for ready, _ in poll.poll():
                    if ready == wake:
                        if not os.read(wake, 4096):
                            return
                        self._resize()
                        continue
                    data = os.read(descriptor, _CHUNK)
                    if data:
                        self._socket.send_channel(STDIN, data)
                    else:
                        poll.unregister(descriptor)
                        self._socket.end_channel(STDIN)
        except OSError:
            # The peer is gone; what it said is for the other thread.
            pass
        finally:
            os.close(wake)

    def _take(self) -> bool:
        """One message; false when it was the last."""
        try:
            message = self._socket.receive()
        except OSError:
            return False
        if message is None:
            return False
        channel, data = message[0] if message else STDOUT, message[1:]
        if channel == STDOUT and data:
            self._write(self._session.out, self._out, data)
        elif channel == STDERR and data:
            self._write(self._session.err, self._err, data)
        elif channel == ERROR:
            self._status += data
        return True

    def _write(self, text: Any, raw: Any, data: bytes) -> None:
        if raw is not None:
            raw.write(data)
            raw.flush()
        else:
            text.write(data.decode("utf-8", "replace"))

    def _resize(self) -> None:
        try:
            size = os.get_terminal_size(sys.stdin.fileno())
        except OSError:
            return
        body = f'{{"Width":{size.columns},"Height":{size.lines}}}'
        self._socket.send_channel(RESIZE, body.encode())


def exit_code(status: bytes) -> int:
    """What the error channel said. CommandError for anything but the end of the process."""
    if not status:
        return 0
    try:
        found = loads(status)
    except JsonError:
        raise CommandError(status.decode("utf-8", "replace")) from None
    if found.get("status") == "Success":
        return 0
    if found.get("reason") == "NonZeroExitCode":
        for cause in (found.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                code = int(cause["message"])
                raise CommandError(f"command terminated with exit code {code}", code, prefix="")
    raise CommandError(found.get("message") or "unknown error")
