"""The ownership graph: what needs a look after which change, in any order of arrival."""

from itertools import permutations

import pytest

from pybernetes.api.resource import resource
from pybernetes.client.view import Owner, PartialMeta, PartialObject
from pybernetes.controllers.garbage_collector.graph import FOREGROUND, ORPHAN, Graph
from pybernetes.controllers.garbage_collector.plan import Action, Decision, OwnerState, decide

MAPS = resource("configmaps")


def make(
    name: str, *owners: str, finalizers: tuple[str, ...] = (), deleted: bool = False, block: bool = True
) -> PartialObject:
    references = [Owner(api_version="v1", kind="ConfigMap", name=o, uid=o, block_owner_deletion=block) for o in owners]
    return PartialObject(
        metadata=PartialMeta(
            name=name,
            namespace="n",
            uid=name,
            owner_references=references,
            finalizers=list(finalizers),
            deletion_timestamp="2026-01-01T00:00:00Z" if deleted else None,
        )
    )


def shape(graph: Graph) -> dict[str, tuple[bool, set[str]]]:
    return {uid: (node.is_virtual, set(node.dependents)) for uid, node in graph.nodes.items()}


def test_graph_is_the_same_in_every_order_of_arrival() -> None:
    objects = [make("a"), make("b", "a"), make("c", "a", "b"), make("d", "ghost")]
    shapes = []
    for order in permutations(objects):
        graph = Graph()
        for obj in order:
            graph.observed(MAPS, obj)
        shapes.append(shape(graph))
    assert all(found == shapes[0] for found in shapes)
    assert shapes[0]["ghost"] == (True, {"d"})


def test_owner_nobody_knows_is_looked_at() -> None:
    assert Graph().observed(MAPS, make("b", "ghost")) == ["ghost"]


def test_dependents_are_looked_at_when_the_owner_goes() -> None:
    graph = Graph()
    graph.observed(MAPS, make("a"))
    graph.observed(MAPS, make("b", "a"))
    assert graph.removed("a") == ["b"]
    assert graph.nodes["a"].is_virtual
    graph.removed("b")
    assert graph.nodes == {}


def test_foreground_deletion_wakes_owner_and_dependents() -> None:
    graph = Graph()
    graph.observed(MAPS, make("a"))
    graph.observed(MAPS, make("b", "a"))
    assert set(graph.observed(MAPS, make("a", finalizers=(FOREGROUND,), deleted=True))) == {"a", "b"}
    assert graph.removed("b") == ["a"]
    assert graph.nodes["a"].blocking_dependents() == []


def test_dependent_that_stops_blocking_wakes_the_owner() -> None:
    graph = Graph()
    graph.observed(MAPS, make("a", finalizers=(FOREGROUND,), deleted=True))
    graph.observed(MAPS, make("b", "a"))
    assert "a" in graph.observed(MAPS, make("b", "a", block=False))


def test_orphaning_wakes_the_owner_once() -> None:
    graph = Graph()
    graph.observed(MAPS, make("a"))
    deleted = make("a", finalizers=(ORPHAN,), deleted=True)
    assert graph.observed(MAPS, deleted) == ["a"]
    assert graph.observed(MAPS, deleted) == []


OWNERS = [Owner(uid="x"), Owner(uid="y")]
SOLID, ABSENT, WAITING = OwnerState.SOLID, OwnerState.ABSENT, OwnerState.WAITING


@pytest.mark.parametrize(
    ("states", "dependents", "finalizers", "decision"),
    [
        ((SOLID, SOLID), False, (), Decision(Action.KEEP)),
        ((SOLID, ABSENT), False, (), Decision(Action.DROP_REFERENCES, frozenset("y"))),
        ((SOLID, WAITING), False, (), Decision(Action.DROP_REFERENCES, frozenset("y"))),
        ((ABSENT, ABSENT), False, (), Decision(Action.DELETE, propagation="Background")),
        ((ABSENT, ABSENT), False, ("orphan",), Decision(Action.DELETE, propagation="Orphan")),
        ((WAITING, ABSENT), True, (), Decision(Action.DELETE, propagation="Foreground")),
        ((WAITING, ABSENT), False, (), Decision(Action.DELETE, propagation="Background")),
    ],
)
def test_what_becomes_of_a_dependent(
    states: tuple[OwnerState, OwnerState], dependents: bool, finalizers: tuple[str, ...], decision: Decision
) -> None:
    by_uid = dict(zip("xy", states, strict=True))
    assert decide(OWNERS, by_uid, has_dependents=dependents, finalizers=finalizers) == decision


def test_object_without_owners_stays() -> None:
    assert decide([], {}, has_dependents=False, finalizers=()) == Decision(Action.KEEP)
