"""Extenders filter, weigh and bind along with plugins; one that fails fails the attempt, unless it may be ignored."""

import asyncio
import base64
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.meta import ObjectMeta
from pybernetes.api.storage import StorageClass
from pybernetes.base.http.message import Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, server_context
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.types import Extender as ExtenderConfig
from pybernetes.scheduler.configuration.types import ExtenderResource, ExtenderTls
from pybernetes.scheduler.scheduler import Scheduler


class Service:
    """Answers by verb and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []
        self.called = asyncio.Event()

    async def __call__(self, request):
        body = msgspec.json.decode(await request.body.read(1 << 20))
        verb = request.path.rsplit("/", 1)[-1]
        self.asked.append((verb, body))
        self.called.set()
        answer = self.answers.get(verb)
        if answer is None:
            return Response(500, [], b"")
        return Response(200, [], msgspec.json.encode(answer(body)))


@asynccontextmanager
async def cluster(*given, tls=None, **settings):
    """A scheduler with objects and extenders that answer over HTTP: each Service with these settings, or a pair of a
    Service and its own."""
    services = [one for one in given if isinstance(one, Service | tuple)]
    api = FakeApi()
    api.put(*(one for one in given if not isinstance(one, Service | tuple)))
    api.recorder = Recorder()
    async with AsyncExitStack() as stack:
        configs = []
        for one in services:
            service, own = one if isinstance(one, tuple) else (one, settings)
            server = HttpServer(service, tls=tls)
            await stack.enter_async_context(running("extender", server.serve))
            scheme = "https" if tls is not None else "http"
            configs.append(ExtenderConfig(**{"url_prefix": f"{scheme}://127.0.0.1:{server.port}/v1", **own}))
        api.urls = [config.url_prefix for config in configs]
        api.scheduler = Scheduler(
            api,
            api.informers,
            SchedulerConfig(extenders=tuple(configs)),
            clock=FakeClock(),
            recorder=api.recorder,
            random=Random(0),
        )
        await stack.enter_async_context(running("scheduler", api.scheduler.serve))
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
        await service.called.wait()
        while not api.recorder.events:
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
        assert f"failed filter with extender at URL {api.urls[0]}/filter, code 500" in condition.message
        assert not api.bound


async def test_the_weights_of_several_add_up():
    """10 × 3 for a is less than 4 × 1 + 10 × 3 for b; scores are out of ten, a plugin's out of a hundred."""
    one = Service(prioritize=lambda body: [{"Host": "a", "Score": 10}, {"Host": "b", "Score": 4}])
    other = Service(prioritize=lambda body: [{"Host": "a", "Score": 0}, {"Host": "b", "Score": 10}])
    more = {"prioritize_verb": "prioritize"}
    objects = [node("a", cpu="64"), node("b", cpu="2")]
    async with cluster((one, {**more, "weight": 20}), (other, {**more, "weight": 15}), *objects) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}
    async with cluster((one, {**more, "weight": 20}), (other, {**more, "weight": 1}), *objects) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "a"}


async def test_each_filters_what_the_one_before_left():
    one = Service(filter=lambda body: {"NodeNames": [name for name in names(body) if name != "a"]})
    other = Service(filter=lambda body: {"NodeNames": [name for name in names(body) if name != "b"]})
    settings = {"filter_verb": "filter", "node_cache_capable": True}
    async with cluster(one, other, node("a"), node("b"), node("c"), **settings) as api:
        api.put(pod("p"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "c"}
        assert sorted(names(other.asked[0][1])) == ["b", "c"]


async def test_a_node_it_was_not_asked_about_is_an_error():
    service = Service(filter=lambda body: {"NodeNames": ["z"]})
    async with cluster(service, node("a"), filter_verb="filter", node_cache_capable=True) as api:
        api.put(pod("p"))
        await api.until(lambda: api.patches)
        message = api.pod("p").status.conditions[0].message
        assert message.endswith(
            f'extender "{api.urls[0]}" claims a filtered node "z" which is not found in the input node list'
        )


async def test_any_event_wakes_a_pod_that_it_rejected():
    allowed = []
    service = Service(filter=lambda body: {"NodeNames": allowed})
    async with cluster(service, node("a"), filter_verb="filter", node_cache_capable=True) as api:
        api.put(pod("p"))
        await api.until(lambda: api.patches)
        allowed.append("a")
        api.put(StorageClass(metadata=ObjectMeta(name="s", uid="s"), provisioner="p"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "a"}


def victims(*pods):
    return {"Pods": [{"UID": f"uid-default-{name}"} for name in pods], "NumPDBViolations": 0}


@pytest.mark.parametrize("cached", [True, False], ids=["meta victims", "victims"])
async def test_it_chooses_among_the_candidates_of_preemption(cached):
    """Plugins alone would take a's victim, the least important one; the service allows only b, and names others."""
    service = Service(preempt=lambda body: {"NodeNameToMetaVictims": {"b": victims("b1", "b2")}})
    objects = [node("a", cpu="2"), node("b", cpu="2"), pod("a1", cpu="2", priority=1, on="a")]
    objects += [pod(name, cpu="1", priority=2, on="b") for name in ("b1", "b2")]
    async with cluster(service, *objects, preempt_verb="preempt", node_cache_capable=cached) as api:
        api.put(pod("p", cpu="2", priority=9))
        await api.until(lambda: api.bound)
        assert (api.bound, sorted(api.deleted)) == ({"p": "b"}, ["b1", "b2"])
        verb, body = service.asked[0]
        assert (verb, body["Pod"]["metadata"]["name"]) == ("preempt", "p")
        given, absent = body["NodeNameToVictims"], body["NodeNameToMetaVictims"]
        if cached:
            given, absent = absent, given
            assert given == {"a": victims("a1"), "b": victims("b1", "b2")}
        else:
            assert [one["metadata"]["name"] for one in given["b"]["Pods"]] == ["b1", "b2"]
        assert absent is None


PREEMPTIONS = {
    "nothing left": ({"NodeNameToMetaVictims": {}}, "preemption: no candidate node for preemption"),
    "a pod that is not there": (
        {"NodeNameToMetaVictims": {"a": victims("x")}},
        "claims to preempt pod (UID: uid-default-x) on node: a, but the pod is not found on that node",
    ),
    "a node that is not there": ({"NodeNameToMetaVictims": {"z": victims("x")}}, 'node name "z"'),
    "no victims": ({"NodeNameToMetaVictims": {"a": {}}}, 'expected at least one victim pod on node "a"'),
}


@pytest.mark.parametrize("case", PREEMPTIONS)
async def test_it_prevents_preemption(case):
    answer, message = PREEMPTIONS[case]
    objects = [node("a", cpu="2"), pod("a1", cpu="2", priority=1, on="a")]
    async with cluster(Service(preempt=lambda body: answer), *objects, preempt_verb="preempt") as api:
        api.put(pod("p", cpu="2", priority=9))
        await api.until(lambda: api.patches)
        condition = api.pod("p").status.conditions[0]
        assert condition.message.startswith(
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
        )
        assert message in condition.message
        assert not api.deleted


NOT_HELPFUL = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
REFUSALS = {
    "a reason": ({"FailedNodes": {"a": "warm"}}, 'preemption: expected at least one victim pod on node "a"'),
    "a reason for good": ({"FailedAndUnresolvableNodes": {"a": "old"}}, NOT_HELPFUL),
    "without a word": ({}, NOT_HELPFUL),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_where_it_says_no_pods_are_not_sent_away_in_vain(case):
    answer, message = REFUSALS[case]
    service = Service(filter=lambda body: {"NodeNames": [], **answer})
    objects = [node("a"), pod("q", cpu="1", on="a")]
    async with cluster(service, *objects, filter_verb="filter", node_cache_capable=True) as api:
        api.put(pod("p", cpu="1", priority=9))
        await api.until(lambda: api.patches)
        status = api.pod("p").status
        assert (status.conditions[0].message.endswith(message), status.nominated_node_name) == (True, None)
        assert not api.deleted


async def test_an_ignorable_one_that_fails_does_not_stop_preemption():
    objects = [node("a", cpu="2"), pod("a1", cpu="2", priority=1, on="a")]
    async with cluster(Service(), *objects, preempt_verb="preempt", ignorable=True) as api:
        api.put(pod("p", cpu="2", priority=9))
        await api.until(lambda: api.bound)
        assert api.deleted == ["a1"]


async def test_a_binder_that_refuses_gives_the_room_back():
    refusals = ["not today"]
    service = Service(bind=lambda body: {"Error": refusals.pop() if refusals else ""})
    async with cluster(service, node("a", cpu="1"), bind_verb="bind") as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        assert "binding rejected: not today" in api.pod("p").status.conditions[0].message
        service.called.clear()
        await api.scheduler._clock.advance(1.5)
        await service.called.wait()
        assert [verb for verb, _ in service.asked] == ["bind", "bind"]


@pytest.mark.parametrize("trust", ["anybody", "the right one", "another"])
async def test_over_tls(trust):
    """With enableHTTPS and no authority named any certificate will do, as upstream has it."""
    authority = CertificateAuthority.create("extenders")
    named = authority if trust == "the right one" else CertificateAuthority.create("other")
    data = base64.b64encode(named.certificate_pem).decode()
    service = Service(filter=lambda body: {"NodeNames": ["b"]})
    async with cluster(
        service,
        node("a"),
        node("b"),
        tls=server_context(authority.issue("extender", names=("127.0.0.1",))),
        filter_verb="filter",
        node_cache_capable=True,
        enable_https=True,
        tls_config=ExtenderTls(ca_data="" if trust == "anybody" else data),
    ) as api:
        api.put(pod("p"))
        if trust == "another":
            await api.until(lambda: api.patches)
            assert api.pod("p").status.conditions[0].reason == "SchedulerError"
            return
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}
