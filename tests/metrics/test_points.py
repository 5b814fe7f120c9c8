"""What is measured from what, and what comes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.metrics.points import Look, Point, Points, Usage, earlier_of, usage_between

SECOND = 1_000_000_000
START = 1_000.0


def point(at: float, cpu_seconds: float = 1.0, start: float = START, memory: int = 100) -> Point:
    return Point(at, round(cpu_seconds * SECOND), memory, None, start)


LAST, BEFORE = point(2000.0, 10.0), point(1985.0, 9.0)
FRESH = Point(1990.0, 0, 0, None, 1990.0)


@pytest.mark.parametrize(
    ("name", "new", "last", "before", "expected"),
    [
        ("the last one", point(2015.0, 12.0), LAST, BEFORE, LAST),
        ("nothing moved since: the one before stays", point(2000.0, 10.0), LAST, BEFORE, BEFORE),
        ("time went back behind both: none", point(1980.0, 8.0), LAST, BEFORE, None),
        ("restarted, and still too young", point(2003.0, 0.1, start=2001.0), LAST, BEFORE, None),
        ("restarted: from its start", point(2015.0, 1.0, start=1990.0), point(1985.0), None, FRESH),
        ("first seen, old: none", point(2015.0, 900.0), None, None, None),
        ("first seen, young: from its start", point(2000.0, 1.0, start=1990.0), None, None, FRESH),
        ("first seen, too young: none", point(1994.0, 1.0, start=1990.0), None, None, None),
        ("first seen, no start known: none", point(2000.0, 1.0, start=0.0), None, None, None),
        ("young, but seen before: the last one", point(2000.0, 3.0, 1990.0), point(1996.0, 2, 1990.0), None, None),
    ],
)
def test_the_point_that_a_new_one_is_measured_from(
    name: str, new: Point, last: Point | None, before: Point | None, expected: Point | None
) -> None:
    if name.startswith("young, but"):
        expected = last
    assert earlier_of(new, last, before) == expected


def test_usage_is_the_growth_over_the_window() -> None:
    assert usage_between(point(100.0, 4.0), point(116.0, 8.0, memory=7)) == Usage(116.0, 16.0, SECOND // 4, 7)


@pytest.mark.parametrize("later", [point(116.0, 3.0), point(100.0, 5.0), point(99.0, 5.0)])
def test_a_counter_or_clock_that_went_back_gives_nothing(later: Point) -> None:
    assert usage_between(point(100.0, 4.0), later) is None


def look(at: float, **containers: tuple[float, float]) -> Look:
    """One node and one pod; (cpu seconds, start) of each container."""
    rows = {name: point(at, cpu, start) for name, (cpu, start) in containers.items()}
    return Look({"n": point(at, at / 10, start=0.0)}, {("ns", "p"): rows} if rows else {})


def test_two_looks_make_usage_known() -> None:
    points = Points()
    points.store(look(2000.0, a=(10.0, START)))
    assert points.node("n") is None and points.pod(("ns", "p")) is None
    points.store(look(2015.0, a=(13.0, START)))
    assert points.pod(("ns", "p")) == {"a": Usage(2015.0, 15.0, SECOND // 5, 100)}
    node = points.node("n")
    assert node is not None and (node.window_seconds, node.cpu_nanocores) == (15.0, SECOND // 10)
    assert points.counts == (1, 1)


def test_a_pod_is_not_shown_before_all_its_containers_are_known() -> None:
    points = Points()
    points.store(look(2000.0, a=(10.0, START)))
    points.store(look(2015.0, a=(13.0, START), b=(0.1, 2012.0)))
    assert points.pod(("ns", "p")) is None
    points.store(look(2030.0, a=(16.0, START), b=(3.1, 2012.0)))
    assert {name: usage.cpu_nanocores for name, usage in (points.pod(("ns", "p")) or {}).items()} == {
        "a": SECOND // 5,
        "b": SECOND // 5,
    }


def test_what_a_look_lacks_is_forgotten() -> None:
    points = Points()
    for at in (2000.0, 2015.0):
        points.store(look(at, a=(at, START)))
    points.store(Look({}, {}))
    assert points.node("n") is None and points.pod(("ns", "p")) is None and points.counts == (0, 0)
    points.store(look(2045.0, a=(3000.0, START)))
    assert points.pod(("ns", "p")) is None


def test_where_two_kubelets_speak_of_a_pod_the_first_is_believed() -> None:
    first = look(2000.0, a=(1.0, START))
    first.add(Look({"m": point(2000.0)}, {("ns", "p"): {"a": point(2000.0, 99.0)}, ("ns", "q"): {"a": point(2000.0)}}))
    assert set(first.nodes) == {"n", "m"}
    assert first.pods[("ns", "p")]["a"].cpu_nanoseconds == SECOND and ("ns", "q") in first.pods


@given(st.lists(st.tuples(st.floats(0.5, 120.0), st.floats(0.0, 4.0), st.booleans()), min_size=2, max_size=12))
def test_usage_is_never_more_than_what_was_used(steps: list[tuple[float, float, bool]]) -> None:
    """Whatever comes in between (restarts too), a rate lies within the rates that really occurred since the last
    restart, and its window reaches back no further than to it."""
    points, at, start, total = Points(), 2000.0, 2000.0, 0.0
    rates: list[float] = []
    for seconds, rate, restarts in steps:
        if restarts:
            start, total, rates = at, 0.0, []
        at += seconds
        total += seconds * rate
        rates.append(rate)
        points.store(Look({}, {("ns", "p"): {"a": point(at, total, start)}}))
        usage = (points.pod(("ns", "p")) or {}).get("a")
        if usage is not None:
            assert usage.at - usage.window_seconds >= start - 1e-6
            assert min(rates) - 1e-6 <= usage.cpu_nanocores / SECOND <= max(rates) + 1e-6
