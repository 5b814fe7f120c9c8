"""An etcd that hangs: requests end with 504 in time, what the cache can answer goes on, and all heals by itself."""

import asyncio
import os

from tests.support.api import CONFIG_MAPS, Api, Watching
from tests.support.etcd import etcd, needs_etcd

from pybernetes.store.etcd import EtcdAddress, EtcdStore
from pybernetes.testing import api_server

PAUSE_SECONDS = float(os.environ.get("PYBERNETES_PAUSE_SECONDS", "0"))
"""How much longer than needed etcd hangs: beyond 15 s connections are given up too."""

CALL_SECONDS = 4.0


@needs_etcd
async def test_an_etcd_that_hangs(tmp_path):
    with etcd(tmp_path) as server:
        (member,) = server.members
        store = EtcdStore(EtcdAddress(servers=server.urls, call_timeout_seconds=CALL_SECONDS))
        async with api_server(store=store) as running:
            api = Api(running)
            made = await api.config_map("before")
            watch = await api.watch(CONFIG_MAPS, f"resourceVersion={made.version}")
            assert (await api.get("/readyz")).code == 200
            member.pause()
            try:
                async with asyncio.timeout(CALL_SECONDS + 60):
                    answers = await asyncio.gather(
                        api.get(CONFIG_MAPS),
                        api.get(f"{CONFIG_MAPS}/before", "resourceVersion=0"),
                        api.get(CONFIG_MAPS, "resourceVersion=0"),
                        api.post(CONFIG_MAPS, {"metadata": {"name": "during"}}),
                        api.put(f"{CONFIG_MAPS}/before", {"metadata": {"name": "before"}, "data": {"a": "2"}}),
                        api.delete(f"{CONFIG_MAPS}/before"),
                        api.get("/readyz"),
                        api.get("/readyz/etcd"),
                        api.get("/readyz", "exclude=etcd&exclude=etcd-readiness"),
                        api.get("/livez/ping"),
                    )
                assert [answer.code for answer in answers] == [504, 200, 200, 504, 504, 504, 500, 500, 200, 200]
                for answer in (answers[0], *answers[3:6]):
                    assert answer.body["reason"] == "Timeout"
                    assert answer.message == "Timeout: request did not complete within the allotted timeout"
                assert b"[-]etcd failed: reason withheld" in answers[6].raw
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                member.resume()
            await healed(api, watch)


async def healed(api: Api, watch: Watching) -> None:
    """Ready again without a restart, and the watch has everything that happened, once and in order."""
    async with asyncio.timeout(60):
        while (await api.get("/readyz")).code != 200:  # noqa: ASYNC110 (health is a question, not an event)
            await asyncio.sleep(0.02)
        while (await api.post(CONFIG_MAPS, {"metadata": {"name": "after"}})).code not in (201, 409):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while ("ADDED", "after") not in watch.seen:
            await watch.received(len(watch.events) + 1)
        present = {item["metadata"]["name"]: item for item in (await api.get(CONFIG_MAPS)).body["items"]}
    assert not watch.closed
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in watch.events]
    assert versions == sorted(set(versions))
    # What timed out may have happened or not; list and watch must agree on it.
    state = {"before"}
    for kind, name in watch.seen:
        (state.discard if kind == "DELETED" else state.add)(name)
    assert state == {name for name in present if name != "kube-root-ca.crt"}
