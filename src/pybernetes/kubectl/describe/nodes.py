"""Nodes, with the pods on them and what these ask for."""

from __future__ import annotations

from pybernetes.api.quantity import Quantity, parse

from ..client import query_of
from ..errors import StatusFailure
from ..output.age import age_of
from .writer import Context, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_ROLE = "node-role.kubernetes.io/"


def node(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.field("Roles", _roles(metadata.get("labels") or {}))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    _taints(context, spec.get("taints") or [])
    context.field("Unschedulable", "true" if spec.get("unschedulable") else "false")
    _lease(context, item)
    _conditions(context, status.get("conditions") or [])
    context.line(0, "Addresses:")
    for address in status.get("addresses") or ():
        context.line(1, f"{address['type']}:\t{address['address']}")
    for title, key in (("Capacity", "capacity"), ("Allocatable", "allocatable")):
        amounts = status.get(key) or {}
        if amounts:
            context.line(0, f"{title}:")
            for name in sorted(amounts):
                context.line(1, f"{name}:\t{amounts[name]}")
    _info(context, status.get("nodeInfo") or {})
    if spec.get("podCIDR"):
        context.field("PodCIDR", spec["podCIDR"])
    if spec.get("podCIDRs"):
        context.field("PodCIDRs", ",".join(spec["podCIDRs"]))
    if spec.get("providerID"):
        context.field("ProviderID", spec["providerID"])
    selector = f"spec.nodeName={item.name},status.phase!=Succeeded,status.phase!=Failed"
    pods = context.items("/api/v1/pods" + query_of((("fieldSelector", selector), ("limit", 500))))
    _pods(context, pods, status.get("allocatable") or status.get("capacity") or {})
    context.events(item)


def _roles(labels: dict[str, str]) -> str:
    roles = {key[len(_ROLE) :] for key in labels if key.startswith(_ROLE) and len(key) > len(_ROLE)}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return ",".join(sorted(roles)) or "<none>"


def _taints(context: Context, taints: list[dict[str, Any]]) -> None:
    if not taints:
        context.field("Taints", "<none>")
        return
    shown = []
    for taint in sorted(taints, key=lambda taint: (taint["key"], taint["effect"])):
        value = f"={taint['value']}" if taint.get("value") else ""
        shown.append(f"{taint['key']}{value}:{taint['effect']}")
    context.write(0, "Taints:\t" + "\n\t".join(shown) + "\n")


def _lease(context: Context, item: Item) -> None:
    try:
        lease = context.session.client.get(
            f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{item.name}"
        )
    except StatusFailure as error:
        context.line(0, f"Lease:\tFailed to get lease: {error.message}")
        return
    context.line(0, "Lease:")
    spec = lease.get("spec") or {}
    context.line(1, f"HolderIdentity:\t{spec.get('holderIdentity') or '<unset>'}")
    context.line(1, f"AcquireTime:\t{date(spec['acquireTime']) if spec.get('acquireTime') else '<unset>'}")
    context.line(1, f"RenewTime:\t{date(spec['renewTime']) if spec.get('renewTime') else '<unset>'}")


def _conditions(context: Context, conditions: list[dict[str, Any]]) -> None:
    if not conditions:
        return
    context.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage")
    context.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
    for condition in conditions:
        context.line(
            1,
            f"{condition['type']} \t{condition['status']} \t{date(condition.get('lastHeartbeatTime'))} \t"
            f"{date(condition.get('lastTransitionTime'))} \t{condition.get('reason', '')} \t"
            f"{condition.get('message', '')}",
        )


def _info(context: Context, info: dict[str, Any]) -> None:
    context.line(0, "System Info:")
    names = (
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
    for title, key in names:
        context.line(1, f"{title}:\t{info.get(key, '')}")


def _total(pod: dict[str, Any], key: str) -> dict[str, Quantity]:
    """What a pod asks for or may take at most: the larger of its containers together and any init container."""
    spec = pod.get("spec") or {}
    total: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        for name, text in ((container.get("resources") or {}).get(key) or {}).items():
            total[name] = _plus(total.get(name), parse(str(text)))
    sidecars: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        amounts = {n: parse(str(t)) for n, t in ((container.get("resources") or {}).get(key) or {}).items()}
        if container.get("restartPolicy") == "Always":
            for name, amount in amounts.items():
                sidecars[name] = _plus(sidecars.get(name), amount)
                total[name] = _plus(total.get(name), amount)
            amounts = dict(sidecars)
        else:
            amounts = {name: _plus(sidecars.get(name), amount) for name, amount in amounts.items()}
        for name, amount in amounts.items():
            if name not in peak or amount > peak[name]:
                peak[name] = amount
    for name, amount in peak.items():
        if name not in total or amount > total[name]:
            total[name] = amount
    for name, text in (spec.get("overhead") or {}).items():
        if key == "requests" or name in total:
            total[name] = _plus(total.get(name), parse(str(text)))
    return total


def _plus(one: Quantity | None, other: Quantity) -> Quantity:
    return other if one is None else Quantity(one.nanos + other.nanos, one.format)


def _percent(amount: Quantity | None, of: str | None) -> int:
    if amount is None or not of:
        return 0
    whole = parse(of).nanos
    return int(amount.nanos * 100 / whole) if whole else 0


def _text(amount: Quantity | None) -> str:
    return str(amount) if amount is not None else "0"


def _pods(context: Context, pods: list[dict[str, Any]], allocatable: dict[str, str]) -> None:
    context.line(0, f"Non-terminated Pods:\t({len(pods)} in total)")
    context.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge")
    context.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---")
    sums: dict[str, dict[str, Quantity]] = {"requests": {}, "limits": {}}
    for pod in pods:
        requests, limits = _total(pod, "requests"), _total(pod, "limits")
        cells = [pod["metadata"].get("namespace", ""), pod["metadata"]["name"], ""]
        for name in ("cpu", "memory"):
            for amounts in (requests, limits):
                cells.append(f"{_text(amounts.get(name))} ({_percent(amounts.get(name), allocatable.get(name))}%)")
        cells.append(age_of(pod["metadata"].get("creationTimestamp")))
        context.line(1, "\t".join(cells))
        for key, amounts in (("requests", requests), ("limits", limits)):
            for name, amount in amounts.items():
                sums[key][name] = _plus(sums[key].get(name), amount)
    context.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)")
    context.line(1, "Resource\tRequests\tLimits")
    context.line(1, "--------\t--------\t------")
    for name in ("cpu", "memory", "ephemeral-storage"):
        cells = [
            f"{_text(sums[key].get(name))} ({_percent(sums[key].get(name), allocatable.get(name))}%)"
            for key in ("requests", "limits")
        ]
        context.line(1, "\t".join([name, *cells]))
    others = sorted(name for name in allocatable if name not in ("cpu", "memory", "ephemeral-storage", "pods"))
    for name in others:
        share = "" if "hugepages" not in name else " (0%)"
        texts = [_text(sums[key].get(name)) + share for key in ("requests", "limits")]
        context.line(1, "\t".join([name, *texts]))
