"""One metric of an autoscaler's spec: read it, compute replicas from it, and say what it is now.

A failure is a `MetricFailure`: the reason and message of the condition ScalingActive and of the event, and the longer
text by which the event FailedComputeMetricsReplicas tells of it. All of them are upstream's, down to their oddities.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from ...api.autoscaling import (
    ContainerResourceMetricStatus,
    CrossVersionObjectReference,
    ExternalMetricStatus,
    HorizontalPodAutoscaler,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    ObjectMetricStatus,
    PodsMetricStatus,
    ResourceMetricStatus,
)
from ...api.core import Pod
from ...api.meta import LabelSelector
from ...api.quantity import Quantity, parse
from ...api.resource import ResourceInfo
from ...api.selectors import from_label_selector
from ...reconcile.scales import Scale
from ...reconcile.selection import shown_selector
from .metrics import Metrics
from .replicas import MetricsError, Proposal, Tolerance, by_share, by_total, by_utilization, by_value, ready_count

NO_TARGET = (
    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
)


class MetricFailure(Exception):
    """A metric that could not be used: `reason` and the text of the condition and the event; `whole` is what it adds
    to the event that sums up."""

    def __init__(self, reason: str, message: str, whole: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.whole = whole or message


class Outcome(msgspec.Struct, frozen=True):
    """What one metric asks for, its name for people, and its current value."""

    replicas: int
    name: str
    status: MetricStatus


class Target(msgspec.Struct):
    """What is scaled: its scale and the pods behind it."""

    scale: Scale
    pods: list[Pod]
    namespace: str
    now: datetime


FindResource = Callable[[CrossVersionObjectReference], Awaitable[ResourceInfo]]


def tolerance_of(autoscaler: HorizontalPodAutoscaler) -> Tolerance:
    """The tolerances of the spec, 10 % where it says none."""
    behavior = autoscaler.spec.behavior
    up = behavior.scale_up.tolerance if behavior is not None and behavior.scale_up is not None else None
    down = behavior.scale_down.tolerance if behavior is not None and behavior.scale_down is not None else None
    default = Tolerance()
    return Tolerance(
        float(parse(up)) if up is not None else default.up, float(parse(down)) if down is not None else default.down
    )


async def evaluate(
    spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics, resource_of: FindResource
) -> Outcome:
    """The outcome of one metric. MetricFailure when it has none."""
    if spec.type == "Resource" and spec.resource is not None:
        return await _resource(spec, target, tolerance, metrics)
    if spec.type == "ContainerResource" and spec.container_resource is not None:
        return await _resource(spec, target, tolerance, metrics)
    if spec.type == "Pods" and spec.pods is not None:
        return await _pods(spec, target, tolerance, metrics)
    if spec.type == "Object" and spec.object is not None:
        return await _object(spec, target, tolerance, metrics, resource_of)
    if spec.type == "External" and spec.external is not None:
        return await _external(spec, target, tolerance, metrics)
    raise MetricFailure("InvalidMetricSourceType", f'unknown metric source type "{spec.type}"')


async def _resource(spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics) -> Outcome:
    per_container = spec.container_resource if spec.type == "ContainerResource" else None
    source = per_container or spec.resource
    assert source is not None
    container = per_container.container if per_container is not None else ""
    wanted = source.target
    try:
        if wanted.average_value is None and wanted.average_utilization is None:
            raise MetricsError(NO_TARGET)
        proposal, name = await _resource_proposal(source.name, container, wanted, target, tolerance, metrics)
    except MetricsError as error:
        if container:
            whole = f"failed to get {container} container metric value: {error}"
            raise MetricFailure("FailedGetContainerResourceMetric", str(error), whole) from error
        whole = f"failed to get {source.name} resource metric value: {error}"
        raise MetricFailure("FailedGetResourceMetric", str(error), whole) from error
    value = _resource_value(proposal)
    if container:
        report = MetricStatus(
            type="ContainerResource",
            container_resource=ContainerResourceMetricStatus(name=source.name, container=container, current=value),
        )
    else:
        report = MetricStatus(type="Resource", resource=ResourceMetricStatus(name=source.name, current=value))
    return Outcome(proposal.replicas, name, report)


async def _resource_proposal(
    resource: str, container: str, wanted: MetricTarget, target: Target, tolerance: Tolerance, metrics: Metrics
) -> tuple[Proposal, str]:
    """What a resource metric asks for, and its name. MetricsError."""
    goal = "utilization" if wanted.average_value is None else "usage"
    current, pods, now = target.scale.replicas, target.pods, target.now
    try:
        try:
            found = await metrics.resource(resource, target.namespace, target.scale.selector, container)
        except MetricsError as error:
            raise MetricsError(f"unable to get metrics for resource {resource}: {error}") from error
        if wanted.average_value is not None:
            proposal = by_value(
                current,
                pods,
                found,
                target_milli=_milli(wanted.average_value),
                is_cpu=resource == "cpu",
                tolerance=tolerance,
                now=now,
            )
            return proposal, f"{resource} resource"
        proposal = by_utilization(
            current,
            pods,
            found,
            resource=resource,
            container=container,
            target_percent=wanted.average_utilization or 0,
            tolerance=tolerance,
            now=now,
        )
    except MetricsError as error:
        raise MetricsError(f"failed to get {resource} {goal}: {error}") from error
    what = "container resource" if container else "resource"
    return proposal, f"{resource} {what} utilization (percentage of request)"


async def _pods(spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics) -> Outcome:
    source = spec.pods
    assert source is not None
    metric = source.metric
    try:
        try:
            found = await metrics.of_pods(metric.name, target.namespace, target.scale.selector, _text(metric.selector))
        except MetricsError as error:
            raise MetricsError(f"unable to get metric {metric.name}: {error}") from error
        proposal = by_value(
            target.scale.replicas,
            target.pods,
            found,
            target_milli=_milli(source.target.average_value),
            is_cpu=False,
            tolerance=tolerance,
            now=target.now,
        )
    except MetricsError as error:
        whole = f"failed to get pods metric value: {error}"
        raise MetricFailure("FailedGetPodsMetric", str(error), whole) from error
    value = MetricValueStatus(average_value=_written(proposal.average_milli))
    status = MetricStatus(type="Pods", pods=PodsMetricStatus(metric=metric, current=value))
    return Outcome(proposal.replicas, f"pods metric {metric.name}", status)


async def _object(
    spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics, resource_of: FindResource
) -> Outcome:
    source = spec.object
    assert source is not None
    metric, described = source.metric, source.described_object
    per_pod = source.target.average_value is not None
    try:
        try:
            resource = await resource_of(described)
            usage = await metrics.of_object(
                metric.name, target.namespace, resource, described.name, _text(metric.selector)
            )
        except MetricsError as error:
            where = f"{described.kind} on {target.namespace} {described.name}"
            raise MetricsError(f"unable to get metric {metric.name}: {where}/{error}") from error
        replicas, value = _from_total(source.target, [usage], target, tolerance)
    except MetricsError as error:
        inner = f"failed to get {metric.name} object metric: {error}" if per_pod else str(error)
        whole = f"failed to get object metric value: {inner}"
        raise MetricFailure("FailedGetObjectMetric", str(error), whole) from error
    status = MetricStatus(
        type="Object", object=ObjectMetricStatus(described_object=described, metric=metric, current=value)
    )
    name = f"{described.kind} metric {metric.name}"
    if per_pod:
        name = f"external metric {metric.name}({shown_selector(metric.selector)})"
    return Outcome(replicas, name, status)


async def _external(spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics) -> Outcome:
    source = spec.external
    assert source is not None
    metric = source.metric
    selector = shown_selector(metric.selector)
    try:
        try:
            values = await metrics.external(metric.name, target.namespace, _text(metric.selector))
        except MetricsError as error:
            where = f"{target.namespace}/{metric.name}/{selector}"
            raise MetricsError(f"unable to get external metric {where}: {error}") from error
        replicas, value = _from_total(source.target, values, target, tolerance)
    except MetricsError as error:
        per_pod = source.target.average_value is not None
        what = f"{metric.name} external metric" if per_pod else f"external metric {metric.name}"
        whole = f"failed to get {metric.name} external metric value: failed to get {what}: {error}"
        raise MetricFailure("FailedGetExternalMetric", str(error), whole) from error
    status = MetricStatus(type="External", external=ExternalMetricStatus(metric=metric, current=value))
    return Outcome(replicas, f"external metric {metric.name}({selector})", status)


def _from_total(
    wanted: MetricTarget, values: list[int], target: Target, tolerance: Tolerance
) -> tuple[int, MetricValueStatus]:
    """Replicas and status for one value that all replicas share."""
    total = sum(values)
    scale = target.scale
    if wanted.average_value is not None:
        replicas = by_share(scale.current, total, _milli(wanted.average_value), tolerance)
        average = -(-total // scale.current) if scale.current else total
        return replicas, MetricValueStatus(average_value=_written(average))
    ratio = total / _milli(wanted.value)
    ready = 0
    if scale.replicas and not tolerance.covers(ratio):
        try:
            ready = ready_count(target.pods)
        except MetricsError as error:
            raise MetricsError(f"unable to calculate ready pods: {error}") from error
    return by_total(scale.replicas, ready, ratio, tolerance), MetricValueStatus(value=_written(total))


def _resource_value(proposal: Proposal) -> MetricValueStatus:
    return MetricValueStatus(average_utilization=proposal.utilization, average_value=_written(proposal.average_milli))


def _milli(text: str | None) -> int:
    amount = parse(text).milli() if text else 0
    if not amount:
        raise MetricsError("the target of a metric must be positive")
    return amount


def _written(milli: int) -> str:
    return str(Quantity.of_milli(milli))


def _text(selector: LabelSelector | None) -> str:
    return str(from_label_selector(selector)) if selector is not None else ""
