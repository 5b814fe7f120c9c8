"""Service ports as nftables rules. Pure.

The path of a first packet (the rest of a connection follows conntrack)::

    prerouting, output  --  ip daddr . protocol . port  in @services             --> lb_F_N         (no affinity)
                        \\-  protocol . port (to this node) in @node_services     --> node_lb_F_N
                                                                                  --> sticky_F_N_T   (ClientIP affinity)
                                                                                  --> keep_N_M       (Local policy)
    lb_F_N:      mark = F | random of N;  dnat to @endpoints[daddr . protocol . port . mark]
    postrouting: masquerade what has to come back through this node

One chain exists per distinct (F, N), not per service; endpoints are elements of one map. The mark carries, besides the
endpoint's number, what becomes of the source address:

    F_CLUSTER   traffic to a cluster address: masqueraded unless it comes from a pod
    F_EXTERNAL  entered by node port, load balancer or external address: always masqueraded
    F_KEEP      the same from outside under externalTrafficPolicy Local: never masqueraded

The policy is about traffic from outside: what comes from pods or from this node itself is treated as cluster traffic
and may use every endpoint; `keep_N_M` makes the distinction.

Affinity: `@affinity` remembers, per client and service, the number of its endpoint (`endpoint_numbers.py`). A number
that finds nothing in `@endpoints` is forgotten and the client gets another.

Nothing serving: connections are refused at once (a reset for TCP; plain ICMP would cost the client a second).
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses

from .endpoint_numbers import EndpointNumbers
from .model import Endpoint, ServicePort
from .ruleset import Chain, Element, Fragment

F_CLUSTER = 0x10000
F_KEEP = 0x20000
F_EXTERNAL = 0x40000
_CHOICE = 0x80000


def skeleton(pod_cidr: str, service_cidr: str = "") -> str:
    """Everything of the table that does not depend on services. The named numbers are netfilter's hook priorities
    around destination translation (-100).

    What goes to an address of the service network that no service has is dropped, not sent on: connection tracking
    would remember the way out for all repetitions of that packet, and a client that was faster than the proxy would
    never reach its new service. Dropped, it does with its first repetition, a second later."""
    unallocated = f"ct state new ip daddr {service_cidr} drop" if service_cidr else ""
    return f"""
  set pods {{ type ipv4_addr; flags interval; elements = {{ {pod_cidr} }} }}
  map services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map node_services {{ type inet_proto . inet_service : verdict; }}
  map endpoints {{ type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map node_endpoints {{ type inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map choices {{ type ipv4_addr . inet_proto . inet_service . mark : mark; }}
  map node_choices {{ type inet_proto . inet_service . mark : mark; }}
  map affinity {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark; flags dynamic,timeout; timeout 3h; size 65535; }}
  map unserved {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map node_unserved {{ type inet_proto . inet_service : verdict; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
  set guarded {{ type ipv4_addr . inet_proto . inet_service; }}
  set sources {{ type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }}
  set cluster_ips {{ type ipv4_addr; }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject
  }}
  chain drop_outside {{
    ip saddr @pods return
    fib saddr type local return
    drop
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
  chain guard {{
    ip daddr . meta l4proto . th dport @guarded ip daddr . meta l4proto . th dport . ip saddr != @sources drop
  }}
  chain filter_services {{
    ip daddr . meta l4proto . th dport vmap @unserved
    fib daddr type local meta l4proto . th dport vmap @node_unserved
  }}
  chain prerouting_filter {{
    type filter hook prerouting priority -110; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    ct state new jump guard
  }}
  chain input_filter {{
    type filter hook input priority -110; policy accept;
    ct state new jump filter_services
  }}
  chain forward_filter {{
    type filter hook forward priority -110; policy accept;
    ct state new jump filter_services
    ct state new ip daddr @cluster_ips goto refuse
    {unallocated}
  }}
  chain output_guard {{
    type filter hook output priority -110; policy accept;
    ct state new jump guard
  }}
  chain output_filter {{
    type filter hook output priority -90; policy accept;
    ct state new jump filter_services
    ct state new ip daddr @cluster_ips goto refuse
    {unallocated}
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
    meta mark and {F_CLUSTER:#x} == {F_CLUSTER:#x} ct status dnat ip saddr != @pods masquerade
    ip saddr @pods ip daddr != @pods ip daddr != 224.0.0.0/4 fib daddr type != local masquerade
  }}
"""


def entries(owner: str, ports: Sequence[ServicePort], numbers: EndpointNumbers) -> Mapping[str, Fragment]:
    """The entries of one service's ports. `numbers` carries the endpoint numbers from one time to the next."""
    writer = _Writer(owner, numbers)
    found: dict[str, Fragment] = {}
    for port in ports:
        tail = f"{port.protocol} . {port.port}"
        found[f"cluster {port.cluster_ip}"] = Fragment((("cluster_ips", port.cluster_ip, ""),))
        where = f"{port.cluster_ip} . {tail}"
        found[where] = writer.inside(where, port)
        for ip in (*port.external_ips, *port.load_balancer_ips):
            found[f"{ip} . {tail}"] = writer.outside(f"{ip} . {tail}", False, port)
        for ip in port.load_balancer_ips if port.source_ranges else ():
            found[f"guard {ip} . {tail}"] = Fragment(tuple(_guard(f"{ip} . {tail}", port.source_ranges)))
        if port.node_port:
            where = f"{port.protocol} . {port.node_port}"
            found[where] = writer.outside(where, True, port)
        for endpoint in (*port.internal, *port.external, *port.everywhere):
            if endpoint.local or endpoint.unplaced:
                both = f"{endpoint.ip} . {endpoint.ip}"
                found[f"hairpin {endpoint.ip}"] = Fragment((("hairpin", both, ""),))
    numbers.keep(owner, writer.numbered)
    return found


def _guard(where: str, ranges: Sequence[str]) -> Iterator[Element]:
    """Who may use a load balancer's address. The kernel refuses ranges that overlap."""
    yield "guarded", where, ""
    for network in collapse_addresses(IPv4Network(text, strict=False) for text in ranges):
        if network.prefixlen == 0:
            yield "sources", f"{where} . 0.0.0.0-255.255.255.255", ""
        else:
            yield "sources", f"{where} . {network}", ""


class _Writer:
    """Makes the entries of one owner."""

    def __init__(self, owner: str, numbers: EndpointNumbers) -> None:
        self._owner = owner
        self._numbers = numbers
        self.numbered: list[str] = []

    def inside(self, where: str, port: ServicePort) -> Fragment:
        """A cluster address; `where` is address . protocol . port."""
        if not port.internal:
            return _nothing(where, "", "drop" if port.everywhere else "goto refuse")
        elements, chain = self._balanced(where, "", F_CLUSTER, port.internal, port.affinity_seconds)
        return Fragment((*elements, ("services", where, f"goto {chain[0]}")), (chain,))

    def outside(self, where: str, node: bool, port: ServicePort) -> Fragment:
        """An external address, or a port of the node (`where` is protocol . port)."""
        prefix = "node_" if node else ""
        if not port.everywhere:
            return _nothing(where, prefix, "goto refuse")
        if not port.external_local:
            elements, chain = self._balanced(where, prefix, F_EXTERNAL, port.external, port.affinity_seconds)
            return Fragment((*elements, (f"{prefix}services", where, f"goto {chain[0]}")), (chain,))
        elements, chain = self._balanced(where, prefix, F_CLUSTER, port.everywhere, port.affinity_seconds)
        rules = [f"ip saddr @pods goto {chain[0]}", f"fib saddr type local goto {chain[0]}"]
        name = f"{prefix}keep_{len(port.external)}_{len(port.everywhere)}"
        if port.affinity_seconds:
            name += f"_{port.affinity_seconds}"
        if not port.external:
            dropped = (f"{prefix}unserved", where, "goto drop_outside")
            keep: Chain = (name, tuple(rules))
            return Fragment((*elements, dropped, (f"{prefix}services", where, f"goto {name}")), (chain, keep))
        kept, local = self._balanced(where, prefix, F_KEEP, port.external, port.affinity_seconds)
        keep = (name, (*rules, f"goto {local[0]}"))
        return Fragment((*elements, *kept, (f"{prefix}services", where, f"goto {name}")), (chain, local, keep))

    def _balanced(
        self, where: str, prefix: str, flag: int, endpoints: Sequence[Endpoint], affinity_seconds: int
    ) -> tuple[list[Element], Chain]:
        """The elements that lead from `where` to these endpoints, and the chain that chooses among them."""
        count = len(endpoints)
        numbers: Sequence[int] = range(count)
        if affinity_seconds:
            entry = f"{where} {flag >> 16}"
            self.numbered.append(entry)
            numbers = self._numbers.of(self._owner, entry, endpoints)
        elements: list[Element] = [
            (f"{prefix}endpoints", f"{where} . {flag | number:#x}", f"{endpoint.ip} . {endpoint.port}")
            for number, endpoint in zip(numbers, endpoints, strict=True)
        ]
        if not affinity_seconds:
            return elements, _plain_chain(prefix, flag, count)
        elements += [
            (f"{prefix}choices", f"{where} . {_CHOICE | flag | place:#x}", f"{flag | number:#x}")
            for place, number in enumerate(numbers)
        ]
        return elements, _sticky_chain(prefix, flag, count, affinity_seconds)


def _plain_chain(prefix: str, flag: int, count: int) -> Chain:
    rules = (f"meta mark set numgen random mod {count} offset {flag:#x}", f"goto {prefix}lb")
    return f"{prefix}lb_{flag >> 16}_{count}", rules


def _sticky_chain(prefix: str, flag: int, count: int, seconds: int) -> Chain:
    client = "ip saddr . ip daddr . meta l4proto . th dport"
    where = "" if prefix else "ip daddr . "
    rules = (
        f"meta mark set {client} map @affinity",
        f"meta mark and {flag:#x} == {flag:#x} update @affinity {{ {client} timeout {seconds}s : meta mark }}",
        f"meta mark and {flag:#x} == {flag:#x} jump {prefix}lb",
        f"delete @affinity {{ {client} : meta mark }}",
        f"meta mark set numgen random mod {count} offset {_CHOICE | flag:#x}",
        f"meta mark set {where}meta l4proto . th dport . meta mark map @{prefix}choices",
        f"add @affinity {{ {client} timeout {seconds}s : meta mark }}",
        f"goto {prefix}lb",
    )
    return f"{prefix}sticky_{flag >> 16}_{count}_{seconds}", rules


def _nothing(where: str, prefix: str, verdict: str) -> Fragment:
    return Fragment(((f"{prefix}unserved", where, verdict),))
