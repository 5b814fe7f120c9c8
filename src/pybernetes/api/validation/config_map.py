"""ConfigMaps (core/v1): keys, the size of all values together, and the promise of `immutable`."""

from .. import field
from .values import Errors, Object, config_key, each, same

SIZE_LIMIT_BYTES = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"


def validate_create(config_map: Object) -> Errors:
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    errors: Errors = []
    size = 0
    for key, value in data.items():
        errors += each(f"data[{key}]", key, config_key(key))
        if key in binary:
            errors.append(field.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len(value.encode())
    for key, value in binary.items():
        errors += each(f"binaryData[{key}]", key, config_key(key))
        size += decoded_size(value)
    if size > SIZE_LIMIT_BYTES:
        errors.append(field.too_long("", SIZE_LIMIT_BYTES))
    return errors


def decoded_size(text: str) -> int:
    """How many bytes a base64 text stands for."""
    return len(text) // 4 * 3 - text[-2:].count("=")


def frozen(new: Object, old: Object, keys: tuple[str, ...]) -> Errors:
    """What an object marked immutable may no longer change."""
    if not old.get("immutable"):
        return []
    errors: Errors = [] if new.get("immutable") else [field.forbidden("immutable", _FROZEN)]
    return errors + [field.forbidden(key, _FROZEN) for key in keys if not same(new.get(key), old.get(key))]


def validate_update(new: Object, old: Object) -> Errors:
    return frozen(new, old, ("data", "binaryData")) + validate_create(new)
