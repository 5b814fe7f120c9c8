"""Every extension point, by one plugin of the user's that acts at all of them; and profiles side by side."""

import sys
from contextlib import asynccontextmanager
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.base.tasks import running
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.load import load
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
PLUGIN = """
from pybernetes.api.core import Binding, ObjectReference
from pybernetes.api.meta import ObjectMeta

calls = []


class Everywhere:
    name = "Everywhere"

    def __init__(self, args, handle):
        self.args, self.handle = args, handle

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        if not callable(found) or name.startswith("_"):
            return found

        def noted(*arguments):
            calls.append(name)
            return found(*arguments)

        return noted

    def pre_enqueue(self, pod): ...
    def sort_key(self, pod, queued_at):
        return (pod.name,)
    def pre_filter(self, state, pod, snapshot): ...
    def filter(self, state, pod, nodes):
        return {}
    def post_filter(self, state, pod, diagnosis):
        return self.args["nominate"]
    def pre_score(self, state, pod, nodes, snapshot): ...
    def score(self, state, pod, nodes):
        return [int(node.name == self.args["favourite"]) for node in nodes]
    def normalise(self, state, nodes, scores):
        return [100 * score for score in scores]
    def reserve(self, state, pod, node_name): ...
    def unreserve(self, state, pod, node_name): ...
    def permit(self, state, pod, node_name): ...
    def pre_bind_pre_flight(self, state, pod, node_name): ...
    async def pre_bind(self, state, pod, node_name): ...
    async def bind(self, state, pod, node_name):
        metadata = ObjectMeta(name=pod.name, namespace=pod.namespace)
        await self.handle.client.create(Binding(metadata=metadata, target=ObjectReference(kind="Node", name=node_name)))
    def post_bind(self, state, pod, node_name): ...
"""
EVERYWHERE = """
profiles:
- plugins:
    multiPoint: {enabled: [{name: Everywhere, weight: 100}], disabled: [{name: PrioritySort}, {name: DefaultBinder}]}
    postFilter: {disabled: [{name: DefaultPreemption}]}
  pluginConfig:
  - {name: Everywhere, args: {favourite: b, nominate: b}}
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The plugin's package installed; the methods of it that are called, in order."""
    (tmp_path / "everywhere.py").write_text(PLUGIN)
    information = tmp_path / "everywhere-1.0.dist-info"
    information.mkdir()
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: everywhere\nVersion: 1.0\n")
    entry = "[pybernetes.scheduler.plugins]\nEverywhere = everywhere:Everywhere\n"
    information.joinpath("entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda: sys.modules["everywhere"].calls
    sys.modules.pop("everywhere", None)


@asynccontextmanager
async def cluster(text, *objects, arrays_from_nodes=64):
    api = FakeApi()
    api.put(*objects)
    api.recorder = Recorder()
    config = msgspec.structs.replace(SchedulerConfig.of(load(HEAD + text)), arrays_from_nodes=arrays_from_nodes)
    api.scheduler = Scheduler(api, api.informers, config, clock=FakeClock(), recorder=api.recorder, random=Random(0))
    async with running("scheduler", api.scheduler.serve):
        yield api


both = pytest.mark.parametrize("arrays_from_nodes", [64, 0], ids=["plain", "arrays"])


@both
async def test_a_pod_passes_all_points_in_order(calls, arrays_from_nodes):
    async with cluster(EVERYWHERE, node("a"), node("b"), arrays_from_nodes=arrays_from_nodes) as api:
        calls().clear()
        api.put(pod("p"))
        await api.until(lambda: "Scheduled" in api.recorder.reasons())
        assert api.bound == {"p": "b"}
        assert calls() == [
            *("pre_enqueue", "sort_key", "pre_filter", "filter", "pre_score", "score", "normalise"),
            *("reserve", "permit", "pre_bind_pre_flight", "pre_bind", "bind", "post_bind"),
        ]


@both
async def test_a_pod_that_fits_nowhere_comes_to_post_filter(calls, arrays_from_nodes):
    async with cluster(EVERYWHERE, node("a", cpu="1"), node("b", cpu="1"), arrays_from_nodes=arrays_from_nodes) as api:
        calls().clear()
        api.put(pod("p", cpu="2"))
        await api.until(lambda: api.pod("p").status.nominated_node_name == "b")
        assert calls()[-1] == "post_filter"


async def test_a_binding_that_fails_is_given_back(calls):
    async with cluster(EVERYWHERE, node("a")) as api:
        api.fail_bindings = 1
        calls().clear()
        api.put(pod("p"))
        await api.until(lambda: api.pod("p").status.conditions)
        assert calls()[calls().index("bind") :] == ["bind", "unreserve"]


PROFILES = """
percentageOfNodesToScore: 30
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  percentageOfNodesToScore: 60
  plugins:
    score: {disabled: [{name: NodeResourcesBalancedAllocation}]}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
"""


async def test_each_pod_is_decided_by_its_own_profile_in_whose_name_its_events_are():
    async with cluster(PROFILES, node("a"), node("b"), pod("q", cpu="2", on="a")) as api:
        spread, packed, others = pod("spread", cpu="1"), pod("packed", cpu="1"), pod("others", cpu="1")
        packed.spec.scheduler_name, others.spec.scheduler_name = "packing", "somebody-else"
        api.put(spread, packed, others)
        await api.until(lambda: len(api.bound) == 2 and len(api.recorder.events) == 2)
        assert api.bound == {"spread": "b", "packed": "a"}
        names = [name for _, _, name, _ in api.recorder.events]
        assert dict(zip(names, api.recorder.components, strict=True)) == {
            "spread": "default-scheduler",
            "packed": "packing",
        }


@pytest.mark.parametrize(("name", "evaluated"), [("default-scheduler", 120), ("packing", 240)])
def test_how_many_nodes_are_scored_is_a_profiles_own_or_that_of_all(name, evaluated):
    api = FakeApi()
    scheduler = Scheduler(api, api.informers, SchedulerConfig.of(load(HEAD + PROFILES)), recorder=Recorder())  # type: ignore[arg-type]
    scheduler._nodes.add_handler(scheduler.intake.node_changed)
    api.put(*(node(f"n{i}") for i in range(400)))
    decision = scheduler._cycles[name].plain.decide(PodInfo(pod("p")))
    assert (decision.feasible, decision.evaluated) == (evaluated, evaluated)
