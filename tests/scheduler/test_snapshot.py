"""The snapshot's indexes always agree with a recount."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scheduling import node, pod

from pybernetes.api.core import Affinity, PodAffinityTerm, PodAntiAffinity
from pybernetes.api.meta import LabelSelector
from pybernetes.api.selectors import from_labels
from pybernetes.scheduler.matching import PodMatcher
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

NAMESPACES = ["a", "b"]
LABELS = [{"app": "web"}, {"app": "db"}, {"app": "web", "tier": "x"}]
ANTI = Affinity(
    pod_anti_affinity=PodAntiAffinity(
        required_during_scheduling_ignored_during_execution=[
            PodAffinityTerm(topology_key="zone", label_selector=LabelSelector(match_labels={"app": "web"}))
        ]
    )
)
MATCHERS = [
    PodMatcher(frozenset(["a"]), [from_labels({"app": "web"})]),
    PodMatcher(frozenset(["a", "b"]), [from_labels({"app": "db"})]),
    PodMatcher(None, [from_labels({})]),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "assume", "forget", "remove", "node", "no node"]),
        st.integers(0, 5),
        st.sampled_from(["n0", "n1", "n2"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_counts_terms_and_sums_agree_with_a_recount(steps):
    snapshot = Snapshot()
    for action, number, name, variant in steps:
        made = pod(
            f"p{number}",
            namespace=NAMESPACES[number % 2],
            labels=LABELS[variant],
            cpu=f"{variant + 1}00m",
            ports=[80] if variant else [],
            affinity=ANTI if variant == 2 else None,
        )
        info = PodInfo(made)
        if action == "set":
            snapshot.set_pod(info, name)
        elif action == "assume" and info.uid not in snapshot.placed:
            snapshot.assume(info, name)
        elif action == "forget":
            snapshot.forget(info.uid)
        elif action == "remove":
            snapshot.remove_pod(info.uid)
        elif action == "node":
            snapshot.set_node(node(name))
        elif action == "no node":
            snapshot.remove_node(name)
        check(snapshot)


def check(snapshot: Snapshot) -> None:
    for matcher in MATCHERS:
        expected: dict[str, int] = {}
        for placed in snapshot.placed.values():
            if matcher.matches(placed.pod.namespace, placed.pod.labels):
                expected[placed.node_name] = expected.get(placed.node_name, 0) + 1
        assert snapshot.counts(matcher) == expected
    with_term = [placed.node_name for placed in snapshot.placed.values() if placed.pod.anti_affinity]
    recorded = [
        name for use in snapshot.terms["anti_affinity"].values() for name, n in use.by_node.items() for _ in range(n)
    ]
    assert sorted(with_term) == sorted(recorded)
    assert [info.row for info in snapshot.rows] == list(range(len(snapshot.rows)))
    for info in snapshot.rows:
        pods = [placed.pod for placed in snapshot.placed.values() if placed.node_name == info.name]
        assert set(info.pods) == {found.uid for found in pods}
        assert info.cpu == sum(found.requests.milli_cpu for found in pods)
        assert sum(info.ports.values()) == sum(len(found.host_ports) for found in pods)


def test_an_assumed_pod_counts_until_it_is_forgotten():
    snapshot = Snapshot()
    info = snapshot.set_node(node("a"))
    snapshot.assume(PodInfo(pod("p", cpu="1")), "a")
    assert info.cpu == 1000
    snapshot.forget("uid-default-p")
    assert info.cpu == 0


def test_a_confirmed_pod_cannot_be_forgotten():
    snapshot = Snapshot()
    info = snapshot.set_node(node("a"))
    snapshot.assume(PodInfo(pod("p", cpu="1")), "a")
    snapshot.set_pod(PodInfo(pod("p", cpu="1", on="a")), "a")
    snapshot.forget("uid-default-p")
    assert info.cpu == 1000


def test_the_watch_corrects_an_assumption():
    snapshot = Snapshot()
    first, second = snapshot.set_node(node("a")), snapshot.set_node(node("b"))
    snapshot.assume(PodInfo(pod("p", cpu="1")), "a")
    snapshot.set_pod(PodInfo(pod("p", cpu="1", on="b")), "b")
    assert (first.cpu, second.cpu) == (0, 1000)


def test_pods_of_a_node_that_is_not_known_yet_count_once_it_appears():
    snapshot = Snapshot()
    snapshot.set_pod(PodInfo(pod("p", cpu="1", on="a")), "a")
    assert snapshot.rows == []
    assert snapshot.set_node(node("a")).cpu == 1000
