"""Policies as nftables chains, in one table for each address family. Pure.

Every isolated pod of this node has, for each direction, the chain of everything that its policies allow, ended by
`drop`. Chains and sets are named by their content: pods with the same policies share a chain, rules with the same
selectors a set, and a change of pods changes elements of sets only.

    ip daddr vmap @isolated_in --> in_3f…:  ip saddr @from_81… tcp dport { 80, 443-445 } accept
                                            ip saddr { 10.0.0.0/9 } accept
                                            drop
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha1
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

import msgspec

from ...api.networking import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from ...api.selectors.labels import EVERYTHING, Labels, from_label_selector
from ..families import IPV4, Family
from .seen import Place

Network = IPv4Network | IPv6Network


class Rules(msgspec.Struct):
    """What the kernel shall have.

    `sets`: name -> (type, elements). `chains`: name -> rules. `isolated_in` and `isolated_out`: pod address -> chain.
    """

    sets: dict[str, tuple[str, frozenset[str]]] = {}
    chains: dict[str, tuple[str, ...]] = {}
    isolated_in: dict[str, str] = {}
    isolated_out: dict[str, str] = {}


class _Rule(msgspec.Struct, frozen=True):
    """One ingress or egress rule of a policy."""

    namespace: str
    peers: tuple[NetworkPolicyPeer, ...]
    ports: tuple[NetworkPolicyPort, ...]


def compile_rules(
    policies: Iterable[NetworkPolicy],
    places: Iterable[Place],
    namespaces: Mapping[str, Mapping[str, str]],
    node: str,
    family: Family = IPV4,
) -> Rules:
    """The rules of one family for the pods of `node`. `namespaces`: name -> labels."""
    here = [place for place in places if family.has(place.ip)]
    return _Compiler(sorted(policies, key=_key), here, namespaces, family).rules(node)


def _key(policy: NetworkPolicy) -> tuple[str, str]:
    return policy.metadata.namespace or "", policy.metadata.name or ""


def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]


class _Compiler:
    def __init__(
        self,
        policies: list[NetworkPolicy],
        places: list[Place],
        namespaces: Mapping[str, Mapping[str, str]],
        family: Family,
    ) -> None:
        self._family = family
        self._policies: dict[str, list[tuple[Labels, NetworkPolicy]]] = {}
        for policy in policies:
            selector = from_label_selector(policy.spec.pod_selector)
            self._policies.setdefault(policy.metadata.namespace or "", []).append((selector, policy))
        self._namespaces = namespaces
        self._places: dict[str, list[Place]] = {}
        for place in places:
            self._places.setdefault(place.namespace, []).append(place)
        self._selected: dict[tuple[str, str, str], tuple[str, list[Place]]] = {}
        self._rules = Rules({}, {}, {}, {})

    def rules(self, node: str) -> Rules:
        found = self._rules
        for namespace, policies in self._policies.items():
            for place in self._places.get(namespace, ()):
                if place.node != node:
                    continue
                chosen = [policy for selector, policy in policies if selector.matches(place.labels)]
                ingress = [policy for policy in chosen if "Ingress" in (policy.spec.policy_types or ())]
                egress = [policy for policy in chosen if "Egress" in (policy.spec.policy_types or ())]
                if ingress:
                    found.isolated_in[place.ip] = self._chain("in", place, _ingress_rules(ingress))
                if egress:
                    found.isolated_out[place.ip] = self._chain("out", place, _egress_rules(egress))
        return found

    def _chain(self, direction: str, place: Place, rules: Iterable[_Rule]) -> str:
        lines: dict[str, None] = {}
        for rule in rules:
            lines.update(dict.fromkeys(self._lines(direction, place, rule)))
        text = (*lines, "drop")
        name = f"{direction}_{_digest(chr(10).join(text))}"
        self._rules.chains[name] = text
        return name

    def _lines(self, direction: str, place: Place, rule: _Rule) -> Iterator[str]:
        side = f"{self._family.ip} {'saddr' if direction == 'in' else 'daddr'}"
        named = [port for port in rule.ports if isinstance(port.port, str)]
        ports = list(_numbered([port for port in rule.ports if not isinstance(port.port, str)]))
        if direction == "in":
            ports += _of_names(named, [place])
            named = []
        if ports or not rule.ports:
            for where in self._wheres(side, rule):
                for port in ports or [""]:
                    yield " ".join(filter(None, (where, port, "accept")))
        if named:
            yield from self._sockets(rule, named)

    def _wheres(self, side: str, rule: _Rule) -> Iterator[str]:
        """Matches of the other end's address; "" matches every one."""
        if not rule.peers:
            yield ""
        for peer in rule.peers:
            if peer.ip_block is not None:
                block = peer.ip_block
                networks = _networks(block.cidr, block.except_ or ()) if self._family.has(block.cidr) else []
                if networks and not networks[0].prefixlen:
                    yield ""
                elif networks:
                    yield f"{side} {{ {', '.join(map(str, networks))} }}"
            else:
                key, places = self._select(rule.namespace, peer)
                name = f"pods_{key}"
                self._rules.sets[name] = (self._family.address, frozenset(place.ip for place in places))
                yield f"{side} @{name}"

    def _sockets(self, rule: _Rule, named: Sequence[NetworkPolicyPort]) -> Iterator[str]:
        """Named ports of the other end: each pod there has its own numbers."""
        everyone = NetworkPolicyPeer(namespace_selector=None, pod_selector=None)
        for peer in rule.peers or (everyone,):
            if peer.ip_block is not None:
                continue
            key, places = self._select(rule.namespace, peer)
            wanted = {(str(port.port), (port.protocol or "TCP").lower()) for port in named}
            elements = frozenset(
                f"{place.ip} . {protocol} . {number}"
                for place in places
                for name, protocol, number in place.ports
                if (name, protocol) in wanted
            )
            name = f"ports_{_digest(key + str(sorted(wanted)))}"
            self._rules.sets[name] = (f"{self._family.address} . inet_proto . inet_service", elements)
            yield f"{self._family.ip} daddr . meta l4proto . th dport @{name} accept"

    def _select(self, namespace: str, peer: NetworkPolicyPeer) -> tuple[str, list[Place]]:
        """The pods of a peer and a name for this choice. A peer without any selector is every pod."""
        pods = EVERYTHING if peer.pod_selector is None else from_label_selector(peer.pod_selector)
        if peer.namespace_selector is not None or peer.pod_selector is None:
            where = EVERYTHING if peer.namespace_selector is None else from_label_selector(peer.namespace_selector)
            key = ("", str(where), str(pods))
            spaces = [name for name, labels in self._namespaces.items() if where.matches(labels)]
        else:
            key, spaces = (namespace, "", str(pods)), [namespace]
        if key not in self._selected:
            places = [place for name in spaces for place in self._places.get(name, ()) if pods.matches(place.labels)]
            self._selected[key] = (_digest("\n".join(key)), places)
        return self._selected[key]


def _ingress_rules(policies: Iterable[NetworkPolicy]) -> Iterator[_Rule]:
    for policy in policies:
        for rule in policy.spec.ingress or ():
            yield _Rule(policy.metadata.namespace or "", tuple(rule.from_ or ()), tuple(rule.ports or ()))


def _egress_rules(policies: Iterable[NetworkPolicy]) -> Iterator[_Rule]:
    for policy in policies:
        for rule in policy.spec.egress or ():
            yield _Rule(policy.metadata.namespace or "", tuple(rule.to or ()), tuple(rule.ports or ()))


def _numbered(ports: Iterable[NetworkPolicyPort]) -> Iterator[str]:
    """One match for each protocol: its ports as numbers and ranges, without overlaps (which nft refuses)."""
    spans: dict[str, list[tuple[int, int]]] = {}
    whole: set[str] = set()
    for port in ports:
        protocol = (port.protocol or "TCP").lower()
        if isinstance(port.port, int):
            spans.setdefault(protocol, []).append((port.port, port.end_port or port.port))
        else:
            whole.add(protocol)
    for protocol in sorted(whole):
        yield f"meta l4proto {protocol}"
    for protocol, found in sorted(spans.items()):
        if protocol not in whole:
            texts = (str(first) if first == last else f"{first}-{last}" for first, last in _merged(found))
            yield f"{protocol} dport {{ {', '.join(texts)} }}"


def _of_names(named: Iterable[NetworkPolicyPort], places: Iterable[Place]) -> Iterator[str]:
    """Named ports, as the numbers that these pods give them."""
    numbers = [
        NetworkPolicyPort(protocol=port.protocol, port=number)
        for port in named
        for place in places
        for name, protocol, number in place.ports
        if name == port.port and protocol == (port.protocol or "TCP").lower()
    ]
    return _numbered(numbers)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _networks(cidr: str, excepted: Iterable[str]) -> list[Network]:
    """A block without its exceptions."""
    left = [ip_network(cidr, strict=False)]
    for text in excepted:
        hole = ip_network(text, strict=False)
        left = [part for network in left for part in _without(network, hole)]
    return list(collapse_addresses(left))  # type: ignore[type-var]


def _without(network: Network, hole: Network) -> list[Network]:
    if network.version != hole.version or not network.overlaps(hole):
        return [network]
    return list(network.address_exclude(hole)) if hole.prefixlen > network.prefixlen else []  # type: ignore[arg-type]
