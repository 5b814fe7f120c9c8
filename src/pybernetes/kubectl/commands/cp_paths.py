"""Paths of `cp`: which side is a pod's, and what the names in an archive become here. Pure."""

from __future__ import annotations

import posixpath

from ..errors import CommandError


class Spec:
    """One side: a local path, or a path in a pod; one slash at the end does not count."""

    __slots__ = ("namespace", "path", "pod")

    def __init__(self, text: str) -> None:
        where, colon, path = text.partition(":")
        parts = where.split("/")
        if colon and (not where or len(parts) > 2):
            raise CommandError("filespec must match the canonical format: [[namespace/]pod:]file/path")
        self.pod = parts[-1] if colon else ""
        self.namespace = parts[0] if colon and len(parts) == 2 else ""
        self.path = remote(path) if colon else bare(text)


def bare(path: str) -> str:
    """Without a slash at the end."""
    return path[:-1] if path.endswith("/") and path != "/" else path


def remote(path: str) -> str:
    """A path in a container, whose separators are slashes."""
    return bare(path).replace("\\", "/")


def clean(path: str) -> str:
    """Shortest, as Go's `path.Clean`."""
    found = posixpath.normpath(path) if path else "."
    return found[1:] if found.startswith("//") else found


def join(first: str, second: str) -> str:
    """As Go's `path.Join`: cleaned, and the second is never absolute."""
    parts = [part for part in (first, second) if part]
    return clean("/".join(parts)) if parts else ""


def prefix_of(path: str) -> str:
    """What the names in an archive of a remote path begin with: tar leaves out slashes and steps back at the start."""
    return _without_steps(clean(path.lstrip("/\\")))


def _without_steps(path: str) -> str:
    while path.startswith("../"):
        path = path[3:]
    if path in (".", ".."):
        return ""
    return path[1:] if path.startswith("/") else path


def is_within(base: str, target: str) -> bool:
    """Does the target not leave the base? Both are local."""
    if posixpath.isabs(base) != posixpath.isabs(target):
        return False
    found = posixpath.relpath(target or ".", base or ".")
    return found == "." or found == _without_steps(found)
