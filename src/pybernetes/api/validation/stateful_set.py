"""StatefulSets (apps/v1). The pod spec itself is judged when pods are made: only then are the claims' volumes there."""

from .. import field
from .deployment import not_above, not_decremented, required_selector
from .object_meta import validate_annotations, validate_labels
from .pod_template import pod_annotations, unselected
from .values import (
    Errors,
    Object,
    at_most_100_percent,
    each,
    nonnegative,
    number_or_percent,
    one_of_if_set,
    same,
    subdomain,
)

_MUTABLE = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
_FORBIDDEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_COUNTS = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")


def validate_create(stateful_set: Object) -> Errors:
    return _spec(stateful_set.get("spec") or {}, new=True)


def _spec(spec: Object, *, new: bool) -> Errors:
    errors: Errors = []
    policy = spec.get("podManagementPolicy") or ""
    if not policy:
        errors.append(field.required("spec.podManagementPolicy"))
    elif policy not in ("OrderedReady", "Parallel"):
        words = "must be 'OrderedReady' or 'Parallel'"
        errors.append(field.invalid("spec.podManagementPolicy", policy, words))
    errors += _update_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for key in ("whenDeleted", "whenScaled"):
        where = f"spec.persistentVolumeClaimRetentionPolicy.{key}"
        errors += one_of_if_set(retention.get(key), ("Retain", "Delete"), where)
    errors += nonnegative(spec.get("replicas"), "spec.replicas")
    errors += nonnegative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    errors += nonnegative((spec.get("ordinals") or {}).get("start"), "spec.ordinals.start")
    errors += nonnegative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")
    if new and (name := spec.get("serviceName")):
        errors += each("spec.serviceName", name, subdomain(name))
    errors += required_selector(spec.get("selector"), "empty selector is invalid for statefulset")
    return errors + _template(spec.get("template") or {}, spec.get("selector"), "spec.template")


def _template(template: Object, selector: Object | None, path: str) -> Errors:
    metadata, pod = template.get("metadata") or {}, template.get("spec") or {}
    errors = unselected(template, selector, path)
    errors += validate_labels(metadata.get("labels"), f"{path}.labels")
    errors += validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    errors += pod_annotations(metadata.get("annotations") or {}, pod, f"{path}.annotations")
    if pod.get("restartPolicy") != "Always":
        errors.append(field.not_supported(f"{path}.spec.restartPolicy", pod.get("restartPolicy") or "", ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        words = "activeDeadlineSeconds in StatefulSet is not Supported"
        errors.append(field.forbidden(f"{path}.spec.activeDeadlineSeconds", words))
    return errors


def _update_strategy(strategy: Object, path: str) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if not kind:
        return [field.required(path)]
    if kind == "OnDelete":
        if rolling is None:
            return []
        words = "only allowed for updateStrategy 'RollingUpdate'"
        return [field.invalid(f"{path}.rollingUpdate", rolling, words)]
    if kind != "RollingUpdate":
        return [field.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")]
    rolling = rolling or {}
    errors = nonnegative(rolling.get("partition"), f"{path}.rollingUpdate.partition")
    unavailable = rolling.get("maxUnavailable")
    if unavailable is not None:
        where = f"{path}.rollingUpdate.maxUnavailable"
        errors += number_or_percent(unavailable, where)
        if unavailable in (0, "0%"):
            errors.append(field.invalid(where, unavailable, "cannot be 0"))
        errors += at_most_100_percent(unavailable, where)
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    """Most of the spec never changes."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = _spec(after, new=False)
    if not all(same(after.get(key), before.get(key)) for key in (after.keys() | before.keys()) - _MUTABLE):
        errors.append(field.forbidden("spec", _FORBIDDEN))
    return errors


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    errors: Errors = []
    for key in ("replicas", *_COUNTS, "observedGeneration", "collisionCount"):
        errors += nonnegative(status.get(key), f"status.{key}")
    errors += not_above(status, "replicas", _COUNTS)
    errors += not_above(status, "readyReplicas", ("availableReplicas",))
    return errors + not_decremented(status, old.get("status") or {}, "collisionCount")
