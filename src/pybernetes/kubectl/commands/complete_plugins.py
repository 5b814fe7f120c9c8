"""Completion of plugins: their names, and what `kubectl_complete-NAME` on the PATH offers for their words."""

from __future__ import annotations

import os

from ..plugins import PREFIX, on_path, plugin_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session
    from .complete import Found

UNFILTERED = 1 << 16
"""Beside a directive: the candidates are all for the word already."""


def commands(below: str = "") -> list[tuple[str, str]]:
    """The next words of all plugins that can be run and whose names begin so, with what they are."""
    found = set()
    for directory in dict.fromkeys(os.environ.get("PATH", "").split(os.pathsep)):
        try:
            names = os.listdir(directory) if directory.strip() else []
        except OSError:
            continue
        for name in names:
            path = os.path.join(directory, name)
            if name.startswith(PREFIX + below) and os.path.isfile(path) and os.access(path, os.X_OK):
                found.add(name.removeprefix(PREFIX + below).partition("-")[0].replace("_", "-"))
    return [(name, f"The command {name} is a plugin installed by the user") for name in sorted(found)]


def of_plugin(session: Session, given: list[str], word: str) -> Found:
    """For the words of what is no command: plugins below a plugin, and what its helper says; or nothing."""
    session.tell("[Debug] Cleared global flags for plugin completion")
    plugin = plugin_for(given)
    if plugin is None or "_" in "".join(given[: len(given) - len(plugin[1])]):
        session.tell(f"[Debug] [Error] unable to find a command for arguments: [{' '.join(given)}]")
        return [], 0
    name = os.path.basename(plugin[0]).removeprefix(PREFIX)
    below = [] if plugin[1] else [one for one in commands(f"{name}-") if one[0].startswith(word)]
    helper = f"kubectl_complete-{name}"
    session.tell(f"[Debug] About to look for: {helper}")
    path = on_path(helper)
    if not path:
        session.tell(f"[Debug] Plugin {PREFIX}{name} does not provide a matching completion executable")
        return below, UNFILTERED
    words = [*plugin[1], word]
    session.tell(f"[Debug] About to call: {path} {' '.join(words)}")
    found, directive = _asked([path, *words])
    return below + found, directive | UNFILTERED


def _asked(words: list[str]) -> Found:
    """What a helper prints: candidates, and at the end a directive. Nothing of one that fails."""
    import subprocess

    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return [], 0
    lines = [line.strip() for line in done.stdout.decode("utf-8", "replace").split("\n") if line]
    if done.returncode or not lines:
        return [], 0
    directive = 0
    if lines[-1][:1] == ":" and lines[-1][1:].isdigit():
        directive = int(lines.pop()[1:])
    parts = [line.partition("\t") for line in lines]
    return [(name, text) for name, _, text in parts], directive
