"""The TTL controller, ephemeral volumes and the legacy token cleaner."""

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START
from tests.support.control_plane import World, control_plane, node, pod

from pybernetes.api.core import ConfigMap, Node, PersistentVolumeClaim, Secret, ServiceAccount
from pybernetes.api.meta import ObjectMeta
from pybernetes.base.http.message import Request
from pybernetes.controllers.legacy_token_cleaner import INVALID_SINCE, TRACKING
from pybernetes.controllers.node_ttl import ANNOTATION, STEPS, step_for

CLEANER = "legacy-serviceaccount-token-cleaner-controller"


@given(st.lists(st.integers(0, 20_000), min_size=1))
def test_step_always_covers_the_number_of_nodes(sizes: list[int]) -> None:
    step = 0
    for size in sizes:
        step = step_for(size, step)
        assert STEPS[step].low <= size <= STEPS[step].high


def test_step_does_not_waver_at_a_border() -> None:
    assert step_for(101, 0) == 1
    assert step_for(95, 1) == 1
    assert step_for(89, 1) == 0


async def test_nodes_are_annotated() -> None:
    async with control_plane("ttl-controller") as world:
        await world.create(node("n1"))

        async def annotated() -> bool:
            return ((await world.get(Node, "n1", "")).metadata.annotations or {}).get(ANNOTATION) == "0"

        await world.until(annotated)
        await world.client.patch(Node, "n1", body={"metadata": {"annotations": {ANNOTATION: "77"}}})
        await world.until(annotated)


def ephemeral(name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    template = {"metadata": {"labels": {"kind": "scratch"}}, "spec": spec}
    return pod(name, volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}])


async def test_ephemeral_volume_gets_a_claim_of_its_pod() -> None:
    async with control_plane("ephemeral-volume-controller") as world:
        owner = await world.create(ephemeral("work"))
        (found,) = await world.until(lambda: world.list(PersistentVolumeClaim))
        assert found.metadata.name == "work-scratch"
        assert found.metadata.labels == {"kind": "scratch"}
        (reference,) = found.metadata.owner_references or []
        assert (reference.kind, reference.uid, reference.controller) == ("Pod", owner["metadata"]["uid"], True)


async def test_claim_of_somebody_else_is_not_taken() -> None:
    async with control_plane("ephemeral-volume-controller") as world:
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "work-scratch", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        }
        await world.create(claim)
        await world.create(ephemeral("work"))
        (message,) = await world.until(lambda: world.messages("FailedBinding"))
        assert message == (
            "ephemeral volume scratch: PVC default/work-scratch was not created for pod default/work (pod is not owner)"
        )
        assert not (await world.list(PersistentVolumeClaim))[0].metadata.owner_references


async def token(world: World, name: str, *, used: str = "", invalid: str = "", listed: bool = True) -> None:
    account = await world.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace="default")))
    annotations = {
        "kubernetes.io/service-account.name": name,
        "kubernetes.io/service-account.uid": account.metadata.uid,
    }
    labels = {"kubernetes.io/legacy-token-last-used": used} | ({INVALID_SINCE: invalid} if invalid else {})
    await world.create(
        Secret(
            metadata=ObjectMeta(name=f"{name}-token", namespace="default", annotations=annotations, labels=labels),
            type="kubernetes.io/service-account-token",
        )
    )
    if listed:
        body = {"secrets": [{"name": f"{name}-token"}]}
        await world.client.patch(ServiceAccount, name, "default", body=body)


async def test_unused_tokens_are_marked_and_those_marked_a_year_ago_deleted() -> None:
    async with control_plane(CLEANER) as world:
        since = ago(400)
        meta = ObjectMeta(name=TRACKING, namespace="kube-system")
        await world.create(ConfigMap(metadata=meta, data={"since": since}))
        await token(world, "old", used=ago(380))
        await token(world, "dead", used=ago(900), invalid=ago(370))
        await token(world, "fresh", used=ago(0))
        await token(world, "manual", used=ago(380), listed=False)
        await token(world, "mounted", used=ago(380))
        await world.create(pod("user", volumes=[{"name": "t", "secret": {"secretName": "mounted-token"}}]))

        async def only_old_is_marked() -> bool:
            found = await world.list(Secret, "default")
            marked = [one.metadata.name for one in found if INVALID_SINCE in (one.metadata.labels or {})]
            return marked == ["old-token"]

        await asyncio.sleep(86_400)  # it looks once a day
        await world.until(only_old_is_marked)
        left = {found.metadata.name for found in await world.list(Secret, "default")}
        assert left == {"old-token", "fresh-token", "manual-token", "mounted-token"}


async def test_legacy_tokens_are_looked_at_once_a_day() -> None:
    async with control_plane(CLEANER) as world:
        looks: list[int] = []

        def note(request: Request) -> None:
            if request.path.endswith(TRACKING):
                looks.append(round(world.clock.monotonic() / 86_400))

        world.answer = note
        await asyncio.sleep(3.5 * 86_400)
        assert looks == [1, 2, 3]


def ago(days: int) -> str:
    return (START - timedelta(days=days)).strftime("%Y-%m-%d")
