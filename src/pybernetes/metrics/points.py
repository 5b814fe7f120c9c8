"""From counters to usage: pure.

    look 1      look 2      look 3
      ●───────────●           ●          usage = (cpu of the later - cpu of the earlier) / time between them
    earlier     later
                  ●───────────●          a new look moves both on; nothing older is kept

A container that is new has no earlier point; once it has run for five seconds its start takes that place, where its
counter stood at 0. A counter is never compared with one of before a restart. Follows metrics-server `pkg/storage`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

YOUNG_SECONDS = (5.0, 90.0)
"""Ages between which a container's start may stand for its earlier point. Starts are known to the second, so that a
younger one would be judged by chance; an older one would be shown what it did long ago."""

PodName = tuple[str, str]
"""(namespace, name)."""


class Point(NamedTuple):
    """What was used up to an instant. Times are seconds since the epoch; `start` is 0 where it is not known."""

    at: float
    cpu_nanoseconds: int
    memory_bytes: int
    swap_bytes: int | None = None
    start: float = 0.0


class Look(msgspec.Struct):
    """What kubelets said at one time: nodes by name, containers by pod and name."""

    nodes: dict[str, Point] = {}
    pods: dict[PodName, dict[str, Point]] = {}

    def add(self, other: "Look") -> None:
        """Take in what another kubelet said; where both speak of a pod, the first is believed."""
        self.nodes |= other.nodes
        for name, containers in other.pods.items():
            self.pods.setdefault(name, containers)


class Usage(NamedTuple):
    """Used on the average of a window that ended at `at`: billionths of a processor, bytes."""

    at: float
    window_seconds: float
    cpu_nanocores: int
    memory_bytes: int
    swap_bytes: int | None = None


def earlier_of(new: Point, last: Point | None, before: Point | None) -> Point | None:
    """The point a new one is measured from: the last, or the one before when nothing has moved since, or the start."""
    if last is not None and new.start < last.at:
        if new.at > last.at:
            return last
        return before if before is not None and before.at < new.at else None
    youngest, oldest = YOUNG_SECONDS
    if new.start and youngest <= new.at - new.start <= oldest:
        return Point(new.start, 0, 0, None, new.start)
    return None


def usage_between(earlier: Point, later: Point) -> Usage | None:
    """None when the counter went back, which no restart explains."""
    if later.cpu_nanoseconds < earlier.cpu_nanoseconds or later.at <= earlier.at:
        return None
    window = later.at - earlier.at
    rate = int((later.cpu_nanoseconds - earlier.cpu_nanoseconds) / window)
    return Usage(later.at, window, rate, later.memory_bytes, later.swap_bytes)


class Points:
    """The two latest points of everything. `store` is given a whole look; what it lacks is forgotten."""

    def __init__(self) -> None:
        self._last = Look({}, {})
        self._earlier = Look({}, {})

    def store(self, look: Look) -> None:
        """Move on by one look."""
        earlier = Look({}, {})
        for name, point in look.nodes.items():
            found = earlier_of(point, self._last.nodes.get(name), self._earlier.nodes.get(name))
            if found is not None:
                earlier.nodes[name] = found
        nothing: Mapping[str, Point] = {}
        for pod, containers in look.pods.items():
            last, before = self._last.pods.get(pod, nothing), self._earlier.pods.get(pod, nothing)
            rows = {}
            for name, point in containers.items():
                found = earlier_of(point, last.get(name), before.get(name))
                if found is not None:
                    rows[name] = found
            if rows:
                earlier.pods[pod] = rows
        self._last, self._earlier = look, earlier

    def node(self, name: str) -> Usage | None:
        """What a node uses; None while that is not known."""
        last, earlier = self._last.nodes.get(name), self._earlier.nodes.get(name)
        return usage_between(earlier, last) if last is not None and earlier is not None else None

    def pod(self, name: PodName) -> dict[str, Usage] | None:
        """What the containers of a pod use; None until something is known of each of them."""
        last, earlier = self._last.pods.get(name), self._earlier.pods.get(name)
        if last is None or earlier is None or len(earlier) < len(last):
            return None
        found = {}
        for container, point in last.items():
            usage = usage_between(earlier[container], point)
            if usage is not None:
                found[container] = usage
        return found or None

    @property
    def counts(self) -> tuple[int, int]:
        """(nodes, containers) whose usage is known."""
        return len(self._earlier.nodes), sum(map(len, self._earlier.pods.values()))
