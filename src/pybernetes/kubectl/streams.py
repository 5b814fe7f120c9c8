"""Standard streams joined to a process in a container, with or without a terminal.

One thread takes what the server sends, another sends what is typed (or in a file), so that neither waits for the other;
a terminal is raw meanwhile and its size is told again whenever it changes. The exit code of the process is what the
error channel says at the end.
"""

from __future__ import annotations

import os
import select
import sys

from .ending import interruptible
from .errors import CommandError, reason_of
from .session import write_bytes
from .transport.websocket import ERROR, RESIZE, STDERR, STDIN, STDOUT
from .wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .detaching import DetachKeys
    from .session import Session
    from .transport.channels import Channels

_CHUNK = 32768


class Terminal:
    """Raw while it is open, if it is to be; restored whatever happens."""

    def __init__(self, descriptor: int, *, raw: bool) -> None:
        self._descriptor = descriptor
        self._raw = raw
        self._before: Any = None

    def __enter__(self) -> Terminal:
        import termios
        import tty

        self._before = termios.tcgetattr(self._descriptor)
        if self._raw:
            # What was typed ahead is kept.
            tty.setraw(self._descriptor, termios.TCSADRAIN)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


class Attached:
    """A running exchange."""

    def __init__(
        self,
        session: Session,
        socket: Channels,
        *,
        stdin: bool,
        tty: bool,
        detach: DetachKeys | None = None,
        redraw: bool = False,
    ) -> None:
        """`detach`: keys that leave the process running; they are looked for where there is a terminal.

        `redraw`: tell a size that is not the terminal's first, so that a process that is there already draws anew.
        """
        self._session = session
        self._socket = socket
        self._stdin = stdin
        self._tty = tty
        self._detach = detach if tty else None
        self._redraw = redraw
        self._status = b""

    def run(self) -> int:
        """Until the process ends; its exit code. CommandError when it could not be run."""
        descriptor = _descriptor() if self._stdin else -1
        if descriptor >= 0 and os.isatty(descriptor):
            with interruptible(), Terminal(descriptor, raw=self._tty):
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
            if self._redraw:
                self._resize(more=1)
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
                    if data and self._detach is not None:
                        data = self._detach.passed(data)
                        if self._detach.seen:
                            self._socket.close()
                            return
                        if data:
                            self._socket.send_channel(STDIN, data)
                    elif data:
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
        except OSError as error:
            if self._status or (self._detach is not None and self._detach.seen):
                return False
            raise torn(error) from None
        if message is None:
            return False
        channel, data = message[0] if message else STDOUT, message[1:]
        if channel == STDOUT and data:
            write_bytes(self._session.out, data)
        elif channel == STDERR and data:
            write_bytes(self._session.err, data)
        elif channel == ERROR:
            self._status += data
        return True

    def _resize(self, more: int = 0) -> None:
        try:
            size = os.get_terminal_size(_descriptor())
        except OSError:
            return
        body = f'{{"Width":{size.columns + more},"Height":{size.lines + more}}}'
        self._socket.send_channel(RESIZE, body.encode())


def _descriptor() -> int:
    """Of standard input; -1 where there is none."""
    return sys.stdin.fileno() if sys.stdin is not None else -1


def usable_tty(session: Session, *, stdin: bool, tty: bool) -> bool:
    """Is there a terminal to join, of those that want one? Says so when what is typed comes from none."""
    if not (stdin and tty):
        return False
    if _descriptor() >= 0 and os.isatty(_descriptor()):
        return True
    if not session.flags.on("quiet"):
        session.tell("Unable to use a TTY - input is not a terminal or the right kind of file")
    return False


def torn(error: OSError) -> CommandError:
    """The connection ended without a close, and with it all knowledge of the process."""
    from .transport.connection import PeerClosed

    gone = isinstance(error, PeerClosed)
    why = "websocket: close 1006 (abnormal closure): unexpected EOF" if gone else reason_of(error)
    return CommandError(f"error reading from error stream: next reader: {why}")


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
