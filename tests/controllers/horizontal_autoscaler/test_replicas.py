"""From usage to replicas."""

from datetime import timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START

from pybernetes.api.core import Container, Pod, PodCondition, PodSpec, PodStatus, ResourceRequirements
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.horizontal_autoscaler.replicas import (
    MetricsError,
    Tolerance,
    Usage,
    by_share,
    by_total,
    by_utilization,
    by_value,
    group_pods,
    requests_of,
)

NORMAL = Tolerance()


def pod(name: str, *, phase: str = "Running", ready: str = "True", age: float = 3600, going: bool = False) -> Pod:
    began = START - timedelta(seconds=age)
    condition = PodCondition(type="Ready", status=ready, last_transition_time=began + timedelta(seconds=10))
    resources = ResourceRequirements(requests={"cpu": "1"})
    return Pod(
        metadata=ObjectMeta(name=name, deletion_timestamp=START if going else None),
        spec=PodSpec(containers=[Container(name="main", resources=resources)]),
        status=PodStatus(phase=phase, start_time=began, conditions=[condition]),
    )


def usage(milli: int) -> Usage:
    return Usage(milli, START)


def percent(
    pods: list[Pod], used: dict[str, int], target: int, current: int | None = None, tolerance: Tolerance = NORMAL
) -> int:
    return by_utilization(
        len(pods) if current is None else current,
        pods,
        {name: usage(milli) for name, milli in used.items()},
        resource="cpu",
        target_percent=target,
        tolerance=tolerance,
        now=START,
    ).replicas


THREE = [pod("a"), pod("b"), pod("c")]


@pytest.mark.parametrize(
    ("used", "target", "replicas"),
    [
        ({"a": 500, "b": 500, "c": 500}, 50, 3),
        ({"a": 1000, "b": 1000, "c": 1000}, 50, 6),
        ({"a": 250, "b": 250, "c": 250}, 50, 2),
        ({"a": 540, "b": 540, "c": 540}, 50, 3),
        ({"a": 560, "b": 560, "c": 560}, 50, 4),
        ({"a": 0, "b": 0, "c": 0}, 50, 0),
    ],
)
def test_share_of_requests(used: dict[str, int], target: int, replicas: int) -> None:
    assert percent(THREE, used, target) == replicas


def test_missing_pod_counts_against_the_direction() -> None:
    # 90 % of 50 %: up to 6, but the missing one is taken as idle: (900 + 900 + 0) / 3 = 60 %, ratio 1.2.
    assert percent(THREE, {"a": 900, "b": 900}, 50) == 4
    # 20 % of 50 %: down to 1, but the missing one is taken as full: 46 %, within the tolerance.
    assert percent(THREE, {"a": 200, "b": 200}, 50) == 3


def test_starting_pod_counts_as_idle_when_scaling_up_and_not_when_down() -> None:
    pods = [pod("a"), pod("b"), pod("c", age=30, ready="False")]
    assert percent(pods, {"a": 900, "b": 900, "c": 1000}, 50) == 4
    assert percent(pods, {"a": 100, "b": 100, "c": 1000}, 50) == 1


def test_pods_are_sorted_by_what_their_metrics_are_worth() -> None:
    pods = [
        pod("ready"),
        pod("going", going=True),
        pod("failed", phase="Failed"),
        pod("pending", phase="Pending"),
        pod("missing"),
        pod("young", age=20, ready="False"),
        pod("never", age=600, ready="False"),
    ]
    metrics = {found.metadata.name or "": usage(1) for found in pods if found.metadata.name != "missing"}
    groups = group_pods(pods, metrics, is_cpu=True, now=START)
    assert groups.ready == 1
    assert groups.ignored == {"going", "failed"}
    assert groups.unready == {"pending", "young", "never"}
    assert groups.missing == {"missing"}
    assert group_pods(pods, metrics, is_cpu=False, now=START).unready == {"pending"}


def test_failures_are_told() -> None:
    with pytest.raises(MetricsError, match="no pods returned by selector"):
        percent([], {}, 50)
    with pytest.raises(MetricsError, match="did not receive metrics for targeted pods"):
        percent([pod("a", phase="Pending")], {}, 50)
    bare = Pod(metadata=ObjectMeta(name="bare"), spec=PodSpec(containers=[Container(name="main")]))
    with pytest.raises(MetricsError, match="missing request for cpu in container main of Pod bare"):
        requests_of([bare], "cpu")


def test_own_tolerance_is_used() -> None:
    used = {"a": 520, "b": 520, "c": 520}
    assert percent(THREE, used, 50) == 3
    assert percent(THREE, used, 50, tolerance=Tolerance(up=0.01, down=0.1)) == 4


def test_totals_and_shares() -> None:
    assert by_total(4, 4, 2.0, NORMAL) == 8
    assert by_total(4, 4, 1.05, NORMAL) == 4
    assert by_total(0, 0, 1.5, NORMAL) == 2
    assert by_share(3, 30_000, 10_000, NORMAL) == 3
    assert by_share(3, 45_000, 10_000, NORMAL) == 5


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20), st.integers(1, 3000), st.integers(0, 5))
def test_answer_never_turns_round(used: list[int], target: int, missing: int) -> None:
    pods = [pod(str(number)) for number in range(len(used) + missing)]
    metrics = {str(number): usage(milli) for number, milli in enumerate(used)}
    current = len(pods)
    proposal = by_value(current, pods, metrics, target_milli=target, is_cpu=False, tolerance=NORMAL, now=START)
    ratio = sum(used) // len(used) / target
    if NORMAL.covers(ratio) and not missing:
        assert proposal.replicas == current
    if ratio > 1.0:
        assert proposal.replicas >= current or not missing
    if ratio < 1.0:
        assert proposal.replicas <= current
    if not missing and not NORMAL.covers(ratio):
        assert proposal.replicas == ceil(ratio * current)
