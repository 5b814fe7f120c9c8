"""VolumeAttachments (storage.k8s.io/v1): the wish to attach one volume to one node; the wish never changes."""

from .. import field, names
from .csi_driver import driver_name
from .internal import VOLUME_ATTACHMENT_SPEC, as_internal
from .values import IMMUTABLE, Errors, Object, each, same

_MESSAGE_LIMIT = 1024


def validate_create(attachment: Object) -> Errors:
    spec = attachment.get("spec") or {}
    errors = driver_name(spec.get("attacher") or "", "spec.attacher")
    errors += _source(spec.get("source") or {}, "spec.source")
    node = spec.get("nodeName") or ""
    errors += each("spec.nodeName", node, names.dns1123_subdomain(node))
    return errors + _status(attachment.get("status") or {})


def _source(source: Object, path: str) -> Errors:
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    words = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if inline is None and name is None:
        return [field.required(path, words)]
    if inline is not None and name is not None:
        return [field.forbidden(path, words)]
    if name is not None:
        if not name:
            return [field.required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName")]
        return each(f"{path}.persistentVolumeName", name, names.dns1123_subdomain(name))
    return []


def _status(status: Object) -> Errors:
    errors: Errors = []
    for key in ("attachError", "detachError"):
        if len((status.get(key) or {}).get("message") or "") > _MESSAGE_LIMIT:
            errors.append(field.too_long(f"status.{key}.message", _MESSAGE_LIMIT))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    if not same(new.get("spec"), old.get("spec")):
        errors.append(field.invalid("spec", as_internal(new.get("spec") or {}, VOLUME_ATTACHMENT_SPEC), IMMUTABLE))
    return errors


def validate_status_update(new: Object, old: Object) -> Errors:
    return validate_update(new, old)
