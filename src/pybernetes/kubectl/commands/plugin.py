"""`kubectl plugin list`: the executables named `kubectl-…` on the PATH, and what stands in the way of each."""

from __future__ import annotations

import os

from ..errors import CommandError, quoted, reason_of
from ..tree import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"plugin list": "name-only=false"}


def run(session: Session) -> int:
    paths = _plugins(session)
    complaints = [] if paths else ["error: unable to find any kubectl plugins in your PATH"]
    if paths:
        session.print("The following compatible plugins are available:", "")
    seen: dict[str, str] = {}
    count = 0
    for path in paths:
        session.print(os.path.basename(path) if session.flags.on("name-only") else path)
        for warning in _warnings(path, seen):
            session.tell(f"  - {warning}")
            count += 1
    if count:
        complaints.append(f"error: {'one plugin warning was' if count == 1 else f'{count} plugin warnings were'} found")
    if complaints:
        session.out.flush()
        raise CommandError("\n".join(complaints) + "\n")
    return 0


def _plugins(session: Session) -> list[str]:
    """Their paths, in the order of the PATH; directories that cannot be read are told."""
    found: list[str] = []
    for directory in dict.fromkeys(os.environ.get("PATH", "").split(os.pathsep)):
        if not directory.strip():
            continue
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError as error:
            why = f"open {directory}: {reason_of(error)}"
            session.tell(f"Unable to read directory {quoted(directory)} from your PATH: {why}. Skipping...")
            continue
        found += [
            os.path.normpath(entry.path)
            for entry in entries
            if entry.name.startswith("kubectl-") and not entry.is_dir(follow_symlinks=False)
        ]
    return found


def _warnings(path: str, seen: dict[str, str]) -> list[str]:
    name = os.path.basename(path)
    found = []
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        why = f"stat {path}: {reason_of(error)}"
        found.append(f"error: unable to identify {path} as an executable file: {why}")
    else:
        if not mode & 0o111:
            found.append(f"warning: {path} identified as a kubectl plugin, but it is not executable")
    if name in seen:
        found.append(f"warning: {path} is overshadowed by a similarly named plugin: {seen[name]}")
    seen.setdefault(name, path)
    command, _ = find(name.split("-")[1:])
    if command:
        found.append(f"warning: {name} overwrites existing command: {quoted(f'kubectl {command}')}")
    return found
