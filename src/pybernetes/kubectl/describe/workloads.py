"""Deployments, replica sets, stateful and daemon sets, jobs and cron jobs."""

from __future__ import annotations

from ..client import query_of
from ..objects.selectors import text_of
from ..output.age import human, seconds_of
from .pods import template
from .writer import Context, controlled_by, date, label_text, selector_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def _head(context: Context, item: Item) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    metadata = item.obj["metadata"]
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    return metadata, item.obj.get("spec") or {}, item.obj.get("status") or {}


def _pods_path(item: Item) -> str:
    selector = text_of((item.obj.get("spec") or {}).get("selector") or {})
    return f"/api/v1/namespaces/{item.namespace}/pods" + query_of((("labelSelector", selector),))


def _pods_status(context: Context, item: Item) -> str:
    """`1 Running / 0 Waiting / 0 Succeeded / 0 Failed` of the pods it controls."""
    counts = {"Running": 0, "Pending": 0, "Succeeded": 0, "Failed": 0}
    uid = item.obj["metadata"].get("uid")
    for pod in context.items(_pods_path(item)):
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(owner.get("controller") and owner.get("uid") == uid for owner in owners):
            phase = (pod.get("status") or {}).get("phase", "")
            counts[phase] = counts.get(phase, 0) + 1
    return (
        f"{counts['Running']} Running / {counts['Pending']} Waiting / {counts['Succeeded']} Succeeded / "
        f"{counts['Failed']} Failed"
    )


def deployment(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Selector", selector_text(spec.get("selector")))
    context.field(
        "Replicas",
        f"{spec.get('replicas', 0)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable",
    )
    strategy = spec.get("strategy") or {}
    context.field("StrategyType", strategy.get("type", ""))
    context.field("MinReadySeconds", spec.get("minReadySeconds", 0))
    rolling = strategy.get("rollingUpdate")
    if rolling:
        context.field(
            "RollingUpdateStrategy",
            f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge",
        )
    template(context, spec.get("template"))
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:\n  Type\tStatus\tReason")
        context.line(1, "----\t------\t------")
        for condition in conditions:
            context.line(1, f"{condition['type']} \t{condition['status']}\t{condition.get('reason', '')}")
    _replica_sets(context, item)
    context.events(item)


def _replica_sets(context: Context, item: Item) -> None:
    from ..objects.revisions import REVISION, owned

    sets = owned(context.session, item, "replicasets.apps")
    current = (item.obj["metadata"].get("annotations") or {}).get(REVISION)
    new = [one for one in sets if (one["metadata"].get("annotations") or {}).get(REVISION) == current]
    old = sorted(
        (one for one in sets if one not in new),
        key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]),
    )
    old_text = ", ".join(_created(one) for one in old) or "<none>"
    context.field("OldReplicaSets", old_text)
    context.field("NewReplicaSet", ", ".join(_created(one) for one in new) or "<none>")


def _created(one: dict[str, Any]) -> str:
    replicas = (one.get("spec") or {}).get("replicas", 0)
    return f"{one['metadata']['name']} ({(one.get('status') or {}).get('replicas', 0)}/{replicas} replicas created)"


def replica_set(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.field("Selector", selector_text(spec.get("selector")))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    controlled_by(context, metadata)
    context.field("Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 0)} desired")
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    _conditions(context, status)
    context.events(item)


def _conditions(context: Context, status: dict[str, Any]) -> None:
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:\n  Type\tStatus\tReason")
        context.line(1, "----\t------\t------")
        for condition in conditions:
            context.line(1, f"{condition['type']} \t{condition['status']}\t{condition.get('reason', '')}")


def replication_controller(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.field("Selector", label_text(spec.get("selector")))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 0)} desired")
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    _conditions(context, status)
    context.events(item)


def stateful_set(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    context.field("Selector", selector_text(spec.get("selector")))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Replicas", f"{spec.get('replicas', 0)} desired | {status.get('replicas', 0)} total")
    strategy = spec.get("updateStrategy") or {}
    context.field("Update Strategy", strategy.get("type", ""))
    rolling = strategy.get("rollingUpdate")
    if rolling and rolling.get("partition") is not None:
        context.line(1, f"Partition:\t{rolling['partition']}")
        if rolling.get("maxUnavailable") is not None:
            context.line(1, f"MaxUnavailable:\t{rolling['maxUnavailable']}")
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    claims = spec.get("volumeClaimTemplates") or []
    if not claims:
        context.line(0, "Volume Claims:\t<none>")
    else:
        context.line(0, "Volume Claims:")
        for claim in claims:
            inner = claim.get("spec") or {}
            context.line(1, f"Name:\t{claim['metadata']['name']}")
            context.line(1, f"StorageClass:\t{inner.get('storageClassName') or ''}")
            context.labels("Labels", claim["metadata"].get("labels"), 1)
            context.annotations(claim["metadata"].get("annotations"), 1)
            capacity = ((inner.get("resources") or {}).get("requests") or {}).get("storage")
            context.line(1, f"Capacity:\t{capacity}" if capacity else "Capacity:\t<default>")
            context.line(1, f"Access Modes:\t[{' '.join(inner.get('accessModes') or ())}]")
    context.events(item)


def daemon_set(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.field("Selector", selector_text(spec.get("selector")))
    node_selector = ((spec.get("template") or {}).get("spec") or {}).get("nodeSelector")
    context.field("Node-Selector", label_text(node_selector))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.line(0, f"Desired Number of Nodes Scheduled: {status.get('desiredNumberScheduled', 0)}")
    context.line(0, f"Current Number of Nodes Scheduled: {status.get('currentNumberScheduled', 0)}")
    context.line(0, f"Number of Nodes Scheduled with Up-to-date Pods: {status.get('updatedNumberScheduled', 0)}")
    context.line(0, f"Number of Nodes Scheduled with Available Pods: {status.get('numberAvailable', 0)}")
    context.line(0, f"Number of Nodes Misscheduled: {status.get('numberMisscheduled', 0)}")
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    context.events(item)


def job(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    if spec.get("selector"):
        context.field("Selector", selector_text(spec["selector"]))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    controlled_by(context, metadata)
    if spec.get("parallelism") is not None:
        context.field("Parallelism", spec["parallelism"])
    context.field("Completions", spec["completions"] if spec.get("completions") is not None else "<unset>")
    if spec.get("completionMode"):
        context.field("Completion Mode", spec["completionMode"])
    if spec.get("suspend") is not None:
        context.field("Suspend", "true" if spec["suspend"] else "false")
    if spec.get("backoffLimit") is not None:
        context.field("Backoff Limit", spec["backoffLimit"])
    if spec.get("ttlSecondsAfterFinished") is not None:
        context.field("TTL Seconds After Finished", spec["ttlSecondsAfterFinished"])
    if status.get("startTime"):
        context.field("Start Time", date(status["startTime"]))
    if status.get("completionTime"):
        context.field("Completed At", date(status["completionTime"]))
        took = seconds_of(status["completionTime"]) - seconds_of(status["startTime"])
        context.field("Duration", human(took))
    if spec.get("activeDeadlineSeconds") is not None:
        context.field("Active Deadline Seconds", f"{spec['activeDeadlineSeconds']}s")
    active, ready = status.get("active", 0), status.get("ready")
    succeeded, failed = status.get("succeeded", 0), status.get("failed", 0)
    if ready is None:
        context.field("Pods Statuses", f"{active} Active / {succeeded} Succeeded / {failed} Failed")
    else:
        text = f"{active} Active ({ready} Ready) / {succeeded} Succeeded / {failed} Failed"
        context.field("Pods Statuses", text)
    if spec.get("completionMode") == "Indexed":
        context.field("Completed Indexes", status.get("completedIndexes") or "<none>")
    template(context, spec.get("template"))
    context.events(item)


def cron_job(context: Context, item: Item) -> None:
    metadata, spec, status = _head(context, item)
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Schedule", spec.get("schedule", ""))
    if spec.get("timeZone"):
        context.field("Time Zone", spec["timeZone"])
    context.field("Concurrency Policy", spec.get("concurrencyPolicy", ""))
    context.field("Suspend", "True" if spec.get("suspend") else "False")
    for title, key in (
        ("Successful Job History Limit", "successfulJobsHistoryLimit"),
        ("Failed Job History Limit", "failedJobsHistoryLimit"),
    ):
        context.field(title, spec[key] if spec.get(key) is not None else "<unset>")
    seconds = spec.get("startingDeadlineSeconds")
    context.field("Starting Deadline Seconds", f"{seconds}s" if seconds is not None else "<unset>")
    inner = (spec.get("jobTemplate") or {}).get("spec") or {}
    if inner.get("selector"):
        context.field("Selector", selector_text(inner["selector"]))
    else:
        context.field("Selector", "<unset>")
    for title, key in (("Parallelism", "parallelism"), ("Completions", "completions")):
        context.field(title, inner[key] if inner.get(key) is not None else "<unset>")
    if inner.get("activeDeadlineSeconds") is not None:
        context.field("Active Deadline Seconds", f"{inner['activeDeadlineSeconds']}s")
    template(context, inner.get("template"))
    last = status.get("lastScheduleTime")
    context.field("Last Schedule Time", date(last) if last else "<unset>")
    active = status.get("active") or []
    context.field("Active Jobs", ", ".join(reference["name"] for reference in active) or "<none>")
    context.events(item)
