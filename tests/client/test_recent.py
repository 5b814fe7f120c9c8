"""Objects that several watchers of one process see are decoded once and kept once."""

import asyncio
from typing import Any

import msgspec
from tests.client.test_informer import Pushed, page, wire
from tests.support.clock import settled

from pybernetes.api.core import ConfigMap, Pod
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client, decode_events
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer
from pybernetes.client.recent import GENERATION_SECONDS, GENERATION_SIZE, RecentObjects
from pybernetes.client.view import view_of


def decoded(recent: RecentObjects, data: bytes) -> Pod | None:
    return recent.decode(Pod, data, view_of(Pod).decode_or_none)


async def test_the_same_bytes_give_the_same_object_for_a_second() -> None:
    recent = RecentObjects()
    data = msgspec.json.encode(wire("a", 1))
    first = decoded(recent, data)
    assert first is not None
    assert decoded(recent, bytes(bytearray(data))) is first
    await asyncio.sleep(GENERATION_SECONDS * 0.9)
    assert decoded(recent, data) is first


async def test_nothing_is_kept_once_it_is_quiet() -> None:
    recent = RecentObjects()
    first = decoded(recent, msgspec.json.encode(wire("a", 1)))
    await asyncio.sleep(GENERATION_SECONDS * 2.1)
    assert len(recent) == 0
    again = decoded(recent, msgspec.json.encode(wire("a", 1)))
    assert again == first
    assert again is not first
    await asyncio.sleep(GENERATION_SECONDS * 2.1)
    assert len(recent) == 0


async def test_a_burst_is_bounded() -> None:
    recent = RecentObjects()
    for number in range(GENERATION_SIZE * 3):
        decoded(recent, msgspec.json.encode(wire(f"p{number}", number)))
    assert len(recent) <= 2 * GENERATION_SIZE


async def test_types_and_versions_are_told_apart() -> None:
    recent = RecentObjects()
    data = msgspec.json.encode(wire("a", 1))
    pod = decoded(recent, data)
    other = recent.decode(ConfigMap, data, view_of(ConfigMap).decode_or_none)
    assert type(other) is ConfigMap
    assert decoded(recent, msgspec.json.encode(wire("a", 2))) is not pod


async def test_malformed_objects_stay_absent() -> None:
    recent = RecentObjects()
    assert decoded(recent, b'{"metadata":{"name":5}}') is None
    assert len(recent) == 0


def test_dicts_are_never_shared() -> None:
    from pybernetes.api.resource import resource

    view: Any = view_of(resource("pods"))
    line = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'
    recent = RecentObjects()
    one, two = (decode_events(view, line, recent)[0].object for _ in range(2))
    assert one == two
    assert one is not two


async def test_informers_of_two_identities_hold_one_object_without_its_managers() -> None:
    watches: list[Pushed] = []

    async def app(request: Request) -> Response:
        if "watch=true" in request.query:
            watches.append(Pushed())
            return watches[-1].response()
        return page(version=1)

    recent = RecentObjects()
    one, two = (Informer(Client(InProcessTransport(app), recent=recent), Pod) for _ in range(2))
    async with running("one", one.serve), running("two", two.serve):
        await settled()
        obj = wire("a", 2)
        obj["metadata"]["managedFields"] = [{"manager": "m", "fieldsV1": {"f:x": {}}}]
        for watch in watches:
            watch.send("ADDED", obj)
        await settled()
        found = one.get("a", "n")
        assert found is not None
        assert found is two.get("a", "n")
        assert found.metadata.managed_fields is None
