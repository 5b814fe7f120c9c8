"""How much work a peer may make without asking anything: what keeps rapid resets, ping and settings floods cheap.

Every such frame has a cost; the allowance is filled up again when it has lasted for a while, else the peer is told to
be calm and goes (ENHANCE_YOUR_CALM).
"""

from collections.abc import Callable

from pybernetes.base.http import h2_frames as frames
from pybernetes.base.http.h2_frames import ConnectionFault, ErrorCode

COST = {frames.RST_STREAM: 10, frames.PING: 10, frames.SETTINGS: 50, frames.PRIORITY: 5}
COST_EMPTY_DATA = 10
_FULL = 10_000
_SECONDS = 10.0


class Allowance:
    """One connection's; `clock` is monotonic seconds."""

    __slots__ = ("_clock", "_left", "_since")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = _FULL
        self._since = clock()

    def charge(self, cost: int) -> None:
        """Take off; ConnectionFault when it is used up too soon."""
        self._left -= cost
        if self._left < 0:
            now = self._clock()
            if now - self._since < _SECONDS:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many control frames")
            self._left = _FULL - cost
            self._since = now
