"""The cluster remembers: operations in order, objects as they were."""

from datetime import UTC, datetime

import pytest
from tests.contract.store import FakeClock
from tests.support.api import CONFIG_MAPS, MERGE, Api

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.history.moment import moment
from pybernetes.testing import api_server


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.mark.parametrize(
    ("text", "found"),
    [("17", 17), ("10m", 400.0), ("-10m", 400.0), ("1970-01-01T00:10:00Z", 600.0), ("1h30m", -4400.0), ("0s", 1000.0)],
)
def test_moments(text, found):
    assert moment(text, 1000.0) == found


@pytest.mark.parametrize("text", ["", "yesterday", "5 minutes", "12:00x"])
def test_other_moments_are_refused(text):
    with pytest.raises(StatusError) as caught:
        moment(text, 0.0)
    assert caught.value.code == 400


async def test_operations_are_listed_in_order_with_author_and_change():
    async with api_server() as server:
        api = Api(server)
        made = await api.post(CONFIG_MAPS, config_map("a", k="1"))
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "2"}}, MERGE)
        await api.delete(f"{CONFIG_MAPS}/a")
        listed = await api.get("/history", "resource=cm&namespace=default&name=a")
        rows = [(o["verb"], o["user"], o["resource"], o["name"], o["changes"]) for o in listed.body["items"]]
        who = "kubernetes-admin"
        assert rows == [
            ("create", who, "configmaps", "a", []),
            ("patch", who, "configmaps", "a", ["data.k: 1 -> 2"]),
            ("delete", who, "configmaps", "a", []),
        ]
        revisions = [o["revision"] for o in listed.body["items"]]
        assert revisions == sorted(revisions)
        assert revisions[0] == int(made.version)
        since = await api.get("/history", f"resource=configmaps&name=a&since={revisions[0]}")
        assert [o["revision"] for o in since.body["items"]] == revisions[1:]
        newest = await api.get("/history", "resource=ConfigMap&name=a&limit=1")
        assert [o["verb"] for o in newest.body["items"]] == ["delete"]


async def test_every_write_of_the_server_itself_is_in_it():
    async with api_server() as server:
        listed = await Api(server).get("/history")
        kinds = {(o["resource"], o["name"], o["user"]) for o in listed.body["items"]}
        assert ("namespaces", "kube-system", "system:apiserver") in kinds


async def test_objects_as_they_were():
    async with api_server() as server:
        api = Api(server)
        first = (await api.post(CONFIG_MAPS, config_map("a", k="1"))).version
        second = (await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "2"}}, MERGE)).version
        await api.delete(f"{CONFIG_MAPS}/a")
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).body["data"] == {"k": "1"}
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={second}")).body["data"] == {"k": "2"}
        listed = await api.get(f"{CONFIG_MAPS}", f"at={second}")
        assert listed.version == second
        assert [(i["metadata"]["name"], i["data"]) for i in listed.body["items"]] == [("a", {"k": "2"})]
        assert (await api.get(f"{CONFIG_MAPS}/a", "at=0s")).code == 404
        assert (await api.get(f"{CONFIG_MAPS}", "at=99999")).code == 400
        assert (await api.get(f"{CONFIG_MAPS}", "at=5d")).body["items"] == []


async def test_a_moment_is_found_by_the_time_of_writes(monkeypatch):
    now = [1_000_000.0]
    monkeypatch.setattr("pybernetes.apiserver.history.author.time.time", lambda: now[0])
    async with api_server() as server:
        api = Api(server)
        for step in range(40):
            now[0] += 60
            await api.put(f"{CONFIG_MAPS}/a", config_map("a", k=str(step))) if step else await api.post(
                CONFIG_MAPS, config_map("a", k="0")
            )
        for step in range(0, 40, 7):
            at = datetime.fromtimestamp(1_000_000 + 60 * (step + 1) + 30, UTC).isoformat().replace("+00:00", "Z")
            assert (await api.get(f"{CONFIG_MAPS}/a", f"at={at}")).body["data"] == {"k": str(step)}


async def test_the_past_outlives_what_clients_may_page_through():
    clock = FakeClock()
    async with api_server(clock=clock) as server:
        api = Api(server)
        first = (await api.post(CONFIG_MAPS, config_map("a", k="1"))).version
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "2"}}, MERGE)
        exact = f"resourceVersion={first}&resourceVersionMatch=Exact"
        await clock.advance(300)
        assert (await api.get(CONFIG_MAPS, exact)).code == 200
        await clock.advance(300)
        assert (await api.get(CONFIG_MAPS, exact)).code == 410
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).body["data"] == {"k": "1"}
        for _ in range(13):
            await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "3"}}, MERGE)
            await clock.advance(300)
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).code == 410


async def test_the_history_is_the_administrators():
    async with api_server(authorization_modes=("RBAC",)) as server:
        api = Api(server, UserInfo("alice", groups=("system:authenticated",)))
        assert (await api.get("/history")).code == 403


async def test_unknown_kinds_and_limits():
    async with api_server() as server:
        api = Api(server)
        assert (await api.get("/history", "resource=nonsense")).code == 404
        assert (await api.get("/history", "limit=x")).code == 400
        assert (await api.post("/history", {})).code == 405
