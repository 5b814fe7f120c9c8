"""Plugins: executables named `kubectl-NAME` on the PATH; `kubectl foo bar baz` runs the longest of
`kubectl-foo-bar-baz`.
"""

from __future__ import annotations

import os


def plugin_for(words: list[str]) -> tuple[str, list[str]] | None:
    """The executable with the longest matching name and the words left for it."""
    names = []
    for word in words:
        if word[:1] == "-":
            break
        names.append(word.replace("-", "_"))
    for count in range(len(names), 0, -1):
        found = _on_path("kubectl-" + "-".join(names[:count]))
        if found:
            return found, words[count:]
    return None


def _on_path(name: str) -> str:
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(directory or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def run_plugin(words: list[str]) -> None:
    """Become the plugin; return when there is none."""
    found = plugin_for(words)
    if found is not None:
        os.execv(found[0], [found[0], *found[1]])
