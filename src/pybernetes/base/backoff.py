"""Exponential delays: each longer than the last, up to a cap, spread by jitter, forgotten after success.

    backoff = Backoff(initial=1.0, maximum=30.0)
    while True:
        try:
            await connect()
            backoff.reset()
        except OSError:
            await clock.sleep(backoff.next())

Pure: the random source comes in as an argument, and nothing here sleeps.
"""

import random
from collections.abc import Callable


class Backoff:
    """The delays of one thing that is tried again and again."""

    __slots__ = ("_factor", "_initial", "_jitter", "_maximum", "_random", "attempts")

    def __init__(
        self,
        *,
        initial: float,
        maximum: float,
        factor: float = 2.0,
        jitter: float = 0.0,
        source: Callable[[], float] = random.random,
    ) -> None:
        """Seconds. Each delay is lengthened by up to `jitter` times itself; `source` gives numbers in [0, 1)."""
        self._initial = initial
        self._maximum = maximum
        self._factor = factor
        self._jitter = jitter
        self._random = source
        self.attempts = 0

    def next(self) -> float:
        """The delay before the next attempt, in seconds; counts the attempt."""
        delay = exponential(self.attempts, self._initial, self._maximum, self._factor)
        self.attempts += 1
        return jittered(delay, self._jitter, self._random)

    def reset(self) -> None:
        """It worked: start over with the shortest delay."""
        self.attempts = 0


def exponential(attempts: int, initial: float, maximum: float, factor: float = 2.0) -> float:
    """The delay after so many failed attempts (0 = the first delay)."""
    # A float overflows at about 2**1024; long before that the cap has been reached.
    return min(initial * factor ** min(attempts, 256), maximum)


def jittered(delay: float, jitter: float, source: Callable[[], float] = random.random) -> float:
    """The delay plus a random part of up to `jitter` times itself (upstream's wait.Jitter)."""
    return delay + delay * jitter * source() if jitter else delay
