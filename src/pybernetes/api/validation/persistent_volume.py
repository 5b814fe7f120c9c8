"""PersistentVolumes (core/v1)."""

import posixpath
from typing import Any

from .. import field
from .features import enabled
from .persistent_volume_claim import VOLUME_MODES, access_modes
from .pod import difference
from .resources import positive_amount, quantity_of
from .selectors import node_selector
from .values import Errors, Object, each, immutable, one_of_if_set, same, subdomain
from .volume_sources import PERSISTENT_SOURCES, one_source

_RECLAIM = ("Delete", "Recycle", "Retain")


def validate_create(volume: Object) -> Errors:
    spec = volume.get("spec") or {}
    errors: Errors = []
    if not spec.get("accessModes"):
        errors.append(field.required("spec.accessModes"))
    errors += access_modes(spec.get("accessModes") or [], "spec.accessModes")
    errors += _capacity(spec.get("capacity") or {}, "spec.capacity")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy:
        errors += one_of_if_set(policy, _RECLAIM, "spec.persistentVolumeReclaimPolicy")
    errors += _affinity(spec)
    errors += one_source(spec, "spec", PERSISTENT_SOURCES)
    host_path = (spec.get("hostPath") or {}).get("path")
    if host_path and posixpath.normpath(host_path) == "/" and policy == "Recycle":
        words = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(field.forbidden("spec.persistentVolumeReclaimPolicy", words))
    if name := spec.get("storageClassName"):
        errors += each("spec.storageClassName", name, subdomain(name))
    errors += one_of_if_set(spec.get("volumeMode"), VOLUME_MODES, "spec.volumeMode")
    name = spec.get("volumeAttributesClassName")
    if name is not None:
        where = "spec.volumeAttributesClassName"
        if not name:
            errors.append(field.required(where, "an empty string is disallowed"))
        else:
            errors += each(where, name, subdomain(name))
        if spec.get("csi") is None:
            errors.append(field.required("spec.csi", "has to be specified when using volumeAttributesClassName"))
    return errors


def _capacity(capacity: Object, path: str) -> Errors:
    errors: Errors = []
    if not capacity:
        errors.append(field.required(path))
    if list(capacity) != ["storage"]:
        errors.append(field.not_supported(path, capacity, ("storage",)))
    for name, text in capacity.items():
        where = f"{path}[{name}]"
        quantity = quantity_of(text)
        if quantity < 0:
            errors.append(field.invalid(where, quantity.value(), "must be a valid resource quantity"))
        errors += positive_amount(text, where)
    return errors


def _affinity(spec: Object) -> Errors:
    affinity, where = spec.get("nodeAffinity"), "spec.nodeAffinity"
    if affinity is None:
        if spec.get("local") is not None:
            return [field.required(where, "Local volume requires node affinity")]
        return []
    if affinity.get("required") is None:
        return [field.required(f"{where}.required", "must specify required node constraints")]
    return node_selector(affinity["required"], f"{where}.required")


def validate_update(new: Object, old: Object) -> Errors:
    """Where the data lies never changes."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = validate_create(new)
    now, was = _source(after), _source(before)
    if was.get("csi") and now.get("csi") and was["csi"].get("controllerExpandSecretRef") is None:
        now = {**now, "csi": {k: v for k, v in now["csi"].items() if k != "controllerExpandSecretRef"}}
    if not same(now, was):
        words = f"spec.persistentvolumesource is immutable after creation\n{difference(was, now)}"
        errors.append(field.forbidden("spec.persistentvolumesource", words))
    errors += immutable(after.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    moved = before.get("nodeAffinity") is not None and not same(after.get("nodeAffinity"), before["nodeAffinity"])
    if moved and not enabled("MutablePVNodeAffinity"):
        words = "field is immutable, except for updating from beta label to GA"
        errors.append(field.invalid("nodeAffinity", after.get("nodeAffinity"), words))
    if before.get("volumeAttributesClassName") is not None and after.get("volumeAttributesClassName") is None:
        words = "update from non-nil value to nil is forbidden"
        errors.append(field.forbidden("spec.volumeAttributesClassName", words))
    return errors


def _source(spec: Object) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key in PERSISTENT_SOURCES}


def validate_status_update(new: Object, old: Object) -> Errors:
    return []
