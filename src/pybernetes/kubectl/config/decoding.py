"""A kubeconfig document as Go's decoder takes it: known fields of their types, unknown ones dropped, and the first
that is wrong refused in its words (`json: cannot unmarshal bool into Go struct field Config.current-context ...`).

Pure. The types are those of client-go's `tools/clientcmd/api/v1`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMED = {"name": "string"}
STRUCTS: dict[str, dict[str, str]] = {
    "Config": {
        "apiVersion": "string",
        "clusters": "[]NamedCluster",
        "contexts": "[]NamedContext",
        "current-context": "string",
        "extensions": "[]NamedExtension",
        "kind": "string",
        "preferences": "Preferences",
        "users": "[]NamedAuthInfo",
    },
    "Preferences": {"colors": "bool", "extensions": "[]NamedExtension"},
    "NamedCluster": {**_NAMED, "cluster": "Cluster"},
    "NamedContext": {**_NAMED, "context": "Context"},
    "NamedAuthInfo": {**_NAMED, "user": "AuthInfo"},
    "NamedExtension": {**_NAMED, "extension": "any"},
    "Cluster": {
        "server": "string",
        "tls-server-name": "string",
        "insecure-skip-tls-verify": "bool",
        "certificate-authority": "string",
        "certificate-authority-data": "[]uint8",
        "proxy-url": "string",
        "disable-compression": "bool",
        "extensions": "[]NamedExtension",
    },
    "Context": {
        "cluster": "string", "user": "string", "namespace": "string", "extensions": "[]NamedExtension",
    },
    "AuthInfo": {
        "client-certificate": "string",
        "client-certificate-data": "[]uint8",
        "client-key": "string",
        "client-key-data": "[]uint8",
        "token": "string",
        "tokenFile": "string",
        "as": "string",
        "as-uid": "string",
        "as-groups": "[]string",
        "as-user-extra": "map[string][]string",
        "username": "string",
        "password": "string",
        "auth-provider": "AuthProviderConfig",
        "exec": "ExecConfig",
        "extensions": "[]NamedExtension",
    },
    "AuthProviderConfig": {**_NAMED, "config": "map[string]string"},
    "ExecConfig": {
        "command": "string",
        "args": "[]string",
        "env": "[]ExecEnvVar",
        "apiVersion": "string",
        "installHint": "string",
        "provideClusterInfo": "bool",
        "interactiveMode": "ExecInteractiveMode",
    },
    "ExecEnvVar": {**_NAMED, "value": "string"},
}  # fmt: skip
_TEXTS = ("string", "ExecInteractiveMode")
_SCHEME = 'in scheme "k8s.io/client-go/tools/clientcmd/api/latest/latest.go:50"'
_HEAD = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


def decoded(document: Any) -> dict[str, Any]:
    """The document with what Go's types have of it. ValueError with the decoder's words."""
    if document is None:
        return {}
    head = "couldn't get version/kind; json parse error: json: cannot unmarshal"
    if not isinstance(document, dict):
        raise ValueError(f"{head} {_kind(document)} into Go value of type {_HEAD}")
    for key in ("apiVersion", "kind"):
        value = document.get(key)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{head} {_kind(value)} into Go struct field .{key} of type string")
    version, kind = document.get("apiVersion") or "v1", document.get("kind") or "Config"
    if version not in ("v1", "__internal") or kind != "Config":
        raise ValueError(f'no kind "{kind}" is registered for version "{version}" {_SCHEME}')
    return _struct("Config", document, "")


def _struct(name: str, value: dict[str, Any], path: str) -> dict[str, Any]:
    fields = STRUCTS[name]
    found = {}
    for key in sorted(value):
        if key in fields and value[key] is not None:
            found[key] = _value(fields[key], value[key], name, f"{path}.{key}" if path else key)
    return {key: found[key] for key in value if key in found}


def _value(kind: str, value: Any, owner: str, path: str) -> Any:
    if kind == "any":
        return value
    if kind in _TEXTS:
        right = isinstance(value, str)
    elif kind == "bool":
        right = isinstance(value, bool)
    elif kind == "[]uint8":
        right = isinstance(value, str)
        if right:
            _check_base64(value)
    elif kind.startswith("[]"):
        right = isinstance(value, list)
        if right:
            return [_value(kind[2:], one, owner, path) for one in value if one is not None]
    elif kind.startswith("map[string]"):
        right = isinstance(value, dict)
        if right:
            return {key: _value(kind[11:], value[key], owner, path) for key in value}
    else:
        right = isinstance(value, dict)
        if right:
            return _struct(kind, value, path)
    if not right:
        raise ValueError(
            f"json: cannot unmarshal {_kind(value)} into Go struct field {owner}.{path} of type {_go_type(kind)}"
        )
    return value


def _go_type(kind: str) -> str:
    bare = kind.removeprefix("[]")
    return kind.replace(bare, f"v1.{bare}") if bare in STRUCTS or bare == "ExecInteractiveMode" else kind


def _kind(value: Any) -> str:
    """JSON's name of a value's kind."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _check_base64(text: str) -> None:
    from binascii import Error, a2b_base64

    bare = text.replace("\n", "").replace("\r", "")
    try:
        a2b_base64(bare, strict_mode=bool(bare))
    except Error:
        from string import ascii_letters, digits

        letters = ascii_letters + digits + "+/"
        wrong = next(
            (at for at, one in enumerate(text) if one not in letters and one not in "\r\n"), len(bare) // 4 * 4
        )
        raise ValueError(f"illegal base64 data at input byte {wrong}") from None
