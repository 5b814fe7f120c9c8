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
    found = _struct("Config", document, "")
    _check_names(found)
    return found


def _check_names(document: dict[str, Any]) -> None:
    """ValueError for two entries of one name."""
    lists = [("NamedExtension", (document.get("preferences") or {}).get("extensions"), "map[string]runtime.Object")]
    for section, kind, inner, shown in (
        ("clusters", "NamedCluster", "cluster", "map[string]*api.Cluster"),
        ("users", "NamedAuthInfo", "user", "map[string]*api.AuthInfo"),
        ("contexts", "NamedContext", "context", "map[string]*api.Context"),
    ):
        entries = document.get(section)
        for entry in entries or ():
            if entry.get(inner) and entry[inner].get("extensions"):
                lists.append(("NamedExtension", entry[inner]["extensions"], "map[string]runtime.Object"))
        lists.append((kind, entries, shown))
    lists.append(("NamedExtension", document.get("extensions"), "map[string]runtime.Object"))
    for kind, entries, shown in lists:
        seen: set[str] = set()
        for entry in entries or ():
            name = entry.get("name") or ""
            if name in seen:
                raise ValueError(
                    f'error converting *[]{kind} into *{shown}: duplicate name "{name}" in list: '
                    + _as_go(f"[]{kind}", entries)
                )
            if kind != "NamedExtension" or entry.get("extension") is not None:
                seen.add(name)


def _as_go(kind: str, value: Any) -> str:
    """A value as Go prints it with %v; what is behind a pointer as an address."""
    if kind in ("AuthProviderConfig", "ExecConfig"):
        return f"{id(value):#x}" if value is not None else "<nil>"
    if kind in STRUCTS:
        return "{" + " ".join(_as_go(below, (value or {}).get(key)) for key, below in STRUCTS[kind].items()) + "}"
    if kind == "any":
        from ..output.go_json import compact

        data = () if value is None else compact(value).encode()
        return f"{{[{' '.join(map(str, data))}] <nil>}}"
    if kind == "[]uint8":
        return "[" + " ".join(str(byte) for byte in bytes_of(value or "")) + "]"
    if kind.startswith("[]"):
        return "[" + " ".join(_as_go(kind[2:], one) for one in value or ()) + "]"
    if kind.startswith("map["):
        return "map[" + " ".join(f"{key}:{_as_go(kind[11:], value[key])}" for key in sorted(value or ())) + "]"
    if kind == "bool":
        return "true" if value else "false"
    return str(value or "")


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
            bytes_of(value)
    elif kind.startswith("[]"):
        right = isinstance(value, list)
        if right:
            empty: Any = {} if kind[2:] in STRUCTS else ""
            return [empty if one is None else _value(kind[2:], one, owner, path) for one in value]
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


def bytes_of(text: str) -> bytes:
    """What a text in base64 stands for, line breaks aside. ValueError with Go's words and its count of bytes."""
    from binascii import Error, a2b_base64

    bare = text.replace("\n", "").replace("\r", "")
    try:
        if len(bare) % 4 == 0 and not bare.endswith("==="):
            return a2b_base64(bare, strict_mode=bool(bare))
    except (Error, ValueError):
        pass
    wrong = _first_wrong(text.encode())
    if wrong is None:
        # Bits after the last byte, which Go takes no notice of.
        return a2b_base64(bare)
    raise ValueError(f"illegal base64 data at input byte {wrong}")


def _first_wrong(text: bytes) -> int | None:
    """Where Go's decoder stops: groups of four letters, the last of them filled with `=`."""
    from string import ascii_letters, digits

    letters = (ascii_letters + digits + "+/").encode()
    count = 0
    for at, byte in enumerate(text):
        if byte in b"\r\n":
            continue
        if byte in letters:
            count += 1
            continue
        if byte != ord("=") or count % 4 < 2:
            return at
        rest = [one for one in range(at + 1, len(text)) if text[one] not in b"\r\n"]
        if count % 4 == 2:
            if not rest:
                return len(text)
            if text[rest[0]] != ord("="):
                return rest[0] - 1
            rest = rest[1:]
        return rest[0] if rest else None
    return len(text) - count % 4 if count % 4 else None
