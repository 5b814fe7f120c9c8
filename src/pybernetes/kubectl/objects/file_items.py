"""The objects that files name, each with the resource that serves it and the namespace it goes to.

    for item in file_items(session, names, kustomize, errors.append): ...

A document is taken apart into the items of its Lists; an object must say its apiVersion and kind, its names and labels
must be texts, and somebody must serve its kind. What fails is kept, so that the other objects are still used.
"""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, Unreachable, quoted
from ..mapper import NoKind
from ..output.go_json import compact
from ..wire.json_read import kind_of
from .files import documents
from .item import Item
from .mutation import validation_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

_VALIDATING = 'error validating "{}": error validating data: '
_IGNORING = "; if you choose to ignore these errors, turn validation off with --validate=false"
_WITHIN_FILE = ("resource mapping not found", "unable to decode ", "error parsing ", "must build at directory")


def within_file(error: Exception) -> bool:
    """Is it about what a file says, not about whether it is there?"""
    return isinstance(error, CommandError) and error.message.startswith(_WITHIN_FILE)


def file_items(
    session: Session,
    names: list[str],
    kustomize: str,
    failed: Callable[[Exception], None],
    *,
    local: bool = False,
    builtin: bool = False,
) -> Iterator[Item]:
    """The objects of files, each with its resource; `failed` is told what cannot be used."""
    recursive = session.flags.on("recursive")
    try:
        found = documents(names, recursive=recursive, stdin=session.read_stdin, kustomize=kustomize, failed=failed)
        invalid = ""
        for number, (document, source) in enumerate(found, 1):
            if source == invalid:
                continue
            for obj in flattened(document):
                try:
                    item = item_of(session, obj, source, local=local, builtin=builtin, of_list=obj is not document)
                except CommandError as error:
                    failed(error)
                    if error.message.startswith(_VALIDATING.format(source)):
                        # Nothing more is read of a file that has something invalid.
                        invalid = source
                        break
                    continue
                item.part_of = number if obj is not document else 0
                yield item
    except CommandError as error:
        failed(error)


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
    if not isinstance(obj, dict):
        raise CommandError(f"{_VALIDATING.format(source)}invalid object to validate{_IGNORING}")
    missing = [f"{name} not set" for name in ("apiVersion", "kind") if not obj.get(name)]
    if missing:
        words = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
        raise CommandError(f"{_VALIDATING.format(source)}{words}{_IGNORING}")
    return str(obj["apiVersion"]), str(obj["kind"])


def _unvalidated(session: Session) -> bool:
    return "validate" not in session.flags.table or validation_of(session) == "Ignore"


def _check_decodable(session: Session, obj: dict[str, Any], source: str, *, local: bool) -> None:
    """Without validation, what an object lacks is found when it is decoded. CommandError."""
    if obj.get("kind") and obj.get("apiVersion"):
        return
    typed = session.command.startswith(_TYPED)
    if obj.get("kind") and not typed and not local:
        raise _unmapped(obj, source, NoKind("", str(obj["kind"])))
    missing = "apiVersion" if obj.get("kind") else "Kind"
    raise CommandError(f"unable to decode {quoted(source)}: Object '{missing}' is missing in '{compact(obj)}'")


_TYPED = (
    "set ",
    "rollout ",
    "expose",
    "exec",
    "debug",
    "logs",
    "auth reconcile",
)
"""Commands that decode objects into their types, and so know none that are not built in."""


def _check_typed(session: Session, obj: dict[str, Any], source: str) -> None:
    """CommandError for a kind without a type, or a value of another one, where the command needs types."""
    if not session.command.startswith(_TYPED):
        return
    from pybernetes.api.schema.table import type_of

    from ..apply.merge_keys import is_registered
    from .decoded import wrong_value

    api_version, kind = str(obj["apiVersion"]), str(obj["kind"])
    if not is_registered(api_version, kind):
        raise CommandError(
            f"unable to decode {quoted(source)}: no kind {quoted(kind)} is registered for version "
            f'{quoted(api_version)} in scheme "pkg/scheme/scheme.go:28"'
        )
    name = type_of(api_version, kind)
    if name is not None and (wrong := wrong_value(name, obj)):
        raise CommandError(f"unable to decode {quoted(source)}: {wrong}")


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
        if values is not None and not isinstance(values, dict):
            raise CommandError(
                f"unable to decode {quoted(source)}: json: cannot unmarshal {kind_of(values)} into Go struct field "
                f"ObjectMeta.metadata.{field} of type map[string]string"
            )
        found += [(field, value) for value in values.values()] if isinstance(values, dict) else [(field, None)]
    for field, value in found:
        if value is not None and not isinstance(value, str):
            raise CommandError(
                f"unable to decode {quoted(source)}: json: cannot unmarshal {kind_of(value)} into Go struct field "
                f"ObjectMeta.metadata.{field} of type string"
            )


def item_of(
    session: Session, obj: Any, source: str, *, local: bool = False, builtin: bool = False, of_list: bool = False
) -> Item:
    """An object with its resource and namespace. `of_list`: nobody validates it before it is sent. CommandError."""
    if isinstance(obj, dict) and _unvalidated(session):
        _check_decodable(session, obj, source, local=local)
        _check_typed(session, obj, source)
    api_version, kind = check_kind(obj, source)
    if not local and not of_list and not _unvalidated(session):
        try:
            session.field_validation.check(obj, strict=validation_of(session) == "Strict")
        except CommandError as error:
            if isinstance(error, Unreachable):
                raise
            raise CommandError(f"{_VALIDATING.format(source)}{error.message}{_IGNORING}") from None
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
    except (CommandError, StatusFailure) as error:
        raise _unrecognized(source, error) from None
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


def _unrecognized(source: str, error: CommandError | StatusFailure) -> CommandError:
    """Nobody says what the server serves."""
    why = error.message
    if isinstance(error, Unreachable):
        if not error.detail:
            return error
        why = error.detail
    return CommandError(f'unable to recognize "{source}": {why}')


def local_resource(api_version: str, kind: str) -> Resource:
    """A resource made up from an object alone, for commands that ask no server."""
    from ..discovery import Resource

    group, slash, version = api_version.partition("/")
    if not slash:
        group, version = "", group
    return Resource(group, version, f"{kind.lower()}s", kind, True)
