"""Plugins: executables named `kubectl-NAME` on the PATH; `kubectl foo bar baz` runs `kubectl-foo-bar-baz`, or
`kubectl-foo-bar` or `kubectl-foo` with the words that are left. Below `create` they add to the commands that are there.
"""

from __future__ import annotations

import os

from .errors import CommandError

PREFIX = "kubectl-"


def plugin_for(words: list[str], least: int = 1) -> tuple[str, list[str]] | None:
    """The executable with the longest matching name, of at least so many words, and the words left for it."""
    names = []
    for word in words:
        if word[:1] == "-":
            break
        names.append(word.replace("-", "_"))
    for count in range(len(names), least - 1, -1):
        found = on_path(PREFIX + "-".join(names[:count]))
        if found:
            return found, words[count:]
    return None


def on_path(name: str) -> str:
    """The first executable of that name on the PATH; empty for none."""
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(directory or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def run_plugin(words: list[str], least: int = 1) -> None:
    """Become the plugin; return when there is none. CommandError when flags come first."""
    if words[0][:1] == "-":
        raise CommandError(f"flags cannot be placed before plugin name: {words[0]}", prefix="Error: ")
    found = plugin_for(words, least)
    if found is not None:
        os.execv(found[0], [found[0], *found[1]])
