"""A stage for the streaming subresources: a kubelet (TLS), a backend (plain) and the handlers behind a server.

client -> front (HttpServer, handlers) -> kubelet (HttpServer, TLS, asks for our client certificate)
                                       -> backend (HttpServer), on 127.0.0.1 which the tests allow
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from tests.apiserver.authz.memory_reader import MemoryReader, obj

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.modes import AlwaysAllow
from pybernetes.apiserver.request_info import request_info
from pybernetes.apiserver.streams.handlers import build_streams
from pybernetes.apiserver.streams.kubelet_dialer import KubeletDialer
from pybernetes.base import x509
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import App, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

CA = x509.CertificateAuthority.create("test")
KUBELET_PAIR = CA.issue("n1", names=["127.0.0.1"], usages=x509.SERVER)
CLIENT_PAIR = CA.issue("kube-apiserver-kubelet-client", organizations=["system:masters"], usages=x509.CLIENT)


class Stage:
    """What a test talks to. `seen` are the requests that kubelet and backend got."""

    def __init__(self, kubelet_port: int, backend_port: int) -> None:
        self.kubelet_port = kubelet_port
        self.backend_port = backend_port
        self.seen: list[Request] = []
        self.kubelet: App = _nothing
        self.backend: App = _nothing
        self.client: HttpTransport
        self.front_port = 0
        self.authorizer: Any = AlwaysAllow()
        self.reader = MemoryReader()
        self.kubelet_ca = CA.certificate_pem

    def put_world(self) -> None:
        endpoints = {"kubeletEndpoint": {"Port": self.kubelet_port}}
        addresses = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "127.0.0.1"}]
        status = {"addresses": addresses, "daemonEndpoints": endpoints}
        self.reader.put(obj("v1", "Node", "n1", status=status))
        self.put_pod("web", ["app"])
        self.put_pod("two", ["a", "b"], init=["setup"])
        self.put_pod("pending", ["app"], node="")
        port = {"name": "http", "port": 80}
        self.reader.put(obj("v1", "Service", "svc", "default", spec={"ports": [port]}))
        self.reader.put(obj("v1", "Service", "empty", "default", spec={"ports": [port]}))
        target = {"kind": "Pod", "name": "web"}
        self.reader.put(
            obj(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                "svc-1",
                "default",
                metadata={"labels": {"kubernetes.io/service-name": "svc"}},
                ports=[{"name": "http", "port": self.backend_port}],
                endpoints=[
                    {"addresses": ["127.0.0.9"], "conditions": {"ready": False}, "targetRef": target},
                    {"addresses": ["127.0.0.1"], "conditions": {"ready": True}, "targetRef": target},
                ],
            )
        )

    def put_pod(self, name: str, containers: list[str], *, init: list[str] | None = None, node: str = "n1") -> None:
        made: list[dict[str, Any]] = [{"name": container} for container in containers]
        made[0]["ports"] = [{"containerPort": self.backend_port, "name": "http"}]
        spec: dict[str, Any] = {"containers": made, "initContainers": [{"name": n} for n in init or ()]}
        if node:
            spec["nodeName"] = node
        self.reader.put(obj("v1", "Pod", name, "default", spec=spec, status={"podIP": "127.0.0.1"}))

    async def get(self, path: str, query: str = "", method: str = "GET", **more: Any) -> tuple[int, str, Response]:
        """(status, body, response)."""
        response = await self.client(Request(method, path, query, **more))
        return response.status, (await read(response)).decode(), response


async def read(response: Response) -> bytes:
    """A whole body."""
    if isinstance(response.body, bytes):
        return response.body
    assert isinstance(response.body, AsyncIterator)
    return b"".join([piece async for piece in response.body])


async def _nothing(request: Request) -> Response:
    return Response(404, body=b"nothing here")


@asynccontextmanager
async def stage(
    kubelet: Callable[[Request], Awaitable[Response]] = _nothing,
    backend: App = _nothing,
    kubelet_ca: bytes = CA.certificate_pem,
) -> AsyncIterator[Stage]:
    """Everything running; the world has node n1, pods web, two and pending, services svc and empty."""
    held: list[Stage] = []

    def recording(choose: Callable[[Stage], App]) -> App:
        async def app(request: Request) -> Response:
            held[0].seen.append(request)
            return await choose(held[0])(request)

        return app

    tls = x509.server_context(KUBELET_PAIR, client_ca=CA.certificate_pem)
    kubelet_server = HttpServer(recording(lambda s: s.kubelet), host="127.0.0.1", port=0, tls=tls)
    backend_server = HttpServer(recording(lambda s: s.backend), host="127.0.0.1", port=0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("kubelet", kubelet_server.serve))
        await stack.enter_async_context(running("backend", backend_server.serve))
        made = Stage(kubelet_server.port, backend_server.port)
        held.append(made)
        made.kubelet, made.backend, made.kubelet_ca = kubelet, backend, kubelet_ca
        made.put_world()
        dialer = KubeletDialer(
            made.reader,
            tls=x509.client_context(made.kubelet_ca, CLIENT_PAIR),
            insecure_tls=lambda: x509.client_context(None, CLIENT_PAIR),
        )
        stack.push_async_callback(dialer.backends.close)

        async def front(request: Request) -> Response:
            info = request_info(request)
            request.context["info"], request.context["user"] = info, UserInfo("tester")
            handlers = build_streams(made.reader, dialer, made.authorizer, allow_address=lambda ip: ip == "127.0.0.1")
            try:
                return await handlers[info.resource, info.subresource](request, info)
            except StatusError as error:
                return Response(error.code, [("content-type", "application/json")], msgspec.json.encode(error.status()))

        server = HttpServer(front, host="127.0.0.1", port=0)
        await stack.enter_async_context(running("front", server.serve))
        made.front_port = server.port
        made.client = HttpTransport(f"http://127.0.0.1:{server.port}")
        stack.push_async_callback(made.client.close)
        yield made


def message(body: str) -> str:
    """The message of a Status."""
    text: str = msgspec.json.decode(body)["message"]
    return text
