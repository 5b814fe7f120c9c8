"""Service ports as an nftables ruleset. Pure.

The path of a first packet (the rest of a connection follows conntrack)::

    prerouting, output  --  ip daddr . protocol . port  in @services   --> lb_F_N        (no affinity)
                        \\-  protocol . port (to this node) in @node_services --> node_lb_F_N
                        \\-                                             --> sticky_F_N_T  (ClientIP affinity)
    lb_F_N:      mark = F | random of N;  dnat to @endpoints[daddr . protocol . port . mark]
    postrouting: masquerade what has to come back through this node

One chain exists per distinct (F, N), not per service; endpoints are elements of one map. The mark carries, besides the
endpoint's number, what becomes of the source address:

    F_CLUSTER   traffic to a cluster address: masqueraded unless it comes from a pod
    F_EXTERNAL  entered by node port, load balancer or external address: always masqueraded
    F_KEEP      the same under externalTrafficPolicy Local: never masqueraded

Affinity: `@affinity` remembers, per client and service, the number of its endpoint. These numbers stay with an endpoint
as long as it lives (`EndpointNumbers`), so a change of other endpoints breaks nobody's affinity; the number of an
endpoint that is gone finds nothing in `@endpoints`, the packet falls back and the client gets a new one.

Nothing serving: connections are refused at once (a reset for TCP; plain ICMP would cost the client a second).
Layout follows the flat-map advice of kube-proxy's own nftables notes and was measured: see bench/proxy.py.
"""

from collections.abc import Iterable, Sequence

from .model import Endpoint, ServicePort
from .ruleset import Ruleset

F_CLUSTER = 0x10000
F_KEEP = 0x20000
F_EXTERNAL = 0x40000
_CHOICE = 0x80000
_NUMBERS = 0x10000


def skeleton(pod_cidr: str) -> str:
    """Everything of the table that does not depend on services."""
    return f"""
  map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map node_services {{ type inet_proto . inet_service : verdict; }}
  map endpoints {{ type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map node_endpoints {{ type inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map choices {{ type ipv4_addr . inet_proto . inet_service . mark : mark; }}
  map node_choices {{ type inet_proto . inet_service . mark : mark; }}
  map affinity {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark; flags dynamic,timeout; timeout 3h; size 65535; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
  set unserved {{ type ipv4_addr . inet_proto . inet_service; }}
  set node_unserved {{ type inet_proto . inet_service; }}
  set dropped {{ type ipv4_addr . inet_proto . inet_service; }}
  set node_dropped {{ type inet_proto . inet_service; }}
  set guarded {{ type ipv4_addr . inet_proto . inet_service; }}
  set sources {{ type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }}
  set cluster_ips {{ type ipv4_addr; }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject
  }}
  chain lb {{
    meta l4proto tcp dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints
    meta l4proto udp dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints
    meta l4proto sctp dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints
  }}
  chain node_lb {{
    meta l4proto tcp dnat ip to meta l4proto . th dport . meta mark map @node_endpoints
    meta l4proto udp dnat ip to meta l4proto . th dport . meta mark map @node_endpoints
    meta l4proto sctp dnat ip to meta l4proto . th dport . meta mark map @node_endpoints
  }}
  chain dispatch {{
    ip daddr . meta l4proto . th dport vmap @services
    fib daddr type local meta l4proto . th dport vmap @node_services
  }}
  chain drop_services {{
    ip daddr . meta l4proto . th dport @guarded ip daddr . meta l4proto . th dport . ip saddr != @sources drop
    ip daddr . meta l4proto . th dport @dropped drop
    fib daddr type local meta l4proto . th dport @node_dropped drop
  }}
  chain filter_services {{
    jump drop_services
    ip daddr . meta l4proto . th dport @unserved goto refuse
    fib daddr type local meta l4proto . th dport @node_unserved goto refuse
  }}
  chain prerouting_filter {{
    type filter hook prerouting priority -110; policy accept;
    ct state new jump drop_services
  }}
  chain input_filter {{
    type filter hook input priority -110; policy accept;
    ct state new jump filter_services
  }}
  chain forward_filter {{
    type filter hook forward priority -110; policy accept;
    ct state new jump filter_services
    ct state new ip daddr @cluster_ips goto refuse
  }}
  chain output_filter {{
    type filter hook output priority -90; policy accept;
    ct state new jump filter_services
    ct state new ip daddr @cluster_ips goto refuse
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    jump dispatch
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    jump dispatch
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ct status dnat ip saddr . ip daddr @hairpin masquerade
    meta mark and {F_EXTERNAL:#x} == {F_EXTERNAL:#x} ct status dnat masquerade
    meta mark and {F_CLUSTER:#x} == {F_CLUSTER:#x} ct status dnat ip saddr != {pod_cidr} masquerade
    ip saddr {pod_cidr} ip daddr != {pod_cidr} ip daddr != 224.0.0.0/4 fib daddr type != local masquerade
  }}
"""


class EndpointNumbers:
    """Numbers for the endpoints of services with affinity, stable while an endpoint lives and reused late."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[tuple[str, int], int]] = {}
        self._next: dict[str, int] = {}

    def of(self, key: str, endpoints: Sequence[Endpoint]) -> list[int]:
        """The numbers of these endpoints of the service port `key`; the numbers of all others are given up."""
        known = self._numbers.get(key, {})
        current: dict[tuple[str, int], int] = {}
        for endpoint in endpoints:
            address = (endpoint.ip, endpoint.port)
            number = known.get(address)
            if number is None:
                taken = {*known.values(), *current.values()}
                number = self._next.get(key, 0)
                while number in taken:
                    number = (number + 1) % _NUMBERS
                self._next[key] = (number + 1) % _NUMBERS
            current[address] = number
        self._numbers[key] = current
        return list(current.values())

    def keep(self, keys: Iterable[str]) -> None:
        """Forget every service port but these."""
        wanted = set(keys)
        for key in [key for key in self._numbers if key not in wanted]:
            del self._numbers[key]
            self._next.pop(key, None)


class _Writer:
    """Adds the entry points of service ports to a ruleset."""

    def __init__(self, numbers: EndpointNumbers) -> None:
        self.ruleset = Ruleset()
        self._numbers = numbers

    def entry(self, where: str, node: bool, flag: int, endpoints: Sequence[Endpoint], port: ServicePort) -> None:
        """Serve `where` (address . protocol . port, or protocol . port on the node) from these endpoints."""
        prefix = "node_" if node else ""
        count = len(endpoints)
        key = f"{port.key} {where}"
        numbers = self._numbers.of(key, endpoints) if port.affinity_seconds else list(range(count))
        for number, endpoint in zip(numbers, endpoints, strict=True):
            mark = flag | number
            self.ruleset.add(prefix + "endpoints", f"{where} . {mark:#x}", f"{endpoint.ip} . {endpoint.port}")
        if port.affinity_seconds:
            for place, number in enumerate(numbers):
                self.ruleset.add(prefix + "choices", f"{where} . {_CHOICE | place:#x}", f"{flag | number:#x}")
            chain = self._sticky_chain(prefix, flag, count, port.affinity_seconds)
        else:
            chain = self._plain_chain(prefix, flag, count)
        self.ruleset.add(prefix + "services", where, f"goto {chain}")

    def _plain_chain(self, prefix: str, flag: int, count: int) -> str:
        name = f"{prefix}lb_{flag >> 16}_{count}"
        rules = (f"meta mark set numgen random mod {count} offset {flag:#x}", f"goto {prefix}lb")
        self.ruleset.chains[name] = rules
        return name

    def _sticky_chain(self, prefix: str, flag: int, count: int, seconds: int) -> str:
        name = f"{prefix}sticky_{flag >> 16}_{count}_{seconds}"
        client = "ip saddr . ip daddr . meta l4proto . th dport"
        where = "" if prefix else "ip daddr . "
        self.ruleset.chains[name] = (
            f"meta mark set {client} map @affinity",
            f"meta mark and {flag:#x} == {flag:#x} update @affinity {{ {client} timeout {seconds}s : meta mark }}",
            f"meta mark and {flag:#x} == {flag:#x} jump {prefix}lb",
            f"delete @affinity {{ {client} : meta mark }}",
            f"meta mark set numgen random mod {count} offset {_CHOICE:#x}",
            f"meta mark set {where}meta l4proto . th dport . meta mark map @{prefix}choices",
            f"add @affinity {{ {client} timeout {seconds}s : meta mark }}",
            f"goto {prefix}lb",
        )
        return name

    def nothing(self, where: str, node: bool, dropped: bool) -> None:
        """No endpoint to use: refuse, or drop where endpoints exist elsewhere (a Local policy)."""
        prefix = "node_" if node else ""
        self.ruleset.add(prefix + ("dropped" if dropped else "unserved"), where)


def build(ports: Sequence[ServicePort], numbers: EndpointNumbers) -> Ruleset:
    """The ruleset of all service ports. `numbers` carries the endpoint numbers from one build to the next."""
    writer = _Writer(numbers)
    for port in ports:
        tail = f"{port.protocol} . {port.port}"
        writer.ruleset.add("cluster_ips", port.cluster_ip)
        _place(writer, f"{port.cluster_ip} . {tail}", False, F_CLUSTER, port.internal, port)
        outside = F_KEEP if port.external_local else F_EXTERNAL
        for ip in (*port.external_ips, *port.load_balancer_ips):
            _place(writer, f"{ip} . {tail}", False, outside, port.external, port)
        for ip in port.load_balancer_ips if port.source_ranges else ():
            writer.ruleset.add("guarded", f"{ip} . {tail}")
            for cidr in port.source_ranges:
                writer.ruleset.add("sources", f"{ip} . {tail} . {cidr}")
        if port.node_port:
            _place(writer, f"{port.protocol} . {port.node_port}", True, outside, port.external, port)
        for endpoint in {*port.internal, *port.external}:
            if endpoint.local:
                writer.ruleset.add("hairpin", f"{endpoint.ip} . {endpoint.ip}")
    numbers.keep(_keys(ports))
    return writer.ruleset


def _place(
    writer: _Writer, where: str, node: bool, flag: int, endpoints: Sequence[Endpoint], port: ServicePort
) -> None:
    if endpoints:
        writer.entry(where, node, flag, endpoints, port)
    else:
        writer.nothing(where, node, port.has_endpoints)


def _keys(ports: Iterable[ServicePort]) -> Iterable[str]:
    for port in ports:
        tail = f"{port.protocol} . {port.port}"
        for ip in (port.cluster_ip, *port.external_ips, *port.load_balancer_ips):
            yield f"{port.key} {ip} . {tail}"
        yield f"{port.key} {port.protocol} . {port.node_port}"
