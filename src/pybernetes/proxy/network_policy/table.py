"""The nft commands from one state of the policies' table to the next, as one transaction. Pure.

The pods' packets meet two base chains: the sender's egress rules, then the receiver's ingress rules; `accept` ends one
chain and leaves the other its say. Both look at first packets only: replies and what belongs to a connection pass.
"""

from collections.abc import Iterable, Iterator, Mapping

from ..families import IPV4, IPV6
from .compiling import Rules

_BATCH = 500
_SKELETON = """
  set selves {{ type {address} . {address}; }}
  map isolated_in {{ type {address} : verdict; }}
  map isolated_out {{ type {address} : verdict; }}
  chain egress {{
    type filter hook forward priority -5; policy accept;
    ct state established,related accept
    {ip} saddr . {ip} daddr @selves accept
    {ip} saddr vmap @isolated_out
  }}
  chain ingress {{
    type filter hook forward priority -4; policy accept;
    ct state established,related accept
    {ip} saddr . {ip} daddr @selves accept
    {ip} daddr vmap @isolated_in
  }}
"""


def from_nothing(table: str, rules: Rules) -> str:
    """The whole table (`ip NAME` or `ip6 NAME`), whatever the kernel has under its name."""
    family = IPV6 if table.startswith(f"{IPV6.ip} ") else IPV4
    head = f"add table {table}\ndelete table {table}\n"
    skeleton = _SKELETON.format(ip=family.ip, address=family.address)
    return f"{head}table {table} {{{skeleton}}}\n{difference(table, Rules({}, {}, {}, {}), rules)}"


def removal(table: str) -> str:
    """The table goes."""
    return f"add table {table}\ndelete table {table}\n"


def difference(table: str, old: Rules, new: Rules) -> str:
    """From one state to the next; "" when they are equal. What is used comes first and goes last."""
    lines: list[str] = []
    for name in new.sets.keys() - old.sets.keys():
        lines.append(f"add set {table} {name} {{ type {new.sets[name][0]}; }}")
    for name, (_, wanted) in new.sets.items():
        had = old.sets[name][1] if name in old.sets else frozenset()
        lines += _elements("delete", table, name, had - wanted)
        lines += _elements("add", table, name, wanted - had)
    for name in new.chains.keys() - old.chains.keys():
        lines.append(f"add chain {table} {name}")
        lines += [f"add rule {table} {name} {rule}" for rule in new.chains[name]]
    lines += _verdicts(table, "isolated_in", old.isolated_in, new.isolated_in)
    lines += _verdicts(table, "isolated_out", old.isolated_out, new.isolated_out)
    had_selves, selves = _selves(old), _selves(new)
    lines += _elements("delete", table, "selves", had_selves - selves)
    lines += _elements("add", table, "selves", selves - had_selves)
    gone = sorted(old.chains.keys() - new.chains.keys())
    lines += [f"flush chain {table} {name}" for name in gone]
    lines += [f"delete chain {table} {name}" for name in gone]
    lines += [f"delete set {table} {name}" for name in sorted(old.sets.keys() - new.sets.keys())]
    return "".join(f"{line}\n" for line in lines)


def _selves(rules: Rules) -> frozenset[str]:
    return frozenset(f"{ip} . {ip}" for ip in (*rules.isolated_in, *rules.isolated_out))


def _verdicts(table: str, name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """The pods whose chain is another one now."""
    yield from _elements("delete", table, name, [ip for ip, chain in old.items() if new.get(ip) != chain])
    yield from _elements("add", table, name, [f"{ip} : goto {to}" for ip, to in new.items() if old.get(ip) != to])


def _elements(verb: str, table: str, container: str, items: Iterable[str]) -> Iterator[str]:
    ordered = sorted(items)
    for start in range(0, len(ordered), _BATCH):
        yield f"{verb} element {table} {container} {{ {', '.join(ordered[start : start + _BATCH])} }}"
