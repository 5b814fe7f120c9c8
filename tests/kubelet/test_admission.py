"""Which pods a node takes."""

from typing import Any

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.api.core import Node, NodeSpec, Pod, Taint
from pybernetes.api.meta import ObjectMeta
from pybernetes.kubelet.admission import NodeState, Refusal, refusal

ALLOCATABLE = {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "10Gi", "pods": "3", "example.com/gpu": "1"}
NODE = Node(metadata=ObjectMeta(name="n1", labels={"disk": "ssd", "kubernetes.io/os": "linux"}))


def asking(requests: dict[str, str], *, uid: str = "uid-1", **spec: Any) -> Pod:
    return pod_of({"containers": [{"name": "c", "resources": {"requests": requests}}], **spec}, uid=uid)


def with_port(port: int, *, ip: str = "", protocol: str = "TCP", uid: str = "uid-1") -> Pod:
    given = {"containerPort": 80, "hostPort": port, "protocol": protocol, **({"hostIP": ip} if ip else {})}
    return pod_of({"containers": [{"name": "c", "ports": [given]}]}, uid=uid)


def asked(pod: Pod, *others: Pod, node: Node | None = NODE, pressures: Any = ()) -> Refusal | None:
    state = NodeState(node=node, allocatable=ALLOCATABLE, others=others, pressures=frozenset(pressures))
    return refusal(pod, state)


@pytest.mark.parametrize(
    ("requests", "used", "reason", "message"),
    [
        ({"cpu": "2"}, {}, "", ""),
        ({"cpu": "1500m"}, {"cpu": "600m"}, "OutOfcpu", "cpu, requested: 1500, used: 600, capacity: 2000"),
        ({"memory": "4Gi"}, {"memory": "1"}, "OutOfmemory", "memory, requested: 4294967296, used: 1, capacity: "),
        ({"ephemeral-storage": "11Gi"}, {}, "OutOfephemeral-storage", "ephemeral-storage, requested: "),
        ({"example.com/gpu": "1"}, {"example.com/gpu": "1"}, "OutOfexample.com/gpu", "example.com/gpu, requested: 1"),
        ({"example.com/unknown": "1"}, {}, "", ""),
    ],
)
def test_room(requests: dict[str, str], used: dict[str, str], reason: str, message: str) -> None:
    found = asked(asking(requests), asking(used, uid="other"))
    assert (found.reason if found else "") == reason
    if found is not None:
        assert found.message.startswith(f"Node didn't have enough resource: {message}")
        assert found.status_message == f"Pod was rejected: {found.message}"


def test_the_number_of_pods() -> None:
    others = [pod_of(uid=f"other-{index}") for index in range(3)]
    assert asked(pod_of(), *others[:2]) is None
    found = asked(pod_of(), *others)
    assert found is not None and found.reason == "OutOfpods"


def test_critical_pods_are_taken_without_room() -> None:
    assert asked(asking({"cpu": "100"}, priority=2_000_000_000)) is None
    static = asking({"cpu": "100"})
    static.metadata.annotations = {"kubernetes.io/config.source": "file"}
    assert asked(static) is None


def test_a_pod_that_was_taken_before_is_never_refused() -> None:
    pod = asking({"cpu": "100"}, nodeSelector={"disk": "tape"})
    assert asked(pod) is not None
    started = pod_of({"containers": [{"name": "c", "resources": {"requests": {"cpu": "100"}}}]})
    started.status.start_time = "2026-01-01T00:00:00Z"  # type: ignore[assignment]
    assert asked(started) is None


def affinity(operator: str, *values: str, key: str = "disk") -> dict[str, Any]:
    expression = {"key": key, "operator": operator, "values": list(values)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


@pytest.mark.parametrize(
    ("spec", "taken"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, True),
        ({"nodeSelector": {"disk": "tape"}}, False),
        (affinity("In", "ssd", "hdd"), True),
        (affinity("NotIn", "ssd"), False),
        (affinity("Exists", key="absent"), False),
    ],
)
def test_affinity(spec: dict[str, Any], taken: bool) -> None:
    found = asked(pod_of(spec))
    assert (found is None) == taken
    if found is not None:
        words = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
        assert found == Refusal("NodeAffinity", words)
    assert asked(pod_of(spec), node=None) is None, "nothing is held against a node that is not known yet"


@pytest.mark.parametrize(
    ("wanted", "taken", "clash"),
    [
        (with_port(80), with_port(81, uid="o"), False),
        (with_port(80), with_port(80, uid="o"), True),
        (with_port(80), with_port(80, protocol="UDP", uid="o"), False),
        (with_port(80, ip="127.0.0.1"), with_port(80, uid="o"), True),
        (with_port(80, ip="127.0.0.1"), with_port(80, ip="10.0.0.1", uid="o"), False),
    ],
)
def test_ports(wanted: Pod, taken: Pod, clash: bool) -> None:
    found = asked(wanted, taken)
    assert (found.reason if found else "") == ("NodePorts" if clash else "")


def test_taints_that_do_not_execute_are_the_schedulers_business() -> None:
    def tainted(effect: str) -> Node:
        return Node(metadata=NODE.metadata, spec=NodeSpec(taints=[Taint(key="k", value="v", effect=effect)]))

    assert asked(pod_of(), node=tainted("NoSchedule")) is None
    found = asked(pod_of(), node=tainted("NoExecute"))
    assert found is not None and found.reason == "TaintToleration"
    tolerant = pod_of({"tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute"}]})
    assert asked(tolerant, node=tainted("NoExecute")) is None


@pytest.mark.parametrize(
    ("pod", "pressures", "message"),
    [
        (pod_of(), [], ""),
        (pod_of(), ["MemoryPressure"], "The node had condition: [MemoryPressure]. "),
        (asking({"memory": "1Mi"}), ["MemoryPressure"], ""),
        (asking({"memory": "1Mi"}), ["DiskPressure"], "The node had condition: [DiskPressure]. "),
        (pod_of({"priority": 2_000_000_000}), ["DiskPressure", "MemoryPressure"], ""),
        (pod_of({"tolerations": [{"key": "node.kubernetes.io/memory-pressure"}]}), ["MemoryPressure"], ""),
    ],
)
def test_pressure(pod: Pod, pressures: list[str], message: str) -> None:
    found = asked(pod, pressures=pressures)
    assert (found.message if found else "") == message
    assert found is None or found.reason == "Evicted"


def test_what_this_node_is_not() -> None:
    found = asked(pod_of({"os": {"name": "windows"}}))
    assert found is not None and found.reason == "PodOSNotSupported"
    found = asked(pod_of({"securityContext": {"supplementalGroupsPolicy": "Strict"}}))
    assert found is not None and found.reason == "SupplementalGroupsPolicyNotSupported"
    for profile in ({"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "p"}):
        confined = {"securityContext": {"appArmorProfile": profile}}
        for spec in (confined, {"containers": [{"name": "c", **confined}]}):
            found = asked(pod_of(spec))
            assert found == Refusal("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    assert asked(pod_of({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}})) is None
    found = asked(pod_of({"securityContext": {"sysctls": [{"name": "vm.swappiness", "value": "1"}]}}))
    assert found == Refusal("SysctlForbidden", 'forbidden sysctl: "vm.swappiness" not allowlisted')
