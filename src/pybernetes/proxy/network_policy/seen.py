"""What policies see of a cluster: pods by namespace, labels, address and ports. No I/O."""

from collections.abc import Iterable, Mapping

import msgspec


class SeenMeta(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class SeenPort(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    name: str | None = None
    container_port: int = 0
    protocol: str | None = None


class SeenContainer(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    ports: list[SeenPort] | None = None
    restart_policy: str | None = None


class SeenSpec(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    node_name: str | None = None
    host_network: bool | None = None
    containers: list[SeenContainer] | None = None
    init_containers: list[SeenContainer] | None = None


class SeenIP(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    ip: str = ""


class SeenStatus(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    pod_ips: list[SeenIP] | None = msgspec.field(name="podIPs", default=None)


class SeenPod(msgspec.Struct, kw_only=True, rename="camel"):
    """A Pod, reduced to what decides about its packets: while there are policies, a node follows all pods."""

    metadata: SeenMeta = msgspec.field(default_factory=SeenMeta)
    spec: SeenSpec = msgspec.field(default_factory=SeenSpec)
    status: SeenStatus = msgspec.field(default_factory=SeenStatus)


class SeenNamespace(msgspec.Struct, kw_only=True, rename="camel"):
    """A Namespace, reduced to its labels."""

    metadata: SeenMeta = msgspec.field(default_factory=SeenMeta)


class Place(msgspec.Struct, frozen=True):
    """Something with an address that a policy can select.

    `node` is where it runs, "" for what no policy can isolate. `ports` are its named ports: (name, protocol, number).
    """

    namespace: str
    labels: Mapping[str, str]
    ip: str
    node: str = ""
    ports: tuple[tuple[str, str, int], ...] = ()


def places_of(pod: SeenPod) -> tuple[Place, ...]:
    """A pod at each of its addresses; nothing without one of its own (yet, any more, or because it has the node's)."""
    if not pod.status.pod_ip or pod.spec.host_network or pod.status.phase in ("Succeeded", "Failed"):
        return ()
    sidecars = (one for one in pod.spec.init_containers or () if one.restart_policy == "Always")
    first = Place(
        namespace=pod.metadata.namespace,
        labels=pod.metadata.labels or {},
        ip=pod.status.pod_ip,
        node=pod.spec.node_name or "",
        ports=tuple(_named([*(pod.spec.containers or ()), *sidecars])),
    )
    more = pod.status.pod_ips or ()
    return (first, *(msgspec.structs.replace(first, ip=one.ip) for one in more if one.ip != first.ip))


def _named(containers: Iterable[SeenContainer]) -> Iterable[tuple[str, str, int]]:
    for container in containers:
        for port in container.ports or ():
            if port.name:
                yield port.name, (port.protocol or "TCP").lower(), port.container_port
