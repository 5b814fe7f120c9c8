"""Which containers have CPUs alone, which CPUs, and why a pod cannot be here."""

from typing import Any

import pytest
from tests.kubelet.cpu_manager.machines import machine
from tests.kubelet.pods import pod_of

from pybernetes.api.core import Pod
from pybernetes.kubelet.admission import Refusal
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cpu_manager import settings
from pybernetes.kubelet.cpu_manager.cpu_set import parse, shown
from pybernetes.kubelet.cpu_manager.policy import CpuState, Rules, admitted, inconsistency, released

BIG = machine(sockets=2, cores=4, threads=2)
RULES = Rules(topology=BIG, reserved=parse("0,8"))
EMPTY = CpuState(RULES.pool)


def container(name: str, cpu: str, memory: str = "1Gi", **more: Any) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": memory}
    return {"name": name, "resources": {"limits": amounts, "requests": amounts}, **more}


def pod(*containers: dict[str, Any], uid: str = "u1", **spec: Any) -> Pod:
    found = pod_of({"containers": list(containers), **spec})
    found.metadata.uid = uid
    return found


def cpus(found: CpuState | Refusal, uid: str = "u1") -> dict[str, str]:
    assert isinstance(found, CpuState), found
    return {name: shown(own) for name, own in found.entries.get(uid, {}).items()}


def test_whole_cpus_of_a_guaranteed_pod_are_its_own() -> None:
    found = admitted(pod(container("a", "2"), container("b", "1500m")), EMPTY, RULES)
    assert cpus(found) == {"a": "1,9"}
    assert isinstance(found, CpuState)
    assert shown(found.shared) == "0,2-8,10-15"
    assert released(["u1"], found) == EMPTY
    assert released(["other"], found) is found


@pytest.mark.parametrize(
    "one",
    [
        pod(container("a", "1500m")),
        pod({"name": "a", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}}),
        pod({"name": "a"}),
        pod(container("a", "2"), resources={"limits": {"cpu": "2", "memory": "1Gi"}}),
    ],
    ids=["part of a CPU", "burstable", "best effort", "resources of the pod as a whole"],
)
def test_everybody_else_shares(one: Pod) -> None:
    assert admitted(one, EMPTY, RULES) is EMPTY


def test_what_a_pod_has_it_keeps() -> None:
    one = pod(container("a", "2"))
    found = admitted(one, EMPTY, RULES)
    assert isinstance(found, CpuState)
    assert admitted(one, found, RULES) == found


def test_init_containers_lend_their_cpus_and_sidecars_do_not() -> None:
    inits = [container("i", "4"), container("s", "2", restartPolicy="Always")]
    found = admitted(pod(container("a", "2"), container("b", "2"), initContainers=inits), EMPTY, RULES)
    own = {name: parse(text) for name, text in cpus(found).items()}
    assert (len(own["i"]), len(own["a"]), len(own["b"]), len(own["s"])) == (4, 2, 2, 2)
    assert not own["a"] & own["b"]
    assert not own["s"] & (own["a"] | own["b"])
    assert isinstance(found, CpuState)
    assert len(found.shared) == 16 - len(own["i"] | own["a"] | own["b"] | own["s"])
    assert released(["u1"], found) == EMPTY


def test_reserved_cpus_are_not_given_away() -> None:
    assert admitted(pod(container("a", "15")), EMPTY, RULES) == Refusal(
        "UnexpectedAdmissionError",
        "Allocate failed due to not enough cpus available to satisfy request: requested=15, available=14, "
        "which is unexpected",
    )


def test_strictly_reserved_cpus_are_nobodys() -> None:
    rules = Rules(topology=BIG, reserved=parse("0,8"), options=frozenset({"strict-cpu-reservation"}))
    assert shown(rules.pool) == "1-7,9-15"


@pytest.mark.parametrize(
    ("count", "message"),
    [
        ("3", "requested 3 cpus not multiple cpus per core = 2"),
        (
            "14",
            "not enough free physical CPUs: available physical CPUs = 12, requested CPUs = 14, CPUs per core = 2",
        ),
    ],
)
def test_only_whole_cores(count: str, message: str) -> None:
    rules = Rules(topology=BIG, reserved=parse("0,1"), options=frozenset({"full-pcpus-only"}))
    found = admitted(pod(container("a", count)), CpuState(rules.pool), rules)
    assert found == Refusal("SMTAlignmentError", f"SMT Alignment Error: {message}")


@pytest.mark.parametrize(
    ("policy", "count", "expected"),
    [
        ("none", "6", "1-3,9-11"),
        ("single-numa-node", "8", "4-7,12-15"),
        ("restricted", "10", "1,4-7,9,12-15"),
        ("best-effort", "8", "4-7,12-15"),
    ],
)
def test_cpus_are_on_as_few_numa_nodes_as_can_be(policy: str, count: str, expected: str) -> None:
    rules = Rules(topology=BIG, reserved=parse("0,8"), topology_policy=policy)
    assert cpus(admitted(pod(container("a", count)), EMPTY, rules)) == {"a": expected}


@pytest.mark.parametrize("policy", ["restricted", "single-numa-node"])
def test_a_pod_that_would_be_torn_apart_is_refused(policy: str) -> None:
    rules = Rules(topology=BIG, reserved=parse("0,4"), topology_policy=policy)
    state = CpuState(rules.pool)
    refusal = Refusal("TopologyAffinityError", "Resources cannot be allocated with Topology locality")
    assert admitted(pod(container("a", "8")), state, rules) == refusal, "seven are free on each node"
    easy = Rules(topology=BIG, reserved=parse("0,4"), topology_policy="best-effort")
    assert isinstance(admitted(pod(container("a", "8")), state, easy), CpuState)


def test_containers_of_a_pod_are_together_where_the_pod_is_the_scope() -> None:
    both = pod(container("a", "4"), container("b", "4"))
    state = CpuState(parse("0-6,8-15"), {"x": {"c": parse("7")}})
    alone = Rules(topology=BIG, reserved=parse("0"), topology_policy="single-numa-node")
    assert isinstance(admitted(both, state, alone), CpuState)
    pod_scope = Rules(topology=BIG, reserved=parse("0"), topology_policy="single-numa-node", topology_scope="pod")
    refusal = Refusal("TopologyAffinityError", "Resources cannot be allocated with Topology locality")
    assert admitted(both, state, pod_scope) == refusal
    own = cpus(admitted(both, CpuState(pod_scope.pool), pod_scope))
    assert parse(own["a"]) | parse(own["b"]) == parse("4-7,12-15")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (CpuState(parse("1-15")), 'not all reserved cpus: "0,8" are present in defaultCpuSet: "1-15"'),
        (
            CpuState(parse("0-15"), {"u": {"c": parse("3")}}),
            'pod: u, container: c cpuset: "3" overlaps with default cpuset "0-15"',
        ),
        (
            CpuState(parse("0-14")),
            'current set of available CPUs "0-15" doesn\'t match with CPUs in state "0-14"',
        ),
        (EMPTY, ""),
    ],
)
def test_a_state_that_does_not_go_with_the_machine(state: CpuState, why: str) -> None:
    assert inconsistency(RULES, state) == why


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"cpu_manager_policy": "other"}, 'unknown policy: "other"'),
        (
            {"cpu_manager_policy": "static"},
            "the static policy requires systemreserved.cpu + kubereserved.cpu to be greater than zero",
        ),
        ({"cpu_manager_policy": "static", "reserved_system_cpus": "0"}, ""),
        ({"cpu_manager_policy": "static", "kube_reserved": {"cpu": "100m"}}, ""),
        ({"reserved_system_cpus": "x"}, "unable to parse reservedSystemCPUs (--reserved-cpus) x"),
        (
            {"topology_manager_scope": "x"},
            'topologyManagerScope (--topology-manager-scope) "x" must be one of: ["container" "pod"]',
        ),
        ({"topology_manager_policy": "x"}, 'topologyManagerPolicy (--topology-manager-policy) "x" must be one of'),
        ({"cpu_manager_policy_options": {"a": "b"}}, "options not supported with the none policy"),
    ],
)
def test_settings(given: dict[str, Any], why: str) -> None:
    found = settings.problem(KubeletConfig(node_name="n", **given))
    assert why in found if why else not found


def test_the_lowest_cores_are_reserved_where_only_an_amount_is_told() -> None:
    config = KubeletConfig(node_name="n", cpu_manager_policy="static", system_reserved={"cpu": "1100m"})
    rules = settings.rules_of(config, BIG)
    assert rules is not None
    assert shown(rules.reserved) == "0,8"
    assert settings.rules_of(KubeletConfig(node_name="n"), BIG) is None
    with pytest.raises(ValueError, match="there are 0-15"):
        settings.rules_of(KubeletConfig(node_name="n", cpu_manager_policy="static", reserved_system_cpus="99"), BIG)
