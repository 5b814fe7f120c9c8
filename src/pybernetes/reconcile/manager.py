"""The controller manager: start the caches, then the controllers, under leadership.

    LeaderElector ──leading──▶ Informers (one set for all) ──synced──▶ recorders, controllers
                  ◀──lost───── everything ends, candidate again

Controllers are given by a table `name -> Registration`; a controller is built from a `ControllerContext` and is any
object with `serve(ready)`. Reads of all controllers share one set of informers under the manager's own identity; writes
are made as the controller's own service account, so that RBAC shows and limits what each may do.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.metrics import Gauge, Registry
from ..client.client import Client
from ..client.events import EventRecorder
from ..client.informers import Informers
from ..client.leader import LeaderElector
from .config import ControllerManagerConfig
from .controller import Controller, Reconcile
from .queue_metrics import QueueMetrics

log = logger(__name__)

MANAGER = "kube-controller-manager"
LEASE_NAMESPACE = "kube-system"


class Component(Protocol):
    """A controller."""

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; called once the informers it asked for are in sync."""


class ControllerContext:
    """What a controller is built from. `metrics` are those of the manager."""

    def __init__(
        self,
        client: Client,
        informers: Informers,
        config: ControllerManagerConfig,
        clock: Clock,
        metrics: Registry,
        queues: QueueMetrics,
    ) -> None:
        self.client = client
        self.informers = informers
        self.config = config
        self.clock = clock
        self.metrics = metrics
        self.recorders: list[EventRecorder] = []
        self._queues = queues

    def controller(self, name: str, reconcile: Reconcile, *, workers: int = 2) -> Controller:
        """A worker loop; `name` is that of its queue in upstream's metrics."""
        return Controller(name, reconcile, workers=workers, record=self._queues.record(name))

    def recorder(self, component: str) -> EventRecorder:
        """An event recorder under that name, served for as long as the controller runs."""
        recorder = EventRecorder(self.client, component, clock=self.clock)
        self.recorders.append(recorder)
        return recorder


class Registration(msgspec.Struct, frozen=True):
    """One controller: how to build it, as whom it acts, and whether `*` includes it."""

    construct: Callable[[ControllerContext], Component]
    service_account: str
    enabled_by_default: bool = True


def is_enabled(name: str, selection: Sequence[str], enabled_by_default: bool) -> bool:
    """Whether `--controllers` selects that name: an explicit name or -name wins, `*` means the default."""
    for item in selection:
        if item == name:
            return True
        if item == "-" + name:
            return False
    return "*" in selection and enabled_by_default


class ControllerManager:
    """Runs the selected controllers of a table.

    `client_for(name)` gives a client that acts as the controller `name`'s service account (in one process), or the
    process' only client (its own kubeconfig); `client_for("kube-controller-manager")` is the manager itself.
    """

    def __init__(
        self,
        client_for: Callable[[str], Client],
        config: ControllerManagerConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
        *,
        controllers: Mapping[str, Registration],
        name: str = MANAGER,
    ) -> None:
        """`name` is that of the manager itself: its lease, and its own client."""
        self.config = config or ControllerManagerConfig()
        self.name = name
        self.informers = Informers(client_for(name))
        self.metrics = Registry()
        """Of the controllers that run, since they began."""
        self.running: tuple[str, ...] = ()
        """The controllers that run here now."""
        self.elector: LeaderElector | None = None
        self._client_for = client_for
        self._clock = clock
        self._registrations = controllers
        for item in self.config.controllers:
            if item != "*" and item.removeprefix("-") not in controllers:
                raise ValueError(f"unknown controller {item!r}; known are: {', '.join(sorted(controllers))}")

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready once the candidacy runs, or without election once the controllers run."""
        if not self.config.leader_elect:
            await self.lead(ready)
            return
        identity = self.config.identity or f"{socket.gethostname()}_{os.getpid()}"
        client = self._client_for(self.name)
        self.elector = LeaderElector(client, LEASE_NAMESPACE, self.name, identity, self.lead, clock=self._clock)
        await self.elector.serve(ready)

    async def lead(self, ready: asyncio.Event) -> None:
        """Run the controllers, whoever leads; ready once all of them run."""
        self.informers = informers = Informers(self._client_for(self.name))
        self.metrics = metrics = Registry()
        queues = QueueMetrics(metrics, self._clock.monotonic)
        components: dict[str, Component] = {}
        contexts: list[ControllerContext] = []
        for name, registration in self._registrations.items():
            if is_enabled(name, self.config.controllers, registration.enabled_by_default):
                client = self._client_for(registration.service_account)
                context = ControllerContext(client, informers, self.config, self._clock, metrics, queues)
                components[name] = registration.construct(context)
                contexts.append(context)
        try:
            await self._run(informers, components, contexts, ready)
        finally:
            self.running = ()

    async def _run(
        self,
        informers: Informers,
        components: Mapping[str, Component],
        contexts: Sequence[ControllerContext],
        ready: asyncio.Event,
    ) -> None:
        managed = Gauge(
            "running_managed_controllers",
            "Indicates where instances of a controller are currently running",
            ("name", "manager"),
        )
        self.metrics.add(managed)
        async with asyncio.TaskGroup() as group:
            synced = asyncio.Event()
            group.create_task(informers.serve(synced), name="informers")
            await synced.wait()
            for context in contexts:
                for recorder in context.recorders:
                    group.create_task(recorder.serve(asyncio.Event()), name="event recorder")
            for name, component in components.items():
                started = asyncio.Event()
                group.create_task(component.serve(started), name=name)
                await started.wait()
                managed.set(1, (name, self.name))
            self.running = tuple(components)
            log.info("Controllers started", count=len(components))
            ready.set()
