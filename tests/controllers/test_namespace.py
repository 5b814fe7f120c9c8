"""Namespaces: what every one of them has, and how one goes away with its content."""

import asyncio

from tests.support.control_plane import World, control_plane, pod
from tests.support.scripted_app import json_response

from pybernetes.api.core import ConfigMap, Namespace, Pod, Secret, ServiceAccount
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError

CA = b"-----BEGIN CERTIFICATE-----\n"


async def exists(world: World, kind: type, name: str, namespace: str = "") -> bool:
    try:
        await world.client.get(kind, name, namespace)
    except StatusError:
        return False
    return True


async def test_every_namespace_has_the_default_account_and_the_root_ca() -> None:
    names = ("serviceaccount-controller", "root-ca-certificate-publisher-controller")
    async with control_plane(*names, root_ca=CA) as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.until(lambda: exists(world, ServiceAccount, "default", "team"))
        await world.until(lambda: exists(world, ConfigMap, "kube-root-ca.crt", "team"))
        assert await exists(world, ServiceAccount, "default", "kube-system")


async def test_deleted_or_changed_standard_objects_are_set_right() -> None:
    names = ("serviceaccount-controller", "root-ca-certificate-publisher-controller")
    async with control_plane(*names, root_ca=CA) as world:
        await world.until(lambda: exists(world, ConfigMap, "kube-root-ca.crt", "default"))
        await world.client.patch(ConfigMap, "kube-root-ca.crt", "default", body={"data": {"ca.crt": "other"}})
        await world.client.delete(ServiceAccount, "default", "default")

        async def is_right() -> bool:
            found = await world.get(ConfigMap, "kube-root-ca.crt")
            return (found.data or {}).get("ca.crt") == CA.decode()

        await world.until(is_right)
        await world.until(lambda: exists(world, ServiceAccount, "default", "default"))


async def test_namespace_goes_with_its_content() -> None:
    async with control_plane("namespace-controller", "serviceaccount-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.create(Secret(metadata=ObjectMeta(name="s", namespace="team")))
        await world.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="team")))
        await world.client.delete(Namespace, "team")

        async def is_gone() -> bool:
            return not await exists(world, Namespace, "team")

        await world.until(is_gone)
        assert not await world.list(Secret, "team")
        assert not await world.list(ServiceAccount, "team")


async def test_pods_end_before_anything_else_is_deleted() -> None:
    async with control_plane("namespace-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="team")))
        body = pod("p", node="n1")
        body["metadata"]["namespace"] = "team"
        await world.create(body)
        await world.client.delete(Namespace, "team")
        await asyncio.sleep(20)
        assert await exists(world, ConfigMap, "c", "team")
        conditions = {c.type: c.status for c in (await world.client.get(Namespace, "team")).status.conditions or ()}
        assert conditions["NamespaceContentRemaining"] == "True"
        started = world.clock.monotonic()
        await world.client.delete(Pod, "p", "team", grace_period_seconds=0)

        async def is_gone() -> bool:
            return not await exists(world, Namespace, "team")

        await world.until(is_gone)
        assert world.clock.monotonic() - started < 1


async def test_finalizers_that_hold_content_are_reported() -> None:
    async with control_plane("namespace-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="team", finalizers=["example.com/hold"])))
        await world.client.delete(Namespace, "team")

        async def is_reported() -> bool:
            found = await world.client.get(Namespace, "team")
            messages = {c.type: c.message or "" for c in found.status.conditions or () if c.status == "True"}
            return "example.com/hold in 1 resource instances" in messages.get("NamespaceFinalizersRemaining", "")

        await world.until(is_reported)
        await world.client.patch(ConfigMap, "c", "team", body={"metadata": {"finalizers": None}})

        async def is_gone() -> bool:
            return not await exists(world, Namespace, "team")

        await world.until(is_gone)


async def told(world: World, type_: str) -> tuple[str, str, str]:
    conditions = (await world.client.get(Namespace, "team")).status.conditions or []
    found = next((one for one in conditions if one.type == type_), None)
    return (found.status, found.reason or "", found.message or "") if found is not None else ("", "", "")


async def is_gone(world: World) -> bool:
    return not await exists(world, Namespace, "team")


async def test_what_cannot_be_deleted_is_told_and_tried_again() -> None:
    async with control_plane("namespace-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="team")))
        world.refuse = lambda request: request.method == "DELETE" and request.path.endswith("/configmaps")
        await world.client.delete(Namespace, "team")
        message = "Failed to delete all resource types, 1 remaining: pods is forbidden: refused by the test"

        async def is_told() -> bool:
            return await told(world, "NamespaceDeletionContentFailure") == ("True", "ContentDeletionFailed", message)

        await world.until(is_told)
        world.refuse = lambda request: False
        await world.until(lambda: is_gone(world))


async def test_groups_that_nobody_serves_keep_a_namespace_until_they_do() -> None:
    stale = {"version": "v1beta1", "freshness": "Stale"}
    group = {"metadata": {"name": "metrics.k8s.io"}, "versions": [stale]}
    async with control_plane("namespace-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        world.answer = lambda request: json_response({"items": [group]}) if request.path == "/apis" else None
        await world.client.delete(Namespace, "team")
        name = "metrics.k8s.io/v1beta1"
        message = (
            "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
            f"{name}: stale GroupVersion discovery: {name}"
        )

        async def is_told() -> bool:
            return await told(world, "NamespaceDeletionDiscoveryFailure") == ("True", "DiscoveryFailed", message)

        await world.until(is_told)
        world.answer = lambda request: None
        await world.until(lambda: is_gone(world))
