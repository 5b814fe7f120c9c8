"""From usage to replicas: pure. Usage and targets are in thousandths of their unit.

    replicas = ceil(ready pods × usage / target)      unless usage / target is within the tolerance of 1

Pods nothing is known of are taken at their best in the direction that would scale: when the load is low a missing pod
counts as fully used, when it is high it counts as idle, and pods that are still starting count as idle. If that turns
the answer round, nothing is done.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil

import msgspec

from ...api.core import Container, Pod
from ...api.quantity import parse
from ...reconcile.pods import condition_of, is_ready, phase_of

INITIALIZATION_PERIOD = timedelta(minutes=5)
READINESS_DELAY = timedelta(seconds=30)
POD_LEVEL = ("cpu", "memory")
"""Resources, besides huge pages, that a pod as a whole may request."""


class MetricsError(Exception):
    """A metric cannot be used; the text is the one the condition shows."""


class Usage(msgspec.Struct, frozen=True):
    """What one pod used, when that was measured and over how long."""

    milli: int
    measured_at: datetime | None = None
    window: timedelta = timedelta(seconds=60)


class Tolerance(msgspec.Struct, frozen=True):
    """How far the ratio of usage to target may be from 1, upwards and downwards, before anything is done."""

    up: float = 0.1
    down: float = 0.1

    def covers(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


class Groups(msgspec.Struct):
    """The pods of a target, sorted by what their metrics are worth."""

    ready: int
    unready: set[str]
    missing: set[str]
    ignored: set[str]


class Proposal(msgspec.Struct, frozen=True):
    """The replicas a metric asks for; utilization in percent (None unless measured against requests), mean in milli."""

    replicas: int
    utilization: int | None
    average_milli: int


def group_pods(pods: Iterable[Pod], metrics: Mapping[str, Usage], *, is_cpu: bool, now: datetime) -> Groups:
    """Which pods count. CPU of a pod that starts says nothing about its load."""
    found = Groups(0, set(), set(), set())
    for pod in pods:
        name = pod.metadata.name or ""
        if pod.metadata.deletion_timestamp is not None or phase_of(pod) == "Failed":
            found.ignored.add(name)
        elif phase_of(pod) == "Pending":
            found.unready.add(name)
        elif name not in metrics:
            found.missing.add(name)
        elif is_cpu and _is_starting(pod, metrics[name], now):
            found.unready.add(name)
        else:
            found.ready += 1
    return found


def _is_starting(pod: Pod, usage: Usage, now: datetime) -> bool:
    condition = condition_of(pod, "Ready")
    started = pod.status.start_time
    if condition is None or started is None or condition.last_transition_time is None:
        return True
    since = condition.last_transition_time
    if started + INITIALIZATION_PERIOD > now:
        # Its start may be in what was measured.
        measured_at = usage.measured_at or now
        return condition.status == "False" or measured_at < since + usage.window
    return condition.status == "False" and started + READINESS_DELAY > since


def requests_of(pods: Iterable[Pod], resource: str, container: str = "") -> dict[str, int]:
    """The requests of each pod, in milli: its own where it has any (KEP-2837), else those of its containers; with
    `container` only of that one. MetricsError when something needed has none."""
    return {pod.metadata.name or "": _request_of(pod, resource, container) for pod in pods}


def _request_of(pod: Pod, resource: str, container: str) -> int:
    name = pod.metadata.name or ""
    own = (pod.spec.resources.requests if pod.spec.resources is not None else None) or {}
    as_a_whole = any(key in POD_LEVEL or key.startswith("hugepages-") for key in own) and not container
    if as_a_whole and resource in own:
        return parse(own[resource]).milli()
    meant = [one for one in _running_containers(pod) if container in ("", one.name)]
    if container and not meant:
        raise MetricsError(f"container {container} not found in Pod {name}")
    amounts = {}
    for each in meant:
        requests = (each.resources.requests if each.resources is not None else None) or {}
        if resource in requests:
            amounts[each.name] = parse(requests[resource]).milli()
        elif not as_a_whole:
            raise MetricsError(f"missing request for {resource} in container {each.name} of Pod {name}")
    if as_a_whole and not amounts:
        raise MetricsError(f"missing pod-level request for {resource} in Pod {name}")
    return sum(amounts.values())


def _running_containers(pod: Pod) -> list[Container]:
    """Those that run along with the pod, sidecars among them."""
    sidecars = [one for one in pod.spec.init_containers or () if one.restart_policy == "Always"]
    return [*(pod.spec.containers or ()), *sidecars]


def by_utilization(
    current: int,
    pods: list[Pod],
    metrics: Mapping[str, Usage],
    *,
    resource: str,
    container: str = "",
    target_percent: int,
    tolerance: Tolerance,
    now: datetime,
) -> Proposal:
    """Replicas so that the pods use this share of what they request."""
    groups = _groups(pods, metrics, is_cpu=resource == "cpu", now=now)
    requests = requests_of(pods, resource, container)
    known = _known(metrics, groups)
    ratio, utilization, mean = _utilization_ratio(known, requests, target_percent)
    full = max(100, target_percent)
    assumed = {name: requests[name] * full // 100 for name in groups.missing}

    def measure(usage: Mapping[str, int]) -> float:
        return _utilization_ratio(usage, requests, target_percent)[0]

    replicas = _decide(current, ratio, known, assumed, groups, tolerance, measure)
    return Proposal(replicas, utilization, mean)


def by_value(
    current: int,
    pods: list[Pod],
    metrics: Mapping[str, Usage],
    *,
    target_milli: int,
    is_cpu: bool,
    tolerance: Tolerance,
    now: datetime,
) -> Proposal:
    """Replicas so that each pod uses so much."""
    groups = _groups(pods, metrics, is_cpu=is_cpu, now=now)
    known = _known(metrics, groups)
    mean = sum(known.values()) // len(known)

    def measure(usage: Mapping[str, int]) -> float:
        return sum(usage.values()) // len(usage) / target_milli

    assumed = dict.fromkeys(groups.missing, target_milli)
    return Proposal(_decide(current, measure(known), known, assumed, groups, tolerance, measure), None, mean)


def by_total(current: int, ready: int, ratio: float, tolerance: Tolerance) -> int:
    """Replicas so that one value, of an object or from outside, comes to its target."""
    if current == 0:
        return ceil(ratio)
    return current if tolerance.covers(ratio) else ceil(ratio * ready)


def by_share(statused: int, total_milli: int, target_milli: int, tolerance: Tolerance) -> int:
    """Replicas so that each has this share of one value."""
    if statused and tolerance.covers(total_milli / (target_milli * statused)):
        return statused
    return ceil(total_milli / target_milli)


def ready_count(pods: Iterable[Pod]) -> int:
    """How many pods run and are ready. MetricsError when there are none at all."""
    every = list(pods)
    if not every:
        raise MetricsError("no pods returned by selector while calculating replica count")
    return sum(phase_of(pod) == "Running" and is_ready(pod) for pod in every)


def _groups(pods: list[Pod], metrics: Mapping[str, Usage], *, is_cpu: bool, now: datetime) -> Groups:
    if not pods:
        raise MetricsError("no pods returned by selector while calculating replica count")
    return group_pods(pods, metrics, is_cpu=is_cpu, now=now)


def _known(metrics: Mapping[str, Usage], groups: Groups) -> dict[str, int]:
    known = {
        name: usage.milli
        for name, usage in metrics.items()
        if name not in groups.unready and name not in groups.ignored
    }
    if not known:
        raise MetricsError("did not receive metrics for targeted pods (pods might be unready)")
    return known


def _utilization_ratio(usage: Mapping[str, int], requests: Mapping[str, int], target: int) -> tuple[float, int, int]:
    """(ratio to the target, percent of the requests, mean usage)."""
    counted = [name for name in usage if name in requests]
    requested = sum(requests[name] for name in counted)
    if not requested:
        raise MetricsError("no metrics returned matched known pods")
    used = sum(usage[name] for name in counted)
    percent = used * 100 // requested
    return percent / target, percent, used // len(counted)


def _decide(
    current: int,
    ratio: float,
    known: dict[str, int],
    assumed: Mapping[str, int],
    groups: Groups,
    tolerance: Tolerance,
    measure: Callable[[Mapping[str, int]], float],
) -> int:
    counts_unready = bool(groups.unready) and ratio > 1.0
    if not counts_unready and not groups.missing:
        return current if tolerance.covers(ratio) else ceil(ratio * groups.ready)
    usage = dict(known)
    if ratio < 1.0:
        usage |= assumed
    elif ratio > 1.0:
        usage |= dict.fromkeys(groups.missing, 0)
    if counts_unready:
        usage |= dict.fromkeys(groups.unready, 0)
    again = measure(usage)
    if tolerance.covers(again) or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    replicas = ceil(again * len(usage))
    if (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current):
        return current
    return replicas
