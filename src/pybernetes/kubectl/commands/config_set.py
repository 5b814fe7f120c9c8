"""`kubectl config set` and `unset`: one value by its dotted path, `users.NAME.token`."""

from __future__ import annotations

from ..config.files import SECTIONS, Kubeconfig, load
from ..config.writing import default_file, save_current, save_entry, write
from ..errors import CommandError
from .config_change import misused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = {"config set": "set-raw-bytes=false", "config unset": ""}
_BOOLS = ("insecure-skip-tls-verify", "disable-compression", "provideClusterInfo")
_LISTS = ("as-groups", "args")


def run(session: Session) -> int:
    setting = session.command.endswith(" set")
    if len(session.args) != (2 if setting else 1):
        raise misused(session)
    config = load(session.flags.text("kubeconfig"), absolute=False, must_exist=False)
    path = session.args[0]
    value = _value(session) if setting else None
    if path == "current-context":
        save_current(config, value or "")
    else:
        _section(session, config, path, value)
    session.print(f'Property "{path}" {"set" if setting else "unset"}.')
    return 0


def _value(session: Session) -> str:
    text = session.args[1]
    last = session.args[0].rpartition(".")[2]
    if last.endswith("-data") and not session.flags.on("set-raw-bytes"):
        from binascii import Error, a2b_base64

        try:
            a2b_base64(text)
        except Error:
            raise CommandError("error decoding input value: illegal base64 data at input byte 0") from None
    elif last.endswith("-data"):
        from binascii import b2a_base64

        return b2a_base64(text.encode(), newline=False).decode()
    return text


def _section(session: Session, config: Kubeconfig, path: str, value: str | None) -> None:
    section, _, rest = path.partition(".")
    if section == "preferences":
        one = load(default_file(config), absolute=False)
        if value is None:
            one.preferences.pop(rest, None)
        else:
            one.preferences[rest] = {"true": True, "false": False}.get(value, value)
        write(default_file(config), one)
        return
    if section not in SECTIONS:
        raise CommandError(f"unable to parse {path} after [] at api.Config")
    name, keys = _split(rest, config.section(section))
    if not keys:
        if value is not None:
            raise CommandError(f"unable to set {path}")
        if name in config.section(section):
            save_entry(config, section, name, None)
        return
    fields = dict(config.section(section).get(name) or {})
    try:
        _put(fields, keys, value)
    except TypeError:
        raise CommandError(f"unable to parse one or more field values of {path}") from None
    save_entry(config, section, name, fields)


def _split(rest: str, known: dict[str, Any]) -> tuple[str, list[str]]:
    """The entry's name, which may hold dots, and the keys below it."""
    for name in sorted(known, key=len, reverse=True):
        if rest == name:
            return name, []
        if rest.startswith(name + "."):
            return name, rest[len(name) + 1 :].split(".")
    name, *keys = rest.split(".")
    return name, keys


def _put(fields: dict[str, Any], keys: list[str], value: str | None) -> None:
    """Set or take away what the keys lead to. TypeError when one of them leads to a plain value."""
    *outer, last = keys
    for key in outer:
        below = fields.get(key) or {}
        if not isinstance(below, dict):
            raise TypeError(f"{key} holds no fields")
        fields[key] = dict(below)
        fields = fields[key]
    if value is None:
        fields.pop(last, None)
    elif last in _BOOLS:
        if value not in ("true", "false"):
            raise CommandError(f'strconv.ParseBool: parsing "{value}": invalid syntax')
        fields[last] = value == "true"
    elif last in _LISTS:
        fields[last] = value.split(",")
    else:
        fields[last] = value
