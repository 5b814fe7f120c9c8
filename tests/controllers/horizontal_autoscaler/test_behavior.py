"""How fast a wanted number of replicas is approached."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START

from pybernetes.api.autoscaling import HorizontalPodAutoscaler
from pybernetes.api.codec import from_wire
from pybernetes.controllers.horizontal_autoscaler.behavior import History, Stamped, limit


def autoscaler(fewest: int = 1, most: int = 100, **behavior: Any) -> HorizontalPodAutoscaler:
    spec: dict[str, Any] = {"minReplicas": fewest, "maxReplicas": most}
    if behavior:
        spec["behavior"] = behavior
    return from_wire(HorizontalPodAutoscaler, {"metadata": {"name": "web"}, "spec": spec})


def ago(seconds: float, replicas: int) -> Stamped:
    return Stamped(START - timedelta(seconds=seconds), replicas)


def shown(found: Any) -> tuple[int, str, str]:
    return found.replicas, found.able.reason, found.limited.reason


@pytest.mark.parametrize(
    ("current", "desired", "expected"),
    [
        (5, 5, (5, "ReadyForNewScale", "DesiredWithinRange")),
        (5, 8, (8, "ReadyForNewScale", "DesiredWithinRange")),
        (5, 30, (10, "ReadyForNewScale", "ScaleUpLimit")),
        (1, 30, (4, "ReadyForNewScale", "ScaleUpLimit")),
        (15, 30, (20, "ReadyForNewScale", "TooManyReplicas")),
        (5, 1, (3, "ReadyForNewScale", "TooFewReplicas")),
    ],
)
def test_classic_rules(current: int, desired: int, expected: tuple[int, str, str]) -> None:
    assert shown(limit(autoscaler(3, 20), current, desired, History([], [], []), START)) == expected


def test_highest_recommendation_of_five_minutes_holds_against_shrinking() -> None:
    history = History([ago(299, 8), ago(301, 50)], [], [])
    assert shown(limit(autoscaler(), 8, 2, history, START)) == (8, "ScaleDownStabilized", "DesiredWithinRange")
    assert history.recommendations[-1] == Stamped(START, 2)


def test_windows_of_the_behavior() -> None:
    up = autoscaler(scaleUp={"stabilizationWindowSeconds": 60})
    held = limit(up, 5, 9, History([ago(30, 6)], [], []), START)
    assert shown(held) == (6, "ScaleUpStabilized", "DesiredWithinRange")
    down = autoscaler(scaleDown={"stabilizationWindowSeconds": 0})
    assert limit(down, 8, 2, History([ago(10, 8)], [], []), START).replicas == 2


def policy(kind: str, value: int, seconds: int = 60) -> dict[str, Any]:
    return {"type": kind, "value": value, "periodSeconds": seconds}


@pytest.mark.parametrize(
    ("rules", "current", "desired", "events", "expected"),
    [
        ({"policies": [policy("Pods", 2)]}, 5, 20, [], 7),
        ({"policies": [policy("Pods", 2)]}, 7, 20, [ago(30, 2)], 7),
        ({"policies": [policy("Pods", 2)]}, 7, 20, [ago(90, 2)], 9),
        ({"policies": [policy("Percent", 50)]}, 5, 20, [], 8),
        ({"policies": [policy("Pods", 2), policy("Percent", 100)]}, 5, 20, [], 10),
        ({"policies": [policy("Pods", 2), policy("Percent", 100)], "selectPolicy": "Min"}, 5, 20, [], 7),
        ({"selectPolicy": "Disabled"}, 5, 20, [], 5),
    ],
)
def test_policies_limit_growth(
    rules: dict[str, Any], current: int, desired: int, events: list[Stamped], expected: int
) -> None:
    found = limit(autoscaler(scaleUp=rules), current, desired, History([], events, []), START)
    assert (found.replicas, found.limited.reason) == (expected, "ScaleUpLimit")


@pytest.mark.parametrize(
    ("rules", "current", "desired", "events", "expected"),
    [
        ({"policies": [policy("Pods", 2)]}, 10, 1, [], 8),
        ({"policies": [policy("Pods", 2)]}, 8, 1, [ago(30, 2)], 8),
        ({"policies": [policy("Percent", 10)]}, 10, 1, [], 9),
        ({"policies": [policy("Pods", 4), policy("Percent", 10)]}, 10, 1, [], 6),
        ({"policies": [policy("Pods", 4), policy("Percent", 10)], "selectPolicy": "Min"}, 10, 1, [], 9),
        ({"selectPolicy": "Disabled"}, 10, 1, [], 10),
    ],
)
def test_policies_limit_shrinking(
    rules: dict[str, Any], current: int, desired: int, events: list[Stamped], expected: int
) -> None:
    rules = {"stabilizationWindowSeconds": 0, **rules}
    found = limit(autoscaler(scaleDown=rules), current, desired, History([], [], events), START)
    assert (found.replicas, found.limited.reason) == (expected, "ScaleDownLimit")


@given(
    st.integers(1, 50),
    st.integers(0, 200),
    st.integers(1, 20),
    st.integers(0, 100),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 60)), max_size=8),
)
def test_result_lies_between_the_bounds(
    current: int, desired: int, fewest: int, extra: int, with_behavior: bool, past: list[tuple[int, int]]
) -> None:
    most = fewest + extra
    current = min(max(current, fewest), most)
    owner = autoscaler(fewest, most, **({"scaleUp": {}, "scaleDown": {}} if with_behavior else {}))
    found = limit(owner, current, desired, History([ago(*entry) for entry in past], [], []), START)
    assert fewest <= found.replicas <= most
    assert found.replicas <= max(2 * current, current + 4)
