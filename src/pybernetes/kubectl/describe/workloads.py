"""Deployments, replica sets, stateful and daemon sets, jobs and cron jobs."""

from __future__ import annotations

from ..errors import StatusFailure
from ..objects.selectors import text_of
from .pods import template
from .words import bracketed, date, duration, flag, joined, label_text, or_unset, selector_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_INDEX_LETTERS = 50


def _parts(item: Item) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return item.obj["metadata"], item.obj.get("spec") or {}, item.obj.get("status") or {}


def _labels(context: Context, item: Item) -> None:
    context.labels("Labels", item.obj["metadata"].get("labels"))
    context.annotations(item.obj["metadata"].get("annotations"))


def _pods_status(context: Context, item: Item) -> str:
    """`1 Running / 0 Waiting / 0 Succeeded / 0 Failed` of the pods it controls. StatusFailure."""
    phases = []
    uid = item.obj["metadata"].get("uid")
    selector = text_of((item.obj.get("spec") or {}).get("selector") or {})
    for pod in context.listed(f"/api/v1/namespaces/{item.namespace}/pods", ("labelSelector", selector)):
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(owner.get("controller") and owner.get("uid") == uid for owner in owners):
            phases.append((pod.get("status") or {}).get("phase"))
    named = (("Running", "Running"), ("Waiting", "Pending"), ("Succeeded", "Succeeded"), ("Failed", "Failed"))
    return " / ".join(f"{phases.count(phase)} {name}" for name, phase in named)


def _conditions(context: Context, status: dict[str, Any]) -> None:
    conditions = status.get("conditions") or []
    if conditions:
        context.line(0, "Conditions:")
        rows = [(f"{one['type']} ", one["status"], one.get("reason", "")) for one in conditions]
        context.table(1, "Type|Status|Reason", rows)


def deployment(context: Context, item: Item) -> None:
    metadata, spec, status = _parts(item)
    context.named(item)
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    _labels(context, item)
    context.field("Selector", text_of(spec.get("selector") or {}))
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
    if rolling is not None:
        most, surge = (rolling.get(key, "<nil>") for key in ("maxUnavailable", "maxSurge"))
        limits = f"{most} max unavailable, {surge} max surge"
        context.field("RollingUpdateStrategy", limits)
    template(context, spec.get("template"))
    _conditions(context, status)
    _replica_sets(context, item)
    context.events(item)


def _replica_sets(context: Context, item: Item) -> None:
    """The oldest one with the deployment's template is the new one."""
    from ..objects.revisions import owned

    try:
        sets = owned(context.session, item, "replicasets.apps")
    except StatusFailure:
        return
    sets.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
    wanted = _without_hash(item.obj)
    new = [one for one in sets if _without_hash(one) == wanted][:1]
    if sets:
        context.field("OldReplicaSets", joined(_created(one) for one in sets if one not in new) or "<none>")
        context.field("NewReplicaSet", joined(_created(one) for one in new) or "<none>")


def _without_hash(obj: dict[str, Any]) -> dict[str, Any]:
    """The pod template, without the label that tells templates apart."""
    found = (obj.get("spec") or {}).get("template") or {}
    metadata = found.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != "pod-template-hash"}
    return {**found, "metadata": {**metadata, "labels": labels, "creationTimestamp": None}}


def _created(one: dict[str, Any]) -> str:
    replicas = (one.get("spec") or {}).get("replicas", 0)
    return f"{one['metadata']['name']} ({(one.get('status') or {}).get('replicas', 0)}/{replicas} replicas created)"


def replica_set(context: Context, item: Item) -> None:
    """Also a replication controller, whose selector is a plain map of labels. StatusFailure."""
    _, spec, status = _parts(item)
    context.named(item)
    context.field("Selector", selector_text(spec.get("selector")))
    _labels(context, item)
    if item.resource.kind == "ReplicaSet":
        context.controlled_by(item)
    context.field("Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 0)} desired")
    try:
        pods = _pods_status(context, item)
    except StatusFailure as error:
        if item.resource.kind != "ReplicaSet":
            raise
        pods = f"error in fetching pods: {error.message}"
    context.field("Pods Status", pods)
    template(context, spec.get("template"))
    _conditions(context, status)
    context.events(item)


def stateful_set(context: Context, item: Item) -> None:
    metadata, spec, status = _parts(item)
    context.named(item)
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    context.field("Selector", text_of(spec.get("selector") or {}))
    _labels(context, item)
    context.field("Replicas", f"{spec.get('replicas', 0)} desired | {status.get('replicas', 0)} total")
    strategy = spec.get("updateStrategy") or {}
    context.field("Update Strategy", strategy.get("type", ""))
    rolling = strategy.get("rollingUpdate") or {}
    if rolling.get("partition") is not None:
        context.field("Partition", rolling["partition"], 1)
        if rolling.get("maxUnavailable") is not None:
            context.field("MaxUnavailable", rolling["maxUnavailable"], 1)
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    _claim_templates(context, spec.get("volumeClaimTemplates") or [])
    context.events(item)


def _claim_templates(context: Context, claims: list[dict[str, Any]]) -> None:
    from .storage import class_of

    context.line(0, "Volume Claims:" if claims else "Volume Claims:\t<none>")
    for claim in claims:
        metadata, spec = claim.get("metadata") or {}, claim.get("spec") or {}
        context.field("Name", metadata.get("name", ""), 1)
        context.field("StorageClass", class_of(claim), 1)
        context.labels("Labels", metadata.get("labels"), 1, 1)
        context.labels("Annotations", metadata.get("annotations"), 1, 1)
        capacity = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "<default>")
        context.field("Capacity", capacity, 1)
        context.field("Access Modes", bracketed(spec.get("accessModes")), 1)


def daemon_set(context: Context, item: Item) -> None:
    _, spec, status = _parts(item)
    context.named(item)
    context.field("Selector", text_of(spec.get("selector") or {}))
    context.field("Node-Selector", label_text(((spec.get("template") or {}).get("spec") or {}).get("nodeSelector")))
    _labels(context, item)
    for title, key in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        context.line(0, f"{title}: {status.get(key, 0)}")
    context.field("Pods Status", _pods_status(context, item))
    template(context, spec.get("template"))
    context.events(item)


def job(context: Context, item: Item) -> None:
    _, spec, status = _parts(item)
    context.named(item)
    context.field("Selector", text_of(spec.get("selector") or {}))
    _labels(context, item)
    context.controlled_by(item)
    for title, shown in (
        ("Parallelism", spec.get("parallelism")),
        ("Completions", or_unset(spec.get("completions"))),
        ("Completion Mode", spec.get("completionMode")),
        ("Suspend", flag(spec["suspend"]) if spec.get("suspend") is not None else None),
        ("Backoff Limit", spec.get("backoffLimit")),
        ("TTL Seconds After Finished", spec.get("ttlSecondsAfterFinished")),
    ):
        if shown is not None:
            context.field(title, shown)
    start, end = status.get("startTime"), status.get("completionTime")
    if start:
        context.field("Start Time", date(start))
    if end:
        context.field("Completed At", date(end))
    if start and end:
        context.field("Duration", duration(start, end))
    if spec.get("activeDeadlineSeconds") is not None:
        context.field("Active Deadline Seconds", f"{spec['activeDeadlineSeconds']}s")
    ready = f" ({status['ready']} Ready)" if status.get("ready") is not None else ""
    ended = f"{status.get('succeeded', 0)} Succeeded / {status.get('failed', 0)} Failed"
    context.field("Pods Statuses", f"{status.get('active', 0)} Active{ready} / {ended}")
    if spec.get("completionMode") == "Indexed":
        context.field("Completed Indexes", _indexes(status.get("completedIndexes") or ""))
    template(context, spec.get("template"))
    context.events(item)


def _indexes(text: str) -> str:
    """At most so many letters, up to a whole index."""
    comma = text.find(",", _INDEX_LETTERS)
    return f"{text[: comma + 1]}..." if comma >= 0 else text or "<none>"


def cron_job(context: Context, item: Item) -> None:
    spec, status = context.head(item)
    context.field("Schedule", spec.get("schedule", ""))
    context.field("Concurrency Policy", spec.get("concurrencyPolicy", ""))
    suspend = spec.get("suspend")
    context.field("Suspend", "<unset>" if suspend is None else "True" if suspend else "False")
    context.field("Time Zone", or_unset(spec.get("timeZone")))
    context.field("Successful Job History Limit", or_unset(spec.get("successfulJobsHistoryLimit")))
    context.field("Failed Job History Limit", or_unset(spec.get("failedJobsHistoryLimit")))
    seconds = spec.get("startingDeadlineSeconds")
    context.field("Starting Deadline Seconds", "<unset>" if seconds is None else f"{seconds}s")
    inner = (spec.get("jobTemplate") or {}).get("spec") or {}
    selector = inner.get("selector")
    context.field("Selector", "<unset>" if selector is None else text_of(selector))
    context.field("Parallelism", or_unset(inner.get("parallelism")))
    context.field("Completions", or_unset(inner.get("completions")))
    if inner.get("activeDeadlineSeconds") is not None:
        context.field("Active Deadline Seconds", f"{inner['activeDeadlineSeconds']}s")
    template(context, inner.get("template"))
    last = status.get("lastScheduleTime")
    context.field("Last Schedule Time", date(last) if last else "<unset>")
    active = status.get("active") or ()
    context.field("Active Jobs", joined(job.get("name", "") for job in active) if active else "<none>")
    context.events(item)
