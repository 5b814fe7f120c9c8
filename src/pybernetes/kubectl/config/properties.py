"""`config set` and `config unset`: where a dotted path leads in a kubeconfig, and what may be put there.

The path is split by what client-go's `tools/clientcmd/api` has: a section, a name — all words up to one that is a field
of the section's entries, so that names may hold dots — and that field. No path leads below a field of an entry. Pure.
"""

from __future__ import annotations

from ..errors import CommandError, quoted
from .decoding import bytes_of
from .files import SECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .files import Kubeconfig

_TEXT, _FLAG, _BYTES, _TEXTS, _MAP, _EXTENSIONS, _OBJECT = (
    "text",
    "flag",
    "bytes",
    "texts",
    "map",
    "extensions",
    "object",
)
ORIGIN = "-"
"""The name that the file of an entry has among its fields."""
FIELDS: dict[str, dict[str, str]] = {
    "clusters": {
        ORIGIN: _TEXT,
        "server": _TEXT,
        "tls-server-name": _TEXT,
        "insecure-skip-tls-verify": _FLAG,
        "certificate-authority": _TEXT,
        "certificate-authority-data": _BYTES,
        "proxy-url": _TEXT,
        "disable-compression": _FLAG,
        "extensions": _EXTENSIONS,
    },
    "users": {
        ORIGIN: _TEXT,
        "client-certificate": _TEXT,
        "client-certificate-data": _BYTES,
        "client-key": _TEXT,
        "client-key-data": _BYTES,
        "token": _TEXT,
        "tokenFile": _TEXT,
        "act-as": _TEXT,
        "act-as-uid": _TEXT,
        "act-as-groups": _TEXTS,
        "act-as-user-extra": _MAP,
        "username": _TEXT,
        "password": _TEXT,
        "auth-provider": _OBJECT,
        "exec": _OBJECT,
        "extensions": _EXTENSIONS,
    },
    "contexts": {ORIGIN: _TEXT, "cluster": _TEXT, "user": _TEXT, "namespace": _TEXT, "extensions": _EXTENSIONS},
    "preferences": {"colors": _FLAG, "extensions": _EXTENSIONS},
}
_PLAIN = ("kind", "apiVersion", "current-context")
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def change(config: Kubeconfig, path: str, value: str | None, *, raw: bool = False) -> None:
    """Set what the path leads to, or with None take it away. `raw` bytes are not in base64. CommandError."""
    top, *rest = _steps(path)
    if top in SECTIONS:
        _change_section(config, top, rest, value, raw)
    elif top == "preferences":
        _change_preferences(config, rest, value)
    elif top == "current-context":
        config.current_context = value or ""
    elif top == "extensions" and value is not None:
        raise _no_map(_shown_extensions(config.extensions))
    # `kind`, `apiVersion` and the extensions of the whole are never written, whatever one sets.


def _steps(path: str) -> list[str]:
    """[top], [preferences, field], [section, name] or [section, name, field]. CommandError for other paths."""
    top, *rest = path.split(".")
    wrong = CommandError(f"unable to parse one or more field values of {path}")
    if top in SECTIONS:
        if not rest:
            return [top]
        fields = FIELDS[top]
        end = next((number for number in range(1, len(rest)) if rest[number] in fields), len(rest))
        name, below = ".".join(rest[:end]), rest[end:]
        if len(below) > 1:
            raise CommandError("string is not of type struct") if fields[below[0]] == _MAP else wrong
        return [top, name, *below]
    if top == "preferences":
        if rest and rest[0] not in FIELDS[top]:
            raise CommandError(f"unable to parse {path} after [{{preferences {_address(top)}}}] at api.Preferences")
        if len(rest) > 1:
            raise wrong
    elif top not in _PLAIN and top != "extensions":
        raise CommandError(f"unable to parse {path} after [] at api.Config")
    elif rest:
        raise wrong
    return [top, *rest]


def _change_section(config: Kubeconfig, section: str, rest: list[str], value: str | None, raw: bool) -> None:
    entries = config.section(section)
    if len(rest) < 2:
        if value is not None:
            raise _no_map("map[" + " ".join(f"{name}:{_address(entries[name])}" for name in sorted(entries)) + "]")
        if rest:
            entries.pop(rest[0], None)
        else:
            entries.clear()
        return
    name, field = rest
    if name not in entries and value is None:
        raise CommandError(f"current map key `{name}` is invalid")
    kind = FIELDS[section][field]
    if field == ORIGIN:
        config.origins[section, name] = value or ""
    entries[name] = _changed(entries.get(name) or {}, field.removeprefix("act-"), kind, value, raw)


def _change_preferences(config: Kubeconfig, rest: list[str], value: str | None) -> None:
    if rest:
        config.preferences = _changed(config.preferences, rest[0], FIELDS["preferences"][rest[0]], value, raw=False)
    elif value is None:
        config.preferences = {}
    else:
        colors = "true" if config.preferences.get("colors") else "false"
        raise CommandError(
            'unable to locate path config.navigationStep{stepValue:"", stepType:reflect.Type(nil)} under '
            f"{{{colors} {_shown_extensions(config.preferences.get('extensions'))}}}"
        )


def _changed(fields: dict[str, Any], key: str, kind: str, value: str | None, raw: bool) -> dict[str, Any]:
    """The fields with another value; those of a map that is taken away are empty, which is not as if never there."""
    others = {name: old for name, old in fields.items() if name != key}
    if key == ORIGIN:
        return others
    if value is None:
        return {**others, key: []} if kind in (_MAP, _EXTENSIONS) else others
    return {**others, key: _read(kind, value, fields.get(key), raw)}


def _read(kind: str, value: str, old: Any, raw: bool) -> Any:
    """What a field of the kind is set to by a text. CommandError."""
    if kind == _TEXT:
        return value
    if kind == _FLAG:
        if value not in _TRUE + _FALSE:
            raise CommandError(f"strconv.ParseBool: parsing {quoted(value)}: invalid syntax")
        return value in _TRUE
    if kind == _BYTES:
        from binascii import b2a_base64

        try:
            data = value.encode() if raw else bytes_of(value)
        except ValueError as error:
            raise CommandError(f"error decoding input value: {error}") from None
        return b2a_base64(data, newline=False).decode()
    if kind == _TEXTS:
        raise CommandError("unrecognized slice type. string")
    if kind == _MAP:
        items = sorted((old or {}).items())
        raise _no_map("map[" + " ".join(f"{key}:[{' '.join(texts)}]" for key, texts in items) + "]")
    if kind == _EXTENSIONS:
        raise _no_map(_shown_extensions(old))
    raise CommandError("an auth-provider or exec is set by set-credentials")


def _no_map(shown: str) -> CommandError:
    return CommandError(f"can't set a map to a value: {shown}")


def _shown_extensions(extensions: Any) -> str:
    """A map of extensions as Go prints it: their JSON as numbers of bytes."""
    from ..output.go_json import compact

    found = []
    for one in sorted(extensions or (), key=lambda one: str(one.get("name") or "")):
        data = " ".join(str(byte) for byte in compact(one.get("extension")).encode())
        found.append(
            f"{one.get('name') or ''}:&Unknown{{TypeMeta:TypeMeta{{APIVersion:,Kind:,}},Raw:*[{data}],"
            "ContentEncoding:,ContentType:application/json,}"
        )
    return f"map[{' '.join(found)}]"


def _address(of: object) -> str:
    return f"{id(of):#x}"
