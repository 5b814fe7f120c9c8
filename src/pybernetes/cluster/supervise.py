"""Keeps one foreground command running: starts it, starts it again when it dies, ends with it on SIGTERM.

Run as a script of its own (`python -I -S supervise.py COMMAND...`), without the rest of the package and without an
event loop: this process only waits, and costs ten MiB. The child dies with it (PR_SET_PDEATHSIG), so that a killed
supervisor never leaves a second owner of the data behind.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1
_SHORT_LIFE_SECONDS = 10.0
_MAX_DELAY_SECONDS = 10.0
PREDECESSOR = "PYBERNETES_PREDECESSOR"
"""Tells a child that is not the first: how many there were, and of the last one pid, return code, begin and end."""
FATAL_EXIT = 1
"""The child's own word that another try is of no use (a port in use, a damaged data directory)."""


def _spawn(command: list[str]) -> int:
    number = os.fork()
    if number:
        return number
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execv(command[0], command)
    finally:
        os._exit(127)


def supervise(command: list[str]) -> int:
    """Run until SIGTERM or SIGINT, or until the first child ends with FATAL_EXIT; returns the exit code."""
    child = 0
    ending = False
    wake_reader, wake_writer = os.pipe()

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        os.write(wake_writer, b"x")
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    delay = 0.0
    first = True
    children = 0
    while not ending:
        began, began_at = time.monotonic(), time.time()
        pid = child = _spawn(command)
        children += 1
        if ending:
            os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        child = 0
        code = os.waitstatus_to_exitcode(status)
        if ending:
            return 0
        if first:
            _close_progress()
        if code == FATAL_EXIT and first and time.monotonic() - began < _SHORT_LIFE_SECONDS:
            return code
        first = False
        os.environ[PREDECESSOR] = f"{children} {pid} {code} {began_at:.0f} {time.time():.0f}"
        lived = time.monotonic() - began
        delay = 0.0 if lived > _SHORT_LIFE_SECONDS else min(max(0.1, delay * 2), _MAX_DELAY_SECONDS)
        print(f"{command[0]} ended with {code} after {lived:.1f} s; starting it again", file=sys.stderr, flush=True)
        select.select([wake_reader], [], [], delay)
    return 0


def _close_progress() -> None:
    """The pipe to `up` ends with the first child: whoever reads it must see the end."""
    number = os.environ.pop("PYBERNETES_PROGRESS_FD", "")
    if number:
        os.close(int(number))


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
