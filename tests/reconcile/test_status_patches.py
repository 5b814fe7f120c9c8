"""Part of a status, written to this very object or to none."""

import pytest
from tests.support.control_plane import control_plane, pod

from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError, is_conflict
from pybernetes.reconcile.status_patches import patch_status

CONDITION = {"type": "example.com/Fit", "status": "True"}


async def test_the_rest_of_the_status_stays() -> None:
    async with control_plane("ttl-controller") as world:
        await world.create(pod("a"))
        found = await world.get(Pod, "a")
        await world.report(found, "Running")
        assert await patch_status(world.client, found, {"conditions": [CONDITION]}, labels={"seen": "yes"})
        after = await world.get(Pod, "a")
        assert after.status.phase == "Running" and (after.metadata.labels or {})["seen"] == "yes"
        assert {"Ready", "example.com/Fit"} <= {one.type for one in after.status.conditions or ()}


async def test_an_object_that_is_gone_needs_none() -> None:
    async with control_plane("ttl-controller") as world:
        await world.create(pod("a"))
        found = await world.get(Pod, "a")
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        assert not await patch_status(world.client, found, {"conditions": [CONDITION]})


async def test_another_object_of_that_name_is_a_conflict() -> None:
    async with control_plane("ttl-controller") as world:
        await world.create(pod("a"))
        found = await world.get(Pod, "a")
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        await world.create(pod("a"))
        with pytest.raises(StatusError) as refused:
            await patch_status(world.client, found, {"conditions": [CONDITION]})
        assert is_conflict(refused.value)
        assert not (await world.get(Pod, "a")).status.conditions
