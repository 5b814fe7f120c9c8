"""Whether a peer that is waited for still moves: one judgement for both protocols, in either direction.

A sweep looks every few seconds at a count of bytes that only grows while the peer takes (or sends) something, and keeps
the moment since when the count has stood still. What is put in front of the peer meanwhile does not count: bytes taken
are the bytes accepted less those that wait.

    mark = progress(mark, now, accepted - waiting)      # None at first, and again whenever nothing is waited for
    if mark.stalled(now, seconds): …cut it off

Pure: time is passed in, so that the sweep is the only cost and a request pays for nothing.
"""

from typing import NamedTuple


class Mark(NamedTuple):
    """The last progress that a sweep saw: `since` in seconds of the sweep's clock, `moved` in bytes."""

    since: float
    moved: int

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether nothing has moved for longer than `seconds`."""
        return now - self.since > seconds


def progress(before: Mark | None, now: float, moved: int) -> Mark:
    """What to remember of this look: the earlier mark when the count has not grown since."""
    return before if before is not None and moved <= before.moved else Mark(now, moved)
