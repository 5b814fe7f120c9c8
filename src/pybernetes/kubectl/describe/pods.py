"""Pods and pod templates."""

from __future__ import annotations

from .containers import containers
from .volumes import volumes
from .writer import Context, ago, controlled_by, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def pod(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    if spec.get("priority") is not None:
        context.field("Priority", spec["priority"])
        if spec.get("priorityClassName"):
            context.field("Priority Class Name", spec["priorityClassName"])
    if spec.get("runtimeClassName"):
        context.field("Runtime Class Name", spec["runtimeClassName"])
    if spec.get("serviceAccountName"):
        context.field("Service Account", spec["serviceAccountName"])
    if spec.get("nodeName"):
        context.field("Node", f"{spec['nodeName']}/{status.get('hostIP', '')}")
    else:
        context.field("Node", "<none>")
    if status.get("startTime"):
        context.field("Start Time", date(status["startTime"]))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    if metadata.get("deletionTimestamp") and status.get("phase") not in ("Failed", "Succeeded"):
        context.field("Status", f"Terminating (lasts {ago(metadata['deletionTimestamp'])})")
        context.field("Termination Grace Period", f"{metadata.get('deletionGracePeriodSeconds', 0)}s")
    else:
        context.field("Status", status.get("phase", ""))
    for title, key in (("Reason", "reason"), ("Message", "message")):
        if status.get(key):
            context.field(title, status[key])
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile:
        context.field("SeccompProfile", profile.get("type", ""))
        if profile.get("type") == "Localhost":
            context.field("LocalhostProfile", profile.get("localhostProfile", ""))
    context.field("IP", status.get("podIP", ""))
    _addresses(context, status)
    controlled_by(context, metadata)
    if status.get("nominatedNodeName"):
        context.field("NominatedNodeName", status["nominatedNodeName"])
    if spec.get("initContainers"):
        containers(
            context, "Init Containers", spec["initContainers"], status.get("initContainerStatuses") or [], obj, 0
        )
    containers(context, "Containers", spec.get("containers") or [], status.get("containerStatuses") or [], obj, 0)
    if spec.get("ephemeralContainers"):
        known = status.get("ephemeralContainerStatuses") or []
        containers(context, "Ephemeral Containers", spec["ephemeralContainers"], known, obj, 0)
    gates = spec.get("readinessGates")
    conditions = status.get("conditions") or []
    if gates:
        context.line(0, "Readiness Gates:\n  Type\tStatus")
        for gate in gates:
            found = next((c["status"] for c in conditions if c["type"] == gate["conditionType"]), "<none>")
            context.line(1, f"{gate['conditionType']} \t{found} ")
    if conditions:
        context.line(0, "Conditions:\n  Type\tStatus")
        for condition in conditions:
            context.line(1, f"{condition['type']} \t{condition['status']} ")
    volumes(context, spec.get("volumes") or [])
    context.field("QoS Class", status.get("qosClass") or "BestEffort")
    context.labels("Node-Selectors", spec.get("nodeSelector"))
    tolerations(context, spec.get("tolerations"))
    spread(context, spec.get("topologySpreadConstraints"))
    context.events(item)


def _addresses(context: Context, status: dict[str, Any]) -> None:
    found = status.get("podIPs") or []
    if not found:
        context.line(0, "IPs:\t<none>")
        return
    context.line(0, "IPs:")
    for entry in found:
        context.line(1, f"IP:\t{entry['ip']}")


def tolerations(context: Context, found: list[dict[str, Any]] | None, level: int = 0) -> None:
    context.write(level, "Tolerations:\t")
    if not found:
        context._parts.append("<none>\n")
        return
    for number, one in enumerate(sorted(found, key=lambda toleration: str(toleration.get("key") or ""))):
        if number:
            context.write(level, "\t")
        text = str(one.get("key") or "")
        if one.get("value"):
            text += f"={one['value']}"
        if one.get("effect"):
            text += f":{one['effect']}"
        if one.get("operator") == "Exists" and not one.get("value"):
            text += " op=Exists" if one.get("key") or one.get("effect") else "op=Exists"
        if one.get("tolerationSeconds") is not None:
            text += f" for {one['tolerationSeconds']}s"
        context._parts.append(text + "\n")


def spread(context: Context, found: list[dict[str, Any]] | None) -> None:
    if not found:
        return
    from .writer import selector_text

    context.write(0, "Topology Spread Constraints:\t")
    for number, one in enumerate(sorted(found, key=lambda constraint: str(constraint.get("topologyKey")))):
        if number:
            context.write(0, "\t")
        text = f"{one.get('topologyKey')}:{one.get('whenUnsatisfiable')} when max skew {one.get('maxSkew')} is exceeded"
        if one.get("labelSelector") is not None:
            text += f" for selector {selector_text(one['labelSelector'])}"
        context._parts.append(text + "\n")


def template(context: Context, found: dict[str, Any] | None, level: int = 0) -> None:
    """`Pod Template:` of a workload."""
    context.line(level, "Pod Template:")
    if found is None:
        context.line(level + 1, "<unset>")
        return
    metadata, spec = found.get("metadata") or {}, found.get("spec") or {}
    context.labels("Labels", metadata.get("labels"), level + 1)
    if metadata.get("annotations"):
        context.annotations(metadata["annotations"], level + 1)
    if spec.get("serviceAccountName"):
        context.field("Service Account", spec["serviceAccountName"], level + 1)
    if spec.get("initContainers"):
        containers(context, "Init Containers", spec["initContainers"], [], found, level + 1)
    containers(context, "Containers", spec.get("containers") or [], [], found, level + 1)
    volumes(context, spec.get("volumes") or [], level + 1)
    spread(context, spec.get("topologySpreadConstraints"))
    if spec.get("priorityClassName"):
        context.field("Priority Class Name", spec["priorityClassName"], level + 1)
    context.labels("Node-Selectors", spec.get("nodeSelector"), level + 1)
    tolerations(context, spec.get("tolerations"), level + 1)


def describe_template(found: dict[str, Any]) -> str:
    """The template alone, for `rollout history --revision`."""
    context = Context()
    template(context, found)
    return context.raw()
