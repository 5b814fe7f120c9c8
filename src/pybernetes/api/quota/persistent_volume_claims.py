"""What claims cost: themselves and their storage, in all and by storage class."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .amounts import ONE, Amounts, amounts, largest
from .evaluator import COUNT_PREFIX
from .scopes import Requirement

Object = dict[str, Any]

_CLAIMS = "persistentvolumeclaims"
_COUNT = COUNT_PREFIX + _CLAIMS
_STORAGE = "requests.storage"
_BY_CLASS = ".storageclass.storage.k8s.io/"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaims:
    """The evaluator of claims; `gold.storageclass.storage.k8s.io/requests.storage` limits one class."""

    group_resource = _CLAIMS

    def handles(self, operation: str, subresource: str) -> bool:
        return operation in ("CREATE", "UPDATE") and not subresource

    def matching(self, names: Iterable[str]) -> list[str]:
        endings = (_BY_CLASS + _CLAIMS, _BY_CLASS + _STORAGE)
        return [name for name in names if name in (_COUNT, _CLAIMS, _STORAGE) or name.endswith(endings)]

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        if requirement.scope != "VolumeAttributesClass":
            return False
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        wanted = spec.get("volumeAttributesClassName") or None
        if requirement.operator in ("Exists", "DoesNotExist"):
            return requirement.matches(wanted)
        names = {
            wanted,
            status.get("currentVolumeAttributesClassName") or None,
            (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName") or None,
        } - {None}
        return any(requirement.matches(name) for name in names or {None})

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        return ""

    def usage(self, obj: Object, now: datetime) -> Amounts:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        found: Amounts = {_CLAIMS: ONE, _COUNT: ONE}
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        name = annotations[_CLASS_ANNOTATION] if _CLASS_ANNOTATION in annotations else spec.get("storageClassName")
        if name:
            found[name + _BY_CLASS + _CLAIMS] = ONE
        wanted = amounts((spec.get("resources") or {}).get("requests"))
        storage = largest(wanted, amounts(status.get("allocatedResources"))) if "storage" in wanted else {}
        if "storage" in storage:
            found[_STORAGE] = storage["storage"]
            if name:
                found[name + _BY_CLASS + _STORAGE] = storage["storage"]
        return found
