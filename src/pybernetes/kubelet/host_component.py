"""A component of the cluster that is a process of this machine, or a part of one, and no container.

The node shows each as a mirror pod (host_pods.py) and serves its log (host_logs.py). Whoever starts the components
makes these objects, which outlive a kubelet that is started again in the same process: `counted_before` is what a pod
had been restarted when this process took it over.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..base.observed import End, ObservedPart


class ComponentLog(msgspec.Struct, frozen=True, kw_only=True):
    """Where a component writes its log. `path` "" = to where nobody can read it again."""

    path: str
    component: str = ""
    """Its name in lines that say `component=NAME`; "" when all of the file is its own."""
    loggers: tuple[str, ...] = ()
    """The packages whose lines are its own, whoever they act for."""
    others: tuple[str, ...] = ()
    """The packages whose lines are those of other components, whoever they act for."""


class HostComponent:
    """See the module docstring. `part` is what its supervisor knows of it.

    `last_end` is how the run before this process ended, where that is known; `restarts_before` how often the process
    had been started again by its own supervisor."""

    def __init__(
        self,
        name: str,
        part: ObservedPart,
        *,
        labels: Mapping[str, str],
        image: str,
        command: Callable[[], Sequence[str]],
        log: ComponentLog,
        last_end: End | None = None,
        restarts_before: int = 0,
    ) -> None:
        self.name = name
        self.part = part
        self.labels = labels
        self.image = image
        self.command = command
        self.log = log
        self.last_end = last_end
        self.restarts_before = restarts_before
        self.counted_before: int | None = None

    @property
    def restart_count(self) -> int:
        """Over all processes that ran it while its pod was there."""
        return (self.counted_before or 0) + self.part.restarts


def container_id(pid: int) -> str:
    """What stands for the ID of a container: the process."""
    return f"pybernetes://{pid}"
