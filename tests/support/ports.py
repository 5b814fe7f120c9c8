"""Port numbers for servers that start later, and for places where nobody listens: no one else on the machine gets them.

A number that the kernel chose and that was let go of again may be the next one that it gives to any connection of any
process. Those given here lie below the numbers that it chooses from, and take turns: a file holds whose turn it is.
"""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_NUMBERS = range(20_000, 30_000)  # above what programs are known by, below node ports
_TURN = Path(tempfile.gettempdir()) / f"pybernetes-test-ports-{os.getuid()}"


def free_port(count: int = 1) -> int:
    """A number, or the first of some in a row, that nobody uses and nobody else is given until all had their turn."""
    with _TURN.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        turn = int(file.read() or _NUMBERS.start)
        for _ in _NUMBERS:
            first = turn if turn + count <= _NUMBERS.stop else _NUMBERS.start
            turn = first + count
            if all(map(_nobody_listens, range(first, turn))):
                file.truncate(0)
                file.write(str(turn))
                return first
    raise OSError("every port of the range is in use")


def _nobody_listens(number: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections are no hindrance
            try:
                probe.bind(("", number))
            except OSError:
                return False
    return True
