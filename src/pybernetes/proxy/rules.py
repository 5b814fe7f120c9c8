"""Service ports as nftables rules, in one table for each address family. Pure.

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
that finds nothing in `@endpoints` is forgotten and the client gets another. A key that a rule writes by itself may have
16 bytes only (nft 1.0.6), which is a client of IPv6 alone: there each sticky address has a map and a chain of its own.

Nothing serving: connections are refused at once (a reset for TCP; plain ICMP would cost the client a second).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses, ip_network

from .endpoint_numbers import EndpointNumbers
from .families import IPV4, Family
from .model import Endpoint, ServicePort
from .ruleset import Chain, Container, Element, Fragment

F_CLUSTER = 0x10000
F_KEEP = 0x20000
F_EXTERNAL = 0x40000
_CHOICE = 0x80000
_REMEMBERS = "flags dynamic,timeout; timeout 3h; size 65535;"


def skeleton(pod_cidr: str, service_cidr: str = "", family: Family = IPV4) -> str:
    """Everything of the table that does not depend on services. The named numbers are netfilter's hook priorities
    around destination translation (-100).

    What goes to an address of the service network that no service has is dropped, not sent on: connection tracking
    would remember the way out for all repetitions of that packet, and a client that was faster than the proxy would
    never reach its new service. Dropped, it does with its first repetition, a second later."""
    ip, address = family.ip, family.address
    unallocated = f"ct state new {ip} daddr {service_cidr} drop" if service_cidr else ""
    affinity = f"map affinity {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark; {_REMEMBERS} }}"
    affinity = affinity if family is IPV4 else ""
    return f"""
  set pods {{ type {address}; flags interval; elements = {{ {pod_cidr} }} }}
  map services {{ type {address} . inet_proto . inet_service : verdict; }}
  map node_services {{ type inet_proto . inet_service : verdict; }}
  map endpoints {{ type {address} . inet_proto . inet_service . mark : {address} . inet_service; }}
  map node_endpoints {{ type inet_proto . inet_service . mark : {address} . inet_service; }}
  map choices {{ type {address} . inet_proto . inet_service . mark : mark; }}
  map node_choices {{ type inet_proto . inet_service . mark : mark; }}
  {affinity}
  map unserved {{ type {address} . inet_proto . inet_service : verdict; }}
  map node_unserved {{ type inet_proto . inet_service : verdict; }}
  set hairpin {{ type {address} . {address}; }}
  set guarded {{ type {address} . inet_proto . inet_service; }}
  set sources {{ type {address} . inet_proto . inet_service . {address}; flags interval; }}
  set cluster_ips {{ type {address}; }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject
  }}
  chain drop_outside {{
    {ip} saddr @pods return
    fib saddr type local return
    drop
  }}
  chain lb {{
    meta l4proto tcp dnat {ip} to {ip} daddr . meta l4proto . th dport . meta mark map @endpoints
    meta l4proto udp dnat {ip} to {ip} daddr . meta l4proto . th dport . meta mark map @endpoints
    meta l4proto sctp dnat {ip} to {ip} daddr . meta l4proto . th dport . meta mark map @endpoints
  }}
  chain node_lb {{
    meta l4proto tcp dnat {ip} to meta l4proto . th dport . meta mark map @node_endpoints
    meta l4proto udp dnat {ip} to meta l4proto . th dport . meta mark map @node_endpoints
    meta l4proto sctp dnat {ip} to meta l4proto . th dport . meta mark map @node_endpoints
  }}
  chain dispatch {{
    {ip} daddr . meta l4proto . th dport vmap @services
    fib daddr type local meta l4proto . th dport vmap @node_services
  }}
  chain guard {{
    {ip} daddr . meta l4proto . th dport @guarded {ip} daddr . meta l4proto . th dport . {ip} saddr != @sources drop
  }}
  chain filter_services {{
    {ip} daddr . meta l4proto . th dport vmap @unserved
    fib daddr type local meta l4proto . th dport vmap @node_unserved
  }}
  chain prerouting_filter {{
    type filter hook prerouting priority -110; policy accept;
    iifname != "lo" {ip} daddr {family.loopback} drop
    ct state new jump guard
  }}
  chain input_filter {{
    type filter hook input priority -110; policy accept;
    ct state new jump filter_services
  }}
  chain forward_filter {{
    type filter hook forward priority -110; policy accept;
    ct state new jump filter_services
    ct state new {ip} daddr @cluster_ips goto refuse
    {unallocated}
  }}
  chain output_guard {{
    type filter hook output priority -110; policy accept;
    ct state new jump guard
  }}
  chain output_filter {{
    type filter hook output priority -90; policy accept;
    ct state new jump filter_services
    ct state new {ip} daddr @cluster_ips goto refuse
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
    ct status dnat {ip} saddr . {ip} daddr @hairpin masquerade
    meta mark and {F_EXTERNAL:#x} == {F_EXTERNAL:#x} ct status dnat masquerade
    meta mark and {F_CLUSTER:#x} == {F_CLUSTER:#x} ct status dnat {ip} saddr != @pods masquerade
    {ip} saddr @pods {ip} daddr != @pods {ip} daddr != {family.multicast} fib daddr type != local masquerade
  }}
"""


def entries(
    owner: str, ports: Sequence[ServicePort], numbers: EndpointNumbers, family: Family = IPV4
) -> Mapping[str, Fragment]:
    """The entries of one service's ports in the table of a family. `numbers` carries the endpoint numbers from one time
    to the next."""
    writer = _Writer(owner, numbers, family)
    found: dict[str, Fragment] = {}
    for port in ports:
        tail = f"{port.protocol} . {port.port}"
        found[f"cluster {port.cluster_ip}"] = Fragment((("cluster_ips", port.cluster_ip, ""),))
        where = f"{port.cluster_ip} . {tail}"
        found[where] = writer.inside(where, port)
        for ip in (*port.external_ips, *port.load_balancer_ips):
            found[f"{ip} . {tail}"] = writer.outside(f"{ip} . {tail}", False, port)
        for ip in port.load_balancer_ips if port.source_ranges else ():
            found[f"guard {ip} . {tail}"] = Fragment(tuple(_guard(f"{ip} . {tail}", port.source_ranges, family)))
        if port.node_port:
            where = f"{port.protocol} . {port.node_port}"
            found[where] = writer.outside(where, True, port)
        for endpoint in (*port.internal, *port.external, *port.everywhere):
            if endpoint.local or endpoint.unplaced:
                both = f"{endpoint.ip} . {endpoint.ip}"
                found[f"hairpin {endpoint.ip}"] = Fragment((("hairpin", both, ""),))
    numbers.keep(owner, writer.numbered)
    return found


def _guard(where: str, ranges: Sequence[str], family: Family) -> Iterator[Element]:
    """Who may use a load balancer's address. The kernel refuses ranges that overlap."""
    yield "guarded", where, ""
    of_one_family: Iterable[IPv4Network] = (ip_network(text, strict=False) for text in ranges)  # type: ignore[misc]
    for network in collapse_addresses(of_one_family):
        if network.prefixlen == 0:
            yield "sources", f"{where} . {family.everything}", ""
        else:
            yield "sources", f"{where} . {network}", ""


class _Writer:
    """Makes the entries of one owner."""

    def __init__(self, owner: str, numbers: EndpointNumbers, family: Family) -> None:
        self._owner = owner
        self._ip = family.ip
        self._numbers = numbers
        self.numbered: list[str] = []

    def inside(self, where: str, port: ServicePort) -> Fragment:
        """A cluster address; `where` is address . protocol . port."""
        if not port.internal:
            return _nothing(where, "", "drop" if port.everywhere else "goto refuse")
        elements, chain = self._balanced(where, "", F_CLUSTER, port.internal, port.affinity_seconds)
        led = ("services", where, f"goto {chain[0]}")
        memory = self._memory(where, "") if port.affinity_seconds else ()
        return Fragment((*elements, led), (chain,), memory)

    def outside(self, where: str, node: bool, port: ServicePort) -> Fragment:
        """An external address, or a port of the node (`where` is protocol . port)."""
        prefix, seconds = "node_" if node else "", port.affinity_seconds
        if not port.everywhere:
            return _nothing(where, prefix, "goto refuse")
        memory = self._memory(where, prefix) if seconds else ()
        if not port.external_local:
            elements, chain = self._balanced(where, prefix, F_EXTERNAL, port.external, seconds)
            return Fragment((*elements, (f"{prefix}services", where, f"goto {chain[0]}")), (chain,), memory)
        elements, chain = self._balanced(where, prefix, F_CLUSTER, port.everywhere, seconds)
        rules = [f"{self._ip} saddr @pods goto {chain[0]}", f"fib saddr type local goto {chain[0]}"]
        name = f"{prefix}keep_{len(port.external)}_{len(port.everywhere)}"
        if seconds:
            name += f"_{seconds}"
            name += f"_{memory[0][0]}" if memory else ""
        if not port.external:
            dropped = (f"{prefix}unserved", where, "goto drop_outside")
            keep: Chain = (name, tuple(rules))
            led = (f"{prefix}services", where, f"goto {name}")
            return Fragment((*elements, dropped, led), (chain, keep), memory)
        kept, local = self._balanced(where, prefix, F_KEEP, port.external, seconds)
        keep = (name, (*rules, f"goto {local[0]}"))
        led = (f"{prefix}services", where, f"goto {name}")
        return Fragment((*elements, *kept, led), (chain, local, keep), memory)

    def _memory(self, where: str, prefix: str) -> tuple[Container, ...]:
        """What remembers the clients of this address alone, where one map for all is not possible."""
        if self._ip == "ip":
            return ()
        return ((_own_name(where, prefix), f"type ipv6_addr : mark; {_REMEMBERS}"),)

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
        own = "" if self._ip == "ip" else _own_name(where, prefix)
        return elements, _sticky_chain(own, prefix, flag, count, affinity_seconds)


def _plain_chain(prefix: str, flag: int, count: int) -> Chain:
    rules = (f"meta mark set numgen random mod {count} offset {flag:#x}", f"goto {prefix}lb")
    return f"{prefix}lb_{flag >> 16}_{count}", rules


def _own_name(where: str, prefix: str) -> str:
    """The name of what belongs to one address and port: `affinity_fd00__20_tcp_80`."""
    return f"{prefix}affinity_{where.replace(' . ', '_').replace(':', '_')}"


def _sticky_chain(own: str, prefix: str, flag: int, count: int, seconds: int) -> Chain:
    """own: the map that remembers the clients of this address alone, "" for the one of all."""
    ip, memory = ("ip6", own) if own else ("ip", "affinity")
    client = f"{ip} saddr" if own else "ip saddr . ip daddr . meta l4proto . th dport"
    where = "" if prefix else f"{ip} daddr . "
    rules = (
        f"meta mark set {client} map @{memory}",
        f"meta mark and {flag:#x} == {flag:#x} update @{memory} {{ {client} timeout {seconds}s : meta mark }}",
        f"meta mark and {flag:#x} == {flag:#x} jump {prefix}lb",
        f"delete @{memory} {{ {client} : meta mark }}",
        f"meta mark set numgen random mod {count} offset {_CHOICE | flag:#x}",
        f"meta mark set {where}meta l4proto . th dport . meta mark map @{prefix}choices",
        f"add @{memory} {{ {client} timeout {seconds}s : meta mark }}",
        f"goto {prefix}lb",
    )
    return f"{prefix}sticky_{flag >> 16}_{count}_{seconds}" + (f"_{own}" if own else ""), rules


def _nothing(where: str, prefix: str, verdict: str) -> Fragment:
    return Fragment(((f"{prefix}unserved", where, verdict),))
