"""Collects the objects that a command's arguments, files and selectors name.

    found = collect(session, all_=True, selector=flags.text("selector"))
    for item in found.items: ...
    found.raise_errors()

Errors of single objects do not stop the others: they are kept in `errors`, in order, and raised together at the end.
"""

from __future__ import annotations

from ..client import query_of
from ..errors import CommandError, Several, StatusFailure, Unreachable, quoted
from ..mapper import NoKind
from ..wire.json_read import kind_of
from . import arguments
from .files import documents
from .item import Item
from .mutation import validation_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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


class Collected:
    """What was found, and what went wrong."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.errors: list[Exception] = []
        self.single = False
        """One object was named, so that it is shown itself and not as a list of one."""

    def raise_errors(self, *, bare: bool = False) -> None:
        """All that went wrong, as one error. bare: what is wrong within a file is told without `error: ` before it."""
        if bare and len(self.errors) == 1 and within_file(self.errors[0]):
            raise CommandError(self.errors[0].args[0], prefix="")
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Several(self.errors)


_WITHIN_FILE = ("resource mapping not found", "error parsing ", "must build at directory")


def within_file(error: Exception) -> bool:
    """Is it about what a file says, not about whether it is there?"""
    return isinstance(error, CommandError) and error.message.startswith(_WITHIN_FILE)


class Options:
    """How to collect; see `collect`."""

    __slots__ = (
        "all_",
        "all_namespaces",
        "at",
        "builtin",
        "chunk",
        "default_resource",
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
        for name, value in given.items():
            setattr(self, name, value)


def file_flags(session: Session) -> tuple[list[str], str]:
    """`-f` and `-k`. CommandError when both are given."""
    flags = session.flags
    names, kustomize = flags.many("filename"), flags.text("kustomize")
    if names and kustomize:
        raise CommandError("only one of -f or -k can be specified")
    if kustomize and flags.on("recursive"):
        raise CommandError("the -k flag can't be used with -f or -R")
    return names, kustomize


def require_files(session: Session) -> None:
    """CommandError when neither -f nor -k is given."""
    names, kustomize = file_flags(session)
    if not names and not kustomize:
        raise CommandError("must specify one of -f and -k")


def collect(session: Session, args: list[str] | None = None, **given: Any) -> Collected:
    """The objects of `args` (the command's by default) or of its files.

    selector, field_selector, all_ (`--all`), select_all (a type alone means all of it), all_namespaces; latest: fetch
    objects that files name; local: no server is asked; default_resource: the type of names without one;
    builtin: files have built-in kinds, known even to one who may not discover.
    """
    options = Options(**given)
    args = session.args if args is None else args
    names, kustomize = file_flags(session)
    found = Collected()
    if names or kustomize:
        if args:
            from .files import look

            look(names, session.flags.on("recursive"))
            raise CommandError(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
            )
        _from_files(session, found, options, names, kustomize)
    else:
        _from_arguments(session, found, options, args)
    return found


def _from_files(session: Session, found: Collected, options: Options, names: list[str], kustomize: str) -> None:
    count = 0
    for item in file_items(session, names, kustomize, options, found.errors):
        count += 1
        if options.selector and not options.local and not _matches(item, options.selector):
            continue
        if options.latest and not options.local:
            try:
                item.get(options.subresource, at=options.at)
            except StatusFailure as error:
                found.errors.append(error)
                continue
        found.items.append(item)
    found.single = count == 1 and len(names) == 1


def _matches(item: Item, selector: str) -> bool:
    from .selectors import matches

    return matches(selector, (item.obj.get("metadata") or {}).get("labels") or {})


def file_items(
    session: Session, names: list[str], kustomize: str, options: Options, errors: list[Exception]
) -> Iterator[Item]:
    """The objects of files, each with its resource; what cannot be used is put into `errors`."""
    recursive = session.flags.on("recursive")
    try:
        found = documents(
            names, recursive=recursive, stdin=session.read_stdin, kustomize=kustomize, failed=errors.append
        )
        for document, source in found:
            for obj in flattened(document):
                try:
                    yield item_of(session, obj, source, local=options.local, builtin=options.builtin)
                except CommandError as error:
                    errors.append(error)
    except CommandError as error:
        errors.append(error)


def flattened(document: Any) -> Iterator[Any]:
    """The objects of a document: itself, or the items of a List."""
    if (
        isinstance(document, dict)
        and isinstance(document.get("items"), list)
        and str(document.get("kind", "")).endswith("List")
    ):
        kind = str(document["kind"])[:-4]
        for item in document["items"]:
            if isinstance(item, dict) and kind and not item.get("kind"):
                item = {"apiVersion": document.get("apiVersion"), "kind": kind, **item}
            yield from flattened(item)
    else:
        yield document


def check_kind(obj: Any, source: str) -> tuple[str, str]:
    """apiVersion and kind of an object of a file. CommandError when one is missing."""
    validating = f'error validating "{source}": error validating data: '
    ignoring = "; if you choose to ignore these errors, turn validation off with --validate=false"
    if not isinstance(obj, dict):
        raise CommandError(f"{validating}invalid object to validate{ignoring}")
    missing = [f"{name} not set" for name in ("apiVersion", "kind") if not obj.get(name)]
    if missing:
        words = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
        raise CommandError(f"{validating}{words}{ignoring}")
    return str(obj["apiVersion"]), str(obj["kind"])


def _check_types(metadata: Any, source: str) -> None:
    """Names, labels and annotations are texts: YAML makes `name: y` a boolean. CommandError."""
    found: list[tuple[str, Any]] = []
    if not isinstance(metadata, dict):
        raise CommandError(
            f"unable to decode {quoted(source)}: json: cannot unmarshal {kind_of(metadata)} into Go value of type "
            "v1.ObjectMeta"
        )
    for field in ("name", "namespace"):
        found.append((field, metadata.get(field)))
    for field in ("labels", "annotations"):
        values = metadata.get(field)
        found += [(field, value) for value in values.values()] if isinstance(values, dict) else [(field, None)]
    for field, value in found:
        if value is not None and not isinstance(value, str):
            raise CommandError(
                f"unable to decode {quoted(source)}: json: cannot unmarshal {kind_of(value)} into Go struct field "
                f"ObjectMeta.metadata.{field} of type string"
            )


def item_of(session: Session, obj: Any, source: str, *, local: bool = False, builtin: bool = False) -> Item:
    """An object with its resource and namespace. CommandError."""
    unversioned = isinstance(obj, dict) and obj.get("kind") and not obj.get("apiVersion")
    if unversioned and not local and "validate" not in session.flags.table:
        raise _unmapped(obj, source, NoKind("", str(obj["kind"])))
    api_version, kind = check_kind(obj, source)
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = obj["metadata"] = {}
    _check_types(metadata, source)
    name, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
    if local:
        return Item(session.client, local_resource(api_version, kind), namespace, name, obj, source)
    try:
        find = session.mapper.builtin if builtin else session.mapper.kind
        resource = find(api_version, kind)
    except (StatusFailure, Unreachable) as error:
        raise _unrecognized(session, source, error) from None
    except NoKind as error:
        raise _unmapped(obj, source, error) from None
    if resource.namespaced:
        target = session.target
        if not namespace:
            namespace = metadata["namespace"] = target.namespace
        elif target.namespace_given and namespace != target.namespace:
            raise CommandError(
                f"the namespace from the provided object {quoted(namespace)} does not match the namespace "
                f"{quoted(target.namespace)}. You must pass '--namespace={namespace}' to perform this operation."
            )
    else:
        namespace = ""
        metadata.pop("namespace", None)
    return Item(session.client, resource, namespace, name, obj, source)


def _unmapped(obj: dict[str, Any], source: str, error: NoKind) -> CommandError:
    metadata = obj.get("metadata") or {}
    name, namespace = metadata.get("name") or "", metadata.get("namespace") or ""
    return CommandError(
        f'resource mapping not found for name: "{name}" namespace: "{namespace}" from "{source}": {error}\n'
        "ensure CRDs are installed first"
    )


def _unrecognized(session: Session, source: str, error: StatusFailure | Unreachable) -> CommandError:
    """Nobody says what the server serves: commands that validate find out when they ask for the schemas."""
    why = error.message
    if isinstance(error, Unreachable):
        if not error.detail:
            return error
        why = error.detail.replace('/api"', '/api?timeout=32s"')
    if "validate" in session.flags.table and validation_of(session) != "Ignore":
        return CommandError(
            f'error validating "{source}": error validating data: failed to download openapi: '
            f"{why.replace('/api?', '/openapi/v2?')}; "
            "if you choose to ignore these errors, turn validation off with --validate=false"
        )
    return CommandError(f'unable to recognize "{source}": {why}')


def local_resource(api_version: str, kind: str) -> Resource:
    """A resource made up from an object alone, for commands that ask no server."""
    from ..discovery import Resource

    group, slash, version = api_version.partition("/")
    if not slash:
        group, version = "", group
    return Resource(group, version, f"{kind.lower()}s", kind, True)


def _from_arguments(session: Session, found: Collected, options: Options, args: list[str]) -> None:
    if options.local and args:
        raise CommandError(
            "no resources found" if not args else "resource(s) were provided, but --local asks no server"
        )
    if options.all_ and (options.selector or options.field_selector):
        raise CommandError("setting 'all' parameter but found a non empty selector. ")
    named = arguments.parse(session, args, options.default_resource)
    if named.pairs:
        if options.selector or options.field_selector or options.all_:
            raise CommandError("name cannot be provided when a selector is specified")
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
    if options.all_namespaces:
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    items = [Item(session.client, resource, session.scope(resource), name) for resource, name in pairs]
    results = session.client.each(lambda item: item.get(options.subresource, at=options.at), items)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, Exception):
            if not isinstance(result, StatusFailure):
                raise result
            found.errors.append(result)
        else:
            found.items.append(item)


def _by_selector(session: Session, found: Collected, options: Options, resources: list[Resource]) -> None:
    for resource in resources:
        namespace = "" if options.all_namespaces else session.scope(resource)
        try:
            for obj in listed(session, resource, namespace, options):
                metadata = obj.get("metadata") or {}
                item = Item(
                    session.client, resource, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""), obj
                )
                found.items.append(item)
        except StatusFailure as error:
            found.errors.append(explained(error, resource, options.selector, options.field_selector))


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
        page = session.client.get(resource.path(namespace) + query)
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
