"""Which versions the API servers of a cluster store and understand (internal.apiserver.k8s.io StorageVersion)."""

from .. import field, names
from .values import Errors, Object, each, qualified_name

_NO_COMMON = (
    "should be nil if servers do not agree on the same encoding version, or if there is no server reporting the "
    "supported versions yet"
)


def validate_create(version: Object) -> Errors:
    return validate_status_update(version, {})


def validate_update(new: Object, old: Object) -> Errors:
    return []


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    servers = status.get("storageVersions") or []
    errors: Errors = []
    for at, server in enumerate(servers):
        errors += _server(server, f"status.storageVersions[{at}]")
    errors += _common(servers, status.get("commonEncodingVersion"))
    return errors + _conditions(status.get("conditions") or [])


def _server(server: Object, path: str) -> Errors:
    identity, encoding = server.get("apiServerID") or "", server.get("encodingVersion") or ""
    errors = each(f"{path}.apiServerID", identity, names.dns1123_subdomain(identity))
    errors += _version(encoding, f"{path}.encodingVersion")
    decodable = server.get("decodableVersions") or []
    for at, version in enumerate(decodable):
        errors += _version(version, f"{path}.decodableVersions[{at}]")
    if encoding not in decodable:
        words = f"decodableVersions must include encodingVersion {encoding}"
        errors.append(field.invalid(f"{path}.decodableVersions", decodable, words))
    return errors


def _version(version: str, path: str) -> Errors:
    messages = names.dns1035_label(version)
    return [field.invalid(path, version, ",".join(messages))] if messages else []


def _common(servers: list[Object], told: str | None) -> Errors:
    encodings = {server.get("encodingVersion") or "" for server in servers}
    actual = encodings.pop() if len(encodings) == 1 else None
    if told == actual:
        return []
    if actual is None:
        words = _NO_COMMON
    else:
        words = (
            f"the common encoding version is {actual}"
            if told is None
            else f"the actual common encoding version is {actual}"
        )
    return [field.invalid("status.commonEncodingVersion", told, words)]


def _conditions(conditions: list[Object]) -> Errors:
    """Paths leave out `conditions`, as upstream's do."""
    errors: Errors = []
    seen: dict[str, int] = {}
    for at, condition in enumerate(conditions):
        path, kind = f"status[{at}]", condition.get("type") or ""
        if kind in seen:
            words = f"the type of the condition is not unique, it also appears in conditions[{seen[kind]}]"
            errors.append(field.invalid(f"{path}.type", kind, words))
        seen[kind] = at
        errors += each(f"{path}.type", kind, qualified_name(kind))
        errors += each(f"{path}.status", kind, qualified_name(condition.get("status") or ""))
        errors += [
            field.required(f"{path}.{key}", f"{key} cannot be empty")
            for key in ("reason", "message")
            if not condition.get(key)
        ]
    return errors
