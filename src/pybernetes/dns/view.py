"""What the informers know, as DNS sees it: services with their endpoints, and names by address."""

from collections.abc import Iterable
from ipaddress import IPv6Address

from ..api.core import Namespace, Service
from ..api.discovery import EndpointSlice
from ..client.informers import Informers
from .plugins.kubernetes import Endpoint, ServiceRecord

_SERVICE_LABEL = "kubernetes.io/service-name"


def _slice_service(one: EndpointSlice) -> Iterable[str]:
    meta = one.metadata
    name = (meta.labels or {}).get(_SERVICE_LABEL) if meta else None
    return (f"{meta.namespace}/{name}",) if meta and name else ()


def _slice_addresses(one: EndpointSlice) -> Iterable[str]:
    return [_canonical(address) for endpoint in one.endpoints or () for address in endpoint.addresses or ()]


def _service_addresses(service: Service) -> Iterable[str]:
    spec = service.spec
    return [_canonical(ip) for ip in (spec.cluster_ips or ()) if ip != "None"] if spec else ()


def _canonical(address: str) -> str:
    """An address of IPv6 can be written in many ways."""
    return str(IPv6Address(address)) if ":" in address else address


def _ports(items: Iterable[object]) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (getattr(p, "name", None) or "", getattr(p, "protocol", None) or "TCP", getattr(p, "port", None) or 0)
        for p in items
    )


class InformerView:
    """A `ClusterView` over three informers."""

    def __init__(self, informers: Informers) -> None:
        self._services = informers.of(Service)
        self._slices = informers.of(EndpointSlice)
        self._namespaces = informers.of(Namespace)
        self._slices.add_index("dns-service", _slice_service)
        self._slices.add_index("dns-address", _slice_addresses)
        self._services.add_index("dns-address", _service_addresses)

    def has_namespace(self, namespace: str) -> bool:
        return self._namespaces.get(namespace) is not None

    def service(self, namespace: str, name: str) -> ServiceRecord | None:
        found = self._services.get(name, namespace)
        spec = found.spec if found else None
        if spec is None:
            return None
        ports = _ports(spec.ports or ())
        if spec.type == "ExternalName":
            return ServiceRecord(namespace, name, external_name=spec.external_name or "", ports=ports)
        if spec.cluster_ip != "None":
            ips = tuple(spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else []))
            return ServiceRecord(namespace, name, cluster_ips=ips, ports=ports)
        endpoints = tuple(self._endpoints(namespace, name))
        named = {(p, q): n for e in endpoints for p, q, n in e.ports}
        known = tuple((p, q, n) for (p, q), n in named.items())
        return ServiceRecord(namespace, name, headless=True, ports=known or ports, endpoints=endpoints)

    def _endpoints(self, namespace: str, name: str) -> Iterable[Endpoint]:
        seen: set[str] = set()
        for one in self._slices.by_index("dns-service", f"{namespace}/{name}"):
            ports = _ports(one.ports or ())
            for item in one.endpoints or ():
                ready = item.conditions is None or item.conditions.ready is None or item.conditions.ready
                for ip in item.addresses or () if ready else ():
                    if ip not in seen:
                        seen.add(ip)
                        yield Endpoint(ip, item.hostname or "", ports)

    def names_of(self, ip: str) -> Iterable[str]:
        for service in self._services.by_index("dns-address", ip):
            if service.metadata:
                yield f"{service.metadata.name}.{service.metadata.namespace}.svc"
                return
        for one in self._slices.by_index("dns-address", ip):
            for key in _slice_service(one):
                namespace, _, name = key.partition("/")
                record = self.service(namespace, name)
                if record is not None and record.headless:
                    yield from (f"{e.label}.{name}.{namespace}.svc" for e in record.endpoints if _canonical(e.ip) == ip)
