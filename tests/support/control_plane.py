"""An API server in memory with controllers, on virtual time, and a stand-in for kubelets.

    async with control_plane("deployment-controller", "replicaset-controller") as world:
        await world.create(deployment("web", replicas=3))
        await world.until(lambda: len(world.pods()) == 3)

`world.run_pods()` starts a stand-in that reports pods as running and ready and confirms deletions; `world.reject` names
a predicate for pods that shall never become ready, `world.refuse` one for requests of controllers that are forbidden;
`world.answer` may answer a request of theirs in the server's place (an aggregated API that is not there);
`world.metrics()` is what their manager tells of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from tests.support.clock import LoopClock, eventually
from tests.support.scripted_app import json_response

from pybernetes.api.core import Event, Pod
from pybernetes.api.status import StatusError, forbidden, is_not_found
from pybernetes.api.user import UserInfo, component
from pybernetes.base.http.message import App, Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import STRATEGIC_MERGE_PATCH, Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.testing import ADMIN, api_server

T = TypeVar("T")


class World:
    """What a test sees of the cluster."""

    def __init__(self, client: Client, clock: LoopClock, stack: AsyncExitStack) -> None:
        self.client = client
        self.clock = clock
        self.reject: Callable[[Pod], bool] = lambda pod: False
        self.refuse: Callable[[Request], bool] = lambda request: False
        self.answer: Callable[[Request], Response | None] = lambda request: None
        self.denied: list[str] = []
        self.metrics: Callable[[], bytes] = bytes
        self._stack = stack
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, obj: Any) -> Any:
        return await self.client.create(obj)

    async def list(self, kind: type[T], namespace: str = "") -> list[T]:
        return (await self.client.list(kind, namespace)).items or []

    async def get(self, kind: type[T], name: str, namespace: str = "default") -> T:
        return await self.client.get(kind, name, namespace)

    async def until(
        self, check: Callable[[], Any], *, within_seconds: float = 600.0, longest_step_seconds: float = 1.0
    ) -> Any:
        """Let virtual time pass until check() (or what it awaits) is true."""
        return await eventually(check, within_seconds=within_seconds, longest_step_seconds=longest_step_seconds)

    def later(self, action: Callable[[], Awaitable[Any]]) -> None:
        """Do something soon, from a place that cannot wait; an object that is gone by then is fine."""

        async def run() -> None:
            try:
                await action()
            except StatusError as error:
                if not is_not_found(error) and error.code != 409:
                    raise

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reasons(self) -> set[str]:
        """The reasons of all events recorded so far."""
        return {event.reason or "" for event in await self.list(Event)}

    async def messages(self, reason: str) -> set[str]:
        """The messages of the events with that reason."""
        return {event.message or "" for event in await self.list(Event) if event.reason == reason}

    async def run_pods(self) -> Informer[Pod]:
        """Start the stand-in for kubelets: every pod becomes ready, every deletion is confirmed."""
        pods = Informer(self.client, Pod)
        queue: asyncio.Queue[Pod] = asyncio.Queue()
        pods.add_handler(lambda old, new: queue.put_nowait(new) if new is not None else None)
        number = 0

        async def serve(ready: asyncio.Event) -> None:
            nonlocal number
            ready.set()
            while True:
                pod = await queue.get()
                meta = pod.metadata
                name, namespace = meta.name or "", meta.namespace or ""
                try:
                    if meta.deletion_timestamp is not None:
                        await self.client.delete(Pod, name, namespace, grace_period_seconds=0, uid=meta.uid or "")
                    elif pod.status.phase in (None, "Pending") and not self.reject(pod):
                        number += 1
                        await self.report(pod, "Running", ready=True, pod_ip=f"10.0.{number // 250}.{number % 250 + 1}")
                except StatusError as error:
                    if not is_not_found(error) and error.code != 409:
                        raise

        await self._stack.enter_async_context(running("test pods", pods.serve))
        await self._stack.enter_async_context(running("test kubelet", serve))
        return pods

    async def report(
        self, pod: Pod, phase: str, *, ready: bool = False, pod_ip: str = "", exit_code: int | None = None
    ) -> Pod:
        """Report a pod's status as a kubelet would."""
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status: dict[str, Any] = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": now}],
        }
        if phase == "Running" and pod.status.start_time is None:
            status["startTime"] = now
        if pod_ip:
            status |= {"podIP": pod_ip, "podIPs": [{"ip": pod_ip}]}
        if exit_code is not None:
            terminated = {"exitCode": exit_code, "finishedAt": now}
            status["containerStatuses"] = [
                {
                    "name": "main",
                    "state": {"terminated": terminated},
                    "ready": False,
                    "restartCount": 0,
                    "image": "x",
                    "imageID": "",
                }
            ]
        return await self.client.patch(
            Pod,
            pod.metadata.name or "",
            pod.metadata.namespace or "",
            body={"status": status},
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )


@asynccontextmanager
async def control_plane(
    *controllers: str, rbac: bool = False, server_config: dict[str, Any] | None = None, **config: Any
) -> AsyncIterator[World]:
    """A running API server and those controllers (all by default); keywords are fields of ControllerManagerConfig.

    With `rbac` requests are authorized, and every controller acts as its own service account; answers of 403 are
    collected in `world.denied`. `server_config`: fields of the API server's, and of `api_server`.
    """
    clock = LoopClock()
    settings = ControllerManagerConfig(leader_elect=False, controllers=controllers or ("*",), **config)
    async with AsyncExitStack() as stack:
        modes = ("Node", "RBAC") if rbac else ("AlwaysAllow",)
        network = {"service_cidr": ",".join(settings.service_cidrs)} if settings.service_cidrs else {}
        server = await stack.enter_async_context(
            api_server(clock=clock, authorization_modes=modes, **network, **(server_config or {}))
        )
        client = Client(InProcessTransport(server.app, ADMIN))
        world = World(client, clock, stack)

        async def guarded(request: Request) -> Response:
            if world.refuse(request):
                return json_response(forbidden("", "pods", "", "refused by the test").status(), 403)
            response = world.answer(request) or await server.app(request)
            if response.status == 403:
                world.denied.append(f"{request.context['user'].name}: {request.method} {request.path}")
            return response

        manager = ControllerManager(lambda name: client_as(name, guarded, rbac=rbac), settings, clock)
        await stack.enter_async_context(running("controller manager", manager.serve))
        world.metrics = manager.metrics.text
        yield world


def client_as(controller: str, app: App, *, rbac: bool) -> Client:
    """A client that acts as a controller: its service account, or the administrator without RBAC."""
    if not rbac:
        return Client(InProcessTransport(app, ADMIN))
    if controller == "kube-controller-manager":
        return Client(InProcessTransport(app, component("system:kube-controller-manager")))
    groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
    return Client(InProcessTransport(app, UserInfo(f"system:serviceaccount:kube-system:{controller}", groups=groups)))


def template(labels: dict[str, str], *, image: str = "example/web:1", **spec: Any) -> dict[str, Any]:
    """A pod template with one container."""
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}], **spec}}


def deployment(name: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    """A Deployment in wire form."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template(labels), **spec},
    }


def replica_set(name: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    """A ReplicaSet in wire form."""
    return {**deployment(name, replicas, **spec), "kind": "ReplicaSet"}


def job(name: str, **spec: Any) -> dict[str, Any]:
    """A Job in wire form."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template({}, restartPolicy="Never"), **spec},
    }


def pod(name: str, *, labels: dict[str, str] | None = None, node: str = "", **spec: Any) -> dict[str, Any]:
    """A Pod in wire form."""
    body = template(labels or {}, **spec)
    if node:
        body["spec"]["nodeName"] = node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **body["metadata"]},
        "spec": body["spec"],
    }


def node(name: str, *, ready: str = "True", labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A Node in wire form."""
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T00:00:00Z"}] if ready else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "status": {"conditions": conditions},
    }
