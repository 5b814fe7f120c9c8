"""Nodes, with the pods on them and what these ask for."""

from __future__ import annotations

from pybernetes.api.quantity import Quantity, parse

from ..errors import StatusFailure
from ..output.age import age_of
from .words import date, flag, joined
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_NOTHING = Quantity(0)
_ROLE = "node-role.kubernetes.io/"
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
    ("Kube-Proxy Version", "kubeProxyVersion"),
)


def node(context: Context, item: Item) -> None:
    metadata, spec, status = item.obj["metadata"], item.obj.get("spec") or {}, item.obj.get("status") or {}
    context.named(item, namespaced=False)
    context.field("Roles", _roles(metadata.get("labels") or {}))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    taints = sorted(spec.get("taints") or (), key=lambda taint: f"{taint['effect']},{taint['key']}")
    context.several("Taints", [_taint(taint) for taint in taints])
    context.field("Unschedulable", flag(spec.get("unschedulable")))
    _lease(context, item)
    context.conditions(status.get("conditions"), seen="lastHeartbeatTime", end=" ")
    context.line(0, "Addresses:")
    context.fields(((one["type"], one["address"]) for one in status.get("addresses") or ()), 1)
    context.amounts("Capacity", status.get("capacity"))
    context.amounts("Allocatable", status.get("allocatable"))
    context.line(0, "System Info:")
    info = status.get("nodeInfo") or {}
    context.fields(((title, info.get(key, "")) for title, key in _INFO), 1)
    for title, text in (
        ("PodCIDR", spec.get("podCIDR")),
        ("PodCIDRs", joined(spec.get("podCIDRs"), ",")),
        ("ProviderID", spec.get("providerID")),
    ):
        if text:
            context.field(title, text)
    selector = f"spec.nodeName={item.name},status.phase!=Succeeded,status.phase!=Failed"
    try:
        pods = context.listed("/api/v1/pods", ("fieldSelector", selector))
    except StatusFailure as error:
        if error.reason != "Forbidden":
            raise
        context.field("Pods", "not authorized")
    else:
        _pods(context, pods, status.get("allocatable") or status.get("capacity") or {})
    # Kubelets give the node's name for its uid.
    context.events(item, metadata.get("uid", ""), item.name)


def _roles(labels: dict[str, str]) -> str:
    roles = {key[len(_ROLE) :] for key in labels if key.startswith(_ROLE) and len(key) > len(_ROLE)}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return ",".join(sorted(roles)) or "<none>"


def _taint(taint: dict[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _lease(context: Context, item: Item) -> None:
    try:
        lease = context.session.client.get(
            f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{item.name}"
        )
    except StatusFailure as error:
        context.field("Lease", f"Failed to get lease: {error.message}")
        return
    context.line(0, "Lease:")
    spec = lease.get("spec") or {}
    context.field("HolderIdentity", spec.get("holderIdentity") or "<unset>", 1)
    for title, key in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        context.field(title, date(spec[key]) if spec.get(key) else "<unset>", 1)


def _total(pod: dict[str, Any], key: str) -> dict[str, Quantity]:
    """What a pod asks for or may take at most: the larger of its containers together and any init container.

    What the pod says of cpu, memory and huge pages as a whole goes before what its containers say.
    """
    spec = pod.get("spec") or {}
    total: dict[str, Quantity] = {}
    granted = _granted(pod) if key == "requests" else {}
    for container in spec.get("containers") or ():
        known = granted.get(container["name"])
        _add(total, _amounts(container, key) if known is None else known)
    sidecars: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        amounts = _amounts(container, key)
        if container.get("restartPolicy") == "Always":
            _add(total, amounts)
            _add(sidecars, amounts)
            amounts = sidecars
        else:
            amounts = {**sidecars, **{name: sidecars.get(name, _NOTHING) + more for name, more in amounts.items()}}
        _raise(peak, amounts)
    _raise(total, peak)
    whole = _amounts(spec, key)
    total |= {name: whole[name] for name in whole if name in ("cpu", "memory") or name.startswith("hugepages-")}
    overhead = {name: parse(str(text)) for name, text in (spec.get("overhead") or {}).items()}
    _add(total, {name: more for name, more in overhead.items() if key == "requests" or total.get(name, _NOTHING) != 0})
    return total


def _granted(pod: dict[str, Any]) -> dict[str, dict[str, Quantity]]:
    """Requests by container whose kubelet tells what it has now: the larger of that and what it asks for.

    While a resize cannot be done at all, what it has now counts alone.
    """
    status = pod.get("status") or {}
    told = {one["name"]: one for one in status.get("containerStatuses") or () if one.get("resources") is not None}
    conditions = status.get("conditions") or ()
    stuck = any(one["type"] == "PodResizePending" and one.get("reason") == "Infeasible" for one in conditions)
    found = {}
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container["name"] in told:
            amounts = {} if stuck else _amounts(container, "requests")
            _raise(amounts, _amounts(told[container["name"]], "requests"))
            found[container["name"]] = amounts
    return found


def _amounts(holder: dict[str, Any], key: str) -> dict[str, Quantity]:
    """The requests or limits in the `resources` of a container, its status, or a pod's spec."""
    return {name: parse(str(text)) for name, text in ((holder.get("resources") or {}).get(key) or {}).items()}


def _add(total: dict[str, Quantity], amounts: dict[str, Quantity]) -> None:
    for name, amount in amounts.items():
        total[name] = total[name] + amount if name in total else amount


def _raise(total: dict[str, Quantity], amounts: dict[str, Quantity]) -> None:
    for name, amount in amounts.items():
        total[name] = max(total.get(name, amount), amount)


def _share(amounts: dict[str, Quantity], name: str, allocatable: dict[str, str]) -> str:
    """`250m (6%)` of what there is."""
    amount, whole = amounts.get(name, _NOTHING), parse(str(allocatable.get(name, "0")))
    part, all_of_it = (amount.milli(), whole.milli()) if name == "cpu" else (amount.value(), whole.value())
    return f"{amount} ({int(part / all_of_it * 100) if all_of_it else 0}%)"


def _pods(context: Context, pods: list[dict[str, Any]], allocatable: dict[str, str]) -> None:
    context.field("Non-terminated Pods", f"({len(pods)} in total)")
    rows = []
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    for pod in pods:
        asked, allowed = _total(pod, "requests"), _total(pod, "limits")
        shares = [_share(one, name, allocatable) for name in ("cpu", "memory") for one in (asked, allowed)]
        metadata = pod["metadata"]
        rows.append((metadata["namespace"], metadata["name"], "", *shares, age_of(metadata.get("creationTimestamp"))))
        _add(requests, asked)
        _add(limits, allowed)
    context.table(1, "Namespace|Name||CPU Requests|CPU Limits|Memory Requests|Memory Limits|Age", rows)
    context.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)")
    huge = sorted(name for name in allocatable if name.startswith("hugepages-"))
    extended = sorted(name for name in allocatable if name not in (*_STANDARD, *huge, "pods"))
    context.table(
        1,
        "Resource|Requests|Limits",
        [
            *((name, *(_share(one, name, allocatable) for one in (requests, limits))) for name in (*_STANDARD, *huge)),
            *((name, *(one.get(name, _NOTHING) for one in (requests, limits))) for name in extended),
        ],
    )
