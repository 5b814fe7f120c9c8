"""`kubectl auth reconcile`: roles and bindings of files have at least the rules and subjects written there.

`compare_rules` and `compare_subjects` decide; what was missing or too much is told on standard error.
"""

from __future__ import annotations

from contextlib import suppress

from ..errors import CommandError, StatusFailure, Unreachable
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, require_files
from ..objects.item import Item
from ..objects.mutation import dry_run_of, operation_printer
from ..objects.struct_order import in_struct_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..session import Session

    Object = dict[str, Any]

FLAGS = f"remove-extra-permissions=false remove-extra-subjects=false {DRY_RUN}{FILES}{PRINT}"
_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
_PROTECTED = "rbac.authorization.kubernetes.io/autoupdate"
_CAVEAT = f", but object opted out ({_PROTECTED}: false)"


class Comparison:
    """What has to be done (nothing, create, update, recreate) to an object, and why."""

    def __init__(self, operation: str, obj: Object) -> None:
        self.operation = operation
        self.obj = obj
        self.missing: list[Object] = []
        self.extra: list[Object] = []
        self.protected = False


def run(session: Session) -> int:
    require_files(session)
    if session.args:
        raise CommandError("no arguments are allowed")
    try:
        dry_run = dry_run_of(session)
    except CommandError as error:
        raise CommandError(f"error accessing --dry-run flag for command reconcile: {error.message}") from None
    if dry_run == "server":
        raise CommandError("--dry-run=server for command reconcile is not supported yet")
    found = collect(session, [], builtin=True)
    printer = operation_printer(session, "reconciled", dry_run)
    for item in found.items:
        if item.resource.kind not in _KINDS or item.resource.group != "rbac.authorization.k8s.io":
            continue
        binding = item.resource.kind.endswith("Binding")
        remove = session.flags.on("remove-extra-subjects" if binding else "remove-extra-permissions")
        try:
            result = _compared(item, binding, remove)
            obj = _done(session, item, result) if not result.protected and dry_run == "none" else result.obj
        except (StatusFailure, Unreachable) as error:
            found.errors.append(error)
            continue
        with suppress(CommandError):
            # The stock client takes no notice of what cannot be printed.
            printer.print(in_struct_order(obj), ordered=True)
        _tell(session, result, "subjects" if binding else "rules", remove)
    found.raise_errors()
    return 0


def _compared(item: Item, binding: bool, remove: bool) -> Comparison:
    wanted = item.obj
    try:
        live = item.get()
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
        metadata = {"creationTimestamp": None, **wanted["metadata"]}
        result = Comparison("create", {**wanted, "metadata": metadata})
        result.missing = list(wanted.get("subjects" if binding else "rules") or ())
        return result
    result = (compare_subjects if binding else compare_rules)(live, wanted, remove=remove)
    result.protected = ((live.get("metadata") or {}).get("annotations") or {}).get(_PROTECTED) == "false"
    return result


def _done(session: Session, item: Item, result: Comparison) -> Object:
    if result.operation == "create":
        bare = {key: value for key, value in result.obj["metadata"].items() if key != "creationTimestamp"}
        try:
            return item.create({**result.obj, "metadata": bare})
        except StatusFailure as error:
            if error.reason != "NotFound" or not item.namespace:
                raise
            namespace = Item(session.client, session.mapper.resource("namespaces"), "", item.namespace)
            namespace.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": item.namespace}})
            return item.create({**result.obj, "metadata": bare})
    if result.operation == "recreate":
        item.delete({})
        return item.create(result.obj)
    return item.replace(result.obj) if result.operation == "update" else result.obj


def _with_metadata(live: Object, wanted: Object) -> tuple[Object, bool]:
    """The live object with labels and annotations that it lacks."""
    metadata, changed = dict(live["metadata"]), False
    for field in ("labels", "annotations"):
        have = metadata.get(field) or {}
        both = {**(wanted["metadata"].get(field) or {}), **have}
        if both != have:
            metadata[field], changed = both, True
    return {**live, "metadata": metadata}, changed


def compare_rules(live: Object, wanted: Object, *, remove: bool) -> Comparison:
    """For roles. A rule is missing where no one rule allows all of it; it is looked at piece by piece."""
    have, want = list(live.get("rules") or ()), list(wanted.get("rules") or ())
    obj, changed = _with_metadata(live, wanted)
    result = Comparison("update" if changed else "", obj)
    result.missing = [piece for rule in want for piece in _pieces(rule) if not _covered(piece, have)]
    result.extra = [piece for rule in have for piece in _pieces(rule) if not _covered(piece, want)]
    if remove and (result.missing or result.extra):
        result.operation, obj["rules"] = "update", want
    elif result.missing:
        result.operation, obj["rules"] = "update", have + result.missing
    return result


def compare_subjects(live: Object, wanted: Object, *, remove: bool) -> Comparison:
    """For bindings. One that binds another role must be made anew."""
    if live.get("roleRef") != wanted.get("roleRef"):
        return Comparison("recreate", wanted)
    have, want = list(live.get("subjects") or ()), list(wanted.get("subjects") or ())
    obj, changed = _with_metadata(live, wanted)
    result = Comparison("update" if changed else "", obj)
    result.missing = [one for one in want if one not in have]
    result.extra = [one for one in have if one not in want]
    if remove and (result.missing or result.extra):
        result.operation, obj["subjects"] = "update", want
    elif result.missing:
        result.operation, obj["subjects"] = "update", have + result.missing
    return result


def _pieces(rule: Object) -> Iterator[Object]:
    """Rules of one verb, group and resource (or URL) each."""
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule.get("verbs") or ():
                piece = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
                for name in rule.get("resourceNames") or ("",):
                    yield {**piece, "resourceNames": [name]} if name else piece
    for url in rule.get("nonResourceURLs") or ():
        for verb in rule.get("verbs") or ():
            yield {"verbs": [verb], "nonResourceURLs": [url]}


def _covered(piece: Object, rules: list[Object]) -> bool:
    """Does one of these rules allow all that this one does?"""

    def within(field: str, rule: Object) -> bool:
        have = rule.get(field) or []
        return all("*" in have or value in have or _wide(field, value, have) for value in piece.get(field) or ())

    def names(rule: Object) -> bool:
        have = rule.get("resourceNames") or []
        return not have or (bool(piece.get("resourceNames")) and set(piece["resourceNames"]) <= set(have))

    fields = ("verbs", "apiGroups", "resources", "nonResourceURLs")
    return any(all(within(field, rule) for field in fields) and names(rule) for rule in rules)


def _wide(field: str, value: str, have: list[str]) -> bool:
    """`*/scale` for any resource's, `/healthz/*` for what is below."""
    if field == "resources" and "/" in value:
        return f"*/{value.partition('/')[2]}" in have
    return field == "nonResourceURLs" and any(one.endswith("*") and value.startswith(one[:-1]) for one in have)


def _tell(session: Session, result: Comparison, what: str, remove: bool) -> None:
    if not result.operation:
        return
    session.tell(f"\treconciliation required {result.operation}{_CAVEAT if result.protected else ''}")
    if result.missing:
        session.tell(f"\tmissing {what} added:", *(f"\t\t{_go(one, what)}" for one in result.missing))
    if remove and result.extra:
        session.tell(f"\textra {what} removed:", *(f"\t\t{_go(one, what)}" for one in result.extra))


def _go(one: Object, what: str) -> str:
    """A Go struct printed with %+v."""
    if what == "subjects":
        fields = {"Kind": "kind", "APIGroup": "apiGroup", "Name": "name", "Namespace": "namespace"}
        return "{" + " ".join(f"{name}:{one.get(key) or ''}" for name, key in fields.items()) + "}"
    names = ("Verbs", "APIGroups", "Resources", "ResourceNames", "NonResourceURLs")
    keys = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    shown = (f"{name}:[{' '.join(one.get(key) or ())}]" for name, key in zip(names, keys, strict=True))
    return "{" + " ".join(shown) + "}"
