"""Volumes, claims, classes."""

from typing import Any

from . import nodes
from .pod import claim_spec

Object = dict[str, Any]

_CLASS = "volume.beta.kubernetes.io/storage-class"


def _class_annotation(obj: Object) -> list[str]:
    if _CLASS not in (obj["metadata"].get("annotations") or ()):
        return []
    return [f'metadata.annotations[{_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead']


def _volume(volume: Object, old: Object | None) -> list[str]:
    spec = volume.get("spec") or {}
    found = _class_annotation(volume)
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning."
        )
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    for index, row in enumerate(required.get("nodeSelectorTerms") or ()):
        found += nodes.term(row, f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]")
    return found


def _claim(claim: Object, old: Object | None) -> list[str]:
    return _class_annotation(claim) + claim_spec(claim.get("spec") or {}, "spec")


def _storage_class(storage_class: Object, old: Object | None) -> list[str]:
    found: list[str] = []
    for index, topology in enumerate(storage_class.get("allowedTopologies") or ()):
        for place, row in enumerate(topology.get("matchLabelExpressions") or ()):
            found += nodes.key(row.get("key") or "", f"allowedTopologies[{index}].matchLabelExpressions[{place}].key")
    return found


def _capacity(capacity: Object, old: Object | None) -> list[str]:
    topology = capacity.get("nodeTopology") or {}
    found = nodes.selector(topology.get("matchLabels"), "nodeTopology.matchLabels")
    return found + nodes.term(topology, "nodeTopology")


ADVICE = {
    "persistentvolumes": _volume,
    "persistentvolumeclaims": _claim,
    "storageclasses.storage.k8s.io": _storage_class,
    "csistoragecapacities.storage.k8s.io": _capacity,
}
