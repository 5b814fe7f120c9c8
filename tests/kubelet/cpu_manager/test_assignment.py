"""Sets of CPUs, where they are, and which are taken."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kubelet.cpu_manager.machines import machine

from pybernetes.kubelet.cpu_manager.assignment import NotEnoughCpus, take
from pybernetes.kubelet.cpu_manager.cpu_set import parse, shown
from pybernetes.kubelet.cpu_manager.topology import read_topology

CPUS = st.frozensets(st.integers(0, 200))


@given(CPUS)
def test_a_set_is_read_as_it_was_written(cpus: frozenset[int]) -> None:
    assert parse(shown(cpus)) == cpus


def test_the_kernels_notation() -> None:
    assert shown({0, 1, 2, 3, 8, 10, 11}) == "0-3,8,10-11"
    assert parse(" 0-1, 5 ") == {0, 1, 5}
    for wrong in ("a", "3-1", "1-", "-1", "0x1"):
        with pytest.raises(ValueError, match="no CPU"):
            parse(wrong)


def test_the_machine_is_read_from_sys(tmp_path: Path) -> None:
    devices = tmp_path / "devices/system"
    for cpu, (socket, core) in {0: (0, 0), 1: (0, 0), 2: (1, 0), 3: (1, 0)}.items():
        directory = devices / f"cpu/cpu{cpu}/topology"
        directory.mkdir(parents=True)
        (directory / "physical_package_id").write_text(f"{socket}\n")
        (directory / "core_id").write_text(f"{core}\n")
    for node, cpus in enumerate(("0-1\n", "2-3\n")):
        (devices / f"node/node{node}").mkdir(parents=True)
        (devices / f"node/node{node}/cpulist").write_text(cpus)
    found = read_topology(str(tmp_path), [0, 1, 2, 3])
    assert (found.cpus, found.numa_nodes, found.cpus_per_core) == ({0, 1, 2, 3}, (0, 1), 2)
    assert found.with_siblings(frozenset({1, 2})) == {0, 1, 2, 3}
    assert read_topology(str(tmp_path / "nowhere"), [0, 5]).cpus == {0, 5}


BIG = machine(sockets=2, cores=4, threads=2)
"""Threads of core c of socket s are 4s+c and 8+4s+c."""


@pytest.mark.parametrize(
    ("available", "count", "taken"),
    [
        ("0-15", 1, "0"),
        ("0-15", 2, "0,8"),
        ("0-15", 3, "0-1,8"),
        ("0-15", 8, "0-3,8-11"),
        ("0-15", 10, "0-4,8-12"),
        ("1-15", 2, "1,9"),
        ("1-15", 1, "8"),
        ("1-7,9-15", 8, "4-7,12-15"),
        ("0-3,4,12", 2, "4,12"),
        ("0-15", 16, "0-15"),
    ],
)
def test_what_is_taken_is_close_together(available: str, count: int, taken: str) -> None:
    assert shown(take(BIG, parse(available), count)) == taken


def test_too_few() -> None:
    with pytest.raises(NotEnoughCpus, match="requested=3, available=2"):
        take(BIG, parse("0-1"), 3)


@given(available=st.frozensets(st.integers(0, 15)), data=st.data())
def test_only_available_ones_and_exactly_as_many(available: frozenset[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(available)))
    found = take(BIG, available, count)
    assert found <= available
    assert len(found) == count
