"""APIServices (apiregistration.k8s.io/v1): named `VERSION.GROUP`, local or with the Service that answers."""

from .. import field, names
from .values import Errors, Object

_HIGHEST_GROUP_PRIORITY = 20000
_HIGHEST_VERSION_PRIORITY = 1000


def validate_create(service: Object) -> Errors:
    spec = service.get("spec") or {}
    group, version = spec.get("group") or "", spec.get("version") or ""
    name, required = (service.get("metadata") or {}).get("name") or "", f"{version}.{group}"
    errors: Errors = []
    if name and name != required:
        errors.append(field.invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{required}"'))
    if not group and version != "v1":
        words = "only v1 may have an empty group and it better be legacy kube"
        errors.append(field.required("spec.group", words))
    if group:
        errors += [field.invalid("spec.group", group, words) for words in names.dns1123_subdomain(group)]
    errors += [field.invalid("spec.version", version, words) for words in names.dns1035_label(version)]
    for key, highest in (
        ("groupPriorityMinimum", _HIGHEST_GROUP_PRIORITY),
        ("versionPriority", _HIGHEST_VERSION_PRIORITY),
    ):
        value = spec.get(key) or 0
        if not 0 < value <= highest:
            errors.append(field.invalid(f"spec.{key}", value, f"must be positive and less than {highest}"))
    return errors + _backend(spec)


def _backend(spec: Object) -> Errors:
    bundle, insecure, service = spec.get("caBundle"), spec.get("insecureSkipTLSVerify"), spec.get("service")
    errors: Errors = []
    if service is None:
        if bundle:
            words = "local APIServices may not have a caBundle"
            errors.append(field.invalid("spec.caBundle", f"{len(bundle)} bytes", words))
        if insecure:
            words = "local APIServices may not have insecureSkipTLSVerify"
            errors.append(field.invalid("spec.insecureSkipTLSVerify", True, words))
        return errors
    errors += [field.required(f"spec.service.{key}") for key in ("namespace", "name") if not service.get(key)]
    port = service.get("port")
    if port is not None:
        wrong = names.port_number(port)
        if wrong:
            errors.append(field.invalid("spec.service.port", port, f"port is not valid: {','.join(wrong)}"))
    if insecure and bundle:
        errors.append(field.invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_status_update(new: Object, old: Object) -> Errors:
    path = "status.conditions"
    errors: Errors = []
    for index, row in enumerate((new.get("status") or {}).get("conditions") or ()):
        if row.get("status") not in ("True", "False", "Unknown"):
            supported = ("False", "True", "Unknown")
            errors.append(field.not_supported(f"{path}[{index}].status", row.get("status"), supported))
    return errors
