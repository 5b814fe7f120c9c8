"""One pod's loop: observe, decide, begin what was decided, publish the status, wait.

    wake (spec changed, runtime event, probe verdict, step ended, timer)
      └▶ observe ──▶ decide ──▶ begin actions as tasks ──▶ publish status ──▶ wait

Nothing in the loop blocks: pulls, starts and kills run as tasks of their own and wake the loop when they end. The
memory of a pod is here (errors of starts, failed probes, what is under way); the rules are in `pod_worker.py` and the
effects in `pod_sync.py`. A termination cancels the start that is under way. A loop ends when its pod is gone from the
API and nothing of it is left on the node; a pod that has merely ended keeps its loop, asleep, until it is deleted.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

import msgspec

from ..api.core import Container, Pod, PodStatus
from ..base.log import logger
from .conditions import OWNED
from .cri.protocol import RuntimeServiceError
from .images import ImageError
from .loop_services import LoopServices
from .old_runs import KEPT_RUNS
from .parts import DeviceError, ProbeKind, ProbeResults, VolumeError
from .pod_observer import PodObserver
from .pod_resizer import RESIZE, PodResizer
from .pod_runtime import PodRuntime
from .pod_sync import PodFiles, StepError
from .pod_worker import (
    START,
    Action,
    CreateSandbox,
    KillContainer,
    Plan,
    ProbeFailure,
    RemoveContainers,
    Situation,
    StartContainer,
    StartError,
    StopSandbox,
    Termination,
    back_off_key,
    deadline,
    decide,
    default_grace_seconds,
    pod_id,
)
from .restart_back_off import RestartBackOff
from .restart_policy import container_named, is_sidecar
from .status import StatusInputs, pod_status
from .termination_order import TerminationTurns

log = logger(__name__)

RELEASE_RETRY_SECONDS = 2.0
RUNTIME_RETRY_SECONDS = 1.0
PULL_ERROR_SHOWN_SECONDS = 2.0
"""How long ErrImagePull is shown before it becomes ImagePullBackOff."""
SETTLE_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""When to look again after an exit that the runtime reported but does not show yet."""


class PodLoop:
    """The life of one pod on this node."""

    def __init__(self, pod: Pod, services: LoopServices, observer: PodObserver) -> None:
        self.pod = pod
        self.status: PodStatus = pod.status
        self.runtime = PodRuntime()
        self.uid = pod.metadata.uid or ""
        self.finished = False
        self.resizer = PodResizer(
            pod,
            services.sync.pod_directory(self.uid),
            grant=services.grant,
            room_made=services.room_made,
            tell=lambda type_, reason, message: services.event(self.pod, "", type_, reason, message),
        )
        self._services = services
        self._observer = observer
        self._files = PodFiles()
        self._termination: Termination | None = None
        self._in_api = True
        self._back_off = RestartBackOff(max_seconds=services.crash_loop_maximum_seconds)
        self._errors: dict[str, StartError] = {}
        self._shown_at: dict[str, datetime] = {}
        self._failed_probes: dict[str, ProbeFailure] = {}
        self._to_restart: set[str] = set()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._starting = ""
        self._probed: dict[str, str] = {}
        self._reported: dict[str, str] = {}
        self._ended: set[str] = set()
        self._settling = 0
        self._stale = True
        self.released = False
        self._observed = False
        self._adopted: frozenset[str] = frozenset()
        self._wake = asyncio.Event()
        self._turns = TerminationTurns(services.clock)

    # What others tell the loop.

    def update(self, pod: Pod) -> None:
        """The pod changed in the API (or in its static file); volumes that show its labels follow."""
        before, self.pod = self.pod.metadata, pod
        self.resizer.updated(pod)
        relabelled = (before.labels, before.annotations) != (pod.metadata.labels, pod.metadata.annotations)
        if relabelled and self._files.volumes is not None and "refresh" not in self._busy:
            self._run("refresh", self._services.sync.refresh_volumes(pod))
        self._wake.set()

    def removed(self) -> None:
        """The pod is gone from the API (or from the static pod directory)."""
        self._in_api = False
        self._wake.set()

    def runtime_changed(self, container_id: str = "", kind: str = "") -> None:
        """The runtime reported something about the pod."""
        self._stale = True
        if kind == "exited":
            self._ended.add(container_id)
            self._settling = 0
        self._wake.set()

    def poke(self) -> None:
        """Look again: something the pod waits for may have come."""
        for name in [n for n, e in self._errors.items() if not n or e.reason == "CreateContainerConfigError"]:
            del self._errors[name]
        self._wake.set()

    def probe_result(self, container_name: str, kind: ProbeKind, success: bool) -> None:
        """A probe's verdict changed."""
        running = self.runtime.current(container_name)
        if running is not None and running.state == "running" and not success and kind in ("liveness", "startup"):
            container = container_named(self.pod, container_name)
            probe = getattr(container, f"{kind}_probe", None)
            grace = probe.termination_grace_period_seconds if probe is not None else None
            self._failed_probes[running.id] = ProbeFailure("liveness" if kind == "liveness" else "startup", grace)
        self._wake.set()

    def terminate(self, termination: Termination) -> None:
        """End the pod (eviction, refusal). The first reason stays; a shorter grace period wins."""
        self._begin_termination(termination)
        self._wake.set()

    @property
    def is_removed(self) -> bool:
        """Gone from the API or the static pod directory."""
        return not self._in_api

    @property
    def counts(self) -> bool:
        """The pod takes a share of the node: it has not ended."""
        return self.status.phase not in ("Succeeded", "Failed")

    # The loop.

    async def run(self) -> None:
        """Until the pod is gone."""
        async with asyncio.TaskGroup() as self._group:
            while not self.finished:
                self._wake.clear()
                try:
                    until = await self._step()
                except RuntimeServiceError as error:
                    log.warning("Pod was not observed", pod=pod_id(self.pod), err=error)
                    self._stale = True
                    until = self._now() + timedelta(seconds=RUNTIME_RETRY_SECONDS)
                if not self.finished:
                    await self._wait(until)

    def _now(self) -> datetime:
        return self._services.clock.now()

    async def _wait(self, until: datetime | None) -> None:
        if until is None:
            await self._wake.wait()
            return
        delay = (until - self._now()).total_seconds()
        sleeper = asyncio.ensure_future(self._services.clock.sleep(max(delay, 0.0)))
        waker = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeper, waker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()

    async def _step(self) -> datetime | None:
        """One turn; when to take the next one by itself."""
        if self._stale:
            self._stale = False
            await self._observe()
        self._notice_end()
        self._start_probes()
        resized = self._resize()
        plan = decide(self._situation(resized))
        if plan.completed and self._termination is None:
            since = self._now()
            grace = default_grace_seconds(self.pod)
            self._begin_termination(Termination(cause="completed", since=since, grace_seconds=grace))
            plan = decide(self._situation(resized))
        self._show_pull_back_offs(plan)
        self._report_back_offs(plan)
        for action in plan.actions:
            self._begin(action)
        terminated = plan.phase == "terminated" and not self._busy
        self._publish(plan, terminated)
        if terminated:
            await self._end(plan)
        if self._ended:
            delay = SETTLE_SECONDS[min(self._settling, len(SETTLE_SECONDS) - 1)]
            self._settling += 1
            self._stale = True
            plan.wake(self._now() + timedelta(seconds=delay))
        return plan.look_again

    async def _observe(self) -> None:
        self.runtime = await self._observer.observe()
        self._turns.observed(c.id for c in self.runtime.active)
        active = {c.id for c in self.runtime.active} | {s.id for s in self.runtime.sandboxes if s.ready}
        self._ended &= active
        known = {c.id for c in self.runtime.containers}
        self._failed_probes = {i: f for i, f in self._failed_probes.items() if i in known}
        self._to_restart &= known
        if not self._observed:
            self._observed = True
            self._adopt()
        if any(len(self.runtime.runs(c.name)) > KEPT_RUNS for c in self.runtime.containers):
            await self._services.sync.remove_old_runs(self.pod, self.runtime)

    def _adopt(self) -> None:
        """What ran before this kubelet did goes on: its volumes are mounted again, so that they are kept current."""
        self._adopted = frozenset(c.id for c in self.runtime.active)
        if self._adopted and not self._is_deleted():
            self._run("volumes", self._services.sync.mount_volumes(self.pod, self._files))

    def _situation(self, resized: frozenset[str]) -> Situation:
        results = self._results()
        return Situation(
            pod=msgspec.structs.replace(self.resizer.allocated, status=self.status),
            runtime=self.runtime,
            now=self._now(),
            termination=self._termination,
            back_off=self._back_off,
            started=frozenset(name for name, result in results.items() if result.started),
            failed_probes=self._failed_probes,
            to_restart=frozenset(self._to_restart),
            start_errors=self._errors,
            resized=resized,
            busy=frozenset(self._busy),
            starting=self._starting if START in self._busy else "",
        )

    def _resize(self) -> frozenset[str]:
        """Begin what has to be done for other resources; the containers that must be restarted for them."""
        if self._termination is not None:
            self.resizer.stop()
            return frozenset()
        plan = self.resizer.plan(self.runtime, self._starting, busy=RESIZE in self._busy)
        error = self._errors.get(RESIZE)
        due = RESIZE not in self._busy and (error is None or error.retry_at <= self._now())
        if due and (plan.updates or plan.whole):
            self._run(RESIZE, self._update_in_place(plan.updates), RESIZE)
        return plan.restarts

    async def _update_in_place(self, containers: Sequence[Container]) -> None:
        resizer = self.resizer
        try:
            await self._services.sync.resize(resizer.allocated, self.runtime, containers, resizer.configured)
            resizer.configured_whole()
        except StepError as error:
            resizer.failed(error.message)
            raise

    # Ends.

    def _is_deleted(self) -> bool:
        return not self._in_api or self.pod.metadata.deletion_timestamp is not None

    def _notice_end(self) -> None:
        """Deletion, a deadline, or a terminal phase found after a restart begin a termination."""
        now = self._now()
        if self._termination is None and self.status.phase in ("Succeeded", "Failed"):
            self._begin_termination(
                Termination(cause="completed", since=now, grace_seconds=default_grace_seconds(self.pod))
            )
        if self._is_deleted():
            grace = self.pod.metadata.deletion_grace_period_seconds
            if grace is None:
                grace = default_grace_seconds(self.pod)
            self._begin_termination(Termination(cause="deleted", since=now, grace_seconds=grace))
        end = deadline(msgspec.structs.replace(self.pod, status=self.status))
        if end is not None and end <= now and self._termination is None:
            message = "Pod was active on the node longer than the specified deadline"
            self._services.event(self.pod, "", "Normal", "DeadlineExceeded", message)
            self._begin_termination(
                Termination(
                    cause="deadline",
                    since=now,
                    grace_seconds=default_grace_seconds(self.pod),
                    phase_reason="DeadlineExceeded",
                    message=message,
                )
            )

    def _begin_termination(self, termination: Termination) -> None:
        old = self._termination
        if old is not None:
            if termination.grace_seconds < old.grace_seconds and termination.cause in ("deleted", "evicted"):
                self._termination = msgspec.structs.replace(old, grace_seconds=termination.grace_seconds)
                for key, task in self._busy.items():
                    if key != START:
                        task.cancel()
            return
        self._termination = termination
        if START in self._busy:
            self._busy[START].cancel()

    async def _end(self, plan: Plan) -> None:
        """Nothing runs: give everything back, and if the pod is deleted, let go of it."""
        if not self.released:
            try:
                await self._services.sync.release(self.pod, self._files)
            except (VolumeError, DeviceError, OSError) as error:
                log.warning("Pod's resources were not released", pod=pod_id(self.pod), err=error)
                plan.wake(self._now() + timedelta(seconds=RELEASE_RETRY_SECONDS))
                return
            self.released = True
            self._probed.clear()
            self._services.room_made()
        if self._is_deleted():
            if self._in_api:
                await self._services.statuses.finish(self.pod, self.status)
            await self._services.sync.forget(self.pod, self.runtime)
            self.finished = True

    # Steps.

    def _begin(self, action: Action) -> None:
        sync = self._services.sync
        match action:
            case CreateSandbox():
                self._run(START, sync.create_sandbox(self.resizer.allocated, self._files, action))
            case StartContainer(name=name, failed_at=failed_at):
                if failed_at is not None:
                    self._back_off.next(back_off_key(self.pod, name), failed_at, self._now())
                self._starting = name
                pod, configured = self.resizer.allocated, self.resizer.configured
                self._run(START, sync.start_container(pod, self.runtime, self._files, action, configured), name)
            case KillContainer(id=container_id):
                if action.restarts:
                    self._to_restart.add(container_id)
                sandbox = self.runtime.sandbox
                pod_ip = sandbox.ips[0] if sandbox is not None and sandbox.ips else ""
                step = sync.kill_container(self.pod, action, pod_ip or self._host_ip(), self._turns)
                self._run(container_id, step)
            case RemoveContainers():
                self._run(START, sync.remove_containers(self.pod, self.runtime, action))
            case StopSandbox(id=sandbox_id):
                self._run(sandbox_id, sync.stop_sandbox(self.pod, action))

    def _host_ip(self) -> str:
        return next(iter(self._services.host_ips()), "")

    def _run(self, key: str, step: Awaitable[object], error_key: str = "") -> None:
        self._busy[key] = self._group.create_task(self._guarded(key, step, error_key), name=f"{pod_id(self.pod)} {key}")

    async def _guarded(self, key: str, step: Awaitable[object], error_key: str) -> None:
        """Run a step, keep what went wrong, wake the loop. An unexpected failure is logged and tried again."""
        try:
            await step
            self._errors.pop(error_key, None)
        except ImageError as error:
            self._fail(error_key, error.reason, error.message, error.retry_at)
        except StepError as error:
            self._fail(error_key, error.reason, error.message, self._now() + timedelta(seconds=error.retry_seconds))
        except Exception as error:
            log.exception("Step of a pod failed", pod=pod_id(self.pod), step=key)
            self._fail(error_key, "", str(error), self._now() + timedelta(seconds=RELEASE_RETRY_SECONDS))
        finally:
            del self._busy[key]
            if key == START:
                self._starting = ""
            self._stale = True
            self._wake.set()

    def _fail(self, name: str, reason: str, message: str, retry_at: datetime) -> None:
        self._errors[name] = StartError(reason=reason or "ContainerCreating", message=message, retry_at=retry_at)
        self._shown_at[name] = self._now()

    # Probes and what is said about waiting containers.

    def _start_probes(self) -> None:
        """Have every running container probed once its start, with the postStart hook, is over."""
        if self._termination is not None:
            return
        sandbox = self.runtime.sandbox
        pod_ip = (sandbox.ips[0] if sandbox is not None and sandbox.ips else "") or self._host_ip()
        sidecars = [c for c in self.pod.spec.init_containers or () if is_sidecar(c)]
        for container in [*sidecars, *(self.pod.spec.containers or ())]:
            run = self.runtime.current(container.name)
            if run is None or run.state != "running" or container.name == self._starting:
                continue
            if self._probed.get(container.name) == run.id:
                continue
            self._probed[container.name] = run.id
            self._services.probes.start(
                self.pod,
                container.name,
                run.id,
                pod_ip,
                started_at=run.started_at if run.id in self._adopted else None,
                restored=self._known_results(container.name, run.id) if run.id in self._adopted else None,
            )

    def _known_results(self, name: str, container_id: str) -> ProbeResults | None:
        """What an earlier kubelet published about the same run of a container."""
        known = [*(self.status.container_statuses or ()), *(self.status.init_container_statuses or ())]
        for status in known:
            if status.name == name and (status.container_id or "").endswith("://" + container_id):
                return ProbeResults(started=bool(status.started), ready=status.ready)
        return None

    def _results(self) -> dict[str, ProbeResults]:
        """Verdicts of the running containers that are probed."""
        found = {}
        for name, container_id in self._probed.items():
            run = self.runtime.current(name)
            if run is not None and run.id == container_id and run.state == "running":
                found[name] = self._services.probes.results(self.uid, name)
        return found

    def _show_pull_back_offs(self, plan: Plan) -> None:
        """After a moment, a failed pull that waits is shown as ImagePullBackOff."""
        for name, error in list(self._errors.items()):
            if name == RESIZE:
                plan.wake(error.retry_at)
            if error.reason != "ErrImagePull" or name not in plan.waiting:
                continue
            flip = self._shown_at[name] + timedelta(seconds=PULL_ERROR_SHOWN_SECONDS)
            container = container_named(self.pod, name)
            if flip > self._now() or container is None:
                plan.wake(flip)
                continue
            waiting = self._services.images.waiting(self.pod, container)
            if waiting is not None:
                self._errors[name] = StartError(
                    reason=waiting.reason, message=waiting.message, retry_at=waiting.retry_at
                )
                plan.waiting[name] = type(plan.waiting[name])(waiting.reason, waiting.message)
                text = f'Back-off pulling image "{container.image}"'
                self._services.event(self.pod, name, "Normal", "BackOff", text)
                self._services.event(self.pod, name, "Warning", "Failed", "Error: ImagePullBackOff")

    def _report_back_offs(self, plan: Plan) -> None:
        """One event for every run after which a container has to wait."""
        for name, waiting in plan.waiting.items():
            last = self.runtime.newest(name)
            if waiting.reason != "CrashLoopBackOff" or last is None or self._reported.get(name) == last.id:
                continue
            self._reported[name] = last.id
            text = f"Back-off restarting failed container {name} in pod {pod_id(self.pod)}"
            self._services.event(self.pod, name, "Warning", "BackOff", text)

    def _publish(self, plan: Plan, terminated: bool) -> None:
        previous = self.status
        foreign = [c for c in self.pod.status.conditions or () if c.type not in OWNED]
        owned = [c for c in previous.conditions or () if c.type in OWNED]
        self.status = pod_status(
            self.resizer.allocated,
            self.runtime,
            StatusInputs(
                now=self._now(),
                previous=msgspec.structs.replace(previous, conditions=owned + foreign),
                runtime_name=self._services.runtime_name(),
                host_ips=self._services.host_ips(),
                waiting=plan.waiting,
                results=self._results(),
                to_restart=frozenset(self._to_restart),
                actuated=self.resizer.resources.by_container,
                pending=self.resizer.resources.pending,
                in_progress=self.resizer.resources.in_progress,
                termination=self._termination,
                terminated=terminated,
            ),
        )
        if self._in_api:
            self._services.statuses.publish(self.pod, self.status)
