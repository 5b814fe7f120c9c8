"""Persistent volumes, claims, storage classes, and the CSI drivers of nodes."""

from __future__ import annotations

from .volumes import source
from .words import annotation_lines, bracketed, date, joined, label_lines, label_text, phase_of
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _modes(spec: dict[str, Any]) -> str:
    """Each once, in a fixed order."""
    return ",".join(short for mode, short in _MODES.items() if mode in (spec.get("accessModes") or ()))


def class_of(obj: dict[str, Any]) -> str:
    """The storage class of a volume, a claim or a template of claims."""
    annotated = ((obj.get("metadata") or {}).get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return annotated or (obj.get("spec") or {}).get("storageClassName") or ""


def volume(context: Context, item: Item) -> None:
    spec, status = context.head(item, namespaced=False)
    context.field("Finalizers", bracketed(item.obj["metadata"].get("finalizers")))
    context.field("StorageClass", class_of(item.obj))
    context.field("Status", phase_of(item, status))
    claim = spec.get("claimRef")
    context.field("Claim", f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "")
    context.field("Reclaim Policy", spec.get("persistentVolumeReclaimPolicy", ""))
    context.field("Access Modes", _modes(spec))
    if spec.get("volumeMode"):
        context.field("VolumeMode", spec["volumeMode"])
    context.field("Capacity", (spec.get("capacity") or {}).get("storage", "0"))
    _node_affinity(context, (spec.get("nodeAffinity") or {}).get("required"))
    context.field("Message", status.get("message") or "")
    context.line(0, "Source:")
    source(context, spec, persistent=True)
    context.events(item)


def _node_affinity(context: Context, required: dict[str, Any] | None) -> None:
    if required is None:
        context.field("Node Affinity", "<none>")
        return
    context.field("Node Affinity", "")
    terms = required.get("nodeSelectorTerms") or []
    context.field("Required Terms", "" if terms else "<none>", 1)
    for number, term in enumerate(terms):
        shown = [
            f"{one['key']} {str(one['operator']).lower()}{_values(one)}" for one in term.get("matchExpressions") or ()
        ]
        context.several(f"Term {number}", shown, 2, 2)


def _values(requirement: dict[str, Any]) -> str:
    return f" [{joined(requirement['values'])}]" if requirement.get("values") else ""


def claim(context: Context, item: Item) -> None:
    status = item.obj.get("status") or {}
    context.named(item)
    claim_spec(context, item.obj, item=item)
    context.several("Used By", _users(context, item))
    rules = "----|------|-----------------|------------------|------|-------"
    context.conditions(status.get("conditions"), seen="lastProbeTime", rules=rules, end=" ")
    context.events(item)


def claim_spec(context: Context, obj: dict[str, Any], level: int = 0, *, item: Item | None = None) -> None:
    """What a claim asks for and, of an `item` of the server's, what it has got; a template has no more."""
    metadata, spec, status = obj.get("metadata") or {}, obj.get("spec") or {}, obj.get("status") or {}
    context.field("StorageClass", class_of(obj), level)
    if item is not None:
        context.field("Status", phase_of(item, status), level)
    context.field("Volume", spec.get("volumeName") or "", level)
    for title, lines in (
        ("Labels", label_lines(metadata.get("labels"))),
        ("Annotations", annotation_lines(metadata.get("annotations"))),
    ):
        # A template's are indented as the titles are, but for what goes below a key.
        shown = [line if line.startswith("  ") else "  " * level + line for line in lines or ["<none>"]]
        context.several(title, shown, level, level)
    if item is not None:
        context.field("Finalizers", bracketed(metadata.get("finalizers")), level)
    bound = bool(spec.get("volumeName"))
    context.field("Capacity", (status.get("capacity") or {}).get("storage", "0") if bound else "", level)
    context.field("Access Modes", _modes(status) if bound else "", level)
    if spec.get("volumeMode"):
        context.field("VolumeMode", spec["volumeMode"], level)
    origin = spec.get("dataSource")
    if origin:
        context.line(level, "DataSource:")
        if origin.get("apiGroup"):
            context.field("APIGroup", origin["apiGroup"], level + 1)
        context.field("Kind", origin.get("kind", ""), level + 1)
        context.field("Name", origin.get("name", ""), level + 1)


def _users(context: Context, item: Item) -> list[str]:
    """The pods that mount a claim, and those that own it."""
    owners = {one["uid"] for one in item.obj["metadata"].get("ownerReferences") or () if one.get("kind") == "Pod"}
    users = []
    for pod in context.listed(f"/api/v1/namespaces/{item.namespace}/pods"):
        volumes = (pod.get("spec") or {}).get("volumes") or ()
        mounted = [one for one in volumes if (one.get("persistentVolumeClaim") or {}).get("claimName") == item.name]
        users += [pod["metadata"]["name"]] * (len(mounted) or pod["metadata"].get("uid") in owners)
    return sorted(users)


def storage_class(context: Context, item: Item) -> None:
    obj = item.obj
    annotations = obj["metadata"].get("annotations") or {}
    context.named(item, namespaced=False)
    context.field("IsDefaultClass", "Yes" if any(annotations.get(key) == "true" for key in _DEFAULT_CLASS) else "No")
    context.field("Annotations", label_text(annotations))
    context.field("Provisioner", obj.get("provisioner", ""))
    context.field("Parameters", label_text(obj.get("parameters")))
    expansion = obj.get("allowVolumeExpansion")
    context.field("AllowVolumeExpansion", "<unset>" if expansion is None else "True" if expansion else "False")
    options = obj.get("mountOptions") or []
    context.line(0, "MountOptions:" if options else "MountOptions:\t<none>")
    for option in options:
        context.line(1, option)
    for title, key in (("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")):
        if obj.get(key):
            context.field(title, obj[key])
    topologies = obj.get("allowedTopologies")
    if topologies is not None:
        context.field("AllowedTopologies", "" if topologies else "<none>")
        for number, term in enumerate(topologies):
            shown = [f"{one['key']} in{_values(one)}" for one in term.get("matchLabelExpressions") or ()]
            context.several(f"Term {number}", shown, 1, 1)
    context.events(item)


def attributes_class(context: Context, item: Item) -> None:
    context.named(item, namespaced=False)
    context.field("Annotations", label_text(item.obj["metadata"].get("annotations")))
    context.field("DriverName", item.obj.get("driverName", ""))
    context.field("Parameters", label_text(item.obj.get("parameters")))
    context.events(item)


def csi_node(context: Context, item: Item) -> None:
    spec, _ = context.head(item, namespaced=False)
    context.field("CreationTimestamp", date(item.obj["metadata"].get("creationTimestamp")))
    context.line(0, "Spec:")
    drivers = spec.get("drivers") or []
    if drivers:
        context.line(1, "Drivers:")
    for driver in drivers:
        context.line(2, f"{driver['name']}:")
        context.field("Node ID", driver.get("nodeID", ""), 3)
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None:
            context.line(3, "Allocatables:")
            context.field("Count", count, 4)
        if driver.get("topologyKeys"):
            context.field("Topology Keys", bracketed(driver["topologyKeys"]), 3)
    context.events(item)
