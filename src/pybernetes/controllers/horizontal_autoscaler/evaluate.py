"""One metric of an autoscaler's spec: read it, compute replicas from it, and say what it is now.

A failure is a `MetricFailure`: the reason and message of the condition ScalingActive and of the event.
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
from .metrics import Metrics
from .replicas import MetricsError, Proposal, Tolerance, by_share, by_total, by_utilization, by_value, ready_count

NO_TARGET = (
    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
)


class MetricFailure(Exception):
    """A metric that could not be used: `reason` and the text of the condition and the event."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


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
    per_container = spec.container_resource
    source = per_container or spec.resource
    assert source is not None
    container = per_container.container if per_container is not None else ""
    wanted, what = source.target, "container resource" if container else "resource"
    reason = "FailedGetContainerResourceMetric" if container else "FailedGetResourceMetric"
    selector, current = target.scale.selector, target.scale.replicas
    goal = f"{source.name} utilization" if wanted.average_value is None else f"{source.name} usage"
    try:
        try:
            found = await metrics.resource(source.name, target.namespace, selector, container)
        except MetricsError as error:
            raise MetricsError(f"unable to get metrics for resource {source.name}: {error}") from error
        if wanted.average_value is not None:
            proposal = by_value(
                current,
                target.pods,
                found,
                target_milli=parse(wanted.average_value).milli(),
                is_cpu=source.name == "cpu",
                tolerance=tolerance,
                now=target.now,
            )
            name = f"{source.name} {what}"
        elif wanted.average_utilization is not None:
            proposal = by_utilization(
                current,
                target.pods,
                found,
                resource=source.name,
                container=container,
                target_percent=wanted.average_utilization,
                tolerance=tolerance,
                now=target.now,
            )
            name = f"{source.name} {what} utilization (percentage of request)"
        else:
            raise MetricFailure(reason, NO_TARGET)
    except MetricsError as error:
        raise MetricFailure(reason, f"failed to get {goal}: {error}") from error
    value = _resource_value(proposal)
    if container:
        report = MetricStatus(
            type="ContainerResource",
            container_resource=ContainerResourceMetricStatus(name=source.name, container=container, current=value),
        )
    else:
        report = MetricStatus(type="Resource", resource=ResourceMetricStatus(name=source.name, current=value))
    return Outcome(proposal.replicas, name, report)


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
        raise MetricFailure("FailedGetPodsMetric", f"failed to get pods metric value: {error}") from error
    value = MetricValueStatus(average_value=_written(proposal.average_milli))
    status = MetricStatus(type="Pods", pods=PodsMetricStatus(metric=metric, current=value))
    return Outcome(proposal.replicas, f"pods metric {metric.name}", status)


async def _object(
    spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics, resource_of: FindResource
) -> Outcome:
    source = spec.object
    assert source is not None
    metric, described = source.metric, source.described_object
    try:
        resource = await resource_of(described)
        try:
            usage = await metrics.of_object(
                metric.name, target.namespace, resource, described.name, _text(metric.selector)
            )
        except MetricsError as error:
            where = f"{described.kind} {target.namespace} {described.name}"
            raise MetricsError(f"unable to get metric {metric.name}: {where}/{error}") from error
        replicas, value = _from_total(source.target, [usage], target, tolerance)
    except MetricsError as error:
        raise MetricFailure("FailedGetObjectMetric", f"failed to get object metric value: {error}") from error
    status = MetricStatus(
        type="Object", object=ObjectMetricStatus(described_object=described, metric=metric, current=value)
    )
    return Outcome(replicas, f"{described.kind} metric {metric.name}", status)


async def _external(spec: MetricSpec, target: Target, tolerance: Tolerance, metrics: Metrics) -> Outcome:
    source = spec.external
    assert source is not None
    metric = source.metric
    try:
        try:
            values = await metrics.external(metric.name, target.namespace, _text(metric.selector))
        except MetricsError as error:
            where = f"{target.namespace}/{metric.name}/{_text(metric.selector) or 'nil'}"
            raise MetricsError(f"unable to get external metric {where}: {error}") from error
        replicas, value = _from_total(source.target, values, target, tolerance)
    except MetricsError as error:
        raise MetricFailure(
            "FailedGetExternalMetric", f"failed to get {metric.name} external metric: {error}"
        ) from error
    status = MetricStatus(type="External", external=ExternalMetricStatus(metric=metric, current=value))
    return Outcome(replicas, f"external metric {metric.name}({_text(metric.selector) or 'nil'})", status)


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
    ready = ready_count(target.pods) if scale.replicas else 0
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
