"""NodeResourcesFit's strategies and NodeResourcesBalancedAllocation against their formulas, written down plainly."""

from fractions import Fraction
from itertools import pairwise
from math import floor, sqrt

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scheduling import node, pod

from pybernetes.scheduler.configuration.types import (
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    RatioShape,
    ResourceWeight,
    ScoringStrategy,
    ShapePoint,
)
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from pybernetes.scheduler.plugins.node_resources_fit import NodeResourcesFit
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

GPU = "example.com/gpu"
NAMES = ["cpu", "memory", "ephemeral-storage", GPU]
DEFAULTS = {"cpu": 100, "memory": 200 << 20}

amounts = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.integers(0, 4000),
        "memory": st.integers(0, 4 << 30),
        "ephemeral-storage": st.integers(0, 10 << 30),
        GPU: st.integers(0, 4),
    },
)
capacities = st.fixed_dictionaries(
    {
        "cpu": st.integers(0, 8000),
        "memory": st.integers(0, 8 << 30),
        "ephemeral-storage": st.integers(0, 20 << 30),
        GPU: st.integers(0, 8),
    }
)
weights = st.lists(
    st.builds(ResourceWeight, st.sampled_from(NAMES), st.integers(1, 100)),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row.name,
)
shapes = st.lists(
    st.builds(ShapePoint, st.integers(0, 100), st.integers(0, 10)),
    min_size=1,
    max_size=4,
    unique_by=lambda point: point.utilization,
).map(lambda points: tuple(sorted(points, key=lambda point: point.utilization)))


def texts(found):
    return {name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in found.items()}


def world(capacity, running, wanted):
    """(the pod, its node with the pods that run there)."""
    snapshot = Snapshot()
    given_ = texts(capacity)
    info = snapshot.set_node(node("a", cpu=given_.pop("cpu"), memory=given_.pop("memory"), **given_))
    for number, requests in enumerate(running):
        snapshot.set_pod(PodInfo(pod(f"r{number}", requests=texts(requests))), "a")
    return PodInfo(pod("p", requests=texts(wanted))), info


def counted(requests, name, defaults):
    """What a pod counts for; without a request of CPU or memory at the default, where those are used."""
    return requests.get(name, DEFAULTS.get(name, 0) if defaults else 0)


def plain_fit(strategy, capacity, running, wanted):
    total = weight_sum = 0
    for row in strategy.resources:
        has = capacity[row.name]
        if not has or (row.name == GPU and not wanted.get(GPU)):
            continue
        used = sum(counted(requests, row.name, True) for requests in (*running, wanted))
        if strategy.type == "LeastAllocated":
            score = 0 if used > has else (has - used) * 100 // has
        elif strategy.type == "MostAllocated":
            score = min(used, has) * 100 // has
        else:
            score = on_the_lines(strategy.requested_to_capacity_ratio.shape, 100 if used > has else used * 100 // has)
            if not score:
                continue
        total += score * row.weight
        weight_sum += row.weight
    if not weight_sum:
        return 0
    exact = Fraction(total, weight_sum)
    return floor(exact + Fraction(1, 2)) if strategy.type == "RequestedToCapacityRatio" else floor(exact)


def on_the_lines(shape, utilization):
    """The score at a utilization, on the lines between the points; constant beyond the first and the last."""
    if utilization <= shape[0].utilization:
        return shape[0].score * 10
    for left, right in pairwise(shape):
        if utilization <= right.utilization:
            rise = (right.score - left.score) * 10 * (utilization - left.utilization)
            step = Fraction(rise, right.utilization - left.utilization)
            return left.score * 10 + int(step)  # towards zero, as Go divides
    return shape[-1].score * 10


kinds = st.sampled_from(["LeastAllocated", "MostAllocated"])
strategies = st.one_of(
    st.builds(lambda kind, rows: ScoringStrategy(kind, tuple(rows)), kinds, weights),
    st.builds(
        lambda rows, shape: ScoringStrategy("RequestedToCapacityRatio", tuple(rows), RatioShape(shape)), weights, shapes
    ),
)


@settings(max_examples=300, deadline=None)
@given(strategies, capacities, st.lists(amounts, max_size=3), amounts)
def test_fit_scores_by_the_formula_of_its_strategy(strategy, capacity, running, wanted):
    info, host = world(capacity, running, wanted)
    plugin = NodeResourcesFit(NodeResourcesFitArgs(scoring_strategy=strategy))
    assert plugin.score(CycleState(), info, [host]) == [plain_fit(strategy, capacity, running, wanted)]


def plain_balance(shares):
    if len(shares) < 2:
        return 100
    mean = sum(shares) / len(shares)
    deviation = sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    return (1 - deviation) * 100


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), capacities, st.lists(amounts, max_size=3), amounts)
def test_balance_scores_by_how_the_deviation_of_the_used_shares_changes(names, capacity, running, wanted):
    info, host = world(capacity, running, wanted)
    args = NodeResourcesBalancedAllocationArgs(resources=tuple(ResourceWeight(name) for name in names))
    plugin = NodeResourcesBalancedAllocation(args)
    asked = plugin.pre_score(CycleState(), info, [host], Snapshot()) is None
    assert asked == any(wanted.get(name) for name in names)
    if not asked:
        return
    looked_at = [name for name in names if capacity[name] and (name != GPU or wanted.get(GPU))]
    before, after = (
        plain_balance(
            [min(sum(counted(requests, name, False) for requests in pods) / capacity[name], 1) for name in looked_at]
        )
        for pods in (running, (*running, wanted))
    )
    (score,) = plugin.score(CycleState(), info, [host])
    assert abs(score - (50 + (50 + after - before) / 2)) <= 1.01
