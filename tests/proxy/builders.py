"""Services and slices for the proxy's tests, in short form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from tests.support.clock import LoopClock

from pybernetes.api.core import Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.proxy.endpoint_numbers import EndpointNumbers
from pybernetes.proxy.families import IPV4, Family
from pybernetes.proxy.model import Endpoint, ServicePort
from pybernetes.proxy.rules import entries, skeleton
from pybernetes.proxy.ruleset import Ruleset

TABLE = "ip pybernetes"
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
POD_CIDR6 = "fd00:10:244::/56"
SERVICE_CIDR6 = "fd00:10:96::/112"


class StillClock(LoopClock):
    """Stands still at `seconds` after the beginning of 2026."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def service(name: str = "web", *, ip: str = "10.96.0.20", **spec: Any) -> Service:
    """A Service with one port 80/TCP named http; keywords are wire fields of the spec, and `status`, `labels`."""
    status = spec.pop("status", {})
    labels = spec.pop("labels", {})
    ports = spec.pop("ports", [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}])
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"clusterIP": ip, "ports": ports, **spec},
            "status": status,
        },
        Service,
    )


def endpoint_slice(
    *addresses: str,
    service: str = "web",
    node: str = "n1",
    port: int | None = 8080,
    name: str = "http",
    **conditions: Any,
) -> EndpointSlice:
    """A slice of endpoints on one node that share their conditions."""
    return msgspec.convert(
        {
            "metadata": {
                "name": f"{service}-{node}",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"name": name, "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [a], "nodeName": node, "conditions": conditions} for a in addresses],
        },
        EndpointSlice,
    )


def endpoints(*ips: str, port: int = 8080, local: bool = True) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(ip, port, local) for ip in ips)


def port(*ips: str, name: str = "web", cluster_ip: str = "10.96.0.20", **more: Any) -> ServicePort:
    """A service port 80/TCP whose endpoints serve on 8080 everywhere."""
    found = endpoints(*ips)
    fields: dict[str, Any] = {
        "namespace": "default",
        "name": name,
        "port_name": "http",
        "protocol": "tcp",
        "port": 80,
        "cluster_ip": cluster_ip,
        "internal": found,
        "external": found,
        "everywhere": found,
    }
    return ServicePort(**(fields | more))


class Table:
    """A ruleset with its numbers, as the proxy keeps them."""

    def __init__(self, family: Family = IPV4) -> None:
        self.family = family
        ranges = (POD_CIDR, SERVICE_CIDR) if family is IPV4 else (POD_CIDR6, SERVICE_CIDR6)
        self.ruleset = Ruleset(family.table("pybernetes"), skeleton(*ranges, family))
        self.numbers = EndpointNumbers()

    def put(self, *ports: ServicePort, owner: str = "") -> "Table":
        """These are all ports of their service."""
        key = owner or f"{ports[0].namespace}/{ports[0].name}"
        self.ruleset.replace(key, entries(key, ports, self.numbers, self.family))
        return self

    def drop(self, owner: str) -> "Table":
        self.ruleset.replace(owner, entries(owner, (), self.numbers, self.family))
        return self

    def step(self) -> str:
        """The commands, taken as carried out."""
        found = self.ruleset.commands()
        self.ruleset.applied()
        return found
