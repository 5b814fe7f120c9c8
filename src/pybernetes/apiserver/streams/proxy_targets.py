"""What `pods|services|nodes/[SCHEME:]NAME[:PORT]/proxy` means: scheme, host and port to send the request to.

Pods are reached on their IP, services through a ready endpoint of the wanted port, nodes on their kubelet (or another
port of their address). Loopback, link-local and unspecified addresses are refused: a proxy must not be led to the API
server's own machine.
"""

import ipaddress
import random
from collections.abc import Callable

import msgspec

from ...api.resource import resource
from ...api.status import bad_request, not_found, service_unavailable
from ..reader import Object, ObjectReader
from .kubelet_dialer import KubeletDialer

_SERVICE_LABEL = "kubernetes.io/service-name"


class Target(msgspec.Struct, frozen=True):
    """Where to send the request. `kubelet_node` is set when it is the kubelet itself, with our client certificate."""

    scheme: str
    host: str
    port: int = 0
    kubelet_node: str = ""

    @property
    def authority(self) -> str:
        """`host[:port]`, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def split_name(text: str) -> tuple[str, str, str] | None:
    """(scheme, name, port) of `name`, `name:port` or `scheme:name:port`; None when it is none of these."""
    parts = text.split(":")
    if len(parts) == 1:
        scheme, name, port = "", parts[0], ""
    elif len(parts) == 2:
        scheme, name, port = "", parts[0], parts[1]
    elif len(parts) == 3:
        scheme, name, port = parts
    else:
        return None
    if scheme not in ("", "http", "https") or not name:
        return None
    return scheme, name, port


def may_be_proxied(address: str) -> bool:
    """Whether requests may be led to this IP address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)


class ProxyTargets:
    """Finds targets from memory. `allow_address` is `may_be_proxied` but in tests."""

    def __init__(
        self, reader: ObjectReader, dialer: KubeletDialer, *, allow_address: Callable[[str], bool] = may_be_proxied
    ) -> None:
        self._reader = reader
        self._dialer = dialer
        self._allow_address = allow_address

    def pod(self, namespace: str, text: str) -> Target:
        """A pod by name; without a port the first declared one. StatusError 400 or 404."""
        parts = split_name(text)
        if parts is None:
            raise bad_request(f'invalid pod request "{text}"')
        scheme, name, port = parts
        pod = self._reader.get(resource("pods"), namespace, name)
        if pod is None:
            raise not_found("", "pods", name)
        address = (pod.get("status") or {}).get("podIP", "")
        self._check(address)
        number = _declared_port(pod, port)
        return Target(scheme or "http", address, number)

    def service(self, namespace: str, text: str) -> Target:
        """A ready endpoint of a service's port, chosen at random. StatusError 400, 404, or 503 when there is none."""
        parts = split_name(text)
        if parts is None:
            raise bad_request(f'invalid service request "{text}"')
        scheme, name, port = parts
        service = self._reader.get(resource("services"), namespace, name)
        if service is None:
            raise not_found("", "services", name)
        if port.isdigit():
            declared = [p for p in service["spec"].get("ports") or () if p.get("port") == int(port)]
            if not declared:
                raise service_unavailable(f'no service port {int(port)} found for service "{name}"')
            port = declared[0].get("name") or ""
        choices = list(self._endpoints(namespace, name, port))
        if not choices:
            raise service_unavailable(f'no endpoints available for service "{text}"')
        address, number = random.choice(choices)
        return Target(scheme or "http", address, number)

    def node(self, text: str) -> Target:
        """A node's kubelet, or another port of its address. StatusError 400 or 404."""
        parts = split_name(text)
        if parts is None:
            raise bad_request(f'invalid node request "{text}"')
        scheme, name, port = parts
        kubelet = self._dialer.address(name)
        if not port or port == str(kubelet.port):
            return Target("https", kubelet.host, kubelet.port, name)
        self._check(kubelet.host)
        return Target(scheme or "http", kubelet.host, _number(port))

    def _endpoints(self, namespace: str, service: str, port_name: str) -> list[tuple[str, int]]:
        """(address, port) of every ready endpoint of one port that is a pod."""
        found: list[tuple[str, int]] = []
        for endpoint_slice in self._reader.list(resource("endpointslices", "discovery.k8s.io"), namespace):
            if (endpoint_slice["metadata"].get("labels") or {}).get(_SERVICE_LABEL) != service:
                continue
            numbers = [p["port"] for p in endpoint_slice.get("ports") or () if (p.get("name") or "") == port_name]
            if not numbers:
                continue
            for endpoint in endpoint_slice.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is False:
                    continue
                address = (endpoint.get("addresses") or [""])[0]
                if (endpoint.get("targetRef") or {}).get("kind") == "Pod" and self._allow_address(address):
                    found.append((address, numbers[0]))
        return found

    def _check(self, address: str) -> None:
        if not self._allow_address(address):
            raise bad_request("address not allowed")


def _declared_port(pod: Object, port: str) -> int:
    """The port asked for by number or by a container port's name; without one the first that is declared, or 80."""
    declared = [p for container in pod["spec"].get("containers") or () for p in container.get("ports") or ()]
    if not port:
        return int(declared[0]["containerPort"]) if declared else 0
    for one in declared:
        if one.get("name") == port:
            return int(one["containerPort"])
    return _number(port)


def _number(port: str) -> int:
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise bad_request(f'invalid port "{port}"')
    return int(port)
