"""Facts about Services and the pods behind them, read alike by the controllers of endpoints and of endpoint slices."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from ..api.core import Container, Pod, Service, ServicePort
from .pods import condition_of, is_ready, is_terminal, node_of

HEADLESS_LABEL = "service.kubernetes.io/headless"
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"


def is_headless(service: Service) -> bool:
    """Whether it has no virtual IP (`clusterIP: None`)."""
    return service.spec.cluster_ip == "None"


def is_selecting(service: Service) -> bool:
    """Whether its endpoints are made from pods: it has a selector and is not an ExternalName."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def selects(service: Service, labels: Mapping[str, str] | None) -> bool:
    """Whether the Service's selector matches those pod labels."""
    selector = service.spec.selector or {}
    return is_selecting(service) and selector.items() <= (labels or {}).items()


def addresses_of(pod: Pod) -> list[str]:
    """The pod's IP addresses, the primary one first."""
    listed = [entry.ip for entry in pod.status.pod_ips or () if entry.ip]
    return listed or ([pod.status.pod_ip] if pod.status.pod_ip else [])


def is_ipv6(address: str) -> bool:
    """Whether an address is IPv6."""
    return ip_address(address).version == 6


def can_be_endpoint(pod: Pod, *, include_terminating: bool) -> bool:
    """Whether a pod that a Service selects may appear among its endpoints, ready or not."""
    if is_terminal(pod) or not addresses_of(pod):
        return False
    return include_terminating or pod.metadata.deletion_timestamp is None


def target_port(pod: Pod, port: ServicePort) -> int | None:
    """The number of the port traffic goes to in that pod; None when the pod has no port of that name."""
    wanted = port.target_port
    if wanted is None or wanted == 0:
        return port.port
    if isinstance(wanted, int):
        return wanted
    protocol = port.protocol or "TCP"
    for container in _long_running(pod):
        for found in container.ports or ():
            if found.name == wanted and (found.protocol or "TCP") == protocol:
                return found.container_port
    return None


def hostname_of(pod: Pod, service: Service) -> str | None:
    """The DNS name of the pod below the Service, when it asks for one."""
    if pod.spec.hostname and pod.spec.subdomain == service.metadata.name:
        return pod.spec.hostname
    return None


def appearance(pod: Pod) -> tuple[object, ...]:
    """All of a pod that endpoints show: when it is equal before and after a change, no endpoints change."""
    condition = condition_of(pod, "Ready")
    return (
        addresses_of(pod),
        pod.metadata.uid,
        is_ready(pod),
        condition is not None,
        pod.metadata.deletion_timestamp is not None,
        is_terminal(pod),
        node_of(pod),
        pod.spec.hostname,
        pod.spec.subdomain,
    )


def services_touched(services: Iterable[Service], old: Pod | None, new: Pod | None) -> Iterable[Service]:
    """Those of the pod's namespace whose endpoints may change by a pod's change: they select it, or did before."""
    if old is not None and new is not None and old.metadata.labels == new.metadata.labels:
        if appearance(old) == appearance(new):
            return ()
        old = None
    labels = [pod.metadata.labels for pod in (old, new) if pod is not None]
    return [service for service in services if any(selects(service, one) for one in labels)]


def _long_running(pod: Pod) -> Iterable[Container]:
    yield from pod.spec.containers or ()
    for container in pod.spec.init_containers or ():
        if container.restart_policy == "Always":
            yield container
