"""Which tracked UDP flows have to be forgotten after a change. Pure.

UDP has no end of connection. A flow that was sent to an endpoint which is gone would go on to nowhere; one that began
before its service had endpoints was sent on untranslated and would stay so.
"""

from collections.abc import Iterator, Mapping, Sequence

from .model import ServicePort

Flow = tuple[str, int, str]
"""(address sent to, port sent to, endpoint translated to); an empty text stands for any."""


def _targets(ports: Sequence[ServicePort]) -> dict[tuple[str, int], set[str]]:
    """Endpoint addresses by what clients send to."""
    found: dict[tuple[str, int], set[str]] = {}
    for port in ports:
        if port.protocol != "udp":
            continue
        inside, outside = {e.ip for e in port.internal}, {e.ip for e in (*port.external, *port.everywhere)}
        found[port.cluster_ip, port.port] = inside
        for ip in (*port.external_ips, *port.load_balancer_ips):
            found[ip, port.port] = outside
        if port.node_port:
            found["", port.node_port] = outside
    return found


def stale_flows(before: Mapping[str, Sequence[ServicePort]], after: Mapping[str, Sequence[ServicePort]]) -> list[Flow]:
    """The flows to forget; `before` has the services that changed, by key, `after` those and others."""
    return [flow for key, ports in before.items() for flow in _stale(_targets(ports), _targets(after.get(key, ())))]


def _stale(had: Mapping[tuple[str, int], set[str]], has: Mapping[tuple[str, int], set[str]]) -> Iterator[Flow]:
    for (address, port), endpoints in had.items():
        for endpoint in sorted(endpoints - has.get((address, port), set())):
            yield address, port, endpoint
    for (address, port), endpoints in has.items():
        if endpoints and not had.get((address, port)):
            yield address, port, ""
