"""Liveness, readiness and startup probes of the node's containers.

    start(pod, container, id) ──▶ one task per probe: wait, probe, count ──▶ on_result when a verdict changes
                                                     └─▶ event Unhealthy for every failure

Liveness and readiness wait until the startup probe has succeeded and then begin at once. Waiting is by timers only. The
tasks belong to `serve`; probes asked for before it runs begin with it. After a restart of the kubelet all its
containers start being probed in the same moment, so a container that runs already is first probed at a random point of
its period (upstream's `pkg/kubelet/prober/worker.go`).
"""

import asyncio
import random
from datetime import datetime

from pybernetes.api.core import Container, Pod, Probe
from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger
from pybernetes.client.events import EventRecorder

from .parts import ProbeCallback, ProbeResults
from .probes_decision import ProbeKind, ProbeSettings, ProbeState, settings_of
from .probes_prober import Outcome, ProbeError, Prober

log = logger(__name__)

KINDS: tuple[ProbeKind, ...] = ("startup", "liveness", "readiness")
ATTEMPTS = 3
"""How often a probe that cannot be carried out is tried before it is given up for this period."""


def probe_of(container: Container, kind: ProbeKind) -> Probe | None:
    """The container's probe of that kind."""
    match kind:
        case "startup":
            return container.startup_probe
        case "liveness":
            return container.liveness_probe
        case "readiness":
            return container.readiness_probe


def find_container(pod: Pod, name: str) -> tuple[Container, str] | None:
    """A container, sidecar included, and its field path (`spec.containers{web}`); None when there is none."""
    for containers, field in ((pod.spec.containers, "containers"), (pod.spec.init_containers, "initContainers")):
        for container in containers or ():
            if container.name == name:
                return container, f"spec.{field}{{{name}}}"
    return None


def termination_grace_period(pod: Pod, container_name: str, kind: ProbeKind) -> int | None:
    """The grace period that a failed probe of that kind grants before the kill; None = the pod's own (KEP-2238)."""
    found = find_container(pod, container_name)
    probe = probe_of(found[0], kind) if found is not None else None
    return probe.termination_grace_period_seconds if probe is not None else None


class _Watched:
    """One run of one container and the state of its probes."""

    def __init__(self, pod: Pod, container: Container, field_path: str, container_id: str, pod_ip: str) -> None:
        self.pod = pod
        self.container = container
        self.field_path = field_path
        self.container_id = container_id
        self.pod_ip = pod_ip
        self.states: dict[ProbeKind, ProbeState] = {}
        self.tasks: dict[ProbeKind, asyncio.Task[None]] = {}
        self.started = asyncio.Event()
        self.delay_passed_seconds = 0.0
        self.recovered = False


class ProbeManager:
    """See the module docstring. `on_result(pod uid, container name, kind, success, message)`."""

    def __init__(
        self,
        prober: Prober,
        recorder: EventRecorder,
        clock: Clock = SYSTEM_CLOCK,
        on_result: ProbeCallback | None = None,
    ) -> None:
        self.on_result = on_result
        self._prober = prober
        self._recorder = recorder
        self._clock = clock
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._group: asyncio.TaskGroup | None = None
        self._counts: dict[tuple[str, str, str, str], int] = {}

    async def serve(self, ready: asyncio.Event) -> None:
        """Own the probes' tasks until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            try:
                for watched in self._watched.values():
                    self._begin(watched)
                ready.set()
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    def start(
        self,
        pod: Pod,
        container_name: str,
        container_id: str,
        pod_ip: str,
        *,
        started_at: datetime | None = None,
        restored: ProbeResults | None = None,
    ) -> None:
        """Probe this run of the container from now on; a second call for the same run changes nothing.

        For a container that was running before the kubelet, started_at is when it began and restored what its probes
        last said: a startup probe that has succeeded is not asked again."""
        uid = pod.metadata.uid or ""
        old = self._watched.get((uid, container_name))
        if old is not None and old.container_id == container_id:
            old.pod, old.pod_ip = pod, pod_ip
            return
        self.stop(uid, container_name)
        found = find_container(pod, container_name)
        if found is None:
            return
        container, field_path = found
        watched = _Watched(pod, container, field_path, container_id, pod_ip)
        for kind in KINDS:
            probe = probe_of(container, kind)
            if probe is not None:
                watched.states[kind] = ProbeState(kind, settings_of(probe))
        if started_at is not None:
            watched.delay_passed_seconds = max((self._clock.now() - started_at).total_seconds(), 0.0)
            watched.recovered = True
        if restored is not None:
            if restored.started and "startup" in watched.states:
                watched.states["startup"].verdict = True
            if "readiness" in watched.states:
                watched.states["readiness"].verdict = restored.ready
        if "startup" not in watched.states or watched.states["startup"].verdict:
            watched.started.set()
        self._watched[uid, container_name] = watched
        self._begin(watched)

    def stop(self, pod_uid: str, container_name: str | None = None) -> None:
        """Stop the probes of one container, or of the whole pod, and forget what they said."""
        for key in [key for key in self._watched if key[0] == pod_uid and container_name in (None, key[1])]:
            for task in self._watched.pop(key).tasks.values():
                task.cancel()
            for count in [count for count in self._counts if count[:2] == key]:
                del self._counts[count]

    def stop_liveness_and_startup(self, pod_uid: str) -> None:
        """The pod is being deleted: it is not restarted any more, but its readiness still matters to Services."""
        for (uid, _), watched in self._watched.items():
            if uid == pod_uid:
                for kind in ("startup", "liveness"):
                    task = watched.tasks.pop(kind, None)
                    if task is not None:
                        task.cancel()

    def results(self, pod_uid: str, container_name: str) -> ProbeResults:
        """What the probes say now. A container that is not probed is started and ready."""
        watched = self._watched.get((pod_uid, container_name))
        if watched is None:
            return ProbeResults(started=True, ready=True)
        started = watched.started.is_set()
        readiness = watched.states.get("readiness")
        return ProbeResults(started=started, ready=started and (readiness is None or readiness.verdict is True))

    def metrics(self) -> str:
        """The counters of /metrics/probes in the text format: probes of the containers that are probed now."""
        lines = ["# TYPE prober_probe_total counter"]
        for (uid, name, kind, result), count in sorted(self._counts.items()):
            watched = self._watched.get((uid, name))
            if watched is not None:
                meta = watched.pod.metadata
                lines.append(
                    f'prober_probe_total{{container="{name}",namespace="{meta.namespace}",pod="{meta.name}",'
                    f'pod_uid="{uid}",probe_type="{kind.capitalize()}",result="{result}"}} {count}'
                )
        return "\n".join(lines) + "\n"

    def _begin(self, watched: _Watched) -> None:
        if self._group is None:
            return
        for kind, state in watched.states.items():
            if kind in watched.tasks or (kind == "startup" and state.verdict is True):
                continue
            name = f"{kind} probe {watched.pod.metadata.name}/{watched.container.name}"
            watched.tasks[kind] = self._group.create_task(self._work(watched, kind, state), name=name)

    async def _work(self, watched: _Watched, kind: ProbeKind, state: ProbeState) -> None:
        """Probe in the given rhythm until the verdict is final or the task is cancelled."""
        probe = probe_of(watched.container, kind)
        assert probe is not None
        settings = settings_of(probe)
        await self._clock.sleep(self._first_delay(watched, settings))
        if kind != "startup":
            await watched.started.wait()
        next_time = self._clock.monotonic()
        while True:
            await self._probe_once(watched, kind, state, probe, settings)
            if state.on_hold or (kind == "startup" and state.verdict is True):
                return
            # A fixed rhythm: a slow probe does not push the later ones back, it only skips beats.
            next_time += settings.period_seconds
            now = self._clock.monotonic()
            if next_time < now:
                next_time = now + settings.period_seconds - (now - next_time) % settings.period_seconds
            await self._clock.sleep(max(next_time - now, 0.0))

    def _first_delay(self, watched: _Watched, settings: ProbeSettings) -> float:
        left = max(settings.initial_delay_seconds - watched.delay_passed_seconds, 0.0)
        return left + (random.uniform(0, settings.period_seconds) if watched.recovered and not left else 0.0)

    async def _probe_once(
        self, watched: _Watched, kind: ProbeKind, state: ProbeState, probe: Probe, settings: ProbeSettings
    ) -> None:
        outcome = await self._carry_out(watched, kind, probe, settings)
        result = "unknown" if outcome is None else "failed" if outcome.result == "failure" else "successful"
        key = (watched.pod.metadata.uid or "", watched.container.name, kind, result)
        self._counts[key] = self._counts.get(key, 0) + 1
        if outcome is None:
            return
        title = kind.capitalize()
        if outcome.result == "failure":
            self._event(watched, "Unhealthy", f"{title} probe failed: {outcome.message}")
        elif outcome.result == "warning":
            self._event(watched, "ProbeWarning", f"{title} probe warning: {outcome.message}")
        if not state.observe(outcome.result != "failure"):
            return
        if kind == "startup" and state.verdict:
            watched.started.set()
        log.debug("Probe verdict changed", pod=watched.pod.metadata.name, container=watched.container.name, kind=kind)
        if self.on_result is not None:
            uid = watched.pod.metadata.uid or ""
            self.on_result(uid, watched.container.name, kind, state.verdict is True, outcome.message)

    async def _carry_out(
        self, watched: _Watched, kind: ProbeKind, probe: Probe, settings: ProbeSettings
    ) -> Outcome | None:
        """The outcome; None when the probe could not be carried out, which was then reported."""
        reason = ""
        for _ in range(ATTEMPTS):
            try:
                return await self._prober.probe(
                    probe, watched.container, watched.container_id, watched.pod_ip, settings.timeout_seconds
                )
            except ProbeError as error:
                reason = str(error)
        self._event(watched, "Unhealthy", f"{kind.capitalize()} probe errored and resulted in unknown state: {reason}")
        return None

    def _event(self, watched: _Watched, reason: str, message: str) -> None:
        self._recorder.event(watched.pod, "Warning", reason, message, field_path=watched.field_path)
