"""`TYPE`, `TYPE NAME…`, `TYPE1,TYPE2`, `TYPE/NAME…`: what the arguments of a command name.

Pure but for looking the types up.
"""

from __future__ import annotations

from ..errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discovery import Resource
    from ..mapper import Mapper
    from ..session import Session


_MIXED = (
    "there is no need to specify a resource type as a separate argument when passing arguments in "
    "resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource "
    "resource/<resource_name>'"
)


class Named:
    """Types, and the names asked of them; pairs where each name has its own type."""

    __slots__ = ("names", "pairs", "resources")

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.names: list[str] = []
        self.pairs: list[tuple[Resource, str]] = []


def parse(session: Session, args: list[str], default_resource: str = "") -> Named:
    """Read the arguments. CommandError for forms that are mixed or types that are unknown."""
    found = Named()
    if not args:
        return found
    if len(args) > 1 and len(types := dict.fromkeys(args[0].split(","))) > 1:
        args = [f"{kind}/{name}" for kind in types for name in args[1:]]
    if any("/" in word for word in args):
        if default_resource and "/" not in args[0]:
            args = [word if "/" in word else f"{default_resource}/{word}" for word in args]
        if not all("/" in word for word in args):
            raise CommandError(_MIXED)
        for word in args:
            found.pairs.append(_pair(word, session.mapper))
        return found
    if default_resource and len(args) == 1:
        args = [default_resource, args[0]]
    found.names = args[1:]
    found.resources = resources(session.mapper, args[0])
    if found.names and len(found.resources) > 1:
        raise CommandError("you must specify only one resource")
    return found


def _pair(word: str, mapper: Mapper) -> tuple[Resource, str]:
    if word.count("/") > 1:
        raise CommandError("arguments in resource/name form may not have more than one slash")
    kind, _, name = word.partition("/")
    if not kind or not name or "," in kind:
        raise CommandError("arguments in resource/name form must have a single resource and name")
    return mapper.resource(kind), name


def resources(mapper: Mapper, words: str) -> list[Resource]:
    """The resources of a comma list; categories stand for all of theirs."""
    found: list[Resource] = []
    for word in words.split(","):
        known = mapper.known(word) if word else None
        if known is None and word:
            members = mapper.category(word)
            if members:
                found += members
                continue
        found.append(mapper.resource(word))
    return list({(item.group, item.version, item.name): item for item in found}.values())
