"""One pod's resizes: has a changed wish granted, says what to do about it, keeps what was done.

    spec changed ──▶ grant? ──▶ Deferred, Infeasible: told, asked again when room is made
                        └────▶ allocated ──▶ ResizePlan (updates in place, restarts) ──▶ configured ──▶ completed

`pod_loop.py` asks for a plan at every turn and carries it out; the rules are in `resize.py`. Events are upstream's:
ResizeStarted, ResizeCompleted, ResizeDeferred, ResizeInfeasible, ResizeError.
"""

from collections.abc import Callable

import msgspec

from ..api.core import Container, Pod
from .pod_resources import PodResources
from .pod_runtime import PodRuntime
from .resize import WHOLE, InProgress, Pending, event_message, resizable, same, step, with_allocation
from .restart_policy import should_restart

RESIZE = "resize"
"""The key of an update of running containers, among a pod's steps and errors."""


class ResizePlan(msgspec.Struct, frozen=True):
    """Containers to update in place, and names of those to restart; `whole`: the pod's own limits change."""

    updates: tuple[Container, ...] = ()
    whole: bool = False
    restarts: frozenset[str] = frozenset()


class PodResizer:
    """See the module docstring. `allocated` is the pod with the resources it has been allocated, which may differ from
    those its spec asks for. `tell(type, reason, message)` records an event about it."""

    def __init__(
        self,
        pod: Pod,
        directory: str,
        *,
        grant: Callable[[Pod, Pod], Pending | None],
        room_made: Callable[[], None],
        tell: Callable[[str, str, str], None],
    ) -> None:
        self.resources = PodResources(pod, directory)
        self.allocated = with_allocation(pod, self.resources.allocated)
        self._pod = pod
        self._grant = grant
        self._room_made = room_made
        self._tell = tell

    def updated(self, pod: Pod) -> None:
        """The pod has changed in the API."""
        self._pod = pod
        self.allocated = with_allocation(pod, self.resources.allocated)

    def configured(self, container: Container) -> None:
        """The container runs, with these resources."""
        self.resources.configured(container.name, container.resources)

    def configured_whole(self) -> None:
        """The pod's own limits are those it has been allocated."""
        if self.allocated.spec.resources is not None:
            self.resources.configured(WHOLE, self.allocated.spec.resources)

    def stop(self) -> None:
        """The pod ends: nothing is resized any more."""
        self.resources.pending = self.resources.in_progress = None

    def plan(self, runtime: PodRuntime, starting: str, *, busy: bool) -> ResizePlan:
        """What to do now. `starting` is the container whose start is under way; `busy`: an update is."""
        self._ask()
        restarts: set[str] = set()
        updates: list[Container] = []
        done = not busy
        for container in resizable(self.allocated):
            run = runtime.current(container.name)
            actuated = self.resources.actuated(container.name)
            if run is None or run.state != "running" or container.name == starting:
                again = run is None or should_restart(self._pod, container, run.exit_code)
                done = done and (not again or actuated is None or same(actuated, container.resources))
            elif actuated is None:
                self.configured(container)
            else:
                match step(container, actuated, policy_of_pod=self._pod.spec.restart_policy or "Always"):
                    case "restart":
                        restarts.add(container.name)
                    case "update":
                        updates.append(container)
        whole = self._whole_differs(runtime)
        if done and not updates and not restarts and not whole and self.resources.in_progress is not None:
            self.resources.in_progress = None
            self._tell("Normal", "ResizeCompleted", event_message(self.allocated, "Pod resize completed"))
        return ResizePlan(tuple(updates), whole, frozenset(restarts))

    def _whole_differs(self, runtime: PodRuntime) -> bool:
        """The pod's own limits are not those it has been allocated. Its cgroup was made with the first sandbox."""
        asked, actuated = self.allocated.spec.resources, self.resources.actuated(WHOLE)
        if asked is None or runtime.sandbox is None:
            return False
        if actuated is None:
            self.configured_whole()
        return actuated is not None and not same(asked, actuated)

    def _ask(self) -> None:
        """Have the spec's wish granted, if it differs from what is allocated."""
        if not self.resources.differs(self._pod):
            self.resources.pending = None
            return
        pending = self._grant(self._pod, self.allocated)
        if pending is None:
            self.resources.grant(self._pod)
            self.resources.pending, self.resources.in_progress = None, InProgress()
            self.allocated = self._pod
            self._tell("Normal", "ResizeStarted", event_message(self._pod, "Pod resize started"))
            self._room_made()
        elif pending != self.resources.pending:
            self.resources.pending = pending
            message = event_message(self._pod, f"Pod resize {pending.reason}", pending.message)
            self._tell("Warning", f"Resize{pending.reason}", message)

    def failed(self, message: str) -> None:
        """An update went wrong; it is tried again."""
        if self.resources.in_progress != InProgress(message):
            self.resources.in_progress = InProgress(message)
            self._tell("Warning", "ResizeError", event_message(self.allocated, "Pod resize error", message))
