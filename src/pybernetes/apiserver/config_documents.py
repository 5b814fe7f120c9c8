"""The documents that configure an API server: each is checked to have the shape of its kind before anybody reads it.

    YAML ─▶ kind ─▶ SHAPES ─▶ a document without nulls, whose values are of the types that its readers expect

What does not fit is refused in Go's words. Without this a typing error in a file that is followed would end a server
that runs.
"""

from typing import Any

Object = dict[str, Any]
Shape = Any
"""A type for a scalar, `[shape]` for a list, a dict of shapes for an object, None for anything."""

_KEYS: Shape = {"keys": [{"name": str, "secret": str}]}
_CLAIM: Shape = {"claim": str, "prefix": str, "expression": str}
SHAPES: dict[str, Shape] = {
    "AuthorizationConfiguration": {
        "authorizers": [
            {
                "type": str,
                "name": str,
                "webhook": {
                    "authorizedTTL": str,
                    "cacheAuthorizedRequests": bool,
                    "unauthorizedTTL": str,
                    "cacheUnauthorizedRequests": bool,
                    "timeout": str,
                    "subjectAccessReviewVersion": str,
                    "matchConditionSubjectAccessReviewVersion": str,
                    "failurePolicy": str,
                    "connectionInfo": {"type": str, "kubeConfigFile": str},
                    "matchConditions": [{"expression": str}],
                },
            }
        ]
    },
    "AuthenticationConfiguration": {
        "jwt": [
            {
                "issuer": {
                    "url": str,
                    "discoveryURL": str,
                    "certificateAuthority": str,
                    "audiences": [str],
                    "audienceMatchPolicy": str,
                    "egressSelectorType": str,
                },
                "claimValidationRules": [{"claim": str, "requiredValue": str, "expression": str, "message": str}],
                "claimMappings": {
                    "username": _CLAIM,
                    "groups": _CLAIM,
                    "uid": {"claim": str, "expression": str},
                    "extra": [{"key": str, "valueExpression": str}],
                },
                "userValidationRules": [{"expression": str, "message": str}],
            }
        ],
        "anonymous": {"enabled": bool, "conditions": [{"path": str}]},
    },
    "EncryptionConfiguration": {
        "resources": [
            {
                "resources": [str],
                "providers": [
                    {
                        "aesgcm": _KEYS,
                        "aescbc": _KEYS,
                        "secretbox": _KEYS,
                        "identity": {},
                        "kms": {"apiVersion": str, "name": str, "cachesize": int, "endpoint": str, "timeout": str},
                    }
                ],
            }
        ]
    },
    "AdmissionConfiguration": {"plugins": [{"name": str, "path": str, "configuration": {}}]},
    "PodSecurityConfiguration": {
        "defaults": dict.fromkeys(
            ("enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"),
            str,
        ),
        "exemptions": {"usernames": [str], "namespaces": [str], "runtimeClasses": [str]},
    },
    "Policy": {
        "rules": [
            {
                "level": str,
                "users": [str],
                "userGroups": [str],
                "verbs": [str],
                "resources": [{"group": str, "resources": [str], "resourceNames": [str]}],
                "namespaces": [str],
                "nonResourceURLs": [str],
                "omitStages": [str],
                "omitManagedFields": bool,
            }
        ],
        "omitStages": [str],
        "omitManagedFields": bool,
    },
}
_GO = {str: "string", bool: "bool", int: "int32"}
_ZERO: dict[Any, Any] = {str: "", bool: False, int: 0}
_FOUND = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def document_of(data: bytes, path: str, kind: str) -> Object:
    """The document in a file's content, without nulls; the path is for messages. ValueError."""
    from .yaml_body import load

    document = load(data)
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise ValueError(f"{path}: expected an {kind}")
    return fitted(document, path)


def fitted(document: Object, path: str) -> Object:
    """A document of one of the kinds, without nulls. ValueError."""
    kind = document["kind"]
    try:
        found: Object = _fitted(document, SHAPES[kind], kind, "")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return found


def _fitted(value: Any, shape: Shape, kind: str, path: str) -> Any:
    """The value without nulls. ValueError where it has another type."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong(value, f"[]{_go(shape[0])}", kind, path)
        return [_zero(shape[0]) if item is None else _fitted(item, shape[0], kind, path) for item in value]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise _wrong(value, "struct", kind, path)
        there = {key: item for key, item in value.items() if item is not None}
        return {
            key: _fitted(item, shape[key], kind, f"{path}.{key}" if path else key) if key in shape else item
            for key, item in there.items()
        }
    if type(value) is not shape:
        raise _wrong(value, _GO[shape], kind, path)
    return value


def _zero(shape: Shape) -> Any:
    return type(shape)() if isinstance(shape, list | dict) else _ZERO[shape]


def _go(shape: Shape) -> str:
    return "struct" if isinstance(shape, dict) else _GO[shape]


def _wrong(value: Any, wanted: str, kind: str, path: str) -> ValueError:
    found = _FOUND.get(type(value), "null")
    return ValueError(f"json: cannot unmarshal {found} into Go struct field {kind}.{path} of type {wanted}")
