"""Cluster roles that gather the rules of others."""

from typing import Any

from tests.support.control_plane import World, control_plane

from pybernetes.api.rbac import ClusterRole

ONLY = ("clusterrole-aggregation-controller",)
GATHER = {"clusterRoleSelectors": [{"matchLabels": {"to-all": "yes"}}, {"matchLabels": {"also": "yes"}}]}


def role(name: str, *resources: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    rules = [{"apiGroups": [""], "resources": [one], "verbs": ["get"]} for one in resources]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return {**kind, "metadata": {"name": name, "labels": labels or {}}, "rules": rules, **more}


async def gathers(world: World, *resources: str) -> bool:
    found = await world.client.get(ClusterRole, "all")
    return [(rule.resources or [""])[0] for rule in found.rules or ()] == list(resources)


async def test_rules_follow_the_roles_that_are_chosen() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(role("b", "nodes", "pods", labels={"to-all": "yes"}))
        await world.create(role("stranger", "secrets"))
        await world.create(role("all", "events", aggregationRule=GATHER))
        await world.until(lambda: gathers(world, "nodes", "pods"))
        # Roles come by their names for each selector, and no rule twice.
        await world.create(role("a", "services", "pods", labels={"to-all": "yes", "also": "yes"}))
        await world.until(lambda: gathers(world, "services", "pods", "nodes"))
        await world.client.patch(ClusterRole, "a", body={"metadata": {"labels": {"to-all": None}}})
        await world.until(lambda: gathers(world, "nodes", "pods", "services"))
        await world.client.delete(ClusterRole, "b")
        await world.until(lambda: gathers(world, "services", "pods"))


async def test_what_somebody_writes_into_one_is_put_right() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(role("a", "pods", labels={"also": "yes"}))
        await world.create(role("all", aggregationRule=GATHER))
        await world.until(lambda: gathers(world, "pods"))
        everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        await world.client.patch(ClusterRole, "all", body={"rules": [everything]})
        await world.until(lambda: gathers(world, "pods"))


async def test_rules_belong_to_the_controller_and_none_chosen_leaves_none() -> None:
    async with control_plane(*ONLY) as world:
        rules = role("a", "pods", "pods", labels={"also": "yes"})
        await world.create(rules)
        await world.create(role("all", "events", aggregationRule=GATHER))
        await world.until(lambda: gathers(world, "pods"))
        found = await world.client.get(ClusterRole, "all")
        owners = {(one.manager, one.operation) for one in found.metadata.managed_fields or ()}
        assert ("clusterrole-aggregation-controller", "Apply") in owners
        await world.client.delete(ClusterRole, "a")
        await world.until(lambda: gathers(world))
