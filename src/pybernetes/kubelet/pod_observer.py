"""Reads everything the runtime knows about one pod into a `PodRuntime`.

What cannot change is read once: an ended container and the address of a sandbox that has one. A pod at rest costs two
list calls and one status call per running container, and only when something says it may have changed.
"""

import msgspec

from .cri import messages as m
from .cri.protocol import ContainerRuntime, RuntimeServiceError, is_runtime_not_found
from .lifecycle_events import LifecycleEvents
from .pod_runtime import ContainerView, PodRuntime, SandboxView, container_view, pod_runtime, sandbox_view
from .termination_message import read_message


class PodObserver:
    """The view of one pod; keeps what will not change."""

    def __init__(self, runtime: ContainerRuntime, events: LifecycleEvents, pod_uid: str) -> None:
        self._runtime = runtime
        self._events = events
        self._uid = pod_uid
        self._sandboxes: dict[str, SandboxView] = {}
        self._ended: dict[str, ContainerView] = {}

    async def observe(self) -> PodRuntime:
        """The pod as it is now. RuntimeServiceError if the runtime does not answer."""
        sandboxes = [await self._sandbox(s) for s in await self._runtime.list_sandboxes(pod_uid=self._uid)]
        containers = [await self._container(c) for c in await self._runtime.list_containers(pod_uid=self._uid)]
        self._sandboxes = {s.id: s for s in sandboxes if s is not None}
        self._ended = {c.id: c for c in containers if c is not None and c.state == "exited"}
        return pod_runtime(self._sandboxes.values(), [c for c in containers if c is not None])

    async def _sandbox(self, listed: m.PodSandbox) -> SandboxView | None:
        self._events.note(listed.id, self._uid)
        known = self._sandboxes.get(listed.id)
        ready = listed.state == m.SandboxState.READY
        if known is not None and (known.ips or known.on_host_network or not ready):
            return known if known.ready == ready else msgspec.structs.replace(known, ready=ready)
        try:
            return sandbox_view(await self._runtime.sandbox_status(listed.id))
        except RuntimeServiceError as error:
            if is_runtime_not_found(error):
                return None
            raise

    async def _container(self, listed: m.Container) -> ContainerView | None:
        self._events.note(listed.id, self._uid)
        known = self._ended.get(listed.id)
        if known is not None:
            return known
        try:
            view = container_view(await self._runtime.container_status(listed.id), listed.pod_sandbox_id)
        except RuntimeServiceError as error:
            if is_runtime_not_found(error):
                return None
            raise
        return msgspec.structs.replace(view, message=read_message(view)) if view.state == "exited" else view
