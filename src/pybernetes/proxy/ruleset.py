"""A ruleset as data, and the nft commands that lead from one to the next. Pure.

A ruleset is a set of named maps and sets with their elements, and chains made for the moment. Two rulesets differ in a
few elements, and the commands for the difference are one transaction for `nft -f -`: either all of it holds or nothing.
"""

from collections.abc import Iterable, Iterator

import msgspec

_BATCH = 500


class Ruleset(msgspec.Struct):
    """`elements[container][key]` is the value of a map element, "" for a set; `chains[name]` are its rules."""

    elements: dict[str, dict[str, str]] = {}
    chains: dict[str, tuple[str, ...]] = {}

    def add(self, container: str, key: str, value: str = "") -> None:
        self.elements.setdefault(container, {})[key] = value


def _batches(items: list[str]) -> Iterator[str]:
    for start in range(0, len(items), _BATCH):
        yield ", ".join(items[start : start + _BATCH])


def _element(key: str, value: str) -> str:
    return f"{key} : {value}" if value else key


def _commands(verb: str, table: str, container: str, items: list[str]) -> Iterator[str]:
    for batch in _batches(items):
        yield f"{verb} element {table} {container} {{ {batch} }}"


def commands(table: str, old: Ruleset, new: Ruleset) -> Iterator[str]:
    """The commands that turn old into new, in an order the kernel accepts: chains come before the elements that go to
    them and leave after them; a changed element is deleted and added. `table` is `ip NAME`."""
    for name, rules in new.chains.items():
        if old.chains.get(name) != rules:
            yield f"add chain {table} {name}"
            if name in old.chains:
                yield f"flush chain {table} {name}"
            for rule in rules:
                yield f"add rule {table} {name} {rule}"
    containers = sorted({*old.elements, *new.elements})
    for container in containers:
        before, after = old.elements.get(container, {}), new.elements.get(container, {})
        stale = [key for key, value in before.items() if after.get(key) != value]
        yield from _commands("delete", table, container, stale)
    for container in containers:
        before, after = old.elements.get(container, {}), new.elements.get(container, {})
        fresh = [_element(key, value) for key, value in after.items() if before.get(key) != value]
        yield from _commands("add", table, container, fresh)
    gone = [name for name in old.chains if name not in new.chains]
    yield from (f"flush chain {table} {name}" for name in gone)
    yield from (f"delete chain {table} {name}" for name in gone)


def whole(table: str, skeleton: str, ruleset: Ruleset) -> Iterator[str]:
    """The commands that make the table from nothing, whatever was there before."""
    yield f"add table {table}"
    yield f"delete table {table}"
    yield f"table {table} {{\n{skeleton}\n}}"
    yield from commands(table, Ruleset(), ruleset)


def text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
