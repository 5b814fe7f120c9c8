"""A plugin from a package of the user's: the one in docs/scheduler.md, installed and enabled as it says there."""

import asyncio
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.base.tasks import running
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.load import load
from pybernetes.scheduler.profile import ConfigurationError
from pybernetes.scheduler.scheduler import Scheduler

GUIDE = Path(__file__).parents[2] / "docs" / "scheduler.md"
SEAT = {"example.com/seat": ""}


def blocks(language):
    """The code blocks of the section."""
    section = GUIDE.read_text().split("## Add a plugin")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """The package, as an installer leaves it."""
    (tmp_path / "seats.py").write_text(blocks("python")[0])
    information = tmp_path / "seats-1.0.dist-info"
    information.mkdir()
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: seats\nVersion: 1.0\n")
    section, entry = re.search(r'entry-points\."(.*?)"\]\n(\w+ = ".*?")', blocks("toml")[0]).groups()
    information.joinpath("entry_points.txt").write_text(f"[{section}]\n{entry.replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("seats", None)


@asynccontextmanager
async def cluster(*objects, arrays_from_nodes=64, document=""):
    api = FakeApi()
    api.put(*objects)
    api.recorder = Recorder()
    config = msgspec.structs.replace(
        SchedulerConfig.of(load(document or blocks("yaml")[0])), arrays_from_nodes=arrays_from_nodes
    )
    scheduler = Scheduler(api, api.informers, config, clock=FakeClock(), recorder=api.recorder, random=Random(0))
    api.scheduler = scheduler
    async with running("scheduler", scheduler.serve):
        yield api


def seat(name, approved=True, **more):
    one = pod(name, labels=SEAT, **more)
    one.metadata.annotations = {"example.com/approved": ""} if approved else None
    return one


def seats(name, number):
    return node(name, labels={"example.com/seats": str(number)})


both = pytest.mark.parametrize("arrays_from_nodes", [64, 0], ids=["plain", "arrays"])


@both
async def test_it_filters(arrays_from_nodes):
    async with cluster(seats("a", 0), seats("b", 2), node("c"), arrays_from_nodes=arrays_from_nodes) as api:
        api.put(*(seat(f"p{i}") for i in range(3)))
        await api.until(lambda: len(api.bound) == 2 and api.pod("p2").status.conditions)
        assert set(api.bound.values()) == {"b"}
        assert (
            api.pod("p2")
            .status.conditions[0]
            .message.startswith("0/3 nodes are available: 3 node(s) had no free seat.")
        )


@both
async def test_it_wakes_what_it_rejected(arrays_from_nodes):
    async with cluster(seats("a", 0), arrays_from_nodes=arrays_from_nodes) as api:
        api.put(seat("p"))
        await api.until(lambda: api.patches)
        api.put(seats("a", 1))
        await api.until(lambda: api.bound)


@both
async def test_it_scores(arrays_from_nodes):
    """The fuller node of the two has more free seats."""
    objects = [seats("a", 2), seats("b", 9), pod("big", cpu="2", on="b")]
    async with cluster(*objects, arrays_from_nodes=arrays_from_nodes) as api:
        api.put(seat("p"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}


async def test_it_reserves_and_works_before_the_binding():
    async with cluster(seats("a", 2)) as api:
        api.put(seat("p"))
        await api.until(lambda: api.bound)
        assert api.patches == [
            ("p", {"status": {"nominatedNodeName": "a"}}),
            ("p", {"metadata": {"annotations": {"example.com/seat": "a/1"}}}),
        ]


async def test_a_pod_that_is_none_of_its_business_is_not_nominated():
    async with cluster(node("a")) as api:
        api.put(pod("p"))
        await api.until(lambda: api.bound)
        assert not api.patches


async def test_it_gives_back_what_it_reserved():
    async with cluster(seats("a", 2)) as api:
        plugin = api.scheduler.profiles["default-scheduler"].reserve[-1]
        api.fail_bindings = 1
        api.put(seat("p"))
        await api.until(lambda: api.pod("p").status.conditions)
        assert (api.bound, plugin.name, plugin.seats) == ({}, "Seats", {})


async def test_it_holds_pods():
    async with cluster(seats("a", 2)) as api:
        api.put(seat("p", approved=False))
        while not api.scheduler.permits.held():
            await settle()
        assert not api.bound
        api.put(seat("p"))
        await api.until(lambda: api.bound)


async def _held(api, *objects):
    """Put these, and wait until a pod is held."""
    api.put(*objects)
    async with asyncio.timeout(60):
        while not api.scheduler.permits.held():
            await settle()


async def test_a_held_pod_that_is_deleted_gives_its_place_back_at_once():
    async with cluster(seats("a", 1)) as api:
        plugin = api.scheduler.profiles["default-scheduler"].reserve[-1]
        await _held(api, seat("p", approved=False))
        assert plugin.seats
        api.remove(api.pod("p"))
        api.put(seat("q"))
        await api.until(lambda: api.bound)
        assert (set(api.bound), api.scheduler.permits.held()) == ({"q"}, [])


async def test_a_held_pod_that_is_preempted_loses_its_place_and_lives():
    async with cluster(seats("a", 9)) as api:
        await _held(api, seat("p", approved=False, cpu="3"))
        api.put(pod("q", cpu="3", priority=10))
        await api.until(lambda: api.bound)
        assert (api.bound, api.deleted, api.scheduler.permits.held()) == ({"q": "a"}, [], [])
        assert ("Preempted", "Preempted by pod uid-default-q on node a") in [
            (reason, message) for _, reason, _, message in api.recorder.events
        ]


async def test_more_pods_are_held_than_bindings_may_be_under_way():
    async with cluster(seats("a", 9)) as api:
        api.scheduler._slots._value = 2
        api.put(*(seat(f"p{i}", approved=False) for i in range(5)))
        while len(api.scheduler.permits.held()) < 5:
            await settle()
        api.put(*(seat(f"p{i}") for i in range(5)))
        await api.until(lambda: len(api.bound) == 5)


async def test_without_being_enabled_it_is_not_even_imported(monkeypatch):
    import sys

    async with cluster(
        node("a"), document="apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration"
    ):
        assert "seats" not in sys.modules


async def test_an_unknown_plugin_is_an_error():
    with pytest.raises(ConfigurationError, match='plugin "Seat" does not exist in the registry'):
        async with cluster(document=blocks("yaml")[0].replace("name: Seats", "name: Seat")):
            pass
