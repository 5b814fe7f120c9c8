"""Persistent volumes, claims, storage classes."""

from __future__ import annotations

from ..output.age import age_of
from .volumes import _KINDS
from .writer import Context, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _modes(spec: dict[str, Any]) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in spec.get("accessModes") or ())


def _class(obj: dict[str, Any]) -> str:
    annotated = (obj["metadata"].get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return annotated or (obj.get("spec") or {}).get("storageClassName") or ""


def volume(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Finalizers", f"[{' '.join(metadata.get('finalizers') or ())}]")
    context.field("StorageClass", _class(obj))
    if metadata.get("deletionTimestamp"):
        context.field("Status", f"Terminating (lasts {age_of(metadata['deletionTimestamp'])})")
    else:
        context.field("Status", status.get("phase", ""))
    claim = spec.get("claimRef")
    context.field("Claim", f"{claim['namespace']}/{claim['name']}" if claim else "")
    context.field("Reclaim Policy", spec.get("persistentVolumeReclaimPolicy", ""))
    context.field("Access Modes", _modes(spec))
    if spec.get("volumeMode"):
        context.field("VolumeMode", spec["volumeMode"])
    context.field("Capacity", (spec.get("capacity") or {}).get("storage", ""))
    affinity = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms")
    if not spec.get("nodeAffinity"):
        context.line(0, "Node Affinity:\t<none>")
    elif not affinity:
        context.line(0, "Node Affinity:\n  Required Terms:\t<none>")
    else:
        context.line(0, "Node Affinity:\t")
        context.line(1, "Required Terms:\t")
        for number, term in enumerate(affinity):
            context.write(2, f"Term {number}:\t")
            for position, one in enumerate(term.get("matchExpressions") or ()):
                if position:
                    context.write(3, "\t")
                values = f" [{', '.join(one['values'])}]" if one.get("values") else ""
                context._parts.append(f"{one['key']} {str(one['operator']).lower()}{values}\n")
    context.field("Message", status.get("message") or "")
    context.line(0, "Source:")
    source = next((key for key in spec if key in _KINDS or key in ("local",)), "")
    if source == "local":
        context.line(2, "Type:\tLocalVolume (a persistent volume backed by local storage on a node)")
        context.line(2, f"Path:\t{spec['local'].get('path')}")
    elif source:
        _KINDS[source](context, spec[source], 2)
    else:
        context.line(1, "<unknown>")
    context.events(item)


def claim(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.field("StorageClass", _class(obj))
    if metadata.get("deletionTimestamp"):
        context.field("Status", f"Terminating (lasts {age_of(metadata['deletionTimestamp'])})")
    else:
        context.field("Status", status.get("phase", ""))
    context.field("Volume", spec.get("volumeName") or "")
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Finalizers", f"[{' '.join(metadata.get('finalizers') or ())}]")
    bound = bool(spec.get("volumeName"))
    context.field("Capacity", (status.get("capacity") or {}).get("storage", "") if bound else "")
    context.field("Access Modes", _modes(status) if bound else "")
    if spec.get("volumeMode"):
        context.field("VolumeMode", spec["volumeMode"])
    source = spec.get("dataSource")
    if source:
        context.line(0, "DataSource:")
        if source.get("apiGroup"):
            context.line(1, f"APIGroup:\t{source['apiGroup']}")
        context.line(1, f"Kind:\t{source.get('kind')}")
        context.line(1, f"Name:\t{source.get('name')}")
    users = []
    for pod in context.items(f"/api/v1/namespaces/{item.namespace}/pods"):
        for one in (pod.get("spec") or {}).get("volumes") or ():
            if (one.get("persistentVolumeClaim") or {}).get("claimName") == item.name:
                users.append(pod["metadata"]["name"])
    context.write(0, "Used By:\t" + ("\n\t".join(users) or "<none>") + "\n")
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:\n  Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage")
        context.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
        for one in conditions:
            context.line(
                1,
                f"{one['type']} \t{one['status']} \t{date(one.get('lastProbeTime'))} \t"
                f"{date(one.get('lastTransitionTime'))} \t{one.get('reason', '')} \t{one.get('message', '')}",
            )
    context.events(item)


def storage_class(context: Context, item: Item) -> None:
    obj = item.obj
    metadata = obj["metadata"]
    context.field("Name", metadata["name"])
    annotations = metadata.get("annotations") or {}
    default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    context.field("IsDefaultClass", "Yes" if default else "No")
    shown = ",".join(f"{key}={value}" for key, value in sorted(annotations.items())) or "<none>"
    context.field("Annotations", shown)
    context.field("Provisioner", obj.get("provisioner", ""))
    parameters = obj.get("parameters") or {}
    context.field("Parameters", ",".join(f"{key}={value}" for key, value in sorted(parameters.items())) or "<none>")
    expansion = obj.get("allowVolumeExpansion")
    context.field("AllowVolumeExpansion", "<unset>" if expansion is None else "True" if expansion else "False")
    options = obj.get("mountOptions") or []
    if not options:
        context.field("MountOptions", "<none>")
    else:
        context.line(0, "MountOptions:")
        for option in options:
            context.line(1, option)
    if obj.get("reclaimPolicy"):
        context.field("ReclaimPolicy", obj["reclaimPolicy"])
    if obj.get("volumeBindingMode"):
        context.field("VolumeBindingMode", obj["volumeBindingMode"])
    topologies = obj.get("allowedTopologies") or []
    if topologies:
        context.line(0, "AllowedTopologies:\t")
        for number, term in enumerate(topologies):
            context.write(1, f"Term {number}:\t")
            for position, one in enumerate(term.get("matchLabelExpressions") or ()):
                if position:
                    context.write(1, "\t")
                context._parts.append(f"{one['key']} in [{', '.join(one.get('values') or ())}]\n")
    context.events(item)
