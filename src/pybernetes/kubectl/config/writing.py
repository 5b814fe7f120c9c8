"""Changing kubeconfig files: each entry goes back to the file it came from, new ones to the first that exists."""

from __future__ import annotations

import os

from ..errors import CommandError, reason_of
from .files import PATH_FIELDS, SECTIONS, Kubeconfig, read

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


def document_of(config: Kubeconfig) -> dict[str, Any]:
    """The document as typed clients write it: entries by name, known fields first."""
    found: dict[str, Any] = {"kind": "Config", "apiVersion": "v1"}
    found["preferences"] = dict(config.preferences)
    for section in ("clusters", "users", "contexts"):
        inner = SECTIONS[section]
        entries = config.section(section)
        found[section] = [{"name": name, inner: _in_order(section, entries[name])} for name in sorted(entries)] or None
    found["current-context"] = config.current_context
    if config.extensions:
        found["extensions"] = config.extensions
    return found


def _in_order(section: str, fields: dict[str, Any]) -> dict[str, Any]:
    known = _ORDER[section].split()
    found = {key: fields[key] for key in known if fields.get(key) not in (None, "", [], {}, False)}
    if section != "users":
        always = ("server",) if section == "clusters" else ("cluster", "user")
        found = {**{key: fields.get(key) or "" for key in always}, **found}
    found |= {key: value for key, value in fields.items() if key not in known}
    if isinstance(found.get("exec"), dict):
        plugin = found["exec"]
        found["exec"] = {
            "command": plugin.get("command", ""),
            "args": plugin.get("args"),
            "env": plugin.get("env"),
            "apiVersion": plugin.get("apiVersion"),
            "installHint": plugin.get("installHint"),
            "provideClusterInfo": bool(plugin.get("provideClusterInfo")),
            "interactiveMode": plugin.get("interactiveMode"),
        }
        for key in ("apiVersion", "installHint", "interactiveMode"):
            if not found["exec"][key]:
                del found["exec"][key]
    return found


def default_file(config: Kubeconfig) -> str:
    """Where new entries go: the first file that exists, else the last of the list."""
    return next((path for path in config.paths if os.path.exists(path)), config.paths[-1])


def _load_one(path: str) -> Kubeconfig:
    config = Kubeconfig()
    if os.path.exists(path):
        config.add(read(path), path, absolute=False)
    config.paths = [path]
    return config


def save_entry(config: Kubeconfig, section: str, name: str, fields: dict[str, Any] | None) -> None:
    """Write one entry (None removes it) to its file."""
    path = config.origins.get((section, name)) or default_file(config)
    one = _load_one(path)
    entries = one.section(section)
    if fields is None:
        entries.pop(name, None)
    else:
        entries[name] = {key: _relative(section, key, value, path) for key, value in fields.items()}
    write(path, one)


def save_current(config: Kubeconfig, name: str) -> None:
    """Write the current context to the file that has one."""
    path = config.current_context_origin or default_file(config)
    one = _load_one(path)
    one.current_context = name
    write(path, one)


def _relative(section: str, key: str, value: Any, path: str) -> Any:
    """Paths beside or below the kubeconfig are written relative to it."""
    if key not in PATH_FIELDS[section] or not isinstance(value, str) or not os.path.isabs(value):
        return value
    base = os.path.dirname(os.path.abspath(path))
    relative = os.path.relpath(value, base)
    return value if relative.startswith("..") else relative


def write(path: str, config: Kubeconfig) -> None:
    """Replace the file at once, readable by its owner only. CommandError."""
    from ..output.go_yaml import dump

    partial = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(dump(document_of(config)))
        os.chmod(partial, mode)
        os.replace(partial, path)
    except OSError as error:
        raise CommandError(f"open {path}: {reason_of(error)}") from None
