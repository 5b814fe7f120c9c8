"""Who is to be acted as: `--as`, `--as-group`, `--as-uid` and `--as-user-extra` over the same fields of a user entry.

The server is told by headers. What the flags do not say the entry says.
"""

from __future__ import annotations

from ..errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TOKEN = frozenset("!#$&'*+-.^_`|~")


def headers(entry: dict[str, Any], flags: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """The headers; none without a user to act as. `flags` are `as`, `as-uid`, `as-groups` and `as-user-extra`
    (KEY=VALUE texts) as given; `name` is the entry's. CommandError for groups and the rest without a user.
    """
    user = flags["as"] or str(entry.get("as") or "")
    uid = flags["as-uid"] or str(entry.get("as-uid") or "")
    groups = flags["as-groups"] or [str(group) for group in entry.get("as-groups") or ()]
    extra = {str(key): list(map(str, values or ())) for key, values in (entry.get("as-user-extra") or {}).items()}
    extra |= _extra(flags["as-user-extra"])
    if not user:
        if uid or groups or extra:
            raise CommandError(f"requesting uid, groups or user-extra for {name} without impersonating a user")
        return []
    found = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
    if uid:
        found.append(("Impersonate-Uid", uid))
    return found + [(f"Impersonate-Extra-{escaped(key)}", value) for key in sorted(extra) for value in extra[key]]


def _extra(words: list[str]) -> dict[str, list[str]]:
    """Values by key; a word without `=` says nothing."""
    found: dict[str, list[str]] = {}
    for key, equals, value in (word.partition("=") for word in words):
        if equals:
            found.setdefault(key, []).append(value)
    return found


def escaped(key: str) -> str:
    """A key as a part of a header's name."""
    return "".join(
        chr(byte) if chr(byte) in _TOKEN or (byte < 128 and chr(byte).isalnum()) else f"%{byte:02x}"
        for byte in key.encode()
    )
