"""Which pods end when, as a machine goes down."""

import pytest
from tests.kubelet.builders import pod

from pybernetes.kubelet.node_shutdown import ShutdownPeriod, grace_seconds, groups, two_periods

CRITICAL = 2_000_000_000


@pytest.mark.parametrize(
    ("total", "critical", "expected"),
    [
        (0, 0, []),
        (30, 0, [(0, 30), (CRITICAL, 0)]),
        (30, 10, [(0, 20), (CRITICAL, 10)]),
        (30, 30, [(0, 0), (CRITICAL, 30)]),
        (10, 30, []),
    ],
)
def test_the_period_of_critical_pods_is_a_part_of_the_whole(
    total: float, critical: float, expected: list[tuple[int, int]]
) -> None:
    assert [(p.priority, p.seconds) for p in two_periods(total, critical)] == expected


BY_PRIORITY = [
    ShutdownPeriod(10_000, 180),
    ShutdownPeriod(0, 60),
    ShutdownPeriod(100_000, 10),
    ShutdownPeriod(1000, 120),
]


@pytest.mark.parametrize(
    ("priority", "seconds"),
    [
        (None, 60),
        (-5, 60),
        (999, 60),
        (1000, 120),
        (9_999, 120),
        (10_000, 180),
        (99_999, 180),
        (100_000, 10),
        (CRITICAL, 10),
    ],
)
def test_a_pod_is_in_the_group_of_the_highest_priority_below_its_own(priority: int | None, seconds: int) -> None:
    (found,) = groups(BY_PRIORITY, [pod(priority=priority)])
    assert found.seconds == seconds


def test_the_least_important_pods_go_first_and_empty_groups_take_no_time() -> None:
    pods = [pod(name="db", priority=100_000), pod(name="web"), pod(name="job", priority=-1)]
    found = groups(BY_PRIORITY, pods)
    assert [[p.metadata.name for p in group.pods] for group in found] == [["web", "job"], ["db"]]
    assert groups([], pods) == []


@pytest.mark.parametrize(("own", "expected"), [(None, 20), (5, 5), (30, 20), (0, 1)])
def test_a_pod_has_its_own_grace_period_or_that_of_its_group(own: int | None, expected: int) -> None:
    wanted = pod(termination_grace_period_seconds=own)
    (group,) = groups([ShutdownPeriod(0, 20)], [wanted])
    assert grace_seconds(wanted, group) == expected
