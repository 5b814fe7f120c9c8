"""Secrets (core/v1): keys, size, and what each type must contain."""

import json
from base64 import b64decode

from .. import field
from .config_map import SIZE_LIMIT_BYTES, decoded_size, frozen
from .values import Errors, Object, config_key, each, immutable

_ACCOUNT = "kubernetes.io/service-account.name"
_DOCKER_KEYS = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def validate_create(secret: Object) -> Errors:
    data: dict[str, str] = secret.get("data") or {}
    errors: Errors = []
    for key in data:
        errors += each(f"data[{key}]", key, config_key(key))
    if sum(map(decoded_size, data.values())) > SIZE_LIMIT_BYTES:
        errors.append(field.too_long("data", SIZE_LIMIT_BYTES))
    return errors + _by_type(secret, data)


def _by_type(secret: Object, data: dict[str, str]) -> Errors:
    kind = secret.get("type") or ""
    if kind in _DOCKER_KEYS:
        return _docker(data, _DOCKER_KEYS[kind])
    match kind:
        case "kubernetes.io/service-account-token":
            if not (secret["metadata"].get("annotations") or {}).get(_ACCOUNT):
                return [field.required(f"metadata.annotations[{_ACCOUNT}]")]
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                return [field.required("data[username]"), field.required("data[password]")]
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                return [field.required("data[ssh-privatekey]")]
        case "kubernetes.io/tls":
            return [field.required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _docker(data: dict[str, str], key: str) -> Errors:
    if key not in data:
        return [field.required(f"data[{key}]")]
    try:
        content = json.loads(b64decode(data[key]))
    except ValueError:
        return [field.invalid(f"data[{key}]", "<secret contents redacted>", _json_error(b64decode(data[key])))]
    if not isinstance(content, dict):
        words = "json: cannot unmarshal into Go value of type map[string]interface {}"
        return [field.invalid(f"data[{key}]", "<secret contents redacted>", words)]
    return []


def _json_error(content: bytes) -> str:
    text = content.strip()
    if not text:
        return "unexpected end of JSON input"
    return f"invalid character '{chr(text[0])}' looking for beginning of value"


def validate_update(new: Object, old: Object) -> Errors:
    errors = immutable(new.get("type"), old.get("type"), "type")
    return errors + frozen(new, old, ("data",)) + validate_create(new)
