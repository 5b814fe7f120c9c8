"""The rules of one address family: the services as that family has them, and what of it the kernel has. No I/O."""

from collections.abc import Iterable, Sequence

from ..api.core import Service
from ..api.discovery import EndpointSlice
from .endpoint_numbers import EndpointNumbers
from .families import Family
from .model import ServicePort, service_ports
from .rules import entries, skeleton
from .ruleset import Ruleset
from .udp_flows import Flow, stale_flows


class FamilyTable:
    """`ports` are those of every service that has any, by `namespace/name`; `changed` the keys that differ since the
    last `follow_up`."""

    def __init__(self, family: Family, table: str, pod_cidrs: Sequence[str], service_cidrs: Sequence[str]) -> None:
        self.family = family
        rules = skeleton(family.first(pod_cidrs), family.first(service_cidrs), family)
        self.ruleset = Ruleset(family.table(table), rules)
        self.ports: dict[str, list[ServicePort]] = {}
        self._numbers = EndpointNumbers()
        self._before: dict[str, list[ServicePort]] = {}

    def put(
        self, key: str, service: Service | None, slices: Sequence[EndpointSlice], node_name: str, zone: str
    ) -> None:
        """A service as it is now, None when it is gone."""
        ports = service_ports(service, slices, node_name, zone, self.family) if service else []
        old = self.ports.pop(key, [])
        if ports:
            self.ports[key] = ports
        if ports != old:
            self._before.setdefault(key, old)
            self.ruleset.replace(key, entries(key, ports, self._numbers, self.family))

    def all_ports(self) -> Iterable[ServicePort]:
        """The ports of every service."""
        return (port for ports in self.ports.values() for port in ports)

    def follow_up(self) -> tuple[bool, Iterable[Flow]]:
        """What a change brings with it once the rules stand: whether health-check ports may differ, and the UDP flows
        to forget."""
        before, self._before = self._before, {}
        changed = (port for key, ports in before.items() for port in (*ports, *self.ports.get(key, ())))
        return any(port.health_check_port for port in changed), stale_flows(before, self.ports)
