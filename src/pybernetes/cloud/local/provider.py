"""The local provider: load balancers that are addresses of nodes, served by the proxy of each node.

    ensure, update ──▶ NodePorts.grant ──▶ status_of(service, nodes, slices)
    Node readiness and addresses · endpoints of Local services · a port that became free ──▶ wake

Nothing is looked at periodically, and no controller but that of Services has anything to do.
"""

from collections.abc import Callable, Mapping, Sequence

from ...api.core import LoadBalancerStatus, Node, Pod, Service
from ...api.discovery import EndpointSlice
from ...client.informer import Informer
from ...client.informers import Informers
from ...client.view import key_of
from ..provider import CloudProvider, ProviderError
from ..service.plan import wants_load_balancer
from .addresses import internal_ips, is_ready, serving_nodes, status_of
from .ports import NodePorts, claimed, host_ports, lost, process_ports

_BY_SERVICE = "local-balancer-service"
_SERVICE_NAME = "kubernetes.io/service-name"
_NODE_PORTS = "30000-32767"


def _service_of(one: EndpointSlice) -> str:
    return f"{one.metadata.namespace}/{(one.metadata.labels or {}).get(_SERVICE_NAME, '')}"


class LocalProvider(CloudProvider):
    """See the module docstring. `follow` comes before any other call."""

    name = "local"

    def __init__(self, node_port_range: str = _NODE_PORTS, reserved: Mapping[int, str] | None = None) -> None:
        """node_port_range: as the API server has it. reserved: TCP ports of nodes, and what has them."""
        first, _, last = node_port_range.partition("-")
        self._range = range(int(first), int(last) + 1)
        self._reserved = dict(reserved or {})
        self.load_balancers = self

    def follow(self, informers: Informers, wake: Callable[[str], None]) -> None:
        """Called anew each time the controllers start."""
        self._wake = wake
        self._waiting: set[str] = set()
        self._ports = NodePorts(informers, self._range, self._reserved)
        self._services: Informer[Service] = informers.of(Service)
        self._slices: Informer[EndpointSlice] = informers.of(EndpointSlice)
        self._slices.add_index(_BY_SERVICE, lambda one: (_service_of(one),))
        self._services.add_handler(self._service_changed)
        self._slices.add_handler(self._slice_changed)
        informers.of(Pod).add_handler(self._pod_changed)
        informers.of(Node).add_handler(self._node_changed)

    async def get(self, cluster: str, service: Service) -> LoadBalancerStatus | None:
        """What the Service was given; what an earlier process gave counts once it is ensured again."""
        return service.status.load_balancer if self._ports.holds(key_of(service)) else None

    async def ensure(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus:
        """ProviderError says who holds a port; the Service is looked at again when one becomes free."""
        key = key_of(service)
        self._waiting.add(key)
        status = status_of(service, nodes, self._slices.by_index(_BY_SERVICE, key))
        obstacle = self._ports.grant(service, {ip for node in nodes for ip in internal_ips(node)})
        if obstacle:
            self._ports.release(key)
            raise ProviderError(obstacle)
        self._waiting.discard(key)
        return status

    async def update(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus | None:
        """As `ensure`, for what has its ports already."""
        return status_of(service, nodes, self._slices.by_index(_BY_SERVICE, key_of(service)))

    async def delete(self, cluster: str, service: Service) -> None:
        """Its ports are free."""
        self._waiting.discard(key_of(service))
        self._ports.release(key_of(service))
        self._freed()

    def _freed(self) -> None:
        for key in sorted(self._waiting):
            self._wake(key)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if self._waiting and old is not None and lost(claimed(old), claimed(new) if new is not None else ()):
            self._freed()

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if self._waiting and old is not None and lost(host_ports(old), host_ports(new) if new is not None else ()):
            self._freed()

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        assert found is not None
        if self._waiting and old is not None and lost(process_ports(old), process_ports(new) if new else ()):
            self._freed()
        service = self._services.get(
            (found.metadata.labels or {}).get(_SERVICE_NAME, ""), found.metadata.namespace or ""
        )
        if service is None or not wants_load_balancer(service) or service.spec.external_traffic_policy != "Local":
            return
        if serving_nodes([old] if old else ()) != serving_nodes([new] if new else ()):
            self._wake(key_of(service))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Nodes that come and go are the controller's to notice."""
        if old is None or new is None:
            return
        if is_ready(old) == is_ready(new) and internal_ips(old) == internal_ips(new):
            return
        for service in self._services.list():
            if wants_load_balancer(service):
                self._wake(key_of(service))
