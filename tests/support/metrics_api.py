"""A metrics server behind the aggregator of an API server in memory, over fake kubelets and a clock the test moves.

async with running_api(**proxied(tmp_path)) as api, serving_metrics(api, tmp_path) as world:
    world.kubelets.run("n1", "default", "web", {"main": (0.25, 64 << 20)})
    await world.look()
    await world.look()
    await api.get(f"{BASE}/pods")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.api import Api
from tests.support.control_plane import node
from tests.support.kubelet_usage import FakeKubelets

from pybernetes.api.resource import resource_for_kind
from pybernetes.api.user import component
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, KeyPair
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster.addons import metrics as addon
from pybernetes.metrics import MetricsConfig, MetricsServer

BASE = "/apis/metrics.k8s.io/v1beta1"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class HandClock:
    """A wall clock that only the test moves; the monotonic one follows it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")

    def pass_(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Stage:
    def __init__(self, api: Api, server: MetricsServer, kubelets: FakeKubelets, clock: HandClock) -> None:
        self.api = api
        self.server = server
        self.kubelets = kubelets
        self.clock = clock

    async def look(self, seconds: float = 15.0) -> None:
        """Time passes, and the kubelets are looked at."""
        self.clock.pass_(seconds)
        await self.server.collector.look()

    async def pod(self, name: str, namespace: str = "default", node_name: str = "n1", **labels: str) -> None:
        await self.api.pod(name, node_name, namespace, labels=labels)

    def as_user(self, name: str) -> Api:
        return Api(self.api.server, component(name))


def proxied(directory: Path) -> dict[str, Any]:
    """What an API server's configuration needs for aggregation; the certificates are made in the directory."""
    proxies = CertificateAuthority.create("front-proxy-ca")
    (directory / "proxy-ca.crt").write_bytes(proxies.certificate_pem)
    proxies.issue("front-proxy-client").save(directory / "proxy.crt", directory / "proxy.key")
    return {
        "aggregation": True,
        "authorization_modes": ("RBAC",),
        "request_header_ca": str(directory / "proxy-ca.crt"),
        "request_header_allowed_names": ("front-proxy-client",),
        "proxy_client_certificate": str(directory / "proxy.crt"),
        "proxy_client_key": str(directory / "proxy.key"),
    }


@asynccontextmanager
async def serving_metrics(api: Api) -> AsyncIterator[Stage]:
    """Two nodes, n1 and n2, and the metrics server with its own identity, registered and available."""
    authority = CertificateAuthority.create("ca")
    clock = HandClock()
    kubelets = FakeKubelets(clock)
    for name, processors in (("n1", 0.5), ("n2", 1.5)):
        await api.post("/api/v1/nodes", node(name, labels={"zone": name}))
        kubelets.use(name, processors, 3 << 30)
    for obj in addon.access_objects():
        await api.post(_path(obj), obj)
    pair = authority.issue("metrics-server", names=[addon.SERVER_NAME])
    client = Client(InProcessTransport(api.server.app, component(addon.USER)))
    server = MetricsServer(MetricsConfig(), client, kubelets, pair, clock=clock)
    async with running("metrics-server", server.serve):
        await _register(api, server, authority)
        yield Stage(api, server, kubelets, clock)


def _path(obj: dict[str, Any]) -> str:
    return resource_for_kind(obj["apiVersion"], obj["kind"]).path(obj["metadata"].get("namespace", ""))


async def _register(api: Api, server: MetricsServer, authority: KeyPair) -> None:
    """The APIService, with a Service that leads to this machine."""
    watching = await api.watch(SERVICES, f"fieldSelector=metadata.name%3D{addon.API_SERVICE}")
    spec = {"type": "ExternalName", "externalName": "localhost"}
    metadata = {"name": addon.NAME, "namespace": addon.NAMESPACE}
    await api.post(f"/api/v1/namespaces/{addon.NAMESPACE}/services", {"metadata": metadata, "spec": spec})
    registered = addon.api_service(authority.certificate_pem)
    registered["spec"]["service"]["port"] = server.port
    await api.post(SERVICES, registered)
    count = 0
    while True:
        count += 1
        await watching.received(count)
        conditions = (watching.events[count - 1]["object"].get("status") or {}).get("conditions") or []
        if any(row["status"] == "True" for row in conditions):
            return
