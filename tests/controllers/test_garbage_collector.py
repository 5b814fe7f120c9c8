"""Garbage: what goes with its owner, what stays, what waits."""

import asyncio
from typing import Any

from tests.support.control_plane import World, control_plane

from pybernetes.api.core import ConfigMap, Secret

ONLY = ("garbage-collector-controller",)


def config_map(name: str, *owners: ConfigMap, block: bool = False, **meta: Any) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner.metadata.name,
            "uid": owner.metadata.uid,
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "ownerReferences": references, **meta},
    }


async def make(world: World, name: str, *owners: ConfigMap, **meta: Any) -> ConfigMap:
    await world.create(config_map(name, *owners, **meta))
    return await world.get(ConfigMap, name)


async def names(world: World) -> set[str]:
    return {found.metadata.name or "" for found in await world.list(ConfigMap, "default")}


async def until_names(world: World, *wanted: str) -> None:
    async def is_so() -> bool:
        return await names(world) == set(wanted)

    await world.until(is_so)


async def test_background_deletion_takes_dependents_of_dependents() -> None:
    async with control_plane(*ONLY) as world:
        a = await make(world, "a")
        b = await make(world, "b", a)
        await make(world, "c", b)
        await asyncio.sleep(1)
        await world.client.delete(ConfigMap, "a", "default", propagation_policy="Background")
        await until_names(world)


async def test_dependent_of_an_owner_that_never_existed_is_collected() -> None:
    async with control_plane(*ONLY) as world:
        ghost = await make(world, "ghost")
        await world.client.delete(ConfigMap, "ghost", "default", propagation_policy="Orphan")
        await until_names(world)
        await make(world, "b", ghost)
        await until_names(world)


async def test_object_with_one_owner_left_stays_and_forgets_the_other() -> None:
    async with control_plane(*ONLY) as world:
        a, b = await make(world, "a"), await make(world, "b")
        await make(world, "c", a, b)
        await asyncio.sleep(1)
        await world.client.delete(ConfigMap, "a", "default", propagation_policy="Background")

        async def is_forgotten() -> bool:
            references = (await world.get(ConfigMap, "c")).metadata.owner_references or []
            return [reference.name for reference in references] == ["b"]

        await world.until(is_forgotten)


async def test_foreground_deletion_waits_for_blocking_dependents() -> None:
    async with control_plane(*ONLY) as world:
        a = await make(world, "a")
        await make(world, "b", a, block=True, finalizers=["example.com/hold"])
        await asyncio.sleep(1)
        await world.client.delete(ConfigMap, "a", "default", propagation_policy="Foreground")

        async def is_deleted() -> bool:
            return (await world.get(ConfigMap, "b")).metadata.deletion_timestamp is not None

        await world.until(is_deleted)
        await asyncio.sleep(30)
        assert await names(world) == {"a", "b"}
        await world.client.patch(ConfigMap, "b", "default", body={"metadata": {"finalizers": None}})
        await until_names(world)


async def test_orphaned_dependents_stay_without_a_reference() -> None:
    async with control_plane(*ONLY) as world:
        a = await make(world, "a")
        await make(world, "b", a)
        await asyncio.sleep(1)
        await world.client.delete(ConfigMap, "a", "default", propagation_policy="Orphan")
        await until_names(world, "b")
        assert not (await world.get(ConfigMap, "b")).metadata.owner_references


async def test_owner_made_again_under_its_name_is_another_owner() -> None:
    async with control_plane(*ONLY) as world:
        a = await make(world, "a")
        await world.client.delete(ConfigMap, "a", "default", propagation_policy="Orphan")
        await until_names(world)
        await make(world, "a")
        await make(world, "b", a)
        await until_names(world, "a")


async def test_owner_of_another_kind_is_found() -> None:
    async with control_plane(*ONLY) as world:
        owner = await world.client.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
        )
        reference = {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": owner["metadata"]["uid"]}
        body = config_map("c")
        body["metadata"]["ownerReferences"] = [reference]
        await world.create(body)
        await asyncio.sleep(5)
        assert await names(world) == {"c"}
        await world.client.delete(Secret, "s", "default")
        await until_names(world)
