"""`kubectl rollout history` and `kubectl rollout undo`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, file_flags
from ..objects.mutation import LAST_APPLIED, dry_run_of, operation_printer
from ..objects.revisions import CHANGE_CAUSE, Revision, revisions
from ..output.go_json import compact
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = {
    "rollout history": f"revision=0 -l,selector='' {FILES}{PRINT}",
    "rollout undo": f"-l,selector='' to-revision=0 {DRY_RUN}{FILES}{PRINT}",
}
_KINDS = ("Deployment", "DaemonSet", "StatefulSet")
_WITHOUT = ("Job", "CronJob", "Pod", "ReplicaSet", "ReplicationController")
"""Workloads of which no revisions are kept."""


def run(session: Session) -> int:
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        raise CommandError("required resource not specified")
    history = session.command.endswith("history")
    if history and session.flags.number("revision") < 0:
        raise CommandError(f"revision must be a positive integer: {session.flags.number('revision')}")
    if not history:
        dry_run_of(session)
    found = collect(session, selector=session.flags.text("selector"), latest=True, select_all=True)
    for item in found.each():
        try:
            if item.resource.kind not in _KINDS:
                kind = item.resource.kind
                if kind in _WITHOUT:
                    what = "history viewer" if history else "rollbacker"
                    group = item.resource.group
                    full = f"{kind}.{group}" if group else kind
                    raise CommandError(f"no {what} has been implemented for {quoted(full)}")
                why = f"no visitor method exists for {{{item.resource.group} {kind}}}"
                if history:
                    raise CommandError(f"error retrieving history for {quoted(kind)}, {why}")
                raise CommandError(f"error retrieving rollbacker for {quoted(kind)}, {why}")
            _history(session, item) if history else _undo(session, item)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _history(session: Session, item: Item) -> None:
    known = revisions(session, item)
    number = session.flags.number("revision")
    if session.flags.text("output"):
        printer = operation_printer(session, "")
        shown = [revision for revision in known if number in (0, revision.number)]
        if number and not shown:
            raise CommandError("unable to find the specified revision")
        for revision in shown:
            printer.print(revision.obj)
        return
    if session.flags.text("template"):
        # Without -o the template is of the workload, not of its revisions.
        operation_printer(session, "").print(item.obj)
        return
    kind = item.label()
    if number:
        chosen = next((revision for revision in known if revision.number == number), None)
        if chosen is None:
            raise CommandError("unable to find the specified revision")
        from ..describe.pods import describe_template

        template = {**chosen.template, "metadata": dict(chosen.template.get("metadata") or {})}
        cause = (chosen.obj["metadata"].get("annotations") or {}).get(CHANGE_CAUSE)
        if cause:
            annotations = {**(template["metadata"].get("annotations") or {}), CHANGE_CAUSE: cause}
            template["metadata"]["annotations"] = annotations
        session.print(f"{kind} with revision #{number}")
        session.print(describe_template(template))
        return
    if not known:
        session.print(f"{kind} ", "No rollout history found.")
        return
    session.print(f"{kind} ")
    columns = Columns(session.out.write, minimum=0, padding=2)
    columns.add(["REVISION", "CHANGE-CAUSE"])
    for revision in known:
        cause = (revision.obj["metadata"].get("annotations") or {}).get(CHANGE_CAUSE) or "<none>"
        columns.add([str(revision.number), cause])
    columns.flush()
    session.print("")


def _undo(session: Session, item: Item) -> None:
    dry_run = dry_run_of(session)
    if LAST_APPLIED in (item.obj["metadata"].get("annotations") or {}):
        session.tell(
            f"Warning: resource {item.resource.name}/{item.name} was previously managed with 'kubectl apply'. Rolling "
            f"back will not update the {LAST_APPLIED} annotation, which may cause unexpected behavior on future "
            "'kubectl apply' operations. Consider using 'kubectl apply' with your previous configuration file instead."
        )
    wanted = session.flags.number("to-revision")
    known = revisions(session, item)
    if wanted:
        chosen = next((revision for revision in known if revision.number == wanted), None)
        if chosen is None:
            raise CommandError(f"unable to find specified revision {wanted} in history")
    else:
        if len(known) < 2:
            raise CommandError(f"no rollout history found for {item.resource.kind.lower()} {quoted(item.name)}")
        chosen = known[-2]
    if item.resource.kind == "Deployment" and (item.obj.get("spec") or {}).get("paused"):
        raise CommandError(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
        )
    if dry_run == "client":
        from ..describe.pods import describe_template

        text = describe_template(chosen.template).rstrip("\n")
        operation_printer(session, f"{text}\n", dry_run).print(item.obj)
        return
    if item.resource.kind == "Deployment":
        operation = _undo_deployment(session, item, chosen, dry_run)
    else:
        operation = _undo_set(item, chosen, dry_run)
    operation_printer(session, operation, dry_run).print(item.obj)


def _same_template(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _bare(one) == _bare(other)


def _bare(template: dict[str, Any]) -> dict[str, Any]:
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != "pod-template-hash"}
    return {**template, "metadata": {**metadata, "labels": labels, "creationTimestamp": None}}


def _undo_deployment(session: Session, item: Item, chosen: Revision, dry_run: str) -> str:
    if _same_template(chosen.template, item.obj["spec"]["template"]):
        return f"skipped rollback (current template already matches revision {chosen.number})"
    template = {**chosen.template, "metadata": dict(chosen.template.get("metadata") or {})}
    labels = {k: v for k, v in (template["metadata"].get("labels") or {}).items() if k != "pod-template-hash"}
    template["metadata"]["labels"] = labels
    skipped = (
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    )
    annotations = {
        key: value for key, value in (item.obj["metadata"].get("annotations") or {}).items() if key in skipped
    }
    for key, value in (chosen.obj["metadata"].get("annotations") or {}).items():
        if key not in skipped:
            annotations[key] = value
    patch = [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]
    parameters = {"dryRun": "All"} if dry_run == "server" else {}
    item.patch("json", compact(patch).encode(), **parameters)
    return "rolled back"


def _undo_set(item: Item, chosen: Revision, dry_run: str) -> str:
    data = chosen.obj.get("data") or {}
    if _same_template(chosen.template, item.obj["spec"]["template"]):
        return f"skipped rollback (current template already matches revision {chosen.number})"
    parameters = {"dryRun": "All"} if dry_run == "server" else {}
    item.patch("strategic", compact(data).encode(), **parameters)
    return "rolled back"
