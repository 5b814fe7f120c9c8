"""`kubectl plugin list`."""

from __future__ import annotations

import os

from ..errors import CommandError
from ..tree import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"plugin list": "name-only=false"}


def run(session: Session) -> int:
    seen: dict[str, str] = {}
    warnings: list[str] = []
    lines: list[str] = []
    for directory in dict.fromkeys(os.environ.get("PATH", "").split(os.pathsep)):
        if not directory or not os.path.isdir(directory):
            continue
        for name in sorted(os.listdir(directory)):
            if not name.startswith("kubectl-"):
                continue
            path = os.path.join(directory, name)
            if os.path.isdir(path):
                continue
            lines.append(name if session.flags.on("name-only") else path)
            warning = _warning(name, path, seen)
            if warning:
                lines.append(f"  - warning: {warning}")
                warnings.append(warning)
            seen.setdefault(name, path)
    if not lines:
        raise CommandError("unable to find any kubectl plugins in your PATH")
    session.print("The following compatible plugins are available:", "", *lines)
    if warnings:
        session.out.flush()
        noun = "warning was" if len(warnings) == 1 else "warnings were"
        raise CommandError(f"{len(warnings) if len(warnings) > 1 else 'one'} plugin {noun} found")
    return 0


def _warning(name: str, path: str, seen: dict[str, str]) -> str:
    if not os.access(path, os.X_OK):
        return f"{path} identified as a kubectl plugin, but it is not executable"
    if name in seen:
        return f"{path} is overshadowed by a similarly named plugin: {seen[name]}"
    command = name.removeprefix("kubectl-").replace("-", " ").replace("_", "-")
    if command in COMMANDS:
        return f'{path} overwrites existing command: "kubectl {command}"'
    return ""
