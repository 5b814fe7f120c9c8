"""`kubelet_volume_stats_*`: how full the claims of this node's pods are, under the names alerts rely on. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from .stats import metric_labels

PREFIX = "kubelet_volume_stats_"
FAMILIES: Mapping[str, tuple[str, str]] = {
    "available_bytes": ("availableBytes", "Number of available bytes in the volume"),
    "capacity_bytes": ("capacityBytes", "Capacity in bytes of the volume"),
    "inodes": ("inodes", "Maximum number of inodes in the volume"),
    "inodes_free": ("inodesFree", "Number of free inodes in the volume"),
    "inodes_used": ("inodesUsed", "Number of used inodes in the volume"),
    "used_bytes": ("usedBytes", "Number of used bytes in the volume"),
}


def volume_metrics(volumes: Iterable[Mapping[str, Any]]) -> str:
    """VolumeStats of stats/v1alpha1 as samples; a claim that several pods have is told once."""
    claims = {
        (found["pvcRef"]["namespace"], found["pvcRef"]["name"]): found for found in volumes if found.get("pvcRef")
    }
    lines: list[str] = []
    for family, (field, words) in FAMILIES.items():
        samples = [
            f"{PREFIX}{family}{metric_labels(namespace=namespace, persistentvolumeclaim=name)} {found[field]}"
            for (namespace, name), found in sorted(claims.items())
            if field in found
        ]
        if samples:
            lines += [f"# HELP {PREFIX}{family} [ALPHA] {words}", f"# TYPE {PREFIX}{family} gauge", *samples]
    return "".join(f"{line}\n" for line in lines)
