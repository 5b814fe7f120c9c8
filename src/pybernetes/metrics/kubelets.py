"""Where a kubelet is and how it is asked: HTTPS to its own port, with our certificate, checked by the cluster's CA."""

import ssl
from typing import Protocol

from ..api.core import Node
from ..apiserver.streams.kubelet_dialer import DEFAULT_PORT, PREFERRED_ADDRESS_TYPES
from ..base.http.client import HttpTransport, TransportError
from ..base.http.message import Request
from ..client.client import read_body

PATH = "/metrics/resource"

Address = tuple[str, int]


class Unreachable(Exception):
    """A kubelet that did not tell its metrics; the text says why."""


class Source(Protocol):
    """Reads what a node's kubelet shows at /metrics/resource."""

    async def read(self, node: Node) -> str:
        """The text. Unreachable when there is none; the caller limits the time."""

    async def keep(self, nodes: list[Node]) -> None:
        """Only these nodes are there any more: end what belongs to others."""


class Kubelets:
    """The Source of a real cluster: one connection to each kubelet, kept between looks."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._transports: dict[Address, HttpTransport] = {}

    async def read(self, node: Node) -> str:
        """See Source."""
        address = address_of(node)
        if address is None:
            raise Unreachable("the node has no address")
        transport = self._transports.get(address)
        if transport is None:
            host, port = address
            shown = f"[{host}]" if ":" in host else host
            transport = self._transports[address] = HttpTransport(f"https://{shown}:{port}", tls=self._tls)
        try:
            response = await transport(Request("GET", PATH, "", [("accept", "text/plain")]))
            body = await read_body(response)
        except (TransportError, OSError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        if response.status != 200:
            text = body[:200].decode("utf-8", "replace").strip()
            raise Unreachable(f"request failed, status: {response.status}: {text}")
        return body.decode("utf-8", "replace")

    async def keep(self, nodes: list[Node]) -> None:
        """See Source."""
        wanted = {address_of(node) for node in nodes}
        for address in self._transports.keys() - wanted:
            await self._transports.pop(address).close()


def address_of(node: Node) -> Address | None:
    """(host, port) of a node's kubelet; None while the node has told no address."""
    status = node.status
    addresses = status.addresses or []
    endpoint = status.daemon_endpoints.kubelet_endpoint if status.daemon_endpoints is not None else None
    port = (endpoint.port if endpoint is not None else 0) or DEFAULT_PORT
    for wanted in PREFERRED_ADDRESS_TYPES:
        for address in addresses:
            if address.type == wanted and address.address:
                return address.address, port
    return None
