"""Pods and pod templates."""

from __future__ import annotations

from .containers import containers, resources
from .volumes import volumes
from .words import date, phase_of, selector_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_MIRROR = "kubernetes.io/config.mirror"


def pod(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.named(item)
    if spec.get("priority") is not None:
        context.field("Priority", spec["priority"])
    for title, key in (
        ("Priority Class Name", "priorityClassName"),
        ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ):
        if spec.get(key):
            context.field(title, spec[key])
    context.field("Node", f"{spec['nodeName']}/{status.get('hostIP', '')}" if spec.get("nodeName") else "<none>")
    if status.get("startTime"):
        context.field("Start Time", date(status["startTime"]))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    _phase(context, item, status)
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile:
        context.field("SeccompProfile", profile.get("type", ""))
        if profile.get("type") == "Localhost":
            context.field("LocalhostProfile", profile.get("localhostProfile", ""))
    _addresses(context, status)
    context.controlled_by(item)
    if status.get("nominatedNodeName"):
        context.field("NominatedNodeName", status["nominatedNodeName"])
    if spec.get("resources") is not None:
        context.line(0, "Resources:")
        resources(context, spec["resources"], 1)
    if spec.get("initContainers"):
        containers(context, "Init Containers", spec["initContainers"], status.get("initContainerStatuses"), pod=obj)
    containers(context, "Containers", spec.get("containers"), status.get("containerStatuses"), pod=obj)
    if spec.get("ephemeralContainers"):
        known = status.get("ephemeralContainerStatuses")
        containers(context, "Ephemeral Containers", spec["ephemeralContainers"], known, pod=obj)
    _conditions(context, spec, status)
    volumes(context, spec.get("volumes"))
    context.field("QoS Class", status.get("qosClass") or "BestEffort")
    _placement(context, spec)
    _spread(context, spec)
    _group(context, spec)
    mirrored = (metadata.get("annotations") or {}).get(_MIRROR)
    context.events(item, *((mirrored,) if mirrored else ()))


def _phase(context: Context, item: Item, status: dict[str, Any]) -> None:
    if status.get("phase") in ("Failed", "Succeeded"):
        context.field("Status", status["phase"])
    else:
        context.field("Status", phase_of(item, status))
        if item.obj["metadata"].get("deletionTimestamp"):
            context.field("Termination Grace Period", f"{item.obj['metadata'].get('deletionGracePeriodSeconds', 0)}s")
    for title, key in (("Reason", "reason"), ("Message", "message")):
        if status.get(key):
            context.field(title, status[key])


def _addresses(context: Context, status: dict[str, Any]) -> None:
    context.field("IP", status.get("podIP", ""))
    found = status.get("podIPs") or []
    context.line(0, "IPs:" if found else "IPs:\t<none>")
    for entry in found:
        context.field("IP", entry["ip"], 1)


def _conditions(context: Context, spec: dict[str, Any], status: dict[str, Any]) -> None:
    found = [(one["type"], one["status"]) for one in status.get("conditions") or ()]
    known = dict(reversed(found))
    gates = [one["conditionType"] for one in spec.get("readinessGates") or ()]
    for title, shown in (
        ("Readiness Gates", [(gate, known.get(gate, "<none>")) for gate in gates]),
        ("Conditions", found),
    ):
        if shown:
            context.line(0, f"{title}:\n  Type\tStatus")
            for kind, state in shown:
                context.line(1, f"{kind} \t{state} ")


def _placement(context: Context, spec: dict[str, Any], level: int = 0) -> None:
    """Where a pod may run."""
    context.labels("Node-Selectors", spec.get("nodeSelector"), level)
    found = sorted(spec.get("tolerations") or (), key=lambda toleration: str(toleration.get("key") or ""))
    context.several("Tolerations", [_toleration(one) for one in found], level)


def _toleration(one: dict[str, Any]) -> str:
    text = str(one.get("key") or "")
    if one.get("value"):
        text += f"={one['value']}"
    if one.get("effect"):
        text += f":{one['effect']}"
    if one.get("operator") == "Exists" and not one.get("value"):
        text += " op=Exists" if text else "op=Exists"
    if one.get("tolerationSeconds") is not None:
        text += f" for {one['tolerationSeconds']}s"
    return text


def _spread(context: Context, spec: dict[str, Any], level: int = 0) -> None:
    found = sorted(spec.get("topologySpreadConstraints") or (), key=lambda constraint: str(constraint["topologyKey"]))
    if found:
        context.several("Topology Spread Constraints", [_constraint(one) for one in found], level, level)


def _constraint(one: dict[str, Any]) -> str:
    text = f"{one['topologyKey']}:{one.get('whenUnsatisfiable')} when max skew {one.get('maxSkew')} is exceeded"
    if one.get("labelSelector") is not None:
        text += f" for selector {selector_text(one['labelSelector'])}"
    return text


def _group(context: Context, spec: dict[str, Any], level: int = 0) -> None:
    found = spec.get("schedulingGroup")
    if found:
        context.line(level, "SchedulingGroup:")
        context.field("PodGroupName", found.get("podGroupName", ""), 1)


def template(context: Context, found: dict[str, Any] | None) -> None:
    """`Pod Template:` of a workload."""
    context.line(0, "Pod Template:")
    if found is None:
        context.line(1, "<unset>")
        return
    metadata, spec = found.get("metadata") or {}, found.get("spec") or {}
    context.labels("Labels", metadata.get("labels"), 1)
    if metadata.get("annotations"):
        context.annotations(metadata["annotations"], 1)
    if spec.get("serviceAccountName"):
        context.field("Service Account", spec["serviceAccountName"], 1)
    if spec.get("initContainers"):
        containers(context, "Init Containers", spec["initContainers"])
    containers(context, "Containers", spec.get("containers"))
    volumes(context, spec.get("volumes"), 1)
    _spread(context, spec, 1)
    if spec.get("priorityClassName"):
        context.field("Priority Class Name", spec["priorityClassName"], 1)
    _placement(context, spec, 1)
    _group(context, spec, 1)


def describe_template(found: dict[str, Any]) -> str:
    """The template alone, for `rollout history --revision`."""
    context = Context()
    template(context, found)
    return context.raw()
