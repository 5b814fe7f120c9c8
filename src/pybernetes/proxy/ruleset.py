"""A table of packet rules that many owners write to, and the nft commands that keep the kernel in line. No I/O.

    replace(owner, entries) ... -> commands() -> nft -f - -> applied()       (refused: lost(), then all from nothing)

The unit is the entry: what one address and port (or one other key) needs in maps, sets and chains. An entry belongs to
one owner; if two owners claim the same one (two services with one external address and port), the first by name has it
whole, and the other takes over when the first gives it up. Only entries that were touched are looked at, so the cost of
a change does not depend on the size of the table. The commands are one transaction: either all of it holds or nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

_BATCH = 500

Element = tuple[str, str, str]
"""(map or set, key, value); the value is "" in a set."""

Chain = tuple[str, tuple[str, ...]]
"""(name, rules). The name stands for the rules: two chains of one name are the same chain."""


Container = tuple[str, str]
"""(name, definition) of a map of which the kernel itself makes the elements."""


class Fragment(msgspec.Struct, frozen=True):
    """What one entry consists of. No two entries have an element or a container in common; chains are shared, and a
    chain stands behind those it goes to."""

    elements: tuple[Element, ...] = ()
    chains: tuple[Chain, ...] = ()
    containers: tuple[Container, ...] = ()


_NOTHING = Fragment()


class Ruleset:
    """The entries of one nftables table; `table` is `ip NAME`, `skeleton` the part that does not depend on entries."""

    def __init__(self, table: str, skeleton: str) -> None:
        self._table = table
        self._skeleton = skeleton
        self._claims: dict[str, dict[str, Fragment]] = {}
        self._owned: dict[str, Mapping[str, Fragment]] = {}
        self._changed: set[str] = set()
        self._kernel: dict[str, Fragment] = {}
        self._chain_users: Counter[str] = Counter()
        self._is_known = False
        self._pending: dict[str, Fragment] = {}

    @property
    def is_known(self) -> bool:
        """Whether the kernel has what was last applied; otherwise the next commands make the table from nothing."""
        return self._is_known

    def replace(self, owner: str, entries: Mapping[str, Fragment]) -> None:
        """These are the owner's entries now; an empty mapping removes the owner."""
        before = self._owned.pop(owner, {})
        for entry in before:
            if entry not in entries:
                claims = self._claims[entry]
                del claims[owner]
                if not claims:
                    del self._claims[entry]
                self._changed.add(entry)
        for entry, fragment in entries.items():
            if before.get(entry) != fragment:
                self._claims.setdefault(entry, {})[owner] = fragment
                self._changed.add(entry)
        if entries:
            self._owned[owner] = entries

    def commands(self) -> str:
        """What brings the kernel from the state last applied to the present one; "" when nothing changed."""
        if self._is_known:
            pending = {entry: self._wanted(entry) for entry in self._changed}
            lines = list(self._difference(pending))
        else:
            pending = {entry: self._wanted(entry) for entry in self._claims}
            lines = [f"add table {self._table}", f"delete table {self._table}"]
            lines += [f"table {self._table} {{\n{self._skeleton}\n}}", *self._difference(pending)]
        self._pending = pending
        self._changed = set()
        return "\n".join(lines) + "\n" if lines else ""

    def applied(self) -> None:
        """The last commands were carried out."""
        for entry, fragment in self._pending.items():
            for name, _ in self._kernel.get(entry, _NOTHING).chains:
                self._chain_users[name] -= 1
                if not self._chain_users[name]:
                    del self._chain_users[name]
            for name, _ in fragment.chains:
                self._chain_users[name] += 1
            if fragment is _NOTHING:
                self._kernel.pop(entry, None)
            else:
                self._kernel[entry] = fragment
        self._pending = {}
        self._is_known = True

    def lost(self) -> None:
        """The last commands were refused: the kernel has something else than we think."""
        self._is_known = False
        self._kernel = {}
        self._chain_users.clear()
        self._pending = {}

    def _wanted(self, entry: str) -> Fragment:
        claims = self._claims.get(entry)
        return claims[min(claims)] if claims else _NOTHING

    def _difference(self, pending: Mapping[str, Fragment]) -> Iterator[str]:
        """Commands in an order the kernel accepts: chains come before the elements that go to them and leave after
        them; a changed element is deleted and added."""
        stale: dict[str, list[str]] = {}
        fresh: dict[str, list[str]] = {}
        users: Counter[str] = Counter()
        chains: dict[str, tuple[str, ...]] = {}
        made: dict[Container, None] = {}
        unmade: dict[Container, None] = {}
        for entry, fragment in pending.items():
            before = self._kernel.get(entry, _NOTHING)
            if before == fragment:
                continue
            had, has = set(before.elements), set(fragment.elements)
            for container, key, _ in before.elements if not has else sorted(had - has):
                stale.setdefault(container, []).append(key)
            for container, key, value in fragment.elements if not had else sorted(has - had):
                fresh.setdefault(container, []).append(f"{key} : {value}" if value else key)
            for name, rules in before.chains:
                users[name] -= 1
                chains[name] = rules
            for name, rules in fragment.chains:
                users[name] += 1
                chains[name] = rules
            if before.containers != fragment.containers:
                made.update(dict.fromkeys(one for one in fragment.containers if one not in before.containers))
                unmade.update(dict.fromkeys(one for one in before.containers if one not in fragment.containers))
        yield from (f"add map {self._table} {name} {{ {definition} }}" for name, definition in made)
        had_users = self._chain_users
        for name, rules in chains.items():
            if not had_users[name] and users[name] > 0:
                yield f"add chain {self._table} {name}"
                yield from (f"add rule {self._table} {name} {rule}" for rule in rules)
        yield from self._elements("delete", stale)
        yield from self._elements("add", fresh)
        gone = [name for name in chains if had_users[name] and not had_users[name] + users[name]]
        yield from (f"flush chain {self._table} {name}" for name in gone)
        yield from (f"delete chain {self._table} {name}" for name in gone)
        yield from (f"delete map {self._table} {name}" for name, _ in unmade)

    def _elements(self, verb: str, items: Mapping[str, list[str]]) -> Iterator[str]:
        for container in sorted(items):
            for batch in _batches(items[container]):
                yield f"{verb} element {self._table} {container} {{ {batch} }}"


def _batches(items: list[str]) -> Iterable[str]:
    for start in range(0, len(items), _BATCH):
        yield ", ".join(items[start : start + _BATCH])
