"""Pods: the spec as created, and the few things that may change afterwards.

create                 spec, annotations, what only pods (not templates) must keep
update                 images, deadlines, tolerations, gates (`_munged` hides them before the comparison)
/status                conditions, addresses, container states that may not be undone
/ephemeralcontainers   additions only
/resize                cpu and memory only
"""

import difflib
import json
import re
from hashlib import sha256
from typing import Any

import orjson

from .. import field
from ..quality_of_service import qos_class
from . import scheduling
from .addresses import ip, one_per_family
from .containers import untrimmed_image
from .features import enabled
from .pod_spec import pod_spec
from .pod_template import MIRROR, pod_annotations
from .values import IMMUTABLE, Errors, Object, Passed, each, qualified_name, same, subdomain

_MUTABLE = (
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
)
_SYSTEM_CONDITIONS = frozenset({"PodScheduled", "Ready", "Initialized"})
_DEADLINE_LIMIT = 2**31 - 1
_GENERATED = re.compile(r"kube-api-access-[a-z0-9]{5}", re.ASCII).fullmatch
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def validate_create(pod: Object) -> Errors:
    """A new pod."""
    errors = _pod(pod)
    spec = pod.get("spec") or {}
    if spec.get("ephemeralContainers"):
        errors.append(field.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        words = "cannot be set until all schedulingGates have been cleared"
        errors.append(field.forbidden("spec.nodeName", words))
    return errors


def _pod(pod: Object) -> Errors:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    errors: Errors = []
    if annotations := metadata.get("annotations"):
        errors += pod_annotations(annotations, spec, "metadata.annotations")
    if spec.get("resourceClaims") or any("ephemeral" in volume for volume in spec.get("volumes") or ()):
        return errors + _spec_rules(spec, "spec", metadata)
    return errors + _nameless_spec(spec, "spec")


def _spec_rules(spec: Object, path: str, metadata: Object | None = None) -> Errors:
    """The pod's name, out of its metadata, counts only where it has claims."""
    errors = pod_spec(spec, path, pod=metadata or {})
    if not spec.get("serviceAccountName"):
        errors += _tokens_without_account(spec)
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            errors += untrimmed_image(container, f"{path}.{kind}[{index}]")
    return errors


_latest: tuple[Object, bytes | None] | None = None


def told_just_now(spec: Object) -> bytes | None:
    """What a spec is known by, as its rules have just found it, for who asks once more before anything is changed."""
    global _latest
    latest, _latest = _latest, None
    return latest[1] if latest is not None and latest[0] is spec else _told(spec)


def _noted(spec: Object) -> bytes | None:
    global _latest
    key = _told(spec)
    _latest = spec, key
    return key


def _told(spec: Object) -> bytes | None:
    """What a spec is known by: all of it but the name of the token's volume, which differs from pod to pod. A NUL,
    which no JSON holds, stands where that name was: specs that are told alike differ by a name for one of its kind."""
    try:
        text = orjson.dumps(spec)
    except orjson.JSONEncodeError:
        return None
    volumes = spec.get("volumes")
    if volumes and _GENERATED(name := volumes[-1].get("name") or ""):
        text = text.replace(name.encode(), b"\0")
    return sha256(text).digest()


_nameless_spec = Passed(_spec_rules, _noted)
"""Pods of one template differ in their names only: 4 us instead of the 20 to 35 that the rules take."""


def _tokens_without_account(spec: Object) -> Errors:
    errors: Errors = []
    for index, volume in enumerate(spec.get("volumes") or ()):
        for place, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if source.get("serviceAccountToken") is not None:
                where = f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken"
                words = "must not be specified when serviceAccountName is not set"
                errors.append(field.forbidden(where, words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    """A change of the pod itself."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors: Errors = [] if after == before else _pod(new)
    errors += _annotation_updates(new, old)
    for kind in ("containers", "initContainers"):
        changed = after.get(kind) or []
        if len(changed) != len(before.get(kind) or ()):
            return [*errors, field.forbidden(f"spec.{kind}", "pod updates may not add or remove containers")]
    stop = _deadline(after, before)
    errors += stop
    if stop and after.get("activeDeadlineSeconds") is not None:
        return errors
    if after == before:
        return errors
    tolerations = after.get("tolerations") or [], before.get("tolerations") or []
    errors += scheduling.only_added(*tolerations, "spec.tolerations")
    gates = after.get("schedulingGates") or [], before.get("schedulingGates") or []
    errors += scheduling.only_removed_gates(*gates, "spec.schedulingGates")
    munged = _munged(after, before)
    if gates[1]:
        errors += _gated(munged, before)
    if not same(munged, before):
        words = f"pod updates may not change fields other than {','.join(_MUTABLE)}\n{difference(before, munged)}"
        errors.append(field.forbidden("spec", words))
    return errors


def _deadline(new: Object, old: Object) -> Errors:
    after, before = new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    if after is None:
        if before is None:
            return []
        words = "must not update from a positive integer to nil value"
        return [field.invalid("spec.activeDeadlineSeconds", None, words)]
    if not 0 <= after <= _DEADLINE_LIMIT:
        words = f"must be between 0 and {_DEADLINE_LIMIT}, inclusive"
        return [field.invalid("spec.activeDeadlineSeconds", after, words)]
    if before is not None and before < after:
        words = "must be less than or equal to previous value"
        return [field.invalid("spec.activeDeadlineSeconds", after, words)]
    return []


def _munged(new: Object, old: Object) -> Object:
    """The new spec with everything that may change set back."""
    spec = dict(new)
    for kind in ("containers", "initContainers"):
        if new.get(kind):
            pairs = zip(new[kind], old[kind], strict=True)
            spec[kind] = [{**after, "image": before.get("image")} for after, before in pairs]
    for key in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _take(spec, old, key)
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        _take(spec, old, "terminationGracePeriodSeconds")
    return spec


def _take(spec: Object, old: Object, key: str) -> None:
    if key in old:
        spec[key] = old[key]
    else:
        spec.pop(key, None)


def _gated(munged: Object, old: Object) -> Errors:
    """While a pod is held back by gates its node selector may be narrowed (KEP-3838)."""
    errors: Errors = []
    new, before = munged.get("nodeSelector") or {}, old.get("nodeSelector") or {}
    if not same(new, before):
        if any(new.get(key) != value for key, value in before.items()):
            words = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            errors.append(field.invalid("spec.nodeSelector", new, words))
        _take(munged, old, "nodeSelector")
    after, was = (munged.get("affinity") or {}).get("nodeAffinity"), (old.get("affinity") or {}).get("nodeAffinity")
    if not same(after, was):
        errors += _narrowed_affinity(after or {}, was or {})
        affinity = {key: value for key, value in (munged.get("affinity") or {}).items() if key != "nodeAffinity"}
        if was is not None:
            affinity["nodeAffinity"] = was
        munged["affinity"] = affinity
    return errors


def _narrowed_affinity(new: Object, old: Object) -> Errors:
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    where = f"spec.affinity.nodeAffinity.{key}.nodeSelectorTerms"
    before = (old.get(key) or {}).get("nodeSelectorTerms") or []
    after = (new.get(key) or {}).get("nodeSelectorTerms") or []
    if not before:
        return []
    if len(after) != len(before):
        words = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [field.invalid(where, after, words)]
    words = "only additions are allowed (no mutations or deletions)"
    return [
        field.invalid(f"{where}[{index}]", term, words)
        for index, (term, was) in enumerate(zip(after, before, strict=True))
        if any(
            (term.get(part) or [])[: len(was.get(part) or [])] != (was.get(part) or [])
            for part in ("matchExpressions", "matchFields")
        )
    ]


def _annotation_updates(new: Object, old: Object) -> Errors:
    after, before = new["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    errors: Errors = []
    for key in after.keys() | before.keys():
        if after.get(key) == before.get(key):
            continue
        where = f"metadata.annotations[{key}]"
        if key.startswith(_APPARMOR):
            errors.append(field.forbidden(where, "may not remove or update AppArmor annotations"))
        elif key == MIRROR:
            words = (
                "may not remove or update mirror pod annotation"
                if key in before
                else "may not add mirror pod annotation"
            )
            errors.append(field.forbidden(where, words))
    return errors


def difference(old: Any, new: Any) -> str:
    """The lines that differ, as a unified diff of both values written as JSON."""
    one, other = (json.dumps(value, indent=2, sort_keys=True).splitlines() for value in (old, new))
    lines = list(difflib.unified_diff(one, other, lineterm="", n=3))
    return "\n".join(lines[2:]) + "\n"


def validate_status_update(new: Object, old: Object) -> Errors:
    """What a kubelet reports."""
    errors = _annotation_updates(new, old)
    after, before = new.get("status") or {}, old.get("status") or {}
    spec = old.get("spec") or {}
    for index, condition in enumerate(after.get("conditions") or ()):
        if condition.get("type") not in _SYSTEM_CONDITIONS:
            kind = condition.get("type") or ""
            errors += each(f"status.conditions[{index}].Type", kind, qualified_name(kind))
    nominated = after.get("nominatedNodeName") or ""
    if nominated and nominated != before.get("nominatedNodeName"):
        errors += each("status.nominatedNodeName", nominated, subdomain(nominated))
        if spec.get("nodeName"):
            words = "may not be set on pods that are already bound to a node"
            errors.append(field.forbidden("status.nominatedNodeName", words))
    if before.get("qosClass") and after.get("qosClass") != before.get("qosClass"):
        errors.append(field.invalid("status.qosClass", after.get("qosClass") or "", IMMUTABLE))
    for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        if before.get(key) != after.get(key):
            errors += _resurrected(after.get(key) or [], before.get(key) or [], spec, key)
    return errors + _addresses(after, before)


def _resurrected(new: list[Object], old: list[Object], spec: Object, key: str) -> Errors:
    """A container that will not be restarted stays terminated."""
    errors: Errors = []
    after = {status.get("name"): status for status in new}
    for index, status in enumerate(old):
        ended = (status.get("state") or {}).get("terminated")
        if ended is None or status.get("name") not in after:
            continue
        if (after[status.get("name")].get("state") or {}).get("terminated") is not None:
            continue
        if key == "ephemeralContainerStatuses" or not _restarts(spec, status.get("name"), ended.get("exitCode") or 0):
            words = "may not be transitioned to non-terminated state"
            errors.append(field.forbidden(f"status.{key}[{index}].state", words))
    return errors


def _restarts(spec: Object, name: Any, exit_code: int) -> bool:
    policy = spec.get("restartPolicy") or "Always"
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            if container.get("restartPolicyRules"):
                return True
            if container.get("name") == name:
                policy = container.get("restartPolicy") or policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _addresses(new: Object, old: Object) -> Errors:
    errors: Errors = []
    for key in ("podIPs", "hostIPs"):
        rows = new.get(key) or []
        if not rows or rows == old.get(key):
            continue
        known = [row.get("ip") for row in old.get(key) or ()]
        given = [row.get("ip") or "" for row in rows]
        if key == "hostIPs" and new.get("hostIP") != given[0]:
            errors.append(field.invalid("status.hostIPs[0].ip", given[0], "must be equal to `hostIP`"))
        for index, address in enumerate(given):
            errors += ip(address, f"status.{key}[{index}]", known)
        if not one_per_family(given):
            words = "may specify no more than one IP for each IP family"
            errors.append(field.invalid(f"status.{key}", rows, words))
    return errors


def validate_ephemeral_containers(new: Object, old: Object) -> Errors:
    """`/ephemeralcontainers`: what is there stays as it is."""
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return [field.forbidden("", "static pods do not support ephemeral containers")]
    errors = _pod(new)
    where = "spec.ephemeralContainers"
    known = {c.get("name"): c for c in (new.get("spec") or {}).get("ephemeralContainers") or ()}
    for before in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = before.get("name")
        if name not in known:
            words = f'existing ephemeral containers "{name}" may not be removed\n'
            errors.append(field.forbidden(where, words))
        elif not same(before, known[name]):
            words = f'existing ephemeral containers "{name}" may not be changed\n{difference(before, known[name])}'
            errors.append(field.forbidden(where, words))
    return errors


def validate_resize(new: Object, old: Object) -> Errors:
    """`/resize`: cpu and memory of containers (KEP-1287), those of init containers among them (KEP-5532)."""
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return [field.forbidden("", "static pods cannot be resized")]
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if (before.get("os") or {}).get("name") == "windows":
        return [field.forbidden("", "windows pods cannot be resized")]
    errors = _pod(new)
    was = (old.get("status") or {}).get("qosClass") or qos_class(before)
    if was != qos_class(after):
        shown = (new.get("status") or {}).get("qosClass") or ""
        errors.append(field.invalid("spec", shown, "Pod QOS Class may not change as a result of resizing"))
    if not _node_can_resize(old):
        errors.append(field.forbidden("spec", "Pod running on node without support for resize"))
    reordered = _other_containers(after, before)
    if reordered:
        return errors + reordered
    for kind in ("initContainers", "containers"):
        pairs = zip(after.get(kind) or (), before.get(kind) or (), strict=True)
        for index, (changed, kept) in enumerate(pairs):
            errors += _resized(changed, kept, kind, index)
    return errors


def _node_can_resize(pod: Object) -> bool:
    """A kubelet that can says what its containers have."""
    for row in (pod.get("status") or {}).get("containerStatuses") or ():
        if (row.get("state") or {}).get("running") is not None:
            return row.get("resources") is not None
    return True


def _other_containers(after: Object, before: Object) -> Errors:
    errors: Errors = []
    for kind in ("containers", "initContainers"):
        new, old = after.get(kind) or [], before.get(kind) or []
        if len(new) != len(old):
            errors.append(field.forbidden(f"spec.{kind}", f"{kind} may not be added or removed on resize"))
            continue
        for index, (changed, kept) in enumerate(zip(new, old, strict=True)):
            if changed.get("name") != kept.get("name"):
                words = f"{kind} may not be renamed or reordered on resize"
                errors.append(field.forbidden(f"spec.{kind}[{index}].name", words))
    return errors


def _resized(new: Object, old: Object, kind: str, index: int) -> Errors:
    errors: Errors = []
    after, before = new.get("resources") or {}, old.get("resources") or {}
    for key in ("requests", "limits"):
        if (before.get(key) or {}).keys() - (after.get(key) or {}).keys():
            words = f"resource {key} cannot be removed"
            errors.append(field.forbidden(f"spec.{kind}[{index}].resources.{key}", words))
    is_sidecar = old.get("restartPolicy") == "Always"
    if kind == "initContainers" and not is_sidecar and not enabled("InPlacePodVerticalScalingInitContainers"):
        if not same(after, before):
            errors.append(field.forbidden("spec", "resources for non-sidecar init containers are immutable"))
        return errors
    if not same(_without_compute(after), _without_compute(before)):
        words = "only cpu and memory resources are mutable"
        if kind == "initContainers" and is_sidecar:
            words = "only cpu and memory resources for sidecar containers are mutable"
        errors.append(field.forbidden("spec", words))
    return errors


def _without_compute(resources: Object) -> Object:
    def rest(key: str) -> Object:
        return {name: text for name, text in (resources.get(key) or {}).items() if name not in ("cpu", "memory")}

    return {**resources, "limits": rest("limits"), "requests": rest("requests")}


SUBRESOURCES = {"ephemeralcontainers": validate_ephemeral_containers, "resize": validate_resize}
"""Endpoint of a part -> its rule, beside `/status`."""
