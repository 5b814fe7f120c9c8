"""Sizes of ReplicaSets in rollouts and scalings, as numbers."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START

from pybernetes.api.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from pybernetes.api.core import Container, PodSpec, PodTemplateSpec
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.deployment import plan, revision


def deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%") -> Deployment:
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    return Deployment(
        metadata=ObjectMeta(name="web", namespace="n"),
        spec=DeploymentSpec(
            replicas=replicas, strategy=DeploymentStrategy(type="RollingUpdate", rolling_update=rolling)
        ),
    )


def replica_set(
    name: str, size: int, available: int | None = None, *, age: int = 0, desired: int | None = None
) -> ReplicaSet:
    annotations = revision.size_annotations(desired, desired + desired // 4) if desired is not None else {}
    ready = size if available is None else available
    return ReplicaSet(
        metadata=ObjectMeta(name=name, creation_timestamp=START - timedelta(seconds=age), annotations=annotations),
        spec=ReplicaSetSpec(replicas=size),
        status=ReplicaSetStatus(replicas=size, available_replicas=ready),
    )


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (4, 0, "0%", (0, 1)),
        (10, 2, 0, (2, 0)),
        (0, "25%", "25%", (0, 1)),
    ],
)
def test_bounds(replicas: int, surge: Any, unavailable: Any, expected: tuple[int, int]) -> None:
    assert plan.surge_and_unavailable(deployment(replicas, surge, unavailable)) == expected


@pytest.mark.parametrize(
    ("new", "old", "grown"),
    [(0, 10, {"new": 3}), (3, 10, {}), (3, 8, {"new": 5}), (10, 0, {}), (12, 0, {"new": 10})],
)
def test_new_set_grows_into_the_room(new: int, old: int, grown: dict[str, int]) -> None:
    assert plan.grow_new(deployment(10), replica_set("new", new), [replica_set("old", old)]) == grown


@pytest.mark.parametrize(
    ("new", "old", "shrunk"),
    [
        ((3, 0), (10, 10), {"old": 8}),
        ((3, 3), (10, 10), {"old": 5}),
        ((3, 0), (8, 8), {}),
        ((3, 0), (10, 5), {"old": 8}),
        ((10, 10), (3, 3), {"old": 0}),
    ],
    ids=["first-step", "new-available", "new-unavailable", "unhealthy-first", "last-step"],
)
def test_old_set_shrinks_as_availability_allows(
    new: tuple[int, int], old: tuple[int, int], shrunk: dict[str, int]
) -> None:
    assert plan.shrink_old(deployment(10), replica_set("new", *new), [replica_set("old", *old)]) == shrunk


def test_oldest_set_shrinks_first() -> None:
    old = [replica_set("younger", 5, age=1), replica_set("older", 5, age=9)]
    assert plan.shrink_old(deployment(10), replica_set("new", 3, 0), old) == {"older": 3}


def test_scaling_in_a_rollout_is_shared_in_proportion() -> None:
    new, old = replica_set("new", 3, 0, desired=8), replica_set("old", 7, desired=8)
    sizes = plan.scale(deployment(16), new, [old])
    assert sum(sizes.values()) == 20
    assert sizes["old"] > sizes["new"] > 3


def test_scaling_follows_the_only_active_set() -> None:
    assert plan.scale(deployment(5), replica_set("new", 3), [replica_set("old", 0)]) == {"new": 5}


def test_saturated_rollout_removes_the_rest() -> None:
    new = replica_set("new", 4, desired=4)
    assert plan.scale(deployment(4), new, [replica_set("old", 1, desired=4)]) == {"old": 0}


sizes = st.integers(0, 30)
bounds = st.one_of(st.integers(0, 10), st.integers(0, 100).map(lambda percent: f"{percent}%"))


@given(sizes, bounds, bounds, sizes, st.lists(st.tuples(sizes, sizes), max_size=4), sizes)
def test_a_step_never_leaves_the_bounds(
    replicas: int, surge: Any, unavailable: Any, new_size: int, old_sizes: list[tuple[int, int]], new_available: int
) -> None:
    found = deployment(replicas, surge, unavailable)
    new = replica_set("new", new_size, min(new_size, new_available))
    old = [replica_set(f"old{n}", size, min(size, ready), age=n) for n, (size, ready) in enumerate(old_sizes)]
    total = new_size + sum(plan.size(s) for s in old)
    grown = plan.grow_new(found, new, old)
    if grown and grown["new"] > new_size:
        assert total - new_size + grown["new"] <= plan.max_replicas(found)
    shrunk = plan.shrink_old(found, new, old)
    available = plan.available(new) + sum(plan.available(s) for s in old)
    lost = sum(max(0, plan.available(s) - shrunk.get(s.metadata.name or "", plan.size(s))) for s in old)
    needed = replicas - plan.max_unavailable(found)
    assert all(0 <= target < plan.size(s) for s in old if (target := shrunk.get(s.metadata.name or "", -1)) >= 0)
    if shrunk:
        assert available - lost >= min(available, needed)


def template(image: str, **labels: str) -> PodTemplateSpec:
    return PodTemplateSpec(
        metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[Container(name="c", image=image)])
    )


def test_hash_tells_templates_apart_and_ignores_its_own_label() -> None:
    plain = revision.template_hash(template("a", app="x"), 0)
    assert plain == revision.template_hash(template("a", **{"app": "x", revision.HASH_LABEL: "zzz"}), 0)
    assert plain != revision.template_hash(template("b", app="x"), 0)
    assert plain != revision.template_hash(template("a", app="x"), 1)
    assert len(plain) == 10 and not set(plain) & set("aeiou013")


def test_revision_history_grows_when_a_set_is_used_again() -> None:
    found = deployment(1)
    first = revision.annotations_for(found, {}, 1, (1, 2))
    again = revision.annotations_for(found, first, 3, None)
    assert again[revision.REVISION] == "3"
    assert again[revision.HISTORY] == "1"
    assert revision.annotations_for(found, again, 3, None) == again


def test_annotations_of_the_deployment_are_copied_but_for_its_own() -> None:
    found = deployment(1)
    found.metadata.annotations = {
        "note": "x",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        revision.REVISION: "9",
    }
    annotations = revision.annotations_for(found, {}, 1, (1, 2))
    assert annotations["note"] == "x"
    assert annotations[revision.REVISION] == "1"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in annotations
