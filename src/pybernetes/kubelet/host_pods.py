"""The components of the host as pods: published once the node is ready, told whenever something about one changes.

    start, end, health (ObservedPart) ─┐
    the node's own rhythm (`look`) ────┼─▶ health checks ─▶ host_status ─▶ StatusManager ─▶ mirror pod
    mirror seen ───────────────────────┘
    components ──▶ MirrorPods, which makes the pods and deletes those of components that are here no more

Pod loops, the runtime and the eviction manager never see them. Where a component is not ready after a change, it is
looked at again soon, at ever longer intervals until the node's own.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ..api.core import Node, Pod, PodStatus
from ..base.clock import Clock
from ..client.client import Client
from .host_component import HostComponent
from .host_status import host_pod, host_status, restarts_of, unknown_end, with_status
from .mirror_pods import MirrorPods
from .parts import StatusSink

SETTLE_SECONDS = 0.5
"""After the node has become ready: its first pods come first."""
LOOK_AGAIN_SECONDS = (0.5, 1.0, 2.0, 4.0)


class HostView(Protocol):
    """What the 10250 server sees of them."""

    def pods(self) -> list[Pod]:
        """The mirrors with the latest status."""

    def component(self, namespace: str, pod_name: str) -> HostComponent | None:
        """The component that this pod shows."""


class HostStatusSink(StatusSink, Protocol):
    """Where statuses go (status_manager.py)."""

    def observed(self, pod: Pod) -> None:
        """What the API has now."""

    def forget(self, uid: str) -> None:
        """The pod is gone."""


class HostPods:
    """See the module docstring. `mirrors` is to be told what the API has, and then `mirror_changed` to be called."""

    def __init__(
        self,
        components: Sequence[HostComponent],
        node_name: str,
        node_ips: Sequence[str],
        client: Client,
        statuses: HostStatusSink,
        clock: Clock,
        node: Callable[[], Node | None],
    ) -> None:
        self.mirrors = MirrorPods(client, node)
        self._components = components
        self._node_name = node_name
        self._node_ips = node_ips
        self._statuses = statuses
        self._clock = clock
        self._shown: dict[str, tuple[HostComponent, Pod]] = {}
        """What is wanted, by the name of the pod."""
        self._published: dict[str, tuple[str, PodStatus]] = {}
        """The uid of the mirror and its last status, by the name of the pod."""
        self._wake = asyncio.Event()
        self._looks = iter(LOOK_AGAIN_SECONDS)

    # HostView

    def pods(self) -> list[Pod]:
        found = []
        for name, (_, pod) in self._shown.items():
            mirror = self.mirrors.mirror(pod)
            if mirror is not None and name in self._published:
                found.append(with_status(mirror, self._published[name][1]))
        return found

    def component(self, namespace: str, pod_name: str) -> HostComponent | None:
        shown = self._shown.get(pod_name)
        return shown[0] if shown is not None and shown[1].metadata.namespace == namespace else None

    # Life

    async def serve(self, ready: asyncio.Event) -> None:
        """Show them until cancelled; ready at once. To be called when the node is ready, for components that run."""
        ready.set()
        await self._clock.sleep(SETTLE_SECONDS)
        for component in self._components:
            pod = host_pod(component, self._node_name)
            self._shown[pod.metadata.name or ""] = (component, pod)
        self.mirrors.want({pod.metadata.uid or "": pod for _, pod in self._shown.values()})
        leave = [component.part.follow(self._changed) for component in self._components]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.mirrors.serve(asyncio.Event()), name="mirror pods of the host")
                group.create_task(self._report(), name="host components")
        finally:
            for end in leave:
                end()

    def look(self) -> None:
        """Look at all of them, soon."""
        self._wake.set()

    def mirror_changed(self, pod: Pod) -> None:
        """The API has this mirror now, or not any more."""
        name = pod.metadata.name or ""
        if name not in self._shown:
            return
        if name in self._published and self._published[name][0] == pod.metadata.uid:
            self._statuses.observed(pod)
        else:
            self._wake.set()

    def _changed(self) -> None:
        self._looks = iter(LOOK_AGAIN_SECONDS)
        self._wake.set()

    async def _report(self) -> None:
        while True:
            self._wake.clear()
            await asyncio.gather(*(component.part.look() for component in self._components))
            for name, (component, pod) in self._shown.items():
                mirror = self.mirrors.mirror(pod)
                if mirror is not None:
                    self._publish(name, component, mirror)
            await self._woken()

    async def _woken(self) -> None:
        seconds = None if all(c.part.is_ready for c in self._components) else next(self._looks, None)
        if seconds is None:
            await self._wake.wait()
            return
        waking = asyncio.ensure_future(self._wake.wait())
        pausing = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((waking, pausing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            pausing.cancel()

    def _publish(self, name: str, component: HostComponent, mirror: Pod) -> None:
        uid = mirror.metadata.uid or ""
        before = self._published.get(name)
        if before is not None and before[0] != uid:
            self._statuses.forget(before[0])
        if component.counted_before is None:
            known = restarts_of(mirror.status)
            component.counted_before = component.restarts_before if known is None else known + 1
            component.last_end = component.last_end or unknown_end(mirror.status, component.part.pid, self._clock.now())
        previous = before[1] if before is not None and before[0] == uid else mirror.status
        status = host_status(component, mirror, previous, self._node_ips, self._clock.now())
        self._published[name] = (uid, status)
        self._statuses.publish(mirror, status)
