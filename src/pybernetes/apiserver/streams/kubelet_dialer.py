"""Where the kubelets are and how to speak to them: HTTPS to port 10250 with the API server's client certificate."""

import ssl
from collections.abc import Callable, Sequence

import msgspec

from ...api.resource import resource
from ...api.status import StatusError, not_found
from ...base.http.message import Request, Response
from ..reader import Object, ObjectReader
from .backends import Backends, unverified_context

DEFAULT_PORT = 10250
PREFERRED_ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")


class KubeletAddress(msgspec.Struct, frozen=True):
    """Host (name or IP) and port of one kubelet."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class KubeletDialer:
    """`tls` is the client context (client certificate, and the CA that signs kubelets' serving certificates).

    Without one the kubelet's certificate is not checked, as upstream without `--kubelet-certificate-authority`.
    `insecure_tls` makes the context for `logs --insecure-skip-tls-verify-backend`: the same client certificate, no
    check of the server. It is called when first needed.
    """

    def __init__(
        self,
        reader: ObjectReader,
        *,
        tls: ssl.SSLContext | None = None,
        insecure_tls: Callable[[], ssl.SSLContext] = unverified_context,
        preferred_address_types: Sequence[str] = PREFERRED_ADDRESS_TYPES,
        backends: Backends | None = None,
    ) -> None:
        self._reader = reader
        self._tls = tls
        self._make_insecure = insecure_tls
        self._insecure: ssl.SSLContext | None = None
        self._preferred = tuple(preferred_address_types)
        self.backends = backends if backends is not None else Backends()

    def address(self, node_name: str) -> KubeletAddress:
        """The kubelet of a node. StatusError 404 for no such node, 500 for a node without a usable address."""
        node = self._reader.get(resource("nodes"), "", node_name)
        if node is None:
            raise not_found("", "nodes", node_name)
        return kubelet_address(node, self._preferred)

    async def send(self, node_name: str, request: Request, *, insecure: bool = False) -> Response:
        """One request to the kubelet of a node. TransportError when it cannot be reached."""
        url = f"https://{self.address(node_name).authority}"
        context = self._tls
        if insecure or context is None:
            if self._insecure is None:
                self._insecure = self._make_insecure()
            context = self._insecure
        return await self.backends.send(url, context, request)


def kubelet_address(node: Object, preferred: Sequence[str] = PREFERRED_ADDRESS_TYPES) -> KubeletAddress:
    """The first address in order of preference, and the port the kubelet has published."""
    status = node.get("status") or {}
    addresses = status.get("addresses") or []
    endpoints = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    port = endpoints.get("Port") or DEFAULT_PORT
    for wanted in preferred:
        for address in addresses:
            if address.get("type") == wanted and address.get("address"):
                return KubeletAddress(address["address"], port)
    shown = " ".join(f"{{{a.get('type', '')} {a.get('address', '')}}}" for a in addresses)
    raise StatusError(500, "", f"no preferred addresses found; known addresses: [{shown}]")
