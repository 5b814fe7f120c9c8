"""The shell of the CPU manager: keeps the state, and has containers run where it says.

    admit(pod) ──▶ state ──▶ file          resources(pod, container) ──▶ cpuset of a container that is made
                     └──▶ serve: the shared pool has changed ──▶ running containers are moved

Containers are looked at again now and then too, since one may be made while another is given its CPUs.
"""

import asyncio
import os
from collections.abc import Collection, Mapping

import msgspec

from pybernetes.api.core import Container, Pod
from pybernetes.base.log import logger
from pybernetes.reconcile.pods import is_terminal

from ..admission import Refusal
from ..cri.messages import ContainerState, LinuxContainerResources
from ..cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL, ContainerRuntime, RuntimeServiceError
from ..kernel.resources import container_resources
from . import state_file
from .cpu_set import CpuSet, shown
from .policy import STATIC, CpuState, Rules, admitted, inconsistency, released

log = logger(__name__)

UNLIMITED = -1
"""As a quota of time: CPUs that nobody else uses need none (upstream's DisableCPUQuotaWithExclusiveCPUs)."""


class CpuStateError(Exception):
    """What an earlier run has left does not go with the settings; the message says what to do."""


def check_policy(directory: str, policy: str) -> CpuState | None:
    """The state of an earlier run, None without any. CpuStateError when it was one of another policy."""
    try:
        found = state_file.load(directory)
    except ValueError as error:
        raise _unusable(directory, str(error)) from None
    if found is None:
        return None
    if found[0] != policy:
        raise _unusable(directory, f'configured policy "{policy}" differs from state checkpoint policy "{found[0]}"')
    return found[1]


def _unusable(directory: str, why: str) -> CpuStateError:
    path = os.path.join(directory, state_file.FILE)
    advice = f'please drain this node and delete the CPU manager checkpoint file "{path}" before restarting Kubelet'
    return CpuStateError(f"could not restore state from checkpoint: {why}, {advice}")


class CpuManager:
    """See the module docstring. `directory` is the kubelet's. CpuStateError."""

    def __init__(
        self,
        rules: Rules,
        directory: str,
        runtime: ContainerRuntime,
        *,
        reconcile_seconds: float = 10.0,
    ) -> None:
        self._rules = rules
        self._directory = directory
        self._runtime = runtime
        self._reconcile_seconds = reconcile_seconds
        self._state = check_policy(directory, STATIC) or CpuState(rules.pool)
        why = inconsistency(rules, self._state)
        if why:
            raise _unusable(directory, why)
        self._applied: dict[str, CpuSet] = {}
        """By container id."""
        self._changed = asyncio.Event()

    @property
    def allocatable(self) -> CpuSet:
        """The CPUs that containers may be given alone."""
        return self._rules.allocatable

    def of(self, pod_uid: str, container: str) -> CpuSet:
        """The CPUs that a container has alone."""
        return self._state.entries.get(pod_uid, {}).get(container, frozenset())

    def has_any(self, pod: Pod) -> bool:
        """Whether a container of the pod has CPUs alone."""
        return (pod.metadata.uid or "") in self._state.entries

    def admit(self, pod: Pod) -> Refusal | None:
        """Give the containers of a pod their CPUs, or say why not."""
        if is_terminal(pod):
            return None
        found = admitted(pod, self._state, self._rules)
        if isinstance(found, CpuState):
            self._become(found)
        elif pod.status.start_time is None:
            return found
        else:  # it was taken when the settings were others, and nobody refuses it any more
            log.warning("Pod goes on without CPUs of its own", pod=pod.metadata.name, why=found.message)
        return None

    def release(self, pod_uid: str) -> None:
        """Nothing of the pod runs any more."""
        self._become(released([pod_uid], self._state))

    def sweep(self, known: Collection[str]) -> None:
        """Release what pods outside of `known` have."""
        self._become(released(self._state.entries.keys() - set(known), self._state))

    def resources(self, pod: Pod, container: Container, node_allocatable: Mapping[str, str]) -> LinuxContainerResources:
        """What the runtime is told about a container (parts.ContainerResources)."""
        found = container_resources(pod, container, node_allocatable)
        own = self.of(pod.metadata.uid or "", container.name)
        quota = UNLIMITED if own else found.cpu_quota
        return msgspec.structs.replace(found, cpuset_cpus=shown(own or self._state.shared), cpu_quota=quota)

    async def serve(self, ready: asyncio.Event) -> None:
        """Keep running containers on their CPUs until cancelled."""
        ready.set()
        while True:
            self._changed.clear()
            try:
                await self._reconcile()
            except RuntimeServiceError as error:
                log.warning("CPUs of containers were not looked at", err=error)
            try:
                async with asyncio.timeout(self._reconcile_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _become(self, state: CpuState) -> None:
        if state == self._state:
            return
        self._state = state
        os.makedirs(self._directory, exist_ok=True)
        try:
            state_file.save(self._directory, STATIC, state)
        except OSError as error:
            log.error("CPUs of containers were not written down", err=error)
        self._changed.set()

    async def _reconcile(self) -> None:
        running = {c.id: c for c in await self._runtime.list_containers() if c.state == ContainerState.RUNNING}
        self._applied = {id_: cpus for id_, cpus in self._applied.items() if id_ in running}
        for id_, found in running.items():
            uid, name = found.labels.get(POD_UID_LABEL, ""), found.labels.get(CONTAINER_NAME_LABEL, "")
            wanted = self.of(uid, name) or self._state.shared
            if self._applied.get(id_) == wanted:
                continue
            try:
                await self._runtime.update_resources(id_, LinuxContainerResources(cpuset_cpus=shown(wanted)))
                self._applied[id_] = wanted
            except RuntimeServiceError as error:
                log.warning("Container was not moved to its CPUs", container=name, err=error)
