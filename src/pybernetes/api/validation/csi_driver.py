"""CSIDrivers (storage.k8s.io/v1)."""

from .. import field, names
from .values import Errors, Object, each, immutable

NAME_LIMIT = 63
_FS_GROUP = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLE = ("Ephemeral", "Persistent")
_SHORTEST_SECONDS = 600
_LONGEST_SECONDS = 1 << 32
_NEEDED = {
    "attachRequired": "attachedRequired",
    "podInfoOnMount": "podInfoOnMount",
    "storageCapacity": "storageCapacity",
    "seLinuxMount": "seLinuxMount",
}
"""Field -> the name upstream's errors give it."""


def driver_name(name: str, path: str) -> Errors:
    """The name of a driver, as it also stands in CSINodes and persistent volumes."""
    if not name:
        return [field.required(path)]
    errors: Errors = []
    if len(name) > NAME_LIMIT:
        errors.append(field.too_long(path, NAME_LIMIT))
    return errors + each(path, name, names.dns1123_subdomain(name.lower()))


def validate_create(driver: Object) -> Errors:
    spec = driver.get("spec") or {}
    errors = driver_name(driver["metadata"].get("name") or "", "metadata.name")
    errors += [field.required(f"spec.{shown}") for key, shown in _NEEDED.items() if spec.get(key) is None]
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in _FS_GROUP:
        errors.append(field.not_supported("spec.fsGroupPolicy", policy, _FS_GROUP))
    errors += _token_requests(spec.get("tokenRequests") or [])
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _LIFECYCLE:
            errors.append(field.not_supported("spec.volumeLifecycleModes", mode, _LIFECYCLE))
    return errors


def _token_requests(requests: list[Object]) -> Errors:
    errors: Errors = []
    seen = set()
    for at, request in enumerate(requests):
        path, audience = f"spec.tokenRequests[{at}]", request.get("audience") or ""
        if audience in seen:
            errors.append(field.duplicate(f"{path}.audience", audience))
        seen.add(audience)
        seconds = request.get("expirationSeconds")
        if seconds is not None and seconds < _SHORTEST_SECONDS:
            words = "may not specify a duration less than 10 minutes"
            errors.append(field.invalid(f"{path}.expirationSeconds", seconds, words))
        if seconds is not None and seconds > _LONGEST_SECONDS:
            words = "may not specify a duration larger than 2^32 seconds"
            errors.append(field.invalid(f"{path}.expirationSeconds", seconds, words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = validate_create(new)
    errors += immutable(after.get("attachRequired"), before.get("attachRequired"), "spec.attachedRequired")
    modes = "volumeLifecycleModes"
    return errors + immutable(after.get(modes), before.get(modes), f"spec.{modes}")
