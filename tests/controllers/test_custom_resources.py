"""Custom resources as owners, dependents and contents of namespaces."""

from typing import Any

import orjson
from tests.apiserver.crds.definitions import DEFINITIONS, GROUP, cron_tab, definition, path
from tests.support.control_plane import World, control_plane


async def send(world: World, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """A request in wire form."""
    data = orjson.dumps(body) if body is not None else b""
    headers = [("content-type", "application/json")]
    response = await world.client.request(method, url, body=data, headers=headers)
    found = response.body
    if not isinstance(found, bytes):
        assert hasattr(found, "__aiter__")
        found = b"".join([piece async for piece in found])
    return response.status, orjson.loads(found) if found else None


async def _gone(world: World, url: str) -> bool:
    return (await send(world, "GET", url))[0] == 404


async def owned(world: World, name: str, owner: dict[str, Any], **metadata: Any) -> None:
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                 "uid": owner["metadata"]["uid"]}  # fmt: skip
    obj = cron_tab(name)
    obj["metadata"]["ownerReferences"] = [{**reference, **metadata}]
    assert (await send(world, "POST", path(), obj))[0] == 201


async def test_dependents_go_with_their_owner() -> None:
    async with control_plane("garbage-collector-controller") as world:
        assert (await send(world, "POST", DEFINITIONS, definition()))[0] == 201
        _, owner = await send(world, "POST", path(), cron_tab("owner"))
        await owned(world, "dependent", owner)
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        assert (await send(world, "DELETE", path("owner"), options))[0] == 200
        await world.until(lambda: _gone(world, path("dependent")))


async def test_dependents_stay_when_they_are_orphaned() -> None:
    async with control_plane("garbage-collector-controller") as world:
        assert (await send(world, "POST", DEFINITIONS, definition()))[0] == 201
        _, owner = await send(world, "POST", path(), cron_tab("owner"))
        await owned(world, "dependent", owner)
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan"}
        assert (await send(world, "DELETE", path("owner"), options))[0] == 200
        await world.until(lambda: _gone(world, path("owner")))
        _, left = await send(world, "GET", path("dependent"))
        assert not left["metadata"].get("ownerReferences")


async def test_a_namespace_takes_its_custom_resources_along() -> None:
    async with control_plane("namespace-controller") as world:
        assert (await send(world, "POST", DEFINITIONS, definition()))[0] == 201
        assert (await send(world, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}}))[0] == 201
        url = f"/apis/{GROUP}/v1/namespaces/team/crontabs"
        assert (await send(world, "POST", url, cron_tab("a")))[0] == 201
        assert (await send(world, "DELETE", "/api/v1/namespaces/team"))[0] == 200
        await world.until(lambda: _gone(world, "/api/v1/namespaces/team"))
        assert (await send(world, "GET", f"/apis/{GROUP}/v1/crontabs"))[1]["items"] == []


async def test_a_quota_outlives_the_definition_of_what_it_counts() -> None:
    """Its controller neither waits for objects that nobody serves any more, nor asks for them for ever."""
    quotas = "/api/v1/namespaces/default/resourcequotas"
    count = f"count/crontabs.{GROUP}"

    async def used(name: str, wanted: dict[str, str]) -> bool:
        found = (await send(world, "GET", f"{quotas}/{name}"))[1]["status"].get("used") or {}
        return {key: found.get(key) for key in wanted} == wanted

    async with control_plane("resourcequota-controller", "garbage-collector-controller") as world:
        assert (await send(world, "POST", DEFINITIONS, definition()))[0] == 201
        assert (await send(world, "POST", path(), cron_tab("a")))[0] == 201
        assert (await send(world, "POST", quotas, {"metadata": {"name": "q"}, "spec": {"hard": {count: "5"}}}))[
            0
        ] == 201
        await world.until(lambda: used("q", {count: "1"}))
        assert (await send(world, "DELETE", f"{DEFINITIONS}/crontabs.{GROUP}"))[0] == 200
        await world.until(lambda: _gone(world, f"{DEFINITIONS}/crontabs.{GROUP}"))
        await _pass(world, 120)
        asked: list[str] = []
        world.answer = lambda request: asked.append(request.path) if "crontabs" in request.path else None
        await _pass(world, 120)
        assert asked == []
        hard = {count: "5", "count/configmaps": "9"}
        assert (await send(world, "POST", quotas, {"metadata": {"name": "r"}, "spec": {"hard": hard}}))[0] == 201
        await world.until(lambda: used("r", {"count/configmaps": "0"}))


async def _pass(world: World, seconds: float) -> None:
    end = world.clock.monotonic() + seconds
    await world.until(lambda: world.clock.monotonic() >= end)
