"""Changing kubeconfig files: what a changed configuration has that the files have not goes to where it belongs.

An entry goes back to the file it came from, a new one to the first file that exists; all files are locked meanwhile
(`FILE.lock`). Preferences and the current context have rules of their own (client-go, `tools/clientcmd/config.go`).
"""

from __future__ import annotations

import os

from ..errors import CommandError, reason_of
from .decoding import bytes_of
from .files import PATH_FIELDS, SECTIONS, Kubeconfig, load, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ORDER = {
    "clusters": (
        "server tls-server-name insecure-skip-tls-verify certificate-authority certificate-authority-data proxy-url "
        "disable-compression extensions"
    ),
    "users": (
        "client-certificate client-certificate-data client-key client-key-data token tokenFile as as-uid as-groups "
        "as-user-extra username password auth-provider exec extensions"
    ),
    "contexts": "cluster user namespace extensions",
}
_ALWAYS = {"clusters": ("server",), "contexts": ("cluster", "user"), "users": ()}


def document_of(config: Kubeconfig) -> dict[str, Any]:
    """The document as typed clients write it: entries by name, fields in their order, none that says nothing."""
    found: dict[str, Any] = {"kind": "Config", "apiVersion": "v1"}
    found["preferences"] = _preferences(config)
    for section in ("clusters", "users", "contexts"):
        inner = SECTIONS[section]
        entries = config.section(section)
        found[section] = [{"name": name, inner: _in_order(section, entries[name])} for name in sorted(entries)] or None
    found["current-context"] = config.current_context
    return {**found, **_extensions(config.extensions)}


def _preferences(config: Kubeconfig) -> dict[str, Any]:
    colors = {"colors": True} if config.preferences.get("colors") else {}
    return {**colors, **_extensions(config.preferences.get("extensions"))}


def _extensions(extensions: Any) -> dict[str, Any]:
    if not extensions:
        return {}
    found = {one.get("name") or "": _sorted(one.get("extension")) for one in extensions}
    return {"extensions": [{"name": name, "extension": found[name]} for name in sorted(found)]}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _in_order(section: str, fields: dict[str, Any]) -> dict[str, Any]:
    found = {key: fields.get(key) or "" for key in _ALWAYS[section]}
    for key in _ORDER[section].split():
        value = fields.get(key)
        if key == "extensions":
            found |= _extensions(value)
        elif isinstance(value, dict) and key == "exec":
            found[key] = _plugin(value)
        elif isinstance(value, dict) and key == "auth-provider":
            found[key] = {"name": value.get("name") or "", "config": value.get("config")}
        elif value and key.endswith("-data"):
            found[key] = _in_base64(value)
        elif value:
            found[key] = value
    return found


def _in_base64(text: str) -> str:
    from binascii import b2a_base64

    return b2a_base64(bytes_of(text), newline=False).decode()


def _plugin(plugin: dict[str, Any]) -> dict[str, Any]:
    env = plugin.get("env")
    found = {
        "command": plugin.get("command") or "",
        "args": plugin.get("args"),
        "env": env and [{"name": one.get("name") or "", "value": one.get("value") or ""} for one in env],
        "apiVersion": plugin.get("apiVersion"),
        "installHint": plugin.get("installHint"),
        "provideClusterInfo": bool(plugin.get("provideClusterInfo")),
        "interactiveMode": plugin.get("interactiveMode"),
    }
    return {
        key: value
        for key, value in found.items()
        if value or key not in ("apiVersion", "installHint", "interactiveMode")
    }


def default_file(config: Kubeconfig) -> str:
    """Where new entries go: the only file, else the first that exists, else the last of the list."""
    if len(config.paths) == 1:
        return config.paths[0]
    return next((path for path in config.paths if os.path.exists(path)), config.paths[-1])


def save(config: Kubeconfig, *, relative: bool = False) -> None:
    """Write what differs from the files; with `relative`, paths of changed entries beside or below their kubeconfig
    relative to it. CommandError.
    """
    locked: list[str] = []
    try:
        for path in sorted(config.paths):
            _lock(path)
            locked.append(path)
        before = load(config.explicit, absolute=False, must_exist=False)
        if config.current_context != before.current_context:
            _save_current(config)
        if _preferences(config) != _preferences(before):
            _save_preferences(config)
        for section in ("clusters", "contexts", "users"):
            _save_entries(config, before, section, relative=relative)
    finally:
        for path in locked:
            os.unlink(f"{path}.lock")


def _lock(path: str) -> None:
    lock = f"{path}.lock"
    try:
        os.makedirs(os.path.dirname(lock) or ".", mode=0o755, exist_ok=True)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
    except OSError as error:
        verb = "open" if error.filename == lock else "mkdir"
        raise CommandError(f"{verb} {error.filename}: {reason_of(error)}") from None


def _save_entries(config: Kubeconfig, before: Kubeconfig, section: str, *, relative: bool) -> None:
    """Those that are new or changed, then those that are gone."""
    entries, old = config.section(section), before.section(section)
    for name, fields in entries.items():
        origin = config.origins.get((section, name), "")
        if name in old and _told(fields) == _told(old[name]) and origin == before.origins[section, name]:
            continue
        path = origin or default_file(config)
        one = _load_one(path)
        if relative:
            fields = {key: _relative(section, key, value, path) for key, value in fields.items()}
        one.section(section)[name] = fields
        _write(path, one)
    for name in [name for name in old if name not in entries]:
        path = before.origins[section, name]
        one = _load_one(path)
        one.section(section).pop(name, None)
        _write(path, one)


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what says as much as its absence."""
    return {
        key: _told(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value not in ("", False, None)
    }


def _save_current(config: Kubeconfig) -> None:
    """To the first file that exists; when there is to be none, the first file that has one loses it."""
    paths = [default_file(config)]
    if not config.current_context and not config.explicit:
        paths = [path for path in config.paths if os.path.exists(path) and _load_one(path).current_context]
        if not paths:
            raise CommandError("no config found to write context")
    one = _load_one(paths[0])
    one.current_context = config.current_context
    _write(paths[0], one)


def _save_preferences(config: Kubeconfig) -> None:
    """To the first file that has others."""
    for path in config.paths:
        one = _load_one(path)
        if config.explicit or _preferences(one) != _preferences(config):
            one.preferences = config.preferences
            _write(path, one)
            return
    raise CommandError("no config found to write preferences")


def _load_one(path: str) -> Kubeconfig:
    config = Kubeconfig()
    if os.path.exists(path):
        config.add(read(path), path, absolute=False)
    return config


def _relative(section: str, key: str, value: Any, path: str) -> Any:
    """Paths beside or below the kubeconfig are written relative to it, others absolute."""
    if key not in PATH_FIELDS[section] or not value:
        return value
    base = os.path.dirname(os.path.abspath(path))
    whole = os.path.normpath(os.path.join(base, value))
    found = os.path.relpath(whole, base)
    return whole if found == ".." or found.startswith("../") else found


def _write(path: str, config: Kubeconfig) -> None:
    """Replace the file at once; a new one is readable by its owner only. CommandError."""
    from ..output.go_yaml import dump

    text = dump(document_of(config)).encode()
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
        # Links lead on to the file that is replaced.
        target, mode = os.path.realpath(path), 0o600
        if os.path.exists(target):
            with open(path, "r+b" if os.path.isfile(target) else "wb") as file:
                status = os.fstat(file.fileno())
                if status.st_uid != os.geteuid() or status.st_gid != os.getegid() or file.mode == "wb":
                    # A file of someone else, or what is no file, stays what it is.
                    file.write(text)
                    if file.mode != "wb":
                        file.truncate()
                    return
            mode = status.st_mode & 0o7777
        partial = f"{target}.{os.getpid()}"
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)
        os.chmod(partial, mode)
        os.replace(partial, target)
    except OSError as error:
        raise CommandError(f"open {path}: {reason_of(error)}") from None
