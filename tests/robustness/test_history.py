"""The cluster's memory through restarts, compactions, deletions and wrong questions, on every kind of store."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.contract.store import FakeClock
from tests.support.api import CONFIG_MAPS, MERGE, Api
from tests.support.etcd import BINARY, etcd

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.history.retention import Retention
from pybernetes.store.etcd import EtcdStore
from pybernetes.store.sqlite import SqliteStore
from pybernetes.testing import api_server

DURABLE = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("etcd", marks=pytest.mark.skipif(not BINARY, reason="etcd is not installed"))]
)
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
SECRETS = "/api/v1/namespaces/default/secrets"


@asynccontextmanager
async def disk(kind, directory):
    """`open()` makes a store on the same data each time."""
    if kind == "etcd":
        with etcd(directory) as server:
            yield lambda clock=None: EtcdStore(server.address())
    else:
        yield lambda clock=None: SqliteStore(directory / "store.db", **({"clock": clock} if clock else {}))


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def operations(api, query=""):
    answer = await api.get("/history", query)
    assert answer.code == 200, answer
    return answer.body["items"]


def brief(found):
    return [(one["verb"], one["name"], one["changes"]) for one in found]


@DURABLE
async def test_it_outlives_restarts(tmp_path, kind):
    async with disk(kind, tmp_path) as store:
        async with api_server(store=store()) as server:
            api = Api(server)
            first = (await api.post(CONFIG_MAPS, config_map("a", k="1"))).version
            await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "2"}}, MERGE)
            before = await operations(api, "resource=cm&name=a")
        async with api_server(store=store()) as server:
            api = Api(server)
            await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "3"}}, MERGE)
            after = await operations(api, "resource=cm&name=a")
            assert after[:2] == before
            assert brief(after) == [
                ("create", "a", []),
                ("patch", "a", ["data.k: 1 -> 2"]),
                ("patch", "a", ["data.k: 2 -> 3"]),
            ]
            assert {one["user"] for one in after} == {"kubernetes-admin"}
            assert (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).body["data"] == {"k": "1"}
            assert (await api.get(f"{CONFIG_MAPS}/a", f"at={after[1]['time']}")).body["data"] == {"k": "2"}


@DURABLE
async def test_a_name_used_again_is_another_object(tmp_path, kind):
    async with disk(kind, tmp_path) as store, api_server(store=store()) as server:
        api = Api(server)
        first = await api.post(CONFIG_MAPS, config_map("a", k="1"))
        await api.delete(f"{CONFIG_MAPS}/a")
        gone = await api.config_map("other")
        second = await api.post(CONFIG_MAPS, config_map("a", k="2"))
        found = await operations(api, "resource=configmaps&name=a&namespace=default")
        assert [(one["verb"], one["uid"]) for one in found] == [
            ("create", first.body["metadata"]["uid"]),
            ("delete", first.body["metadata"]["uid"]),
            ("create", second.body["metadata"]["uid"]),
        ]
        assert [one["changes"] for one in found] == [[], [], []]
        uids = [
            (await api.get(f"{CONFIG_MAPS}/a", f"at={one.version}")).body["metadata"]["uid"] for one in (first, second)
        ]
        assert uids == [first.body["metadata"]["uid"], second.body["metadata"]["uid"]]
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={gone.version}")).code == 404
        listed = await api.get(CONFIG_MAPS, f"at={gone.version}")
        assert "a" not in [item["metadata"]["name"] for item in listed.body["items"]]


@pytest.mark.parametrize("scope", ["Namespaced", "Cluster"])
async def test_custom_objects_stay_when_their_definition_is_gone(scope):
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "example.com", "scope": scope, "names": names, "versions": [version]}
    things = THINGS if scope == "Namespaced" else "/apis/example.com/v1/things"
    namespace = "default" if scope == "Namespaced" else ""
    async with api_server() as server:
        api = Api(server)
        assert (await api.post(CRDS, {"metadata": {"name": "things.example.com"}, "spec": spec})).code == 201
        await served(api, things, 200)
        thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 1}}
        assert (await api.post(things, thing)).code == 201
        await api.patch(f"{things}/a", {"spec": {"size": 2}}, MERGE)
        here = await operations(api, "resource=thing")
        await api.delete(f"{CRDS}/things.example.com")
        await served(api, things, 404)
        found = await operations(api, "resource=things.example.com&name=a")
        assert found[:2] == here
        assert [(one["kind"], one["group"], one["namespace"]) for one in found] == [
            ("Thing", "example.com", namespace)
        ] * 3
        assert [one["changes"] for one in found] == [[], ["spec.size: 1 -> 2"], []]
        assert (found[2]["verb"], found[2]["user"]) == ("delete", "system:apiserver")
        assert [one for one in await operations(api) if one["resource"] == "things"] == found
        assert (await api.get("/history", "resource=others.example.com")).code == 404
        assert (await api.get("/history", "resource=thing")).code == 404


async def served(api, path, code, query=""):
    async with asyncio.timeout(60):
        while (await api.get(path, query)).code != code:  # noqa: ASYNC110 (definitions are served a moment after they are stored)
            await asyncio.sleep(0.01)


@DURABLE
async def test_what_was_forgotten_is_told_to_be(tmp_path, kind):
    clock = FakeClock()
    async with disk(kind, tmp_path) as store, AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            api_server(store=store(clock), clock=clock, retention=Retention(seconds=900))
        )
        api = Api(server)
        first = (await api.post(CONFIG_MAPS, config_map("a", k="0"))).version
        for turn in range(1, 8):
            await api.patch(f"{CONFIG_MAPS}/a", {"data": {"k": str(turn)}}, MERGE)
            await clock.advance(300)
            await compacted(api, turn)
        await served(api, f"{CONFIG_MAPS}/a", 410, f"at={first}")
        assert "the history reaches back to revision" in (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).message
        too_early = await api.get("/history", f"since={first}")
        assert (too_early.code, too_early.body["reason"]) == (410, "Expired")
        listed = await api.get("/history", "resource=cm&name=a&since=10h")
        assert listed.code == 200
        values = [change.rpartition(" ")[2] for one in listed.body["items"] for change in one["changes"]]
        assert values == [str(turn) for turn in range(8 - len(values), 8)]
        assert 1 <= len(values) < 7
        lowest = int(listed.body["metadata"]["oldest"])
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={lowest}")).code == 200
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={lowest - 1}")).code == 410


async def compacted(api, turn):
    """Compaction is another task's work, and on etcd it takes a moment."""
    for _ in range(20):
        await asyncio.sleep(0.002 if turn else 0)


async def test_a_store_that_is_too_large_forgets_the_older_half():
    clock = FakeClock()
    async with api_server(clock=clock, retention=Retention(seconds=1e6, size_bytes=200_000)) as server:
        api = Api(server)
        first = (await api.post(CONFIG_MAPS, config_map("a", k="x"))).version
        for turn in range(12):
            await api.put(f"{CONFIG_MAPS}/a", config_map("a", k=f"{turn}" * 20_000))
            await clock.advance(300)
        assert (await api.get(f"{CONFIG_MAPS}/a", f"at={first}")).code == 410
        assert await operations(api, "resource=cm&name=a")
        assert (await api.get(f"{CONFIG_MAPS}/a")).body["data"]["k"].startswith("11")


ROLE = {
    "metadata": {"name": "auditor"},
    "rules": [
        {"nonResourceURLs": ["/history"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
    ],
}


async def test_nobody_sees_more_than_they_may_list():
    async with api_server(authorization_modes=("RBAC",)) as server:
        admin, alice = Api(server), Api(server, UserInfo("alice", groups=("system:authenticated",)))
        await admin.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
        await admin.post(f"{ROLES}/clusterroles", ROLE)
        subject = {"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "ClusterRole", "name": "auditor", "apiGroup": "rbac.authorization.k8s.io"}
        page = {**ROLE, "metadata": {"name": "page"}, "rules": ROLE["rules"][:1]}
        await admin.post(f"{ROLES}/clusterroles", page)
        assert (await alice.get("/history")).code == 403
        for path, role in (
            (f"{ROLES}/clusterrolebindings", {**reference, "name": "page"}),
            (f"{ROLES}/namespaces/default/rolebindings", reference),
        ):
            made = await admin.post(path, {"metadata": {"name": "alice"}, "roleRef": role, "subjects": [subject]})
            assert made.code == 201, made
        await admin.config_map("mine")
        await admin.config_map("theirs", namespace="other")
        secret = await admin.post(SECRETS, {"metadata": {"name": "hidden"}, "stringData": {"password": "x"}})
        found = await operations(alice)
        assert {(one["resource"], one["namespace"]) for one in found} == {("configmaps", "default")}
        assert "mine" in {one["name"] for one in found}
        assert await operations(alice, "resource=secrets") == []
        assert await operations(alice, "resource=cm&namespace=other") == []
        assert await operations(admin, "resource=secrets&name=hidden") != []
        assert (await alice.get(f"{SECRETS}/hidden", f"at={secret.version}")).code == 403
        assert (await alice.get("/api/v1/namespaces/other/configmaps", f"at={secret.version}")).code == 403
        assert (await alice.get(f"{CONFIG_MAPS}/mine", f"at={secret.version}")).code == 200


async def test_values_of_secrets_are_never_shown():
    marker = "c3VwZXItc2VjcmV0LXZhbHVl"
    async with api_server() as server:
        api = Api(server)
        applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"p": marker}})}
        await api.post(SECRETS, {"metadata": {"name": "s", "labels": {"a": "1"}}, "data": {"p": "eA=="}})
        await api.patch(f"{SECRETS}/s", {"data": {"p": marker}, "metadata": {"annotations": applied}}, MERGE)
        await api.patch(f"{SECRETS}/s", {"data": {"q": marker}, "metadata": {"labels": {"a": "2"}}}, MERGE)
        await api.patch(f"{SECRETS}/s", {"metadata": {"annotations": {"x": marker}}}, MERGE)
        await api.patch(f"{SECRETS}/s", {"stringData": {"p": "super-secret-value"}, "data": {"q": None}}, MERGE)
        await api.delete(f"{SECRETS}/s")
        answer = await api.get("/history")
        changed = [change for one in answer.body["items"] if one["name"] == "s" for change in one["changes"]]
        assert {"data.p", "data.q", "metadata.labels.a: 1 -> 2"} <= set(changed)
        assert any(change.startswith("metadata.annotations") for change in changed)
        assert marker not in answer.raw.decode()
        assert "super-secret" not in answer.raw.decode()
        assert marker[:20] not in answer.raw.decode()


WRONG = [
    ("limit=-1", 400, "is not a number"),
    ("limit=1e3", 400, "is not a number"),
    ("limit=" + "9" * 5000, 400, "is not a number"),
    ("limit=%C2%B2", 400, "is not a number"),
    ("since=yesterday", 400, "is neither a revision"),
    ("since=" + "9" * 5000, 400, "is neither a revision"),
    ("since=" + "9" * 30, 400, "does not exist yet"),
    ("since=0001-01-01T00:00:00%2B23:59", 200, ""),
    ("since=%D9%A1", 400, "is neither a revision"),
    ("since=" + "9" * 39 + "d", 200, ""),
    ("since=0s", 200, ""),
    ("since=2020-01-01", 200, ""),
    ("since=1h30m", 200, ""),
    ("since=-5m", 200, ""),
    ("resource=nonsense", 404, "doesn't have a resource type"),
    ("resource=pods.nonsense", 404, "doesn't have a resource type"),
    ("resource=pods.no.such", 404, "doesn't have a resource type"),
    ("resource=../../x.y.z", 404, "doesn't have a resource type"),
    ("resource=events.events.k8s.io", 200, ""),
    ("resource=deploy", 200, ""),
    ("limit=0", 200, ""),
    ("name=%00&namespace=%FF", 200, ""),
]


@pytest.mark.parametrize(("query", "code", "words"), WRONG, ids=lambda value: str(value)[:30])
async def test_wrong_questions(query, code, words):
    async with api_server() as server:
        answer = await Api(server).get("/history", query)
        assert answer.code == code, answer
        assert not words or words in answer.message


async def test_wrong_moments_of_objects():
    async with api_server() as server:
        api = Api(server)
        await api.config_map("a")
        for at, code in (
            ("x", 400),
            ("9" * 5000, 400),
            ("9" * 20, 400),
            ("1", 200),
            ("", 400),
            ("0001-01-01T00:00:00%2B23:59", 410),
        ):
            assert (await api.get(CONFIG_MAPS, f"at={at}")).code == code, at
        assert (await api.get(f"{CONFIG_MAPS}/a", "at=1")).code == 404


async def test_a_reader_that_is_overtaken_by_many_writes_still_gets_all():
    from pybernetes.store.memory import MemoryStore

    store = MemoryStore(watcher_limit=5)
    async with api_server(store=store, bootstrap=False) as server:
        api = Api(server)
        await api.post("/api/v1/namespaces", {"metadata": {"name": "default"}})
        for number in range(20):
            await api.config_map(f"n{number}")

        async def write() -> None:
            for number in range(20, 60):
                await store.put(f"/registry/other/{number}", b"{}")

        listed, _ = await asyncio.gather(operations(api, "resource=cm"), write())
        assert [one["name"] for one in listed] == [f"n{number}" for number in range(20)]
