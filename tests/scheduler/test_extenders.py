"""Extenders filter, weigh and bind along with plugins; one that fails fails the attempt, unless it may be ignored."""

from contextlib import asynccontextmanager
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.base.http.message import Response
from pybernetes.base.tasks import running
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.types import Extender as ExtenderConfig
from pybernetes.scheduler.configuration.types import ExtenderResource
from pybernetes.scheduler.extenders import Extender, Extenders
from pybernetes.scheduler.scheduler import Scheduler


class Service:
    """Answers by verb and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def __call__(self, request):
        body = msgspec.json.decode(request.body.data)
        verb = request.path.rsplit("/", 1)[-1]
        self.asked.append((verb, body))
        answer = self.answers.get(verb)
        if answer is None:
            return Response(500, [], b"")
        return Response(200, [], msgspec.json.encode(answer(body)))


@asynccontextmanager
async def cluster(service, *objects, **settings):
    config = ExtenderConfig(url_prefix="http://extender/v1", **settings)
    api = FakeApi()
    api.put(*objects)
    api.recorder = Recorder()
    scheduler = Scheduler(
        api,
        api.informers,
        SchedulerConfig(extenders=(config,)),
        clock=FakeClock(),
        recorder=api.recorder,
        random=Random(0),
    )
    scheduler.extenders = Extenders([Extender(config, service)])
    async with running("scheduler", scheduler.serve):
        yield api


def names(body):
    return (
        body["NodeNames"]
        if body["NodeNames"] is not None
        else [one["metadata"]["name"] for one in body["Nodes"]["items"]]
    )


@pytest.mark.parametrize("cached", [True, False], ids=["names", "whole nodes"])
async def test_it_filters(cached):
    def only_b(body):
        if cached:
            return {"NodeNames": ["b"], "FailedNodes": {"a": "no a"}}
        return {"Nodes": {"items": [one for one in body["Nodes"]["items"] if one["metadata"]["name"] == "b"]}}

    service = Service(filter=only_b)
    async with cluster(service, node("a"), node("b"), filter_verb="filter", node_cache_capable=cached) as api:
        api.put(pod("p"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}
        verb, body = service.asked[0]
        assert (verb, sorted(names(body)), body["Pod"]["metadata"]["name"]) == ("filter", ["a", "b"], "p")


async def test_its_reasons_are_told():
    service = Service(filter=lambda body: {"NodeNames": [], "FailedNodes": dict.fromkeys(names(body), "too warm")})
    async with cluster(service, node("a"), node("b"), filter_verb="filter", node_cache_capable=True) as api:
        api.put(pod("p"))
        await api.until(lambda: api.patches)
        assert api.recorder.events[0][3].startswith("0/2 nodes are available: 2 too warm.")


async def test_it_weighs():
    service = Service(prioritize=lambda body: [{"Host": "a", "Score": 0}, {"Host": "b", "Score": 10}])
    objects = [node("a", cpu="64"), node("b", cpu="2")]
    async with cluster(service, *objects, prioritize_verb="prioritize", weight=5) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}


async def test_it_binds():
    service = Service(bind=lambda body: {})
    async with cluster(service, node("a"), bind_verb="bind") as api:
        api.put(pod("p"))
        while not service.asked:
            await settle()
        await settle()
        assert service.asked == [
            ("bind", {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-default-p", "Node": "a"})
        ]
        assert not api.bound
        assert api.recorder.reasons() == ["Scheduled"]


async def test_only_pods_with_its_resources_are_its_business():
    service = Service(filter=lambda body: {"NodeNames": ["b"]})
    managed = [ExtenderResource(name="example.com/fpga", ignored_by_scheduler=True)]
    objects = [node("a"), node("b")]
    settings = {"filter_verb": "filter", "node_cache_capable": True, "managed_resources": managed}
    async with cluster(service, *objects, **settings) as api:
        api.put(pod("p"))
        await api.until(lambda: api.bound)
        assert not service.asked
        api.put(pod("q", requests={"example.com/fpga": "1"}))
        await api.until(lambda: "q" in api.bound)
        assert api.bound["q"] == "b"


@pytest.mark.parametrize("ignorable", [True, False])
async def test_it_fails(ignorable):
    async with cluster(Service(), node("a"), filter_verb="filter", ignorable=ignorable) as api:
        api.put(pod("p"))
        if ignorable:
            await api.until(lambda: api.bound)
            return
        await api.until(lambda: api.patches)
        condition = api.pod("p").status.conditions[0]
        assert condition.reason == "SchedulerError"
        assert "failed filter with extender at URL http://extender/v1/filter, code 500" in condition.message
        assert not api.bound
