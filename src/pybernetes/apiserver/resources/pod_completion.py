"""What the API server writes into a new pod besides its defaults: selectors that name labels of the pod itself become
requirements with their values (KEP-3633, KEP-3243), a pod with gates says that it waits (KEP-3521), and AppArmor
profiles of annotations become fields (KEP-24).
"""

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]

APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_PROFILE_LIMIT = 4095
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def complete(pod: Object, enabled: Callable[[str], bool]) -> list[str]:
    """Change a pod that is about to be created; advice for the client. `enabled` tells of feature gates."""
    spec, metadata = pod.get("spec") or {}, pod["metadata"]
    labels = metadata.get("labels") or {}
    affinity = spec.get("affinity")
    if affinity:
        for kind in ("podAffinity", "podAntiAffinity"):
            for term in _terms(affinity.get(kind) or {}):
                _require(term, labels)
    if spec.get("topologySpreadConstraints") and (
        enabled("MatchLabelKeysInPodTopologySpread") and enabled("MatchLabelKeysInPodTopologySpreadSelectorMerge")
    ):
        for constraint in spec["topologySpreadConstraints"]:
            _require(constraint, labels)
    if spec.get("schedulingGates"):
        pod["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastProbeTime": None,
                "lastTransitionTime": metadata["creationTimestamp"],
            }
        ]
    annotations = metadata.get("annotations")
    return _apparmor(spec, annotations) if annotations and any(key.startswith(APPARMOR) for key in annotations) else []


def _terms(affinity: Object) -> list[Object]:
    preferred = [row["podAffinityTerm"] for row in affinity.get(_PREFERRED) or () if row.get("podAffinityTerm")]
    return [*preferred, *(affinity.get(_REQUIRED) or ())]


def _require(term: Object, labels: Object) -> None:
    """Write the pod's values of `matchLabelKeys` and `mismatchLabelKeys` into the selector; a missing one selects
    nothing and stays."""
    selector = term.get("labelSelector")
    if selector is None:
        return
    for name, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        for key in term.get(name) or ():
            if key in labels:
                row = {"key": key, "operator": operator, "values": [labels[key]]}
                selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), row]


def _apparmor(spec: Object, annotations: Object) -> list[str]:
    if (spec.get("os") or {}).get("name") == "windows":
        return []
    told: list[str] = []
    shared = (spec.get("securityContext") or {}).get("appArmorProfile")
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            key = APPARMOR + str(container.get("name"))
            context = container.get("securityContext") or {}
            if key not in annotations or context.get("appArmorProfile") is not None:
                continue
            profile = profile_of(annotations[key])
            if profile is not None and profile != shared:
                container["securityContext"] = {**context, "appArmorProfile": profile}
            elif profile is not None:
                continue
            told.append(f'metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead')
    return told


def profile_of(annotation: str) -> Object | None:
    """The field that says what an annotation does; None for what is no profile."""
    if annotation == "runtime/default":
        return {"type": "RuntimeDefault"}
    if annotation == "unconfined":
        return {"type": "Unconfined"}
    kind, _, name = annotation.partition("/")
    if kind != "localhost" or not name.strip() or name.strip() != name or len(name) > _PROFILE_LIMIT:
        return None
    return {"type": "Localhost", "localhostProfile": name}
