"""Who has to make room for a critical pod."""

from typing import Any

import pytest
from tests.kubelet.builders import container, pod

from pybernetes.api.core import Pod, ResourceRequirements
from pybernetes.kubelet.admission import NodeState, Refusal
from pybernetes.kubelet.preemption import victims

CRITICAL = 2_000_000_000


def asking(name: str, memory: str = "", cpu: str = "", *, guaranteed: bool = False, priority: int = 0) -> Pod:
    amounts = {key: value for key, value in (("memory", memory), ("cpu", cpu)) if value}
    resources = ResourceRequirements(requests=amounts or None, limits=amounts if guaranteed else None)
    return pod(container(resources=resources), name=name, uid=name, priority=priority)


def critical(memory: str = "", cpu: str = "") -> Pod:
    return asking("critical", memory, cpu, priority=CRITICAL)


def chosen(wanted: Pod, *others: Pod, pods: str = "110") -> Any:
    state = NodeState(node=None, allocatable={"cpu": "2", "memory": "1000Mi", "pods": pods}, others=others)
    found = victims(wanted, state)
    return found if isinstance(found, Refusal) else [p.metadata.name for p in found]


CASES: dict[str, tuple[Pod, list[Pod], list[str]]] = {
    "there is room": (critical("600Mi"), [asking("small", "100Mi")], []),
    "the one that is enough": (critical("600Mi"), [asking("a", "600Mi"), asking("b", "200Mi")], ["a"]),
    "the smaller of those that are": (critical("300Mi"), [asking("a", "500Mi"), asking("b", "300Mi")], ["b"]),
    "one after the other, the nearest first": (
        critical("600Mi"),
        [asking("a", "300Mi"), asking("b", "350Mi"), asking("c", "300Mi")],
        ["b", "a"],
    ),
    "never a critical one": (
        critical("300Mi"),
        [asking("c", "400Mi", priority=CRITICAL), asking("a", "300Mi"), asking("b", "300Mi")],
        ["a"],
    ),
    "burstable before guaranteed": (
        critical("300Mi"),
        [asking("g", "400Mi", "1", guaranteed=True), asking("b", "450Mi")],
        ["b"],
    ),
    "guaranteed where it must be": (
        critical("600Mi"),
        [asking("g", "900Mi", "1", guaranteed=True), asking("b", "50Mi")],
        ["g"],
    ),
    "not who frees nothing": (critical("300Mi"), [asking("a", "900Mi"), asking("none")], ["a"]),
    "for two resources": (
        critical("600Mi", "500m"),
        [asking("cpu", "1Mi", "1900m"), asking("memory", "900Mi")],
        ["cpu", "memory"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_as_few_and_as_small_as_possible(case: str) -> None:
    wanted, others, expected = CASES[case]
    assert chosen(wanted, *others) == expected


def test_a_place_is_made_too_where_there_are_too_many_pods() -> None:
    assert chosen(critical(), asking("a"), asking("b", "1Mi"), pods="2") == ["a"]


def test_room_that_cannot_be_made_is_told() -> None:
    found = chosen(critical("600Mi"), asking("other", "600Mi", priority=CRITICAL))
    assert found == Refusal(
        "UnexpectedAdmissionError",
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        "to preempt: no set of running pods found to reclaim resources: [(res: memory, q: 209715200), ]",
    )
