"""The kubelet's own HTTPS server (port 10250): logs, exec, attach, port-forward, stats and health of this node.

    request ──▶ Gatekeeper (401, 403) ──▶ ROUTES by first path segment ──▶ handler

The API server proxies `kubectl logs | exec | attach | port-forward` to here and the metrics server scrapes it. Paths,
parameters and texts are upstream's (`pkg/kubelet/server`), with and without the pod's uid in the path. A second, plain
listener on loopback (10248) answers /healthz without credentials, for supervisors.
"""

import asyncio
import html
import mimetypes
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import unquote

import msgspec

from pybernetes.api.codec import encode
from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError, bad_request
from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.http.message import BodyTooLarge, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.log import logger
from pybernetes.base.metrics import Registry, add_process_metrics
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.zpages import flagz, statusz

from .cadvisor_metrics import cadvisor_metrics
from .cri.protocol import POD_UID_LABEL, RuntimeServiceError
from .host_pods import HostView
from .parts import RuntimeView
from .restart_policy import container_named
from .server_auth import Gatekeeper
from .server_logs import container_logs, has_container
from .server_streams import StreamingClient
from .stats import NodeStats
from .volume_metrics import volume_metrics

log = logger(__name__)

COMPONENT = "kubelet"
MAXIMUM_FORM_BYTES = 64 * 1024


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens and what it shows."""

    node_name: str
    host: str = "0.0.0.0"
    port: int = 10250
    healthz_port: int = 10248
    """On 127.0.0.1; 0 turns it off."""
    log_root: str = "/var/log"
    """What /logs/ shows."""
    configuration: Mapping[str, Any] = {}
    """What /configz shows, as KubeletConfiguration."""
    flags: Mapping[str, str] = {}
    """What /flagz shows."""


def _plain(status: int, text: str) -> Response:
    return Response(status, [("content-type", "text/plain; charset=utf-8")], text.encode())


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, [("content-type", "application/json")], encode(value))


def _flag(params: Mapping[str, str], *names: str) -> bool:
    """A switch of exec and attach: the kubelet's own name (`input=1`) or the API's (`stdin=true`)."""
    return any(params.get(name, "").lower() in ("1", "true") for name in names)


class KubeletServer:
    """See the module docstring. Without tls it serves plain HTTP, which is for tests only."""

    def __init__(
        self,
        config: ServerConfig,
        view: RuntimeView,
        client: Client,
        *,
        tls: ssl.SSLContext | None = None,
        host: HostView | None = None,
        stats: NodeStats | None = None,
        probe_metrics: Callable[[], str] | None = None,
        healthy: Callable[[], str] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """healthy tells what is wrong with the kubelet, "" when nothing is. host: the pods that are no containers."""
        self._config = config
        self._view = view
        self._host = host
        self._tls = tls
        self._stats = stats
        self._probe_metrics = probe_metrics
        self._healthy = healthy
        self._clock = clock
        self._requests = client.metrics
        self._process = Registry()
        add_process_metrics(self._process)
        self._gatekeeper = Gatekeeper(client, config.node_name, clock)
        self._streams = StreamingClient()
        self._server: HttpServer | None = None
        self._routes: dict[str, Callable[[Request, list[str]], Awaitable[Response]]] = {
            "healthz": self._healthz,
            "pods": self._pods,
            "runningpods": self._running_pods,
            "containerLogs": self._container_logs,
            "exec": self._exec,
            "attach": self._attach,
            "portForward": self._port_forward,
            "run": self._run,
            "logs": self._logs,
            "stats": self._summary,
            "metrics": self._metrics,
            "configz": self._configz,
            "checkpoint": self._checkpoint,
        }
        status_page = statusz(COMPONENT, lambda: [f"/{name}" for name in self._routes])
        flags_page = flagz(COMPONENT, lambda: dict(config.flags))
        self._routes["statusz"] = lambda request, _path: status_page(request)
        self._routes["flagz"] = lambda request, _path: flags_page(request)

    @property
    def port(self) -> int:
        """The port that is listened on, once `serve` is ready."""
        return self._server.port if self._server is not None else self._config.port

    async def serve(self, ready: asyncio.Event) -> None:
        """Listen until cancelled. OSError when a port is taken."""
        config = self._config
        self._server = HttpServer(self, host=config.host, port=config.port, tls=self._tls, name="kubelet")
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._streams.close)
            if config.healthz_port:
                plain = HttpServer(
                    self.open_healthz, host="127.0.0.1", port=config.healthz_port, name="kubelet healthz"
                )
                await stack.enter_async_context(running("kubelet healthz", plain.serve))
            await self._server.serve(ready)

    async def __call__(self, request: Request) -> Response:
        """Answer one request: identify, authorize, route. Whether the kubelet is well everybody may know."""
        if request.path == "/healthz" and request.method in ("GET", "HEAD"):
            return await self._healthz(request, [])
        try:
            user = await self._gatekeeper.identify(request)
            if user is None:
                return _plain(401, "Unauthorized")
            refusal = await self._gatekeeper.refusal(user, request)
        except (StatusError, OSError, TimeoutError) as error:
            log.warning("Access could not be checked", path=request.path, err=error)
            return _plain(500, f"Authorization error: {error}")
        if refusal:
            return _plain(403, refusal)
        first, *rest = [unquote(part) for part in request.path.lstrip("/").split("/")]
        handler = self._routes.get(first)
        if handler is None:
            return _plain(404, "404 page not found\n")
        try:
            return await handler(request, rest)
        except RuntimeServiceError as error:
            return _plain(404 if error.code == "NOT_FOUND" else 500, str(error))
        except StatusError as refused:
            return _json(refused.status(), refused.code)

    async def open_healthz(self, request: Request) -> Response:
        """The loopback listener: /healthz and nothing else."""
        if request.path.rstrip("/") != "/healthz":
            return _plain(404, "404 page not found\n")
        return await self._healthz(request, [])

    async def _healthz(self, request: Request, path: list[str]) -> Response:
        trouble = self._healthy() if self._healthy is not None and path[:1] != ["ping"] else ""
        return _plain(500, f"{trouble}\nhealthz check failed\n") if trouble else _plain(200, "ok")

    async def _pods(self, request: Request, path: list[str]) -> Response:
        return _json(_pod_list([*self._view.pods(), *(self._host.pods() if self._host is not None else ())]))

    async def _running_pods(self, request: Request, path: list[str]) -> Response:
        alive = {sandbox.labels.get(POD_UID_LABEL) for sandbox in await self._view.cri.list_sandboxes()}
        return _json(_pod_list([pod for pod in self._view.pods() if pod.metadata.uid in alive]))

    async def _configz(self, request: Request, path: list[str]) -> Response:
        return _json({"kubeletconfig": dict(self._config.configuration)})

    async def _container_logs(self, request: Request, path: list[str]) -> Response:
        return await container_logs(self._view, request, path, self._clock.now(), self._host)

    def _find(self, path: list[str], with_container: bool) -> "tuple[Pod, str] | Response":
        """The pod and container named by NAMESPACE/POD[/UID][/CONTAINER], or why there is none."""
        parts = [part for part in path if part]
        least = 3 if with_container else 2
        if len(parts) not in (least, least + 1):
            return _plain(404, "404 page not found\n")
        component = self._host.component(parts[0], parts[1]) if self._host is not None else None
        if component is not None:
            error = bad_request(f"{component.name} is a process of the node and no container; there is only its log")
            return _json(error.status(), error.code)
        pod = self._view.pod(parts[0], parts[1])
        if pod is None or (len(parts) > least and parts[2] != pod.metadata.uid):
            return _plain(404, "pod does not exist\n")
        name = parts[-1] if with_container else ""
        if with_container and not has_container(pod, name):
            return _plain(404, f'container not found ("{name}")')
        return pod, name

    def _find_container(self, path: list[str]) -> "tuple[str, Pod] | Response":
        """(container id, pod), or why there is none."""
        found = self._find(path, with_container=True)
        if isinstance(found, Response):
            return found
        pod, name = found
        container_id = self._view.container_id(pod.metadata.uid or "", name)
        if container_id is None:
            return _plain(500, f'container not found ("{name}")')
        return container_id, pod

    async def _exec(self, request: Request, path: list[str]) -> Response:
        found = self._find_container(path)
        if isinstance(found, Response):
            return found
        params = request.params()
        command = request.param_all("command")
        stdin, stdout = _flag(params, "input", "stdin"), _flag(params, "output", "stdout")
        tty = _flag(params, "tty")
        stderr = _flag(params, "error", "stderr") and not tty
        if not (stdin or stdout or stderr):
            return _plain(400, "you must specify at least 1 of stdin, stdout, stderr")
        url = await self._view.cri.exec_url(found[0], command, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)
        return await self._streams.proxy(request, url)

    async def _attach(self, request: Request, path: list[str]) -> Response:
        found = self._find_container(path)
        if isinstance(found, Response):
            return found
        params = request.params()
        stdin, stdout = _flag(params, "input", "stdin"), _flag(params, "output", "stdout")
        container = container_named(found[1], path[-1])
        # The container's own terminal: a runtime that is told of none hangs it up when the caller's input ends.
        tty = container is not None and bool(container.tty)
        stderr = _flag(params, "error", "stderr") and not tty
        if not (stdin or stdout or stderr):
            return _plain(400, "you must specify at least 1 of stdin, stdout, stderr")
        url = await self._view.cri.attach_url(found[0], stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)
        return await self._streams.proxy(request, url)

    async def _port_forward(self, request: Request, path: list[str]) -> Response:
        found = self._find(path, with_container=False)
        if isinstance(found, Response):
            return found
        sandbox_id = self._view.sandbox_id(found[0].metadata.uid or "")
        if sandbox_id is None:
            return _plain(500, f'pod not found ("{found[0].metadata.name}")')
        texts = [
            text for values in request.param_all("port") + request.param_all("ports") for text in values.split(",")
        ]
        try:
            ports = [int(text) for text in texts]
        except ValueError:
            return _plain(400, "unable to parse the port")
        url = await self._view.cri.port_forward_url(sandbox_id, ports)
        # Over WebSocket the ports come in the query; over SPDY each stream names its own.
        return await self._streams.proxy(request, url, "&".join(f"port={port}" for port in ports))

    async def _run(self, request: Request, path: list[str]) -> Response:
        found = self._find_container(path)
        if isinstance(found, Response):
            return found
        params = request.params()
        if request.method == "POST":
            try:
                form = (await request.body.read(MAXIMUM_FORM_BYTES)).decode("utf-8", "replace")
            except BodyTooLarge:
                return _plain(413, "the form is too large")
            params = {**Request("POST", "/", form).params(), **params}
        answer = await self._view.cri.exec_sync(found[0], params.get("cmd", "").split(" "), 0)
        output = answer.stdout + answer.stderr
        if answer.exit_code:
            return _plain(500, output.decode("utf-8", "replace") + f"\ncommand exited with {answer.exit_code}")
        return Response(200, [("content-type", "text/plain; charset=utf-8")], output)

    async def _checkpoint(self, request: Request, path: list[str]) -> Response:
        """No container of this node can be checkpointed: containerd 1.6 does not know how (KEP-2008)."""
        if request.method != "POST":
            return _plain(405, "405: Method Not Allowed")
        found = self._find_container(path)
        if isinstance(found, Response):
            return found
        why = "rpc error: code = Unimplemented desc = unknown method CheckpointContainer for service"
        return _plain(404, f"checkpointing of {'/'.join(path)} failed ({why} runtime.v1.RuntimeService)")

    async def _logs(self, request: Request, path: list[str]) -> Response:
        """Files below the node's log directory; directories as a list of links."""
        root = os.path.realpath(self._config.log_root)
        target = os.path.realpath(os.path.join(root, *[part for part in path if part]))
        if target != root and not target.startswith(root + os.sep):
            return _plain(404, "404 page not found\n")
        if os.path.isdir(target):
            names = sorted(name + "/" * os.path.isdir(os.path.join(target, name)) for name in os.listdir(target))
            lines = "".join(f'<a href="{html.escape(name)}">{html.escape(name)}</a>\n' for name in names)
            body = f"<pre>\n{lines}</pre>\n".encode()
            return Response(200, [("content-type", "text/html; charset=utf-8")], body)
        try:
            data = await asyncio.to_thread(_read, target)
        except OSError:
            return _plain(404, "404 page not found\n")
        kind = mimetypes.guess_type(target)[0] or "text/plain; charset=utf-8"
        return Response(200, [("content-type", kind)], data)

    async def _summary(self, request: Request, path: list[str]) -> Response:
        if path != ["summary"] or self._stats is None:
            return _plain(404, "404 page not found\n")
        only = _flag(request.params(), "only_cpu_and_memory")
        return _json(await self._stats.summary(only_cpu_and_memory=only))

    async def _metrics(self, request: Request, path: list[str]) -> Response:
        match path:
            case [] | [""]:
                volumes = await self._stats.volumes() if self._stats is not None else []
                text = self._own_metrics() + volume_metrics(volumes)
            case ["resource"] if self._stats is not None:
                text = await self._stats.resource_metrics()
            case ["cadvisor"] if self._stats is not None:
                text = cadvisor_metrics(await self._stats.collect(), os.cpu_count() or 1)
            case ["probes"] if self._probe_metrics is not None:
                text = self._probe_metrics()
            case _:
                return _plain(404, "404 page not found\n")
        return Response(200, [("content-type", "text/plain; version=0.0.4; charset=utf-8")], text.encode())

    def _own_metrics(self) -> str:
        pods = [pod for pod in self._view.pods() if pod.status.phase == "Running"]
        running_containers = sum(
            1
            for pod in pods
            for status in pod.status.container_statuses or ()
            if status.state is not None and status.state.running is not None
        )
        return (
            "# TYPE kubelet_node_name gauge\n"
            f'kubelet_node_name{{node="{self._config.node_name}"}} 1\n'
            "# TYPE kubelet_running_pods gauge\n"
            f"kubelet_running_pods {len(pods)}\n"
            "# TYPE kubelet_running_containers gauge\n"
            f'kubelet_running_containers{{container_state="running"}} {running_containers}\n'
            f"{self._requests.text().decode()}{self._process.text().decode()}"
        )


def _pod_list(pods: list[Pod]) -> dict[str, Any]:
    items = [msgspec.Raw(encode(pod)) for pod in pods]
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}


def _read(path: str) -> bytes:
    with open(path, "rb") as source:
        return source.read()
