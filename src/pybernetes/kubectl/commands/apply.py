"""`kubectl apply`: create what is absent, patch what differs, leave the rest; on the client or on the server.

Objects of one kind that follow each other do not depend on one another, so their requests run together; a change of
kind waits for those before it (a namespace before what is in it). Results are printed in the order of the files.
"""

from __future__ import annotations

from ..client import query_of
from ..errors import CommandError, StatusFailure, UsageError
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, require_files
from ..objects.deletion import delete_options, wait_until_gone
from ..objects.mutation import LAST_APPLIED, dry_run_of, parameters, suffix_of, validation_of, with_last_applied
from ..objects.recording import recorded
from ..output.go_json import compact
from ..wire.json_read import JsonError, loads
from .delete import cascade_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..apply.apply_set import ApplySet
    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "all=false applyset='' cascade='background' field-manager='kubectl-client-side-apply' force=false "
    "force-conflicts=false grace-period=-1 openapi-patch=true overwrite=true prune=false prune-allowlist=[+] "
    "-l,selector='' server-side=false subresource='' timeout=0s validate='strict' wait=false "
    f"{DRY_RUN}{FILES}{PRINT}"
)
_CONFLICTS = """
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""
_RETRIES = 5


def run(session: Session) -> int:
    flags = session.flags
    if session.args:
        raise UsageError(f"Unexpected args: [{' '.join(session.args)}]", "apply")
    dry_run_of(session)
    validation_of(session)
    cascade_of(session)
    require_files(session)
    dry_run = _checked(session)
    found = collect(session, [], selector=flags.text("selector"))
    for item in found.items:
        item.obj = recorded(session, item.obj)
    if not found.items and not found.errors:
        raise CommandError("no objects passed to apply")
    members = _apply_set(session, found.items, dry_run)
    if flags.on("prune") and members is None:
        from ..apply.prune import check

        check(session)
    apply_one = _server_side if flags.on("server-side") else _client_side
    applied: list[Item] = []
    shown: list[dict[str, Any]] = []
    notes: dict[Item, list[str]] = {item: [] for item in found.items}
    for batch in _batches(found.items):
        results = session.client.each(lambda item: apply_one(session, item, dry_run, notes[item].append), batch)
        for item, result in zip(batch, results, strict=True):
            for note in notes[item]:
                session.tell(note)
            if isinstance(result, StatusFailure | CommandError):
                found.errors.append(result)
            elif isinstance(result, Exception):
                raise result
            else:
                applied.append(item)
                _tell(session, item, result, dry_run, shown)
    if shown:
        _print_all(session, shown)
    if members is not None and not found.errors:
        members.prune(applied, dry_run)
        members.save(applied, dry_run, exactly=True)
    elif flags.on("prune") and not found.errors:
        from ..apply.prune import prune

        prune(session, applied, dry_run)
    found.raise_errors(own_last=True)
    return 0


def _apply_set(session: Session, items: list[Item], dry_run: str) -> ApplySet | None:
    """The ApplySet of `--applyset`, its parent made ready and the items made members."""
    if not session.flags.text("applyset"):
        return None
    from ..apply.apply_set import ApplySet

    members = ApplySet(session)
    members.read()
    members.adopt(items)
    members.save(items, dry_run, exactly=False)
    return members


def _checked(session: Session) -> str:
    flags = session.flags
    dry_run = dry_run_of(session)
    server_side = flags.on("server-side")
    if flags.changed("applyset"):
        from ..apply.apply_set import check_flags

        check_flags(session)
    if flags.on("force-conflicts") and not server_side:
        raise CommandError("--force-conflicts only works with --server-side")
    if dry_run == "client" and server_side:
        raise CommandError("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)")
    if server_side and flags.on("force"):
        raise CommandError("--force cannot be used with --server-side")
    if dry_run == "server" and flags.on("force"):
        raise CommandError("--dry-run=server cannot be used with --force")
    if flags.on("all") and flags.text("selector"):
        raise CommandError("cannot set --all and --selector at the same time")
    if flags.on("prune") and not flags.on("all") and not flags.text("selector") and not flags.text("applyset"):
        raise CommandError(
            "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all "
            "flag. If you did not mean to prune all resources, specify a label selector"
        )
    if flags.on("prune") and server_side and not flags.text("applyset"):
        raise CommandError("--prune is in alpha and doesn't currently work on objects created by server-side apply")
    if flags.text("subresource") and not server_side:
        raise CommandError("--subresource can only be specified for --server-side")
    return dry_run


def _batches(items: list[Item]) -> list[list[Item]]:
    """Runs of objects of one resource; what others need to exist first stands alone."""
    batches: list[list[Item]] = []
    places: set[tuple[str, str]] = set()
    for item in items:
        last = batches[-1] if batches else []
        alone = item.resource.name in ("namespaces", "customresourcedefinitions")
        place = (item.namespace, item.name)
        if last and not alone and place not in places and last[0].resource is item.resource:
            last.append(item)
        else:
            batches.append([item])
            places.clear()
        places.add(place)
    return batches


def _client_side(session: Session, item: Item, dry_run: str, tell: Callable[[str], None]) -> str:
    """The operation: created, configured, unchanged."""
    wanted = with_last_applied(item.obj)
    subresource = session.flags.text("subresource")
    if not item.name:
        if (item.obj.get("metadata") or {}).get("generateName"):
            raise CommandError(f"from {item.obj['metadata']['generateName']}: cannot use generate name with apply")
        raise CommandError(about(item, "retrieving current configuration of", "resource name may not be empty"))
    try:
        live = item.client.get(item.path(subresource))
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise _explained(error, "retrieving current configuration of", item) from None
        wanted = _without_nulls(wanted)
        if dry_run == "client":
            item.obj = wanted
            return "created"
        try:
            item.create(wanted, **parameters(session, dry_run))
        except (StatusFailure, CommandError) as failure:
            from .create import from_file

            raise from_file(failure, "creating", item.source) from None
        return "created"
    for attempt in range(_RETRIES):
        _check_live(item, live, tell)
        _check_last(item, wanted, live, tell)
        kind, patch = patch_for(wanted, live, overwrite=session.flags.on("overwrite"))
        if not patch:
            item.obj = live
            return "unchanged"
        if dry_run == "client":
            item.obj = _patched(kind, live, patch)
            return "configured"
        try:
            item.patch(kind, compact(patch).encode(), subresource, **parameters(session, dry_run))
            return "configured"
        except StatusFailure as error:
            if error.reason == "Conflict" and attempt < _RETRIES - 1:
                live = item.client.get(item.path(subresource))
                continue
            if session.flags.on("force") and error.reason in ("Conflict", "Invalid"):
                _recreate(session, item, wanted)
                return "configured"
            raise _explained(error, "applying patch:", item, patch) from None
    raise AssertionError("unreachable")


def _without_nulls(value: Any) -> Any:
    """What is created has no fields of null, as what is patched has none."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _patched(kind: str, live: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the live object would be after the patch, computed here."""
    if kind == "strategic":
        from ..apply.strategic import patched

        return patched(live, patch)
    from pybernetes.api.patch.merge_patch import merge

    merged: dict[str, Any] = merge(live, patch)
    return merged


def _check_live(item: Item, live: dict[str, Any], tell: Callable[[str], None]) -> None:
    metadata = live.get("metadata") or {}
    if LAST_APPLIED not in (metadata.get("annotations") or {}):
        tell(
            f"Warning: resource {item.resource.name}/{item.name} is missing the {LAST_APPLIED} annotation which is "
            "required by kubectl apply. kubectl apply should only be used on resources created declaratively by either "
            "kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically."
        )
    if metadata.get("deletionTimestamp"):
        tell(f"Warning: Detected changes to resource {item.name} which is currently being deleted.")


def _check_last(item: Item, wanted: dict[str, Any], live: dict[str, Any], tell: Callable[[str], None]) -> None:
    """CommandError for an annotation that holds no JSON."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        loads(text or "{}")
    except JsonError:
        for spec in ("openapi v3 spec", "openapi spec"):
            tell(f"warning: error calculating patch from {spec}: invalid JSON document")
        parts = f"original:\n{text}\nmodified:\n{compact(wanted)}\n\ncurrent:\n{compact(live)}\n\nfor"
        raise CommandError(_patching(item, "", f"creating patch with:\n{parts}: invalid JSON document")) from None


def patch_for(wanted: dict[str, Any], live: dict[str, Any], *, overwrite: bool = True) -> tuple[str, dict[str, Any]]:
    """The kind of patch and the patch from the live object to the wanted one; it is empty when nothing differs."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = loads(text) if text else {}
    except JsonError:
        last = {}
    from ..apply.merge_keys import type_of

    name = type_of(str(wanted["apiVersion"]), str(wanted["kind"]))
    if name:
        from ..apply.strategic import three_way

        return "strategic", _cleaned(three_way(last, wanted, live, name))
    from ..apply import json_merge

    return "merge", _cleaned(json_merge.three_way(last, wanted, live))


def _cleaned(patch: dict[str, Any]) -> dict[str, Any]:
    """Without a creationTimestamp of null, which files written by generators have."""
    metadata = patch.get("metadata")
    if isinstance(metadata, dict) and metadata.get("creationTimestamp", 0) is None:
        metadata.pop("creationTimestamp")
        if not metadata:
            patch.pop("metadata")
    return patch


def _explained(error: StatusFailure, verb: str, item: Item, patch: dict[str, Any] | None = None) -> StatusFailure:
    """What was attempted on which object stands before the reason."""
    if patch is not None:
        error.status["message"] = _patching(item, compact(patch), error.message)
    else:
        error.status["message"] = about(item, verb, error.message)
    return error


def _where(item: Item) -> str:
    resource = item.resource
    group = f"{resource.group}/"
    return (
        f'Resource: "{group}{resource.version}, Resource={resource.name}", '
        f'GroupVersionKind: "{group}{resource.version}, Kind={resource.kind}"\n'
        f'Name: "{item.name}", Namespace: "{item.namespace}"'
    )


def about(item: Item, verb: str, why: str) -> str:
    """What was attempted on which object of which file, and why it failed."""
    return f'error when {verb}:\n{_where(item)}\nfrom server for: "{item.source}": {why}'


def _patching(item: Item, patch: str, why: str) -> str:
    head = f'error when applying patch:\n{patch}\nto:\n{_where(item)}\nfor: "{item.source}": '
    return f'{head}error when patching "{item.source}": {why}'


def _recreate(session: Session, item: Item, wanted: dict[str, Any]) -> None:
    answer = item.delete(delete_options(session.flags.number("grace-period"), cascade_of(session)))
    uid = (answer.get("details") or answer.get("metadata") or {}).get("uid") or ""
    wait_until_gone(session, item, str(uid), session.flags.seconds("timeout"))
    item.create(wanted, **parameters(session))


def _server_side(session: Session, item: Item, dry_run: str, tell: Callable[[str], None]) -> str:
    flags = session.flags
    query = parameters(session, dry_run)
    if not flags.changed("field-manager"):
        query["fieldManager"] = "kubectl"
    if flags.on("force-conflicts"):
        query["force"] = "true"
    else:
        query["force"] = "false"
    path = item.path(flags.text("subresource")) + query_of(query.items())
    body = compact(item.obj).encode()
    try:
        item.obj = item.client.object("PATCH", path, body=body, content_type="application/apply-patch+yaml")
    except StatusFailure as error:
        if error.reason == "Conflict":
            raise CommandError(error.message + _CONFLICTS) from None
        raise
    _migrate(session, item, path, body, query, tell)
    return "serverside-applied"


def _migrate(
    session: Session, item: Item, path: str, body: bytes, query: dict[str, str], tell: Callable[[str], None]
) -> None:
    """Take over what an earlier client-side apply owns and apply again; what fails is told and tried the next time."""
    metadata = item.obj.get("metadata") or {}
    annotation = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if annotation is None or session.flags.text("subresource"):
        return
    from ..apply.ownership import migration

    warning = "Warning: failed to migrate kubectl.kubernetes.io/last-applied-configuration for Server-Side Apply. "
    try:
        if query["fieldManager"] == "kubectl":
            # The annotation has an owner of its own, so that an apply without it does not remove it.
            identity = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
            only = {key: item.obj[key] for key in ("apiVersion", "kind")}
            only["metadata"] = {**identity, "annotations": {LAST_APPLIED: annotation}}
            parameters_of = {**query, "fieldManager": "kubectl-last-applied", "force": "false"}
            item.patch("apply", compact(only).encode(), **parameters_of)
        warning = "Warning: server rejected managed fields migration to Server-Side Apply. "
        patch: Any = None
        for left in reversed(range(_RETRIES)):
            patch = migration(item.obj, query["fieldManager"])
            if patch is None:
                return
            try:
                item.patch("json", compact(patch).encode(), **{k: v for k, v in query.items() if k != "force"})
                break
            except StatusFailure as error:
                if error.reason != "Conflict" or not left:
                    raise
                item.get()
        warning = "Warning: failed to re-apply configuration after performing Server-Side Apply migration. "
        item.obj = item.client.object("PATCH", path, body=body, content_type="application/apply-patch+yaml")
    except StatusFailure as error:
        text = f"{warning}This is non-fatal and will be retried next time you apply. Error: {error.message}"
        tell(text)


def _tell(session: Session, item: Item, operation: str, dry_run: str, shown: list[dict[str, Any]]) -> None:
    if session.flags.text("output") or session.flags.text("template"):
        shown.append(item.obj)
        return
    session.print(f"{item.label()} {operation}{suffix_of(dry_run)}")


def _print_all(session: Session, objects: list[dict[str, Any]]) -> None:
    from ..output.printers import printer_for

    printer = printer_for(session, "")
    if len(objects) == 1 or session.flags.text("output") == "name":
        for obj in objects:
            printer.print(obj)
        return
    printer.print({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}})
