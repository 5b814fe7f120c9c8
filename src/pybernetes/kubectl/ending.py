"""How a command ends that is interrupted, that nobody listens to any more, or whose output cannot be written.

Most commands die of the signal, so that the shell knows. Those that wait for something, or have a terminal to put in
order, end with exit code 1 instead, as the stock client's do:

    with interruptible():
        ...
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

INTERRUPT, BROKEN_PIPE = 2, 13
_ENDING = (1, INTERRUPT, 3, 15)
"""SIGHUP, SIGINT, SIGQUIT, SIGTERM."""
_INSIST_SECONDS = 0.05


def die_of(number: int) -> int:
    """End this process by a signal; what was printed before is written out if it can be."""
    if number == BROKEN_PIPE or not flushed():
        silence()
    import signal

    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def flushed() -> bool:
    """Write out what was printed; whether that was possible."""
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def silence(descriptor: int = 1) -> None:
    """Nothing more can be said, and the interpreter must not try when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def complain(err: TextIO, message: str) -> None:
    """A line on standard error; that it cannot be written changes nothing."""
    try:
        err.write(message + "\n")
        err.flush()
    except OSError:
        silence(2)


def open_missing_streams() -> None:
    """Standard streams that were closed when we were started lead nowhere, as in a Go program."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is the one that is missing.
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode))  # noqa: SIM115


class interruptible:
    """Signals that would end the process end the command with exit code 1, when all that is open has been closed.

    The interpreter notices a signal between two steps, or by the wait that it breaks off. One that comes just before a
    wait begins would wait with it; so a thread hears of each and sends it once more until it was noticed."""

    def __init__(self, numbers: tuple[int, ...] = _ENDING, error: type[BaseException] | None = None) -> None:
        """error: raised instead of the end with exit code 1."""
        self._numbers = numbers
        self._error = error
        self._before: dict[int, Any] = {}
        self._noticed = False
        self._wake = -1
        self._outer_wake = -1

    def __enter__(self) -> None:
        import signal

        for number in self._numbers:
            try:
                self._before[number] = signal.signal(number, self._leave)
            except ValueError:
                # Only the first thread gets signals.
                return
        import _thread

        read, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._outer_wake = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        _thread.start_new_thread(self._insist, (read, _thread.get_ident()))

    def __exit__(self, *_: object) -> None:
        import signal

        self._noticed = True
        if self._wake >= 0:
            signal.set_wakeup_fd(self._outer_wake)
            os.close(self._wake)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _leave(self, number: int, frame: object) -> None:
        self._noticed = True
        raise self._error() if self._error is not None else SystemExit(1)

    def _insist(self, read: int, first: int) -> None:
        """Until the other end of the pipe is closed; each byte is the number of a signal."""
        import signal
        import time

        while numbers := os.read(read, 64):
            for number in numbers:
                while number in self._numbers and not self._noticed:
                    time.sleep(_INSIST_SECONDS)
                    if not self._noticed:
                        signal.pthread_kill(first, number)
        os.close(read)
