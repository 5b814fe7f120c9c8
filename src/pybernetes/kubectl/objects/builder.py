"""Collects the objects that a command's arguments, files and selectors name.

    found = collect(session, all_=True, selector=flags.text("selector"))
    for item in found.items: ...
    found.raise_errors()

Errors of single objects do not stop the others: they are kept in `errors`, in order, and raised together at the end.
"""

from __future__ import annotations

from ..client import query_of
from ..errors import CommandError, Several, StatusFailure, Unreachable, quoted
from . import arguments
from .file_items import file_items, within_file
from .item import Item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

NOTHING = (
    "You must provide one or more resources by argument or filename.\n"
    "Example resource specifications include:\n"
    "   '-f rsrc.yaml'\n"
    "   '--filename=rsrc.json'\n"
    "   '<resource> <name>'\n"
    "   '<resource>'"
)


LOCAL_NEEDS_FILES = (
    "you must specify resources by --filename when --local is set.\nExample resource specifications include:\n"
    "   '-f rsrc.yaml'\n   '--filename=rsrc.json'"
)


class Collected:
    """What was found, and what went wrong."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.errors: list[Exception] = []
        self.collecting: list[Exception] = []
        """What went wrong while objects were looked for, before the command did anything with them."""
        self.named: list[tuple[int, Exception]] = []
        """Those of arguments that name objects, each with the number of objects found before it."""
        self.of_lists: dict[int, list[Exception]] = {}
        """Those of the errors that are about the objects of one List of a file, by its number."""
        self.single = False
        """One object was named, so that it is shown itself and not as a list of one."""

    def each(self) -> Iterator[Item]:
        """The objects in turn, for commands that fail for one and go on: what they met with it takes its place among
        the errors of arguments before and after it.
        """
        early, self.named = self.named, []
        if early:
            self.errors = [error for error in self.errors if not any(error is one for _, one in early)]
            self.collecting = []
        for number, item in enumerate(self.items):
            while early and early[0][0] <= number:
                self.errors.append(early.pop(0)[1])
            yield item
        self.errors += [error for _, error in early]

    def raise_errors(self, *, bare: bool = False, own_last: bool = False) -> None:
        """All that went wrong, as one error. bare: what is wrong within a file is told without `error: ` before it.

        What the command met comes before what was met while collecting, which is then one error among the others;
        own_last: after it, for commands that collect all before they do anything.
        """
        early = [error for error in self.errors if any(error is one for one in self.collecting)]
        own = [error for error in self.errors if not any(error is one for one in self.collecting)]
        if early and own:
            whole = early[0] if len(early) == 1 else Several(early)
            self.errors = [whole, *own] if own_last else [*own, whole]
        if bare and len(self.errors) == 1 and within_file(self.errors[0]):
            raise CommandError(self.errors[0].args[0], prefix="")
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Several(self.errors)


class Options:
    """How to collect; see `collect`."""

    __slots__ = (
        "all_",
        "all_namespaces",
        "at",
        "builtin",
        "chunk",
        "default_resource",
        "fetch",
        "field_selector",
        "latest",
        "local",
        "select_all",
        "selector",
        "subresource",
    )

    def __init__(self, **given: Any) -> None:
        self.selector = ""
        self.field_selector = ""
        self.all_ = False
        self.select_all = False
        self.all_namespaces = False
        self.latest = False
        self.local = False
        self.builtin = False
        self.subresource = ""
        self.at = ""
        self.default_resource = ""
        self.chunk = 500
        self.fetch: Callable[[Item], Any] | None = None
        for name, value in given.items():
            setattr(self, name, value)


def file_flags(session: Session) -> tuple[list[str], str]:
    """`-f` and `-k`. CommandError, or Several, when both are given."""
    flags = session.flags
    names, kustomize = flags.many("filename"), flags.text("kustomize")
    wrong: list[Exception] = []
    if names and kustomize:
        wrong.append(CommandError("only one of -f or -k can be specified"))
    if kustomize and flags.on("recursive"):
        wrong.append(CommandError("the -k flag can't be used with -f or -R"))
    if wrong:
        raise Several(wrong) if len(wrong) > 1 else wrong[0]
    return names, kustomize


def require_files(session: Session) -> None:
    """CommandError when neither -f nor -k is given."""
    names, kustomize = file_flags(session)
    if not names and not kustomize:
        raise CommandError("must specify one of -f and -k")


def collect(session: Session, args: list[str] | None = None, **given: Any) -> Collected:
    """The objects of `args` (the command's by default) or of its files.

    selector, field_selector, all_ (`--all`), select_all (a type alone means all of it), all_namespaces; latest: fetch
    objects that files name, several at a time, with `fetch` where it is given; local: no server is asked;
    default_resource: the type of names without one; builtin: files have built-in kinds, known even to one who may not
    discover.
    """
    options = Options(**given)
    args = session.args if args is None else args
    names, kustomize = file_flags(session)
    found = Collected()
    if names or kustomize:
        if args:
            from .files import look

            look(names, session.flags.on("recursive"))
            if any("/" in word or "," in word for word in args[:1] + args[1:] * ("," in args[0])):
                raise CommandError("resource/name arguments cannot be provided when a path is specified")
            raise CommandError(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
            )
        _from_files(session, found, options, names, kustomize)
    else:
        _from_arguments(session, found, options, args)
    found.collecting = list(found.errors)
    return found


def _from_files(session: Session, found: Collected, options: Options, names: list[str], kustomize: str) -> None:
    count = 0
    entries: list[Item | Exception] = []
    """What the files name and what is wrong with them, in order."""
    for item in file_items(session, names, kustomize, entries.append, local=options.local, builtin=options.builtin):
        count += 1
        if not options.selector or options.local or _matches(item, options.selector):
            entries.append(item)
    failed: dict[Item, StatusFailure] = {}
    if options.latest and not options.local:
        fetch = options.fetch or (lambda item: item.look(options.subresource, at=options.at))
        items = [entry for entry in entries if isinstance(entry, Item)]
        for item, result in zip(items, session.client.each(fetch, items), strict=True):
            if isinstance(result, StatusFailure):
                failed[item] = result
                if item.part_of:
                    found.of_lists.setdefault(item.part_of, []).append(result)
            elif isinstance(result, Exception):
                raise result
    for entry in entries:
        if isinstance(entry, Exception):
            found.errors.append(entry)
        elif entry in failed:
            found.errors.append(failed[entry])
        else:
            found.items.append(entry)
    found.single = count == 1 and len(names) == 1


def _matches(item: Item, selector: str) -> bool:
    from .selectors import matches

    return matches(selector, (item.obj.get("metadata") or {}).get("labels") or {})


def _from_arguments(session: Session, found: Collected, options: Options, args: list[str]) -> None:
    if options.local and args:
        raise CommandError(LOCAL_NEEDS_FILES)
    named = arguments.parse(session, args, options.default_resource)
    if named.pairs:
        if options.selector or options.field_selector or (options.all_ and session.command == "delete"):
            raise CommandError("selectors and the all flag cannot be used when passing resource/name arguments")
        _by_name(session, found, options, named.pairs)
        found.single = len(named.pairs) == 1
    elif named.names:
        if options.selector or options.field_selector:
            raise CommandError("name cannot be provided when a selector is specified")
        pairs = [(resource, name) for resource in named.resources for name in named.names]
        _by_name(session, found, options, pairs)
        found.single = len(pairs) == 1
    elif named.resources:
        if not (options.selector or options.field_selector or options.all_ or options.select_all):
            raise CommandError("resource(s) were provided, but no name was specified")
        _by_selector(session, found, options, named.resources)
    else:
        if options.selector or options.field_selector or options.all_:
            raise CommandError(
                "a resource must be provided when a selector is specified" if not options.all_ else NOTHING
            )
        raise CommandError(NOTHING)


def _by_name(session: Session, found: Collected, options: Options, pairs: list[tuple[Resource, str]]) -> None:
    if options.all_namespaces and any(resource.namespaced for resource, _ in pairs):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    items = [Item(session.client, resource, session.scope(resource), name) for resource, name in pairs]
    results = session.client.each(lambda item: item.look(options.subresource, at=options.at), items)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, Exception):
            if not isinstance(result, StatusFailure) and item.name:
                raise result
            found.errors.append(result)
            found.named.append((len(found.items), result))
        else:
            found.items.append(item)


def _by_selector(session: Session, found: Collected, options: Options, resources: list[Resource]) -> None:
    for resource in resources:
        namespace = "" if options.all_namespaces else session.scope(resource)
        before = len(found.items)
        try:
            for obj in listed(session, resource, namespace, options):
                metadata = obj.get("metadata") or {}
                item = Item(
                    session.client, resource, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""), obj
                )
                found.items.append(item)
        except StatusFailure as error:
            found.errors.append(explained(error, resource, options.selector, options.field_selector))
        except CommandError as error:
            # Of a page that cannot be read those before are used.
            if len(found.items) == before or isinstance(error, Unreachable):
                raise
            found.errors.append(error)


def listed(session: Session, resource: Resource, namespace: str, options: Options) -> Iterator[dict[str, Any]]:
    """The objects of a collection, page by page, each with its apiVersion and kind."""
    token = ""
    while True:
        query = query_of(
            (
                ("labelSelector", options.selector),
                ("fieldSelector", options.field_selector),
                ("limit", options.chunk if options.chunk > 0 else ""),
                ("continue", token),
                ("at", options.at),
            )
        )
        page = session.client.object("GET", resource.path(namespace) + query)
        kind = str(page.get("kind") or "").removesuffix("List") or resource.kind
        for obj in page.get("items") or ():
            obj.setdefault("kind", kind)
            obj.setdefault("apiVersion", page.get("apiVersion") or resource.api_version)
            yield obj
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def explained(error: StatusFailure, resource: Resource, labels: str, fields: str) -> StatusFailure:
    """A list that was refused, or is not there, says what was asked for."""
    if error.reason in ("BadRequest", "NotFound"):
        what = quoted(f"{resource.group}/{resource.version}, Resource={resource.name}")
        asked = f"Unable to list {what}"
        if labels or fields:
            asked = f"Unable to find {what} that match label selector {quoted(labels)}, field selector {quoted(fields)}"
        error.status["message"] = f"{asked}: {error.message}"
    return error
