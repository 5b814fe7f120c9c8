"""PersistentVolumeClaims: what is asked for, fixed once it is bound but for its size."""

from typing import Any

from .. import field
from .pod import difference
from .resources import amount, positive_amount, quantity_of
from .selectors import label_selector
from .values import Errors, Object, each, immutable, label, one_of_if_set, same, subdomain

MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


def access_modes(modes: list[str], path: str) -> Errors:
    """Known ones; ReadWriteOncePod stands alone."""
    errors: Errors = [field.not_supported(path, mode, MODES) for mode in modes if mode not in MODES]
    if "ReadWriteOncePod" in modes and any(mode in MODES and mode != "ReadWriteOncePod" for mode in modes):
        errors.append(field.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def claim_spec(spec: Object, path: str) -> Errors:
    """The spec of a claim, or of a template of claims."""
    errors: Errors = []
    if not spec.get("accessModes"):
        errors.append(field.required(f"{path}.accessModes", "at least 1 access mode is required"))
    errors += label_selector(spec.get("selector"), f"{path}.selector")
    errors += access_modes(spec.get("accessModes") or [], f"{path}.accessModes")
    size = _size(spec)
    where = f"{path}.resources[storage]"
    if size is None:
        errors.append(field.required(where))
    else:
        errors += positive_amount(size, where) or amount("storage", size, where)
    if name := spec.get("storageClassName"):
        errors += each(f"{path}.storageClassName", name, subdomain(name))
    errors += one_of_if_set(spec.get("volumeMode"), VOLUME_MODES, f"{path}.volumeMode")
    errors += _data_sources(spec, path)
    if name := spec.get("volumeAttributesClassName"):
        errors += each(f"{path}.volumeAttributesClassName", name, subdomain(name))
    return errors


def _size(spec: Object) -> str | None:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _data_sources(spec: Object, path: str) -> Errors:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    errors: Errors = []
    for key, given in (("dataSource", source), ("dataSourceRef", reference)):
        if given is not None:
            errors += _data_source(given, f"{path}.{key}")
    if reference is not None and reference.get("namespace"):
        name = reference["namespace"]
        errors += each(f"{path}.dataSourceRef.namespace", name, label(name))
        if source is not None:
            words = "may not be specified when dataSourceRef.namespace is specified"
            errors.append(field.invalid(path, f"{path}.dataSource", words))
    elif source is not None and reference is not None and not same(source, reference):
        errors.append(field.invalid(path, f"{path}.dataSource", "must match dataSourceRef"))
    return errors


def _data_source(given: Object, path: str) -> Errors:
    errors: Errors = [field.required(f"{path}.{key}") for key in ("name", "kind") if not given.get(key)]
    group = given.get("apiGroup") or ""
    if not group and given.get("kind") != "PersistentVolumeClaim":
        words = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(field.invalid(path, given.get("kind") or "", words))
    if group:
        errors += each(f"{path}.apiGroup", group, subdomain(group))
    return errors


def validate_create(claim: Object) -> Errors:
    return claim_spec(claim.get("spec") or {}, "spec")


def validate_update(new: Object, old: Object) -> Errors:
    """The volume may be named once; a bound claim may grow, and shrink to what it has."""
    after, before = dict(new.get("spec") or {}), old.get("spec") or {}
    errors = claim_spec(after, "spec")
    comparable = _with_allowed_changes(after, before, new)
    if not same(comparable, before):
        words = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        errors.append(field.forbidden("spec", f"{words}\n{difference(before, comparable)}"))
    new_size, old_size = quantity_of(_size(after) or "0"), quantity_of(_size(before) or "0")
    if new_size < old_size:
        have = quantity_of(((old.get("status") or {}).get("capacity") or {}).get("storage") or "0")
        if not new_size > have:
            words = "field can not be less than status.capacity"
            errors.append(field.forbidden("spec.resources.requests.storage", words))
    errors += immutable(after.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    current = (old.get("status") or {}).get("currentVolumeAttributesClassName")
    if current is not None and not after.get("volumeAttributesClassName"):
        words = "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil"
        errors.append(field.forbidden("spec.volumeAttributesClassName", words))
    return errors


def _with_allowed_changes(after: Object, before: Object, claim: Object) -> Object:
    """The new spec with everything that may change set back to what it was."""
    spec: dict[str, Any] = dict(after)
    if not before.get("volumeName"):
        spec.pop("volumeName", None)
    annotation = (claim["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    if before.get("storageClassName") is None and annotation in (None, after.get("storageClassName")):
        spec.pop("storageClassName", None)
    if (claim.get("status") or {}).get("phase") == "Bound":
        resources = dict(spec.get("resources") or {})
        if resources.get("requests"):
            resources["requests"] = {**resources["requests"], "storage": _size(before)}
        spec["resources"] = resources
        if before.get("volumeAttributesClassName") is None:
            spec.pop("volumeAttributesClassName", None)
        else:
            spec["volumeAttributesClassName"] = before["volumeAttributesClassName"]
    return spec


def validate_status_update(new: Object, old: Object) -> Errors:
    errors: Errors = []
    for name, text in ((new.get("status") or {}).get("capacity") or {}).items():
        quantity = quantity_of(text)
        if quantity < 0:
            where = f"status.capacity[{name}]"
            errors.append(field.invalid(where, quantity.value(), "must be a valid resource quantity"))
    return errors
