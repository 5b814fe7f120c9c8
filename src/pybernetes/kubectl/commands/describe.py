"""`kubectl describe`."""

from __future__ import annotations

from ..describe import describer_of
from ..describe.writer import Context
from ..errors import CommandError, StatusFailure
from ..flags import FILES
from ..objects import arguments
from ..objects.builder import collect, file_flags
from ..objects.item import Item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = f"-A,all-namespaces=false chunk-size=500 -l,selector='' show-events=true {FILES}"


def run(session: Session) -> int:
    flags = session.flags
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        raise CommandError(
            'You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of '
            "supported resources."
        )
    found = collect(
        session,
        selector=flags.text("selector"),
        all_namespaces=flags.on("all-namespaces"),
        select_all=True,
        latest=True,
        chunk=flags.number("chunk-size"),
    )
    if len(session.args) == 2 and any(getattr(error, "reason", "") == "NotFound" for error in found.errors):
        # Two words are taken for a type and the beginning of a name.
        matching = _by_prefix(session) if not found.items else []
        if not matching:
            found.raise_errors()
        for text in _described(session, matching):
            if isinstance(text, Exception):
                raise text
            session.print(text)
        return 0
    if files or kustomize:
        # Of files, what is not there is met when it is described.
        found.collecting = [error for error in found.collecting if isinstance(error, CommandError)]
    before = ""
    for text in _described(session, found.items):
        if isinstance(text, Exception):
            if str(text) not in map(str, found.errors):
                found.errors.append(text)
            continue
        session.out.write(before + text)
        session.out.flush()
        before = "\n\n"
    if not found.items and not found.errors:
        where = f" in {session.namespace} namespace." if not flags.on("all-namespaces") else ""
        session.tell(f"No resources found{where}")
    found.raise_errors(bare=True, own_last=True)
    return 0


def _described(session: Session, items: list[Item]) -> list[str | Exception]:
    """Each in turn, or why it cannot be described; what they ask the server is asked together."""

    def text_of(item: Item) -> str:
        context = Context(session, events=session.flags.on("show-events"))
        describer_of(item)(context, item)
        return context.text()

    return session.client.each(text_of, items)


def _by_prefix(session: Session) -> list[Item]:
    """Objects whose names begin with the one that was not found."""
    named = arguments.parse(session, session.args)
    pairs = named.pairs or [(resource, name) for resource in named.resources for name in named.names]
    if len(pairs) != 1:
        return []
    resource, prefix = pairs[0]
    try:
        listed = collect(session, [resource.full_name], select_all=True)
    except StatusFailure:
        return []
    return [item for item in listed.items if item.name.startswith(prefix)]
