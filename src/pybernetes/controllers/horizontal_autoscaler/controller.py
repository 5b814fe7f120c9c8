"""The shell of the horizontal pod autoscaler: every fifteen seconds, one autoscaler at a time per worker.

    scale of the target ─▶ metrics ─▶ the highest of what they ask for ─▶ behaviours and limits ─▶ scale, status

What no metric can tell is never guessed: with a metric missing the target may still grow, but not shrink.
"""

import asyncio
from datetime import datetime, timedelta

import msgspec

from ...api.autoscaling import (
    CrossVersionObjectReference,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
    MetricStatus,
)
from ...api.core import Pod
from ...api.resource import ResourceInfo
from ...api.selectors import Labels, parse_labels
from ...api.status import StatusError, is_conflict, is_not_found
from ...client.view import split_key
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.pods import structs_equal
from ...reconcile.scales import Scale, Scales
from ...reconcile.sources import source
from .behavior import LONGEST_SECONDS, History, Limited, Reason, Stamped, limit, minimum
from .evaluate import MetricFailure, Outcome, Target, evaluate, tolerance_of
from .metrics import Metrics
from .replicas import MetricsError

UNABLE = "the HPA was unable to compute the replica count: "


class HorizontalAutoscaler:
    """See the module docstring. Keys are those of autoscalers."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._period_seconds = context.config.horizontal_pod_autoscaler_sync_period_seconds
        self._recorder = context.recorder("horizontal-pod-autoscaler")
        self._scales = Scales(context.client)
        self._metrics = Metrics(context.client)
        self._history: dict[str, History] = {}
        self._selectors: dict[str, tuple[str, Labels]] = {}
        self._autoscalers = context.informers.of(HorizontalPodAutoscaler)
        self._pods = context.informers.of(Pod)
        self._controller = context.controller("horizontalpodautoscaler", self._reconcile, workers=5)
        source(self._autoscalers, self._controller.enqueue, when=_asks_for_something_new)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        autoscaler = self._autoscalers.get(name, namespace)
        if autoscaler is None:
            self._history.pop(key, None)
            self._selectors.pop(key, None)
            return None
        run = _Run(autoscaler, self._clock.now())
        try:
            await self._scale(key, run)
        except MetricFailure as failure:
            self._recorder.warning(autoscaler, "FailedComputeMetricsReplicas", failure.whole)
        except StatusError as error:
            if is_conflict(error):
                raise
        finally:
            await self._report(run)
        return Result(self._period_seconds)

    async def _scale(self, key: str, run: "_Run") -> None:
        autoscaler, now = run.autoscaler, run.now
        reference, namespace = autoscaler.spec.scale_target_ref, autoscaler.metadata.namespace or ""
        try:
            scale = await self._scales.get(reference.api_version or "v1", reference.kind, namespace, reference.name)
        except StatusError as error:
            message = f"the HPA controller was unable to get the target's current scale: {error.message}"
            run.set("AbleToScale", Reason("False", "FailedGetScale", message))
            self._recorder.warning(autoscaler, "FailedGetScale", error.message)
            raise
        message = "the HPA controller was able to get the target's current scale"
        run.set("AbleToScale", Reason("True", "SucceededGetScale", message))
        current = scale.replicas
        # After a restart the present size counts as recommended just now: nothing shrinks for want of memory.
        history = self._history.setdefault(key, History([Stamped(now, current)], [], []))
        run.status.current_replicas = current or None
        desired, why = await self._desired(key, run, scale, history)
        if desired != current:
            await self._resize(run, scale, desired, why)
            change = Stamped(now, abs(desired - current))
            if desired > current:
                history.ups = [*history.ups, change]
            else:
                history.downs = [*history.downs, change]
            run.status.last_scale_time = now
        run.status.desired_replicas = desired

    async def _desired(self, key: str, run: "_Run", scale: Scale, history: History) -> tuple[int, str]:
        """The number to scale to, and why in the words of the event."""
        spec, current = run.autoscaler.spec, scale.replicas
        run.status.current_metrics = None
        if current == 0 and minimum(run.autoscaler) != 0:
            message = "scaling is disabled since the replica count of the target is zero"
            run.set("ScalingActive", Reason("False", "ScalingDisabled", message))
            return 0, ""
        if current > spec.max_replicas:
            return spec.max_replicas, "Current number of replicas above Spec.MaxReplicas"
        if current < minimum(run.autoscaler):
            return minimum(run.autoscaler), "Current number of replicas below Spec.MinReplicas"
        wanted, metric = await self._from_metrics(key, run, scale)
        history.forget_before(run.now - timedelta(seconds=LONGEST_SECONDS))
        limited: Limited = limit(run.autoscaler, current, wanted, history, run.now)
        run.set("AbleToScale", limited.able)
        run.set("ScalingLimited", limited.limited)
        why = f"{metric} above target" if wanted > current else "All metrics below target" if wanted < current else ""
        return limited.replicas, why

    async def _from_metrics(self, key: str, run: "_Run", scale: Scale) -> tuple[int, str]:
        """The highest number any metric asks for, and which. MetricFailure when that cannot be told."""
        autoscaler = run.autoscaler
        if not scale.selector:
            message = "the HPA target's scale is missing a selector"
            run.set("ScalingActive", Reason("False", "InvalidSelector", message))
            self._recorder.warning(autoscaler, "SelectorRequired", "selector is required")
            raise MetricFailure("InvalidSelector", "selector is required")
        namespace = autoscaler.metadata.namespace or ""
        selector = parse_labels(scale.selector)
        pods = [pod for pod in self._pods.list(namespace) if selector.matches(pod.metadata.labels or {})]
        self._selectors[key] = (namespace, selector)
        self._refuse_ambiguity(run, scale.selector, namespace, pods)
        target = Target(scale, pods, namespace, run.now)
        tolerance = tolerance_of(autoscaler)
        outcomes: list[Outcome] = []
        failures: list[MetricFailure] = []
        reports: list[MetricStatus] = []
        specs = autoscaler.spec.metrics or []
        for spec in specs:
            try:
                outcome = await evaluate(spec, target, tolerance, self._metrics, self._resource_of)
            except MetricFailure as failure:
                self._recorder.warning(autoscaler, failure.reason, str(failure))
                failures.append(failure)
                reports.append(MetricStatus())
            else:
                outcomes.append(outcome)
                reports.append(outcome.status)
        run.status.current_metrics = reports
        best = max(outcomes, key=lambda outcome: outcome.replicas, default=None)
        if best is None or (failures and best.replicas < scale.replicas):
            if not failures:
                raise MetricFailure("InvalidMetricSourceType", "no metrics to compute the replica count from")
            first = failures[0]
            run.set("ScalingActive", Reason("False", first.reason, UNABLE + str(first)))
            text = f"invalid metrics ({len(failures)} invalid out of {len(specs)}), first error is: {first.whole}"
            raise MetricFailure(first.reason, text)
        message = f"the HPA was able to successfully calculate a replica count from {best.name}"
        run.set("ScalingActive", Reason("True", "ValidMetricFound", message))
        return best.replicas, best.name

    def _refuse_ambiguity(self, run: "_Run", text: str, namespace: str, pods: list[Pod]) -> None:
        """MetricFailure when one of these pods is under another autoscaler's selector too."""
        found = {
            key
            for key, (where, selector) in self._selectors.items()
            if where == namespace and any(selector.matches(pod.metadata.labels or {}) for pod in pods)
        }
        if len(found) > 1:
            words = f"pods by selector {text} are controlled by multiple HPAs: [{' '.join(sorted(found))}]"
            self._recorder.warning(run.autoscaler, "AmbiguousSelector", words)
            run.set("ScalingActive", Reason("False", "AmbiguousSelector", words))
            raise MetricFailure("AmbiguousSelector", words)

    async def _resource_of(self, described: CrossVersionObjectReference) -> ResourceInfo:
        try:
            return await self._scales.resource(described.api_version or "v1", described.kind)
        except StatusError as error:
            raise MetricsError(error.message) from error

    async def _resize(self, run: "_Run", scale: Scale, desired: int, why: str) -> None:
        try:
            await self._scales.set(scale, desired)
        except StatusError as error:
            message = f"the HPA controller was unable to update the target scale: {error.message}"
            run.set("AbleToScale", Reason("False", "FailedUpdateScale", message))
            text = f"New size: {desired}; reason: {why}; error: {error.message}"
            self._recorder.warning(run.autoscaler, "FailedRescale", text)
            raise
        message = f"the HPA controller was able to update the target scale to {desired}"
        run.set("AbleToScale", Reason("True", "SucceededRescale", message))
        self._recorder.normal(run.autoscaler, "SuccessfulRescale", f"New size: {desired}; reason: {why}")

    async def _report(self, run: "_Run") -> None:
        if structs_equal(run.status, run.autoscaler.status):
            return
        try:
            await self._client.update_status(msgspec.structs.replace(run.autoscaler, status=run.status))
        except StatusError as error:
            if not (is_not_found(error) or is_conflict(error)):
                raise


class _Run:
    """One look at one autoscaler: its status as it will be written."""

    def __init__(self, autoscaler: HorizontalPodAutoscaler, now: datetime) -> None:
        self.autoscaler = autoscaler
        self.now = now
        self.status: HorizontalPodAutoscalerStatus = msgspec.structs.replace(
            autoscaler.status, observed_generation=autoscaler.metadata.generation
        )

    def set(self, type_: str, reason: Reason) -> None:
        """Set a condition; its transition time moves with its status only."""
        conditions = list(self.status.conditions or ())
        at = next((n for n, found in enumerate(conditions) if found.type == type_), None)
        since: datetime | None = self.now
        if at is not None and conditions[at].status == reason.status:
            since = conditions[at].last_transition_time
        fresh = HorizontalPodAutoscalerCondition(
            type=type_,
            status=reason.status,
            reason=reason.reason,
            message=reason.message,
            last_transition_time=since,
        )
        if at is None:
            conditions.append(fresh)
        else:
            conditions[at] = fresh
        self.status.conditions = conditions


def _asks_for_something_new(old: HorizontalPodAutoscaler | None, new: HorizontalPodAutoscaler | None) -> bool:
    """Whether a look is due at once: our own status that comes back is not."""
    return old is None or new is None or old.spec != new.spec
