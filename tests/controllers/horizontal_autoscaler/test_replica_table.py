"""The situations upstream's replica calculator is tested with, each as a row: what the pods request and use, in what
state they are, and how many there should be."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.clock import START

from pybernetes.api.core import Container, Pod, PodCondition, PodSpec, PodStatus, ResourceRequirements
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.horizontal_autoscaler.replicas import (
    MetricsError,
    Proposal,
    Tolerance,
    Usage,
    by_utilization,
    by_value,
    requests_of,
)

READY, UNREADY, HOT, PENDING, FAILED, GOING = "ready", "unready", "hot", "pending", "failed", "going"


class Row(msgspec.Struct, frozen=True):
    """`used` by pod in milli, None for a pod without metrics; `states` and `requests` of each pod."""

    name: str
    current: int
    target: int
    used: list[int | None]
    expected: int
    shown: int
    states: list[str] = []
    requests: list[int] = []
    extra: list[int] = []
    """What pods use that are not the target's."""


def pod(number: int, state: str, request: int) -> Pod:
    """Ready since long, ready since a moment (hot), never ready, pending, failed or on its way out."""
    age = timedelta(seconds=30 if state == HOT else 3600)
    began = START - age
    condition = PodCondition(
        type="Ready",
        status="False" if state == UNREADY else "True",
        last_transition_time=began + timedelta(seconds=5),
    )
    return Pod(
        metadata=ObjectMeta(name=f"p{number}", deletion_timestamp=START if state == GOING else None),
        spec=PodSpec(
            containers=[Container(name="main", resources=ResourceRequirements(requests={"cpu": f"{request}m"}))]
        ),
        status=PodStatus(
            phase={PENDING: "Pending", FAILED: "Failed"}.get(state, "Running"),
            start_time=began,
            conditions=[condition],
        ),
    )


def inputs(row: Row) -> tuple[list[Pod], dict[str, Usage]]:
    count = len(row.used)
    states = row.states or [READY] * count
    requests = row.requests or [1000] * count
    pods = [pod(number, states[number], requests[number]) for number in range(count)]
    metrics = {f"p{number}": Usage(used, START) for number, used in enumerate(row.used) if used is not None}
    metrics |= {f"x{number}": Usage(used, START) for number, used in enumerate(row.extra)}
    return pods, metrics


def percent(row: Row) -> Proposal:
    pods, metrics = inputs(row)
    return by_utilization(
        row.current, pods, metrics, resource="cpu", target_percent=row.target, tolerance=Tolerance(), now=START
    )


SHARES = [
    Row("scale up", 3, 30, [300, 500, 700], 5, 50),
    Row("up, one never ready: less", 3, 30, [300, 500, 700], 4, 60, [UNREADY, READY, READY]),
    Row("up, one hot: less", 3, 30, [300, 500, 700], 4, 60, [HOT, READY, READY]),
    Row("up, two not ready: not at all", 3, 30, [400, 500, 700], 3, 40, [READY, UNREADY, UNREADY]),
    Row("up, two hot: not at all", 3, 30, [400, 500, 700], 3, 40, [READY, HOT, HOT]),
    Row("up, failed pods do not count", 2, 30, [500, 700, None, None], 4, 60, [READY, READY, FAILED, FAILED]),
    Row("up, pods that go do not count", 2, 30, [500, 700, None, None], 4, 60, [READY, READY, GOING, GOING]),
    Row("scale down", 5, 50, [100, 300, 500, 250, 250], 3, 28),
    Row("down, those not ready stay out", 5, 50, [100, 300, 500, 250, 250], 2, 30, [READY] * 3 + [UNREADY] * 2),
    Row("down, hot ones stay out", 5, 50, [100, 300, 500, 250, 250], 2, 30, [READY] * 3 + [HOT] * 2),
    Row("down, not scheduled ones stay out", 5, 50, [100, *[None] * 4], 1, 10, [READY] + [PENDING] * 4),
    Row("down, failed ones stay out", 5, 50, [100, 300, 500, 250, 250, None, None], 3, 28, [READY] * 5 + [FAILED] * 2),
    Row("within the tolerance", 3, 100, [1010, 1030, 1020], 3, 102, requests=[900, 1000, 1100]),
    Row("metrics of others", 4, 100, [4000, 9500, 3000, 7000], 24, 587, extra=[3200, 2000]),
    Row("missing, down", 4, 100, [400, 95, None, None], 3, 24),
    Row("missing, as it should be", 2, 100, [1000, None], 2, 100),
    Row("missing, up turned round", 2, 100, [1900, None], 2, 190),
    Row("missing, down turned round", 2, 100, [600, None], 2, 60),
    Row("missing and not ready: no change", 3, 50, [100, 450, None], 3, 45, [UNREADY, READY, READY]),
    Row("missing and hot: no change", 3, 50, [100, 450, None], 3, 45, [HOT, READY, READY]),
    Row("missing and not ready, up", 3, 50, [100, 2000, None], 4, 200, [UNREADY, READY, READY]),
    Row("missing and hot, up", 3, 50, [100, 2000, None], 4, 200, [HOT, READY, READY]),
    Row("missing and not ready, down", 4, 50, [100, 100, 100, None], 3, 10, [UNREADY, READY, READY, READY]),
    Row("missing, target above the request", 3, 300, [2000, 2000, None], 3, 200),
    Row("rollout with a surge: not ever more", 2, 50, [500, 500, None, 500], 2, 50, [READY, READY, PENDING, READY]),
]


@pytest.mark.parametrize("row", SHARES, ids=lambda row: row.name)
def test_shares_of_requests(row: Row) -> None:
    proposal = percent(row)
    assert (proposal.replicas, proposal.utilization) == (row.expected, row.shown)


VALUES = [
    Row("scale up", 3, 15_000, [20_000, 10_000, 30_000], 4, 20_000),
    Row("up, one never ready counts", 3, 15_000, [50_000, 10_000, 30_000], 6, 30_000, [READY, READY, UNREADY]),
    Row("up, hot ones count", 3, 15_000, [50_000, 15_000, 30_000], 7, 31_666, [READY, HOT, HOT]),
    Row("scale down", 5, 20_000, [12_000] * 5, 3, 12_000),
    Row("within the tolerance", 3, 20_000, [20_000, 21_000, 21_000], 3, 20_666),
    Row("missing, down", 4, 10_000, [4_000, 4_000, 4_000, None], 3, 4_000),
    Row("missing, as it should be", 2, 10_000, [10_000, None], 2, 10_000),
    Row("pending, up: less", 3, 15_000, [30_000, 30_000, None], 4, 30_000, [READY, READY, PENDING]),
]


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row.name)
def test_mean_values(row: Row) -> None:
    """Metrics that are no CPU: readiness does not make them worth less."""
    pods, metrics = inputs(row)
    found = by_value(
        row.current, pods, metrics, target_milli=row.target, is_cpu=False, tolerance=Tolerance(), now=START
    )
    assert (found.replicas, found.average_milli) == (row.expected, row.shown)


def with_requests(own: dict[str, str] | None, **containers: dict[str, str]) -> Pod:
    found = [Container(name=name, resources=ResourceRequirements(requests=row)) for name, row in containers.items()]
    resources = ResourceRequirements(requests=own) if own is not None else None
    return Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=found, resources=resources))


@pytest.mark.parametrize(
    ("pod", "container", "expected"),
    [
        (with_requests(None, a={"cpu": "100m"}, b={"cpu": "1"}), "", 1100),
        (with_requests(None, a={"cpu": "100m"}, b={"cpu": "1"}), "b", 1000),
        (with_requests(None, a={"cpu": "100m"}, b={}), "a", 100),
        (with_requests({"cpu": "2"}, a={"cpu": "100m"}, b={}), "", 2000),
        (with_requests({"cpu": "2"}, a={"cpu": "100m"}, b={}), "a", 100),
        (with_requests({"memory": "1Gi"}, a={"cpu": "100m"}, b={}), "", 100),
        (with_requests(None, a={"cpu": "1"}, b={}), "", "missing request for cpu in container b of Pod p"),
        (with_requests({"cpu": "2"}, a={}), "a", "missing request for cpu in container a of Pod p"),
        (with_requests({"memory": "1Gi"}, a={}), "", "missing pod-level request for cpu in Pod p"),
        (with_requests(None, a={"cpu": "1"}), "z", "container z not found in Pod p"),
    ],
)
def test_what_a_pod_requests(pod: Pod, container: str, expected: Any) -> None:
    if isinstance(expected, int):
        assert requests_of([pod], "cpu", container) == {"p": expected}
        return
    with pytest.raises(MetricsError) as failure:
        requests_of([pod], "cpu", container)
    assert str(failure.value) == expected


def test_metrics_of_strangers_only() -> None:
    with pytest.raises(MetricsError, match="no metrics returned matched known pods"):
        percent(Row("", 1, 100, [None], 0, 0, extra=[100]))
