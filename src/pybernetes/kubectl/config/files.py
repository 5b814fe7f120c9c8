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
        self.current_context_origin = ""
        self.preferences: dict[str, Any] = {}
        self.extensions: list[Any] = []
        self.paths: list[str] = []
        """The files that count, existing or not, first to last."""

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
        if not self.current_context and document.get("current-context"):
            self.current_context = str(document["current-context"])
            self.current_context_origin = path
        for key, value in (document.get("preferences") or {}).items():
            self.preferences.setdefault(key, value)
        self.extensions += document.get("extensions") or []


def _resolve(section: str, fields: dict[str, Any], path: str) -> None:
    for key in PATH_FIELDS[section]:
        value = fields.get(key)
        if value and not os.path.isabs(value):
            fields[key] = os.path.join(os.path.dirname(os.path.abspath(path)), value)


def candidate_paths(explicit: str) -> list[str]:
    """The files to read, whether they exist or not."""
    if explicit:
        return [explicit]
    listed = [path for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    return list(dict.fromkeys(listed)) or [os.path.join(os.path.expanduser("~"), ".kube", "config")]


def load(explicit: str = "", *, absolute: bool = True, must_exist: bool = True) -> Kubeconfig:
    """Read and merge. CommandError, or Several, for files that are named but absent, unreadable or no kubeconfigs."""
    config = Kubeconfig()
    config.paths = candidate_paths(explicit)
    wrong: list[Exception] = []
    for path in config.paths:
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
