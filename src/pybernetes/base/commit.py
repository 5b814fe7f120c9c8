"""Which commit the running source is of, for `gitCommit` of the versions that servers and clients tell."""

import os
from functools import cache

_REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))


@cache
def source_commit(repository: str = _REPOSITORY) -> str:
    """40 hexadecimal digits as git keeps them in a checkout; "" for a package that was installed without one."""
    directory = os.path.join(repository, ".git")
    head = _text(os.path.join(directory, "HEAD"))
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    found = _text(os.path.join(directory, *name.split("/")))
    if found:
        return found
    for line in _text(os.path.join(directory, "packed-refs")).splitlines():
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
