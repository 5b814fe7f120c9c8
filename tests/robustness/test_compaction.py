"""The past is forgotten while a paged list and watches are under way: 410, upstream's words, and a way to go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.contract.store import FakeClock
from tests.support.api import CONFIG_MAPS, Api
from tests.support.etcd import BINARY, etcd

from pybernetes.store.etcd import EtcdStore
from pybernetes.store.memory import MemoryStore
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Store
from pybernetes.testing import api_server

EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@asynccontextmanager
async def store_of(kind, directory) -> AsyncIterator[Store]:
    if kind == "etcd":
        with etcd(directory) as server:
            yield EtcdStore(server.address())
    else:
        yield MemoryStore() if kind == "memory" else SqliteStore(directory / "store.db")


async def page(api: Api, token: str = "", query: str = "limit=3"):
    answer = await api.get(CONFIG_MAPS, query + (f"&continue={token}" if token else ""))
    names = [item["metadata"]["name"] for item in answer.body.get("items", ())]
    return answer, [name for name in names if name.startswith("n")]


@pytest.mark.parametrize("query", ["limit=3", "limit=3&labelSelector=page"])
@pytest.mark.parametrize(
    "kind", ["memory", "sqlite", pytest.param("etcd", marks=pytest.mark.skipif(not BINARY, reason="no etcd"))]
)
async def test_a_paged_list_that_is_overtaken_by_a_compaction(tmp_path, kind, query):
    async with store_of(kind, tmp_path) as store, api_server(store=store) as server:
        api = Api(server)
        for number in range(9):
            await api.config_map(f"n{number}", labels={"page": "yes"})
        first, names = await page(api, query=query)
        token = first.body["metadata"]["continue"]
        await api.delete(f"{CONFIG_MAPS}/n4")
        await api.delete(f"{CONFIG_MAPS}/n0")
        await api.config_map("n9", labels={"page": "yes"})
        # Before the compaction the list is of one moment, whatever has happened since.
        second, more = await page(api, token, query)
        assert second.version == first.version
        assert [*names, *more] == ["n0", "n1", "n2", "n3", "n4", "n5"] or query == "limit=3"
        await store.compact(await store.revision())
        expired, _ = await page(api, token, query)
        assert (expired.code, expired.body["reason"], expired.message) == (410, "Expired", EXPIRED)
        onwards = expired.body["metadata"]["continue"]
        assert onwards != token
        rest: list[str] = []
        while onwards:
            answer, found = await page(api, onwards, query)
            assert answer.code == 200
            assert int(answer.version) > int(first.version)
            rest += found
            onwards = answer.body["metadata"].get("continue", "")
        # What is there now, behind where the first page ended.
        assert rest == [f"n{number}" for number in range(10) if f"n{number}" > names[-1] and number != 4]
        exact = await api.get(CONFIG_MAPS, f"resourceVersion={first.version}&resourceVersionMatch=Exact")
        assert exact.code == 410
        assert exact.message == "The resourceVersion for the provided list is too old."


async def test_clients_lose_a_page_after_two_intervals_and_the_memory_does_not():
    clock = FakeClock()
    async with api_server(clock=clock) as server:
        api = Api(server)
        for number in range(5):
            await api.config_map(f"n{number}")
        first, _ = await page(api)
        await api.delete(f"{CONFIG_MAPS}/n3")
        await clock.advance(300)
        assert (await page(api, first.body["metadata"]["continue"]))[0].code == 200
        await clock.advance(300)
        assert (await page(api, first.body["metadata"]["continue"]))[0].code == 410
        then = await api.get(CONFIG_MAPS, f"at={first.version}")
        assert "n3" in [item["metadata"]["name"] for item in then.body["items"]]
