"""The next steps of a StatefulSet: order, health, partitions, and that every plan ends where it should."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START

from pybernetes.api.apps import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetOrdinals,
    StatefulSetSpec,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from pybernetes.api.core import Pod, PodCondition, PodStatus
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.statefulset.identity import REVISION_LABEL, missing_labels, ordinal_of, ordinals
from pybernetes.controllers.statefulset.plan import Steps, next_steps, status_of, uses_current


def make_set(replicas: int = 3, *, start: int = 0, policy: str = "OrderedReady", **rolling: Any) -> StatefulSet:
    strategy = RollingUpdateStatefulSetStrategy(**rolling) if rolling else None
    return StatefulSet(
        metadata=ObjectMeta(name="web", namespace="default", uid="set", generation=1),
        spec=StatefulSetSpec(
            replicas=replicas,
            pod_management_policy=policy,
            update_strategy=StatefulSetUpdateStrategy(type="RollingUpdate", rolling_update=strategy),
            ordinals=StatefulSetOrdinals(start=start) if start else None,
        ),
    )


def make(
    ordinal: int, *, ready: bool = True, phase: str = "Running", going: bool = False, revision: str = "new"
) -> Pod:
    name = f"web-{ordinal}"
    pod = Pod(
        metadata=ObjectMeta(name=name, uid=name, deletion_timestamp=START if going else None),
        status=PodStatus(
            phase=phase,
            conditions=[
                PodCondition(type="Ready", status=str(ready), last_transition_time=START - timedelta(seconds=5))
            ],
        ),
    )
    pod.metadata.labels = {**missing_labels(make_set(), pod), REVISION_LABEL: revision}
    return pod


def shown(steps: Steps) -> tuple[list[int], list[int]]:
    return steps.create, [ordinal_of(pod) for pod in steps.delete]


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], ([0], [])),
        ([make(0)], ([1], [])),
        ([make(0, ready=False)], ([], [])),
        ([make(0, going=True)], ([], [])),
        ([make(0), make(2)], ([1], [])),
        ([make(0), make(1, phase="Failed"), make(2)], ([], [1])),
        ([make(0), make(1, phase="Succeeded"), make(2)], ([], [1])),
        ([make(0), make(1, phase="Failed", going=True), make(2)], ([], [])),
        ([make(n) for n in range(3)], ([], [])),
        ([make(n) for n in range(5)], ([], [4])),
        ([*(make(n) for n in range(4)), make(4, going=True)], ([], [])),
        ([*(make(n) for n in range(4)), make(4, ready=False)], ([], [4])),
        ([*(make(n) for n in range(3)), make(3, ready=False), make(4)], ([], [4])),
        ([*(make(n) for n in range(3)), make(3, ready=False), make(4, ready=False)], ([], [])),
        ([make(0), make(1, revision="old"), make(2, revision="old")], ([], [2])),
        ([make(0, revision="old"), make(1, revision="old"), make(2, ready=False)], ([], [])),
        ([make(0, revision="old"), make(1, revision="old"), make(2)], ([], [1])),
    ],
)
def test_ordered_set_makes_one_step_at_a_time(pods: list[Pod], expected: tuple[list[int], list[int]]) -> None:
    assert shown(next_steps(make_set(), pods, "new", START)) == expected


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], ([0, 1, 2], [])),
        ([make(1, ready=False)], ([0, 2], [])),
        ([make(n) for n in range(5)], ([], [4, 3])),
        ([make(n, ready=False) for n in range(5)], ([], [4, 3])),
        ([make(0), make(1, revision="old"), make(2, revision="old")], ([], [2])),
        # An old pod that never came up does not hold the update back.
        ([make(n, ready=False, revision="old") for n in range(3)], ([], [2])),
        ([make(0, revision="old"), make(1, revision="old"), make(2, ready=False)], ([], [])),
    ],
)
def test_parallel_set_does_all_scaling_at_once(pods: list[Pod], expected: tuple[list[int], list[int]]) -> None:
    assert shown(next_steps(make_set(policy="Parallel"), pods, "new", START)) == expected


def test_partition_keeps_lower_ordinals() -> None:
    old = [make(n, revision="old") for n in range(3)]
    assert shown(next_steps(make_set(partition=2), old, "new", START)) == ([], [2])
    assert shown(next_steps(make_set(partition=2), [*old[:2], make(2)], "new", START)) == ([], [])
    assert shown(next_steps(make_set(partition=3), old, "new", START)) == ([], [])
    assert [uses_current(make_set(partition=2), n) for n in range(3)] == [True, True, False]


def test_max_unavailable_takes_several_down() -> None:
    old = [make(n, revision="old") for n in range(5)]
    assert shown(next_steps(make_set(5, partition=0, max_unavailable="40%"), old, "new", START)) == ([], [4, 3])
    mixed = [*old[:4], make(4, ready=False)]
    assert shown(next_steps(make_set(5, policy="Parallel", max_unavailable=2), mixed, "new", START)) == ([], [3])


def test_on_delete_updates_nothing() -> None:
    owner = make_set()
    owner.spec.update_strategy.type = "OnDelete"
    assert shown(next_steps(owner, [make(n, revision="old") for n in range(3)], "new", START)) == ([], [])
    assert not uses_current(owner, 0)


def test_start_ordinal_moves_the_range() -> None:
    owner = make_set(2, start=5)
    assert list(ordinals(owner)) == [5, 6]
    assert shown(next_steps(owner, [], "new", START)) == ([5], [])
    assert shown(next_steps(owner, [make(n) for n in (4, 5, 6)], "new", START)) == ([], [4])


def test_pod_has_to_be_ready_for_some_time() -> None:
    owner = make_set()
    owner.spec.min_ready_seconds = 10
    assert shown(next_steps(owner, [make(0)], "new", START)) == ([], [])
    assert shown(next_steps(owner, [make(0)], "new", START + timedelta(seconds=5))) == ([1], [])
    status, soonest = status_of(owner, [make(0)], "new", "new", START)
    assert (status.ready_replicas, status.available_replicas, soonest) == (1, 0, 5.0)


def test_status_counts_and_completes() -> None:
    owner = make_set(2)
    pods = [make(0, revision="old"), make(1)]
    status, _ = status_of(owner, pods, "old", "new", START)
    assert (status.replicas, status.current_replicas, status.updated_replicas) == (2, 1, 1)
    assert (status.current_revision, status.update_revision) == ("old", "new")
    status, _ = status_of(owner, [make(0), make(1)], "old", "new", START)
    assert (status.current_revision, status.current_replicas) == ("new", 2)


@given(
    replicas=st.integers(0, 6),
    start=st.integers(0, 3),
    policy=st.sampled_from(("OrderedReady", "Parallel")),
    partition=st.integers(0, 6),
    unavailable=st.integers(1, 3),
    before=st.dictionaries(
        st.integers(0, 9),
        st.tuples(st.booleans(), st.sampled_from(("old", "new")), st.sampled_from(("Running", "Failed"))),
    ),
)
def test_every_set_reaches_its_goal(
    replicas: int,
    start: int,
    policy: str,
    partition: int,
    unavailable: int,
    before: dict[int, tuple[bool, str, str]],
) -> None:
    owner = make_set(replicas, start=start, policy=policy, partition=partition, max_unavailable=unavailable)
    owner.status = StatefulSetStatus(current_replicas=0)
    pods = {
        # Ended pods beyond the range hold an ordered set back for good: somebody has to look at them.
        n: make(n, ready=ready, revision=rev, phase=phase if n in ordinals(owner) else "Running")
        for n, (ready, rev, phase) in before.items()
    }
    for _ in range(60):
        steps = next_steps(owner, pods.values(), "new", START)
        if policy == "OrderedReady":
            assert len(steps.create) + len([pod for pod in steps.delete if _ended_or_beyond(owner, pod)]) <= 1
        outdated = [pod for pod in steps.delete if not _ended_or_beyond(owner, pod)]
        assert len(outdated) <= unavailable
        assert all(ordinal_of(pod) >= start + partition for pod in outdated)
        for pod in steps.delete:
            del pods[ordinal_of(pod)]
        for ordinal in steps.create:
            assert ordinal not in pods
            pods[ordinal] = make(ordinal, ready=False, revision="old" if uses_current(owner, ordinal) else "new")
        if not steps.create and not steps.delete:
            if all(pod.status.conditions[0].status == "True" for pod in pods.values()):  # type: ignore[index]
                break
            # Time passes: what runs becomes ready.
            pods = {
                n: msgspec.structs.replace(pod, status=make(n).status) if pod.status.phase == "Running" else pod
                for n, pod in pods.items()
            }
    assert sorted(pods) == list(ordinals(owner))
    for n, pod in pods.items():
        labels = pod.metadata.labels or {}
        assert labels[REVISION_LABEL] == "new" or n < start + partition


def _ended_or_beyond(owner: StatefulSet, pod: Pod) -> bool:
    return pod.status.phase == "Failed" or ordinal_of(pod) not in ordinals(owner)
