"""Kubeconfig files: found, read and merged as kubectl does.

`--kubeconfig` names the only file; else `$KUBECONFIG` lists files that are merged, the first to name an entry wins;
else
`~/.kube/config`. Every entry remembers its file, so that relative paths resolve beside it and a change goes back to it.
"""

from __future__ import annotations

import os

from ..errors import CommandError, Several, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
PATH_FIELDS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
    "contexts": (),
}


class Kubeconfig:
    """The merged files: entries by name, where each came from, and the current context."""

    def __init__(self) -> None:
        self.clusters: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.contexts: dict[str, dict[str, Any]] = {}
        self.origins: dict[tuple[str, str], str] = {}
        self.current_context = ""
        self.preferences: dict[str, Any] = {}
        self.extensions: list[Any] = []
        self.paths: list[str] = []
        """The files that count, existing or not, first to last."""
        self.explicit = ""
        """The file of `--kubeconfig`, where it is given."""

    def section(self, name: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = getattr(self, name)
        return found

    def add(self, document: dict[str, Any], path: str, *, absolute: bool) -> None:
        """Take what earlier files did not say."""
        for section, inner in SECTIONS.items():
            entries = self.section(section)
            for entry in document.get(section) or ():
                name = str(entry.get("name") or "")
                if name in entries:
                    continue
                fields = dict(entry.get(inner) or {})
                if absolute:
                    _resolve(section, fields, path)
                entries[name] = fields
                self.origins[section, name] = path
        self.current_context = self.current_context or str(document.get("current-context") or "")
        preferences = document.get("preferences") or {}
        if preferences.get("colors"):
            self.preferences["colors"] = True
        if preferences.get("extensions"):
            self.preferences["extensions"] = _joined(self.preferences.get("extensions") or [], preferences)
        self.extensions = _joined(self.extensions, document)


def _joined(extensions: list[Any], document: dict[str, Any]) -> list[Any]:
    """Those there are, and those of the document that have other names."""
    names = [one.get("name") for one in extensions]
    return extensions + [one for one in document.get("extensions") or () if one.get("name") not in names]


def _resolve(section: str, fields: dict[str, Any], path: str) -> None:
    for key in PATH_FIELDS[section]:
        value = fields.get(key)
        if value and not os.path.isabs(value):
            fields[key] = _beside(path, value)
    command = (fields.get("exec") or {}).get("command") or ""
    if "/" in command and not os.path.isabs(command):
        fields["exec"] = {**fields["exec"], "command": _beside(path, command)}


def _beside(path: str, name: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(path)), name))


def candidate_paths(explicit: str) -> list[str]:
    """The files to read, whether they exist or not."""
    if explicit:
        return [explicit]
    listed = os.environ.get("KUBECONFIG")
    return list(dict.fromkeys(listed.split(os.pathsep))) if listed else [home_file()]


def home_file() -> str:
    """`~/.kube/config`."""
    return os.path.join(os.path.expanduser("~"), ".kube", "config")


def _move_in() -> None:
    """Take over `~/.kube/.kubeconfig`, which the file was once called. CommandError."""
    path = home_file()
    if os.path.exists(path):
        return
    old = os.path.join(os.path.dirname(path), ".kubeconfig")
    if os.path.isdir(old):
        raise CommandError(f"cannot migrate {old} to {path} because it is a directory")
    if os.path.exists(old):
        with open(old, "rb") as source, open(path, "wb") as target:
            target.write(source.read())


def load(explicit: str = "", *, absolute: bool = True, must_exist: bool = True) -> Kubeconfig:
    """Read and merge. CommandError, or Several, for files that are named but absent, unreadable or no kubeconfigs."""
    _move_in()
    config = Kubeconfig()
    config.explicit = explicit
    config.paths = candidate_paths(explicit)
    wrong: list[Exception] = []
    for path in filter(None, config.paths):
        try:
            document = read(path)
        except FileNotFoundError as error:
            if explicit and must_exist:
                raise CommandError(f"stat {path}: {reason_of(error)}") from None
            continue
        except CommandError as error:
            wrong.append(error)
            continue
        config.add(document, path, absolute=absolute)
    if wrong:
        raise wrong[0] if len(wrong) == 1 else Several(wrong)
    return config


def read(path: str) -> dict[str, Any]:
    """One file as the document it is. FileNotFoundError, CommandError."""
    from ..wire.yaml_fast import load as fast_load
    from .decoding import decoded

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        raise CommandError(f'error loading config file "{path}": {verb} {path}: {reason_of(error)}') from None
    try:
        return decoded(fast_load(text))
    except ValueError as error:
        raise CommandError(f'error loading config file "{path}": {error}') from None
