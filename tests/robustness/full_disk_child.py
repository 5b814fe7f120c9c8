"""Run by test_full_disk.py inside a mount namespace of its own: argv[1] is a small file system with nothing on it.

A whole API server keeps its store and its audit log there while the disk fills, is full, and has room again.
"""

import asyncio
import sys
from pathlib import Path

import orjson
from tests.support.api import CONFIG_MAPS, Api, Watching

from pybernetes.store.sqlite import SqliteStore
from pybernetes.testing import api_server

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n"


def body(name: str, size: int = 1000) -> dict[str, object]:
    return {"metadata": {"name": name}, "data": {"a": "x" * size}}


async def fill(api: Api) -> list[str]:
    """Write until the server says no."""
    names = []
    for number in range(2000):
        answer = await api.post(CONFIG_MAPS, body(f"n{number}"))
        if answer.code != 201:
            assert (answer.code, answer.body["kind"]) == (503, "Status"), answer
            assert answer.body["reason"] == "ServiceUnavailable"
            assert "disk is full" in answer.message, answer
            return names
        names.append(f"n{number}")
    raise AssertionError("the disk never filled")


async def goes_on(api: Api, names: list[str], watch: Watching) -> None:
    """What needs no room is served."""
    listed = await api.get(CONFIG_MAPS)
    assert {item["metadata"]["name"] for item in listed.body["items"]} >= set(names)
    assert (await api.get(f"{CONFIG_MAPS}/{names[0]}")).body["data"] == body(names[0])["data"]
    assert await api.server.cache.wait_consistent() >= int(listed.version)
    assert (await api.get(CONFIG_MAPS, f"at={listed.version}")).code == 200
    assert (await api.get("/history", "resource=configmaps&limit=5")).code == 200
    assert (await api.get("/livez")).code == 200
    refused = await asyncio.gather(
        *(api.put(f"{CONFIG_MAPS}/{name}", body(name, 20_000)) for name in names[:20]),
        api.delete(f"{CONFIG_MAPS}/{names[-1]}"),
        api.post(CONFIG_MAPS, body("large", 500_000)),
    )
    assert [answer.code for answer in refused[:20]] == [503] * 20
    assert refused[-1].code == 503
    assert [kind for kind, _ in watch.seen].count("ADDED") >= len(names)
    assert not watch.closed


async def main(directory: Path) -> None:
    ballast = directory / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    policy, log = directory / "policy.yaml", directory / "audit.log"
    policy.write_text(POLICY)
    store = SqliteStore(directory / "store.db", cache_bytes=0)
    async with api_server(store=store, audit_policy_file=str(policy), audit_log_path=str(log)) as server:
        api = Api(server)
        watch = await api.watch(CONFIG_MAPS)
        names = await fill(api)
        await goes_on(api, names, watch)
        ballast.unlink()
        for name in ("again", "and-again"):
            made = await api.post(CONFIG_MAPS, body(name))
            assert made.code == 201, made
        await api.settle()
        assert ("ADDED", "and-again") in watch.seen
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in watch.events]
        live = versions[versions.index(max(versions[:1])) :]
        assert len(set(live)) == len(live)
        present = {item["metadata"]["name"]: item for item in (await api.get(CONFIG_MAPS)).body["items"]}
    store = SqliteStore(directory / "store.db")
    async with api_server(store=store) as server:
        after = {item["metadata"]["name"]: item for item in (await Api(server).get(CONFIG_MAPS)).body["items"]}
        assert after == present
    # Events that had no room are missing; what was cut off does not spoil the line behind it.
    lines = log.read_bytes().splitlines()
    told = [orjson.loads(line)["objectRef"].get("name") for line in lines if whole(line) and b"objectRef" in line]
    assert {"again", "and-again"} <= set(told)
    broken = [line for line in lines if not whole(line)]
    assert not any(b'"kind":"Event"' in line[2:] for line in broken)
    print("recovered after", len(names))


def whole(line: bytes) -> bool:
    try:
        return bool(orjson.loads(line)["auditID"])
    except orjson.JSONDecodeError:
        return False


asyncio.run(main(Path(sys.argv[1])))
