"""A component of the host, for tests: one that its supervisor (the test) says everything about."""

from pathlib import Path

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.observed import ObservedPart
from pybernetes.kubelet.host_component import ComponentLog, HostComponent

LOGGERS = {"kube-scheduler": ("scheduler",), "kube-apiserver": ("apiserver", "store")}


def component_log(path: Path | str, name: str = "kube-scheduler") -> ComponentLog:
    """The log of one of two components that write to the same file."""
    own = LOGGERS[name]
    others = tuple(package for packages in LOGGERS.values() for package in packages if packages != own)
    return ComponentLog(path=str(path), component=name, loggers=own, others=others)


def component(
    name: str = "kube-scheduler",
    *,
    clock: Clock = SYSTEM_CLOCK,
    command: tuple[str, ...] = ("pybernetes", "server"),
    path: Path | str = "",
) -> HostComponent:
    """Not begun yet."""
    return HostComponent(
        name,
        ObservedPart(clock),
        labels={"component": name, "tier": "control-plane"},
        image="pybernetes:1",
        command=lambda: command,
        log=component_log(path, name),
    )
