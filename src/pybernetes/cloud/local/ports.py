"""Ports of nodes and who holds them: what a Service asks for must not take anything away from anybody.

    other LoadBalancer Services · the node port range · host ports of pods · what of the cluster itself listens there

Whoever has a port keeps it; who comes later waits. What this process gave is in `_granted`; what an earlier one gave is
told by the Services' own status, where two claim the same the older Service has it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from ...api.core import Pod, Service
from ...api.discovery import EndpointSlice
from ...client.informer import Informer
from ...client.informers import Informers
from ...client.view import key_of
from ...reconcile.pods import is_terminal
from ...reconcile.services import selects
from ..service.plan import wants_load_balancer

_SERVICES, _PODS, _SLICES = "local-balancer-port", "host-port", "host-process-port"
_SERVICE_NAME = "kubernetes.io/service-name"

Port = tuple[str, int]
"""(protocol, number)"""


def ports_of(service: Service) -> list[Port]:
    """The ports a Service is reached at."""
    return [(port.protocol or "TCP", port.port) for port in service.spec.ports or ()]


def claimed(service: Service) -> list[Port]:
    """The ports it may have on nodes: as a load balancer, or by an external address that is a node's."""
    return ports_of(service) if wants_load_balancer(service) or service.spec.external_ips else []


def host_ports(pod: Pod) -> list[Port]:
    """The ports of its node that a pod has for itself."""
    if is_terminal(pod):
        return []
    containers = (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
    ports = (port for container in containers for port in container.ports or ())
    return [(port.protocol or "TCP", port.host_port) for port in ports if port.host_port]


def process_ports(one: EndpointSlice) -> list[Port]:
    """The ports of endpoints that are no pods: what a part of the cluster itself listens on."""
    if all(endpoint.target_ref is not None for endpoint in one.endpoints or ()):
        return []
    return [(port.protocol or "TCP", port.port) for port in one.ports or () if port.port]


def has_address(service: Service) -> bool:
    """Whether it was given one."""
    return bool(service.status.load_balancer.ingress)


def _text(port: Port) -> str:
    return f"{port[1]}/{port[0]}"


class NodePorts:
    """Who holds which port, read from the cluster's objects."""

    def __init__(self, informers: Informers, node_port_range: range, reserved: Mapping[int, str]) -> None:
        """reserved: TCP ports of nodes, and what has them."""
        self._range = node_port_range
        self._reserved = reserved
        self._granted: dict[str, frozenset[Port]] = {}
        self._services = informers.of(Service)
        self._pods: Informer[Pod] = informers.of(Pod)
        self._slices = informers.of(EndpointSlice)
        self._is_indexed = False

    def _index(self) -> None:
        """A cluster without load balancers does without."""
        self._services.add_index(_SERVICES, lambda one: map(_text, claimed(one)))
        self._pods.add_index(_PODS, lambda pod: map(_text, host_ports(pod)))
        self._slices.add_index(_SLICES, lambda one: map(_text, process_ports(one)))
        self._is_indexed = True

    def grant(self, service: Service, addresses: Collection[str]) -> str:
        """Have the Service hold its ports at these addresses; or what is in the way, and nothing changes."""
        if not self._is_indexed:
            self._index()
        for port in ports_of(service):
            holder = self._holder(port, service, addresses)
            if holder:
                return f"port {_text(port)} of the nodes is held by {holder}"
        self._granted[key_of(service)] = frozenset(ports_of(service))
        return ""

    def release(self, key: str) -> None:
        """The Service holds nothing any more."""
        self._granted.pop(key, None)

    def holds(self, key: str) -> bool:
        """Whether this process gave it something."""
        return key in self._granted

    def _holder(self, port: Port, service: Service, addresses: Collection[str]) -> str:
        protocol, number = port
        if protocol == "TCP" and number in self._reserved:
            return self._reserved[number]
        if number in self._range:
            return f"the node port range {self._range.start}-{self._range.stop - 1}"
        for other in self._others(port, service, addresses):
            return f"Service {other}"
        for pod in self._pods.by_index(_PODS, _text(port)):
            if not (pod.metadata.namespace == service.metadata.namespace and selects(service, pod.metadata.labels)):
                return f"Pod {key_of(pod)}"
        for one in self._slices.by_index(_SLICES, _text(port)):
            name = (one.metadata.labels or {}).get(_SERVICE_NAME, one.metadata.name)
            if f"{one.metadata.namespace}/{name}" != key_of(service):
                return f"what serves {one.metadata.namespace}/{name}"
        return ""

    def _others(self, port: Port, service: Service, addresses: Collection[str]) -> Iterator[str]:
        """Services that had the port first."""
        key = key_of(service)
        for other, ports in self._granted.items():
            if other != key and port in ports:
                yield other
        for found in self._services.by_index(_SERVICES, _text(port)):
            other = key_of(found)
            if other == key or other in self._granted:
                continue
            if any(ip in addresses for ip in found.spec.external_ips or ()):
                yield other
            if has_address(found) and (not has_address(service) or _rank(found) < _rank(service)):
                yield other


def _rank(service: Service) -> tuple[str, str]:
    created = service.metadata.creation_timestamp
    return (created.isoformat() if created else "", key_of(service))


def lost(before: Iterable[Port], after: Iterable[Port]) -> bool:
    """Whether a port became free."""
    return bool(set(before) - set(after))
