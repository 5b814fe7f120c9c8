"""Preemption around the pure `preemption.plan`: the quick form, what extenders think of it, and carrying it out.

no node ──▶ plan (arrays, else node by node) ──┐
        └─▶ candidates ──▶ extenders agree ────┴─▶ nomination ──▶ victims deleted ──▶ the pod wakes
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from pybernetes.api.core import Pod
from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.scheduler import preemption
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.cycle_choice import CycleChoice
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.extenders import ExtenderError, Extenders
from pybernetes.scheduler.framework import Profile
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.plugins.default_preemption import DefaultPreemption
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.reports import Reports
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import preempted_patch

log = logger(__name__)
T = TypeVar("T")


class MakingRoom:
    """See the module docstring."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        reports: Reports,
        snapshot: Snapshot,
        nominations: Nominations,
        budgets: Informer[PodDisruptionBudget],
        random: Random,
        cycle_of: Callable[[PodInfo], CycleChoice],
        profile_of: Callable[[PodInfo], Profile],
        interrupt: Callable[[str, str], bool],
    ) -> None:
        """interrupt: `Binding.interrupt`."""
        self._client = client
        self._clock = clock
        self._reports = reports
        self._snapshot = snapshot
        self._nominations = nominations
        self._budgets = budgets
        self._random = random
        self._cycle_of = cycle_of
        self._profile_of = profile_of
        self._interrupt = interrupt

    def _args(self, pod: PodInfo) -> DefaultPreemptionArgs | None:
        """None when the pod's profile does not preempt."""
        plugins = self._profile_of(pod).post_filter
        return next((plugin.args for plugin in plugins if isinstance(plugin, DefaultPreemption)), None)

    def plan(self, pod: PodInfo, diagnosis: Diagnosis) -> preemption.Plan | str:
        """Whom to remove for a pod that fits nowhere, or the message that this would not help."""
        vector = self._cycle_of(pod).vector
        quick = vector.plan(pod, diagnosis, self._budgets.list()) if vector is not None else None
        if quick is not None:
            return quick
        return self._asked(preemption.plan, pod, diagnosis)

    def is_being_made(self, pod: PodInfo, diagnosis: Diagnosis) -> bool:
        """Whether the pod still waits for the room made for it, or must not have any made, and so keeps its node."""
        if self._args(pod) is None or not diagnosis.total:
            return False
        return bool(preemption.ineligible(pod, self._snapshot, self._nominations, diagnosis))

    def _asked(self, question: Callable[..., T], pod: PodInfo, diagnosis: Diagnosis) -> T:
        """What `preemption.plan` or `preemption.candidates` answers about a pod."""
        return question(
            self._cycle_of(pod).plain,
            self._snapshot,
            self._nominations,
            pod,
            diagnosis,
            self._budgets.list(),
            self._random,
            self._args(pod) or DefaultPreemptionArgs(),
        )

    async def agreed(self, pod: PodInfo, diagnosis: Diagnosis, extenders: Extenders) -> preemption.Plan | str | None:
        """The least harmful of the plans that extenders agree with; None when the profile does not preempt."""
        if self._args(pod) is None:
            return None
        found = self._asked(preemption.candidates, pod, diagnosis)
        if isinstance(found, str):
            return found
        try:
            found = await extenders.agree(pod, found, self._snapshot)
        except ExtenderError as error:
            log.warning("Preemption failed", pod=pod.key, err=error)
            return f"preemption: {error}"
        return min(found, key=preemption.harm, default=preemption.NO_CANDIDATE)

    async def remove_victims(self, pod: PodInfo, plan: preemption.Plan) -> None:
        """Delete them, after a condition that says why; those that are not bound yet just lose their place. Less
        important pods nominated for the node look elsewhere."""
        for other in self._nominations.on(plan.node_name):
            if other.priority < pod.priority:
                self._nominations.remove(other.uid)
                await self._reports.patch(other, {"status": {"nominatedNodeName": None}})
        log.info("Preempting", pod=pod.key, node=plan.node_name, victims=len(plan.victims))
        for victim in plan.victims:
            if victim.terminating:
                continue
            if not self._interrupt(victim.uid, preemption.NAME):
                await self._delete(victim, pod)
            self._reports.note(victim, "Preempted", f"Preempted by pod {pod.uid} on node {plan.node_name}")

    async def _delete(self, victim: PodInfo, pod: PodInfo) -> None:
        scheduler_name = pod.pod.spec.scheduler_name or ""
        try:
            await self._reports.patch(victim, preempted_patch(victim.pod, scheduler_name, self._clock.now()))
            await self._client.delete(Pod, victim.name, victim.namespace, uid=victim.pod.metadata.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
