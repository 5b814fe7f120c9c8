"""The table: what is sent for a change, who owns an entry, and that the kernel takes it in any order."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.proxy.builders import TABLE, Table, endpoints, port

from pybernetes.proxy.families import IPV6
from pybernetes.proxy.model import Endpoint, ServicePort
from pybernetes.proxy.ruleset import Fragment, Ruleset

needs_nft = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft")


def fragment(value: str, chain: str = "") -> Fragment:
    return Fragment((("m", "key", value),), ((chain, (f"rule of {chain}",)),) if chain else ())


class TestCommands:
    @pytest.fixture
    def table(self) -> Ruleset:
        found = Ruleset("ip t", "skeleton")
        found.commands()
        found.applied()
        return found

    def step(self, table: Ruleset) -> list[str]:
        lines = table.commands().splitlines()
        table.applied()
        return lines

    def test_the_first_ones_make_the_table_from_nothing(self) -> None:
        table = Ruleset("ip t", "skeleton")
        table.replace("a", {"e": fragment("1")})
        assert self.step(table) == [
            "add table ip t",
            "delete table ip t",
            "table ip t {",
            "skeleton",
            "}",
            "add element ip t m { key : 1 }",
        ]

    def test_no_change_no_commands(self, table: Ruleset) -> None:
        table.replace("a", {"e": fragment("1")})
        self.step(table)
        table.replace("a", {"e": fragment("1")})
        assert self.step(table) == []

    def test_there_and_back_between_two_turns(self, table: Ruleset) -> None:
        table.replace("a", {"e": fragment("1")})
        table.replace("a", {})
        assert self.step(table) == []

    def test_a_changed_element_is_deleted_and_added_and_a_chain_outlives_its_users(self, table: Ruleset) -> None:
        table.replace("a", {"e": fragment("goto one", "one")})
        assert self.step(table) == [
            "add chain ip t one",
            "add rule ip t one rule of one",
            "add element ip t m { key : goto one }",
        ]
        table.replace("a", {"e": fragment("goto two", "two")})
        assert self.step(table) == [
            "add chain ip t two",
            "add rule ip t two rule of two",
            "delete element ip t m { key }",
            "add element ip t m { key : goto two }",
            "flush chain ip t one",
            "delete chain ip t one",
        ]

    def test_a_shared_chain_stays_while_somebody_goes_to_it(self, table: Ruleset) -> None:
        one = Fragment((("m", "k1", "goto c"),), (("c", ("r",)),))
        two = Fragment((("m", "k2", "goto c"),), (("c", ("r",)),))
        table.replace("a", {"1": one, "2": two})
        self.step(table)
        table.replace("a", {"1": one})
        assert self.step(table) == ["delete element ip t m { k2 }"]
        table.replace("a", {})
        assert self.step(table)[-1] == "delete chain ip t c"

    def test_an_entry_claimed_twice_belongs_to_the_first_by_name(self, table: Ruleset) -> None:
        table.replace("b", {"e": fragment("b")})
        assert self.step(table) == ["add element ip t m { key : b }"]
        table.replace("a", {"e": fragment("a")})
        assert self.step(table) == ["delete element ip t m { key }", "add element ip t m { key : a }"]
        table.replace("a", {})
        assert self.step(table) == ["delete element ip t m { key }", "add element ip t m { key : b }"]

    def test_after_a_refusal_everything_is_made_again(self, table: Ruleset) -> None:
        table.replace("a", {"e": fragment("1", "one")})
        self.step(table)
        table.replace("a", {"e": fragment("2", "one")})
        table.commands()
        table.lost()
        lines = self.step(table)
        assert lines[:2] == ["add table ip t", "delete table ip t"]
        assert lines[-3:] == ["add chain ip t one", "add rule ip t one rule of one", "add element ip t m { key : 2 }"]
        table.replace("a", {})
        assert self.step(table)[-1] == "delete chain ip t one"

    def test_long_lists_come_in_portions(self, table: Ruleset) -> None:
        table.replace("a", {"e": Fragment(tuple(("s", str(n), "") for n in range(1200)))})
        assert len(self.step(table)) == 3


class Kernel:
    """nft in a network namespace of its own."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdin and self._holder.stdout
        self._holder.stdin.write(b"x")
        self._holder.stdin.flush()
        self._holder.stdout.read(1)

    def nft(self, *words: str, given: str | None = None) -> str:
        command = ["nsenter", "-t", str(self._holder.pid), "-n", "nft", *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert not done.returncode, f"{done.stderr}\n{given}"
        return done.stdout

    def apply(self, commands: str) -> None:
        if commands:
            self.nft("-f", "-", given=commands)

    def contents(self, table: str = TABLE) -> list[str]:
        """The whole table, in an order of its own and without handles."""
        return sorted(
            json.dumps(_plain(item), sort_keys=True)
            for item in json.loads(self.nft("-j", "list", "table", *table.split()))["nftables"]
        )

    def close(self) -> None:
        self._holder.communicate()


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {
            key: sorted((_plain(e) for e in value), key=str) if key == "elem" else _plain(value)
            for key, value in item.items()
            if key != "handle"
        }
    return item


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    found = Kernel()
    yield found
    found.close()


IPS = tuple(f"10.244.0.{n}" for n in range(1, 5))


@st.composite
def service_port(draw: st.DrawFn, name: str, number: int) -> ServicePort:
    """A service's port of any kind; external addresses and node ports may clash with other services'."""
    everywhere = endpoints(*draw(st.lists(st.sampled_from(IPS), unique=True, max_size=3)))
    some = everywhere[: draw(st.integers(0, 3))]
    local = draw(st.booleans())
    return port(
        name=name,
        cluster_ip=f"10.96.0.{number}",
        protocol=draw(st.sampled_from(["tcp", "udp"])),
        node_port=draw(st.sampled_from([0, 30001, 30002])),
        external_ips=tuple(draw(st.lists(st.sampled_from(["203.0.113.1", "203.0.113.2"]), unique=True, max_size=2))),
        load_balancer_ips=draw(st.sampled_from([(), ("203.0.113.9",), ("203.0.113.9", "203.0.113.1")])),
        source_ranges=draw(st.sampled_from([(), ("10.0.0.0/8", "10.1.0.0/16"), ("0.0.0.0/0",), ("192.0.2.1/32",)])),
        affinity_seconds=draw(st.sampled_from([0, 0, 10, 20])),
        internal=draw(st.sampled_from([everywhere, some])),
        everywhere=everywhere,
        external=some if local else everywhere,
        external_local=local,
    )


NAMES = ("a", "b", "c")


@st.composite
def histories(draw: st.DrawFn) -> list[list[tuple[str, ServicePort | None]]]:
    def change() -> tuple[str, ServicePort | None]:
        number = draw(st.integers(0, 2))
        if draw(st.integers(0, 4)) == 0:
            return NAMES[number], None
        return NAMES[number], draw(service_port(NAMES[number], number + 1))

    return [[change() for _ in range(draw(st.integers(1, 3)))] for _ in range(draw(st.integers(1, 4)))]


@needs_nft
@given(histories())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_sequence_of_changes_gives_the_table_made_from_nothing(
    kernel: Kernel, history: list[list[tuple[str, ServicePort | None]]]
) -> None:
    table = Table()
    kernel.apply(table.step())
    for turn in history:
        for name, one in turn:
            if one is None:
                table.drop(f"default/{name}")
            else:
                table.put(one)
        kernel.apply(table.step())
    stepwise = kernel.contents()
    table.ruleset.lost()
    kernel.apply(table.step())
    assert kernel.contents() == stepwise


def six(one: ServicePort) -> ServicePort:
    """The same of the other family."""

    def address(ip: str) -> str:
        return f"fd00::{ip.replace('.', ':')}"

    def points(found: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        return tuple(msgspec.structs.replace(point, ip=address(point.ip)) for point in found)

    ranges = {"10.0.0.0/8": "fd00::/16", "10.1.0.0/16": "fd00::/32", "0.0.0.0/0": "::/0", "192.0.2.1/32": "::1/128"}
    return msgspec.structs.replace(
        one,
        cluster_ip=address(one.cluster_ip),
        external_ips=tuple(map(address, one.external_ips)),
        load_balancer_ips=tuple(map(address, one.load_balancer_ips)),
        source_ranges=tuple(ranges[text] for text in one.source_ranges),
        internal=points(one.internal),
        everywhere=points(one.everywhere),
        external=points(one.external),
    )


@needs_nft
@given(histories())
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_so_does_any_sequence_of_changes_of_the_other_family(
    kernel: Kernel, history: list[list[tuple[str, ServicePort | None]]]
) -> None:
    table, name_of_table = Table(IPV6), "ip6 pybernetes"
    kernel.apply(table.step())
    empty = kernel.contents(name_of_table)
    for turn in history:
        for name, one in turn:
            if one is None:
                table.drop(f"default/{name}")
            else:
                table.put(six(one))
        kernel.apply(table.step())
    stepwise = kernel.contents(name_of_table)
    table.ruleset.lost()
    kernel.apply(table.step())
    assert kernel.contents(name_of_table) == stepwise
    for name in NAMES:
        table.drop(f"default/{name}")
    kernel.apply(table.step())
    assert kernel.contents(name_of_table) == empty


@needs_nft
def test_emptied_again_the_table_is_its_skeleton(kernel: Kernel) -> None:
    table = Table()
    kernel.apply(table.step())
    before = kernel.contents()
    table.put(port(*IPS, node_port=30001, affinity_seconds=5, load_balancer_ips=("203.0.113.1",)))
    kernel.apply(table.step())
    assert kernel.contents() != before
    table.drop("default/web")
    kernel.apply(table.step())
    assert kernel.contents() == before
