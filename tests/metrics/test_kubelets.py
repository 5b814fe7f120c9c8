"""How kubelets are reached: over real TLS, by certificate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pybernetes.api.codec import from_wire
from pybernetes.api.core import Node
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CLIENT, CertificateAuthority, client_context, server_context, subject_of
from pybernetes.metrics.kubelets import Kubelets, Unreachable, address_of


def node_at(*addresses: tuple[str, str], port: int = 0) -> Node:
    rows = [{"type": type_, "address": address} for type_, address in addresses]
    status = {"addresses": rows, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
    return from_wire(Node, {"metadata": {"name": "n1"}, "status": status})


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (node_at(("Hostname", "n1"), ("InternalIP", "10.0.0.1"), port=10260), ("10.0.0.1", 10260)),
        (node_at(("Hostname", "n1"), ("ExternalIP", "192.0.2.1")), ("192.0.2.1", 10250)),
        (node_at(("Hostname", "n1")), ("n1", 10250)),
        (node_at(("ExternalDNS", "n1.example.com")), None),
        (node_at(), None),
    ],
)
def test_where_a_kubelet_is(node: Node, expected: tuple[str, int] | None) -> None:
    assert address_of(node) == expected


class Stage:
    """A kubelet's server that shows what it was asked, and answers with `answer`."""

    def __init__(self) -> None:
        self.authority = CertificateAuthority.create("ca")
        self.answer = Response(200, [], b"node_cpu_usage_seconds_total 1\n")
        self.seen: list[tuple[str, str, str]] = []
        pair = self.authority.issue("system:node:n1", names=["127.0.0.1"])
        tls = server_context(pair, client_ca=self.authority.certificate_pem)
        self.http = HttpServer(self._serve, host="127.0.0.1", port=0, tls=tls)

    async def _serve(self, request: Request) -> Response:
        user = subject_of(request.peer_certificate)[0] if request.peer_certificate else ""
        self.seen.append((request.method, request.path, user))
        return self.answer

    @property
    def node(self) -> Node:
        return node_at(("InternalIP", "127.0.0.1"), port=self.http.port)


@asynccontextmanager
async def stage(trusted: CertificateAuthority | None = None) -> AsyncIterator[tuple[Stage, Kubelets]]:
    found = Stage()
    pair = found.authority.issue("system:metrics-server", usages=CLIENT)
    kubelets = Kubelets(client_context((trusted or found.authority).certificate_pem, pair))
    async with running("kubelet", found.http.serve):
        yield found, kubelets
        await kubelets.keep([])


async def test_it_shows_its_certificate_and_gets_the_text() -> None:
    async with stage() as (kubelet, kubelets):
        for _ in range(2):
            assert await kubelets.read(kubelet.node) == "node_cpu_usage_seconds_total 1\n"
        assert kubelet.seen == [("GET", "/metrics/resource", "system:metrics-server")] * 2


async def test_a_refusal_is_told() -> None:
    async with stage() as (kubelet, kubelets):
        kubelet.answer = Response(403, [], b"Forbidden (user=system:metrics-server)")
        with pytest.raises(Unreachable, match=r"request failed, status: 403: Forbidden \(user=system:metrics-server\)"):
            await kubelets.read(kubelet.node)


async def test_a_kubelet_of_another_cluster_is_not_believed() -> None:
    async with stage(CertificateAuthority.create("other")) as (kubelet, kubelets):
        with pytest.raises(Unreachable, match="certificate"):
            await kubelets.read(kubelet.node)
        assert kubelet.seen == []


async def test_a_kubelet_that_is_not_there() -> None:
    async with stage() as (_, kubelets):
        with pytest.raises(Unreachable):
            await kubelets.read(node_at(("InternalIP", "127.0.0.1"), port=1))
        with pytest.raises(Unreachable, match="the node has no address"):
            await kubelets.read(node_at())
