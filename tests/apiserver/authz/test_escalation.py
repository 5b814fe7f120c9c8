"""Writing roles and bindings hands out only what the writer holds."""

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, binding, role, rule

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.escalation import check_binding_write, check_role_write
from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.apiserver.authz.rules import missing_rules

EVE = UserInfo("eve", groups=("dev", "system:authenticated"))
ADMIN = UserInfo("root", groups=("system:masters",))


def rbac() -> RbacAuthorizer:
    return RbacAuthorizer(
        MemoryReader(
            role("pods", rule("get,list", "pods")),
            role("secrets", rule("*", "secrets")),
            role("binder", rule("bind", "clusterroles", "rbac.authorization.k8s.io", names="secrets")),
            role("escalator", rule("escalate", "roles", "rbac.authorization.k8s.io", names="free")),
            binding("pods", "ClusterRole/pods", "User/eve"),
            binding("binder", "ClusterRole/binder", "User/mallory"),
            binding("escalator", "ClusterRole/escalator", "User/eve", namespace="default"),
        )
    )


COVER_CASES = {
    "same": ([rule("get", "pods")], [rule("get", "pods")], 0),
    "held in two rules": ([rule("get", "pods"), rule("list", "pods")], [rule("get,list", "pods")], 0),
    "verb missing": ([rule("get", "pods")], [rule("get,delete", "pods")], 1),
    "all verbs is more than each known verb": ([rule("get,list,delete", "pods")], [rule("*", "pods")], 1),
    "star resource covers subresource": ([rule("get", "*")], [rule("get", "pods/log")], 0),
    "star subresource": ([rule("update", "*/scale")], [rule("update", "deployments/scale")], 0),
    "names narrow": ([rule("get", "secrets", names="a,b")], [rule("get", "secrets", names="a")], 0),
    "names are not all": ([rule("get", "secrets", names="a")], [rule("get", "secrets")], 1),
    "all covers a name": ([rule("get", "secrets")], [rule("get", "secrets", names="a")], 0),
    "url prefix": ([rule("get", urls="/a/*")], [rule("get", urls="/a/b,/a/*,/b")], 1),
}


@pytest.mark.parametrize("name", COVER_CASES)
def test_missing_rules(name: str) -> None:
    held, wanted, missing = COVER_CASES[name]
    assert len(missing_rules(held, wanted)) == missing


async def test_refusal_lists_what_is_missing() -> None:
    new = role("more", rule("get,delete,create", "pods"), rule("get", "secrets"), namespace="default")
    authorizer = rbac()
    with pytest.raises(StatusError) as caught:
        await check_role_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)
    assert caught.value.message == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "eve" (groups=["dev" "system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "create"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )


async def test_role_with_held_rules_passes() -> None:
    authorizer = rbac()
    new = role("less", rule("get", "pods"), namespace="default")
    await check_role_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)


async def test_masters_and_escalate_pass() -> None:
    authorizer = rbac()
    new = role("free", rule("*", "*", "*"), namespace="default")
    await check_role_write(ADMIN, new, None, authorizer=authorizer, rbac=authorizer)
    await check_role_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)


async def test_aggregation_needs_full_rights() -> None:
    authorizer = rbac()
    new = role("gather", aggregationRule={"clusterRoleSelectors": []})
    with pytest.raises(StatusError, match="must have cluster-admin privileges to use an aggregationRule"):
        await check_role_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)


async def test_finalizers_may_change_on_a_role_beyond_ones_rights() -> None:
    authorizer = rbac()
    old = role("big", rule("*", "*", "*"))
    new = {**old, "metadata": {**old["metadata"], "finalizers": ["x"]}}
    await check_role_write(EVE, new, old, authorizer=authorizer, rbac=authorizer)


async def test_binding_to_a_bigger_role_is_refused() -> None:
    authorizer = rbac()
    new = binding("mine", "ClusterRole/secrets", "User/eve", namespace="default")
    with pytest.raises(StatusError) as caught:
        await check_binding_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)
    assert caught.value.message.startswith('rolebindings.rbac.authorization.k8s.io "mine" is forbidden: user "eve"')


async def test_bind_verb_allows_the_binding() -> None:
    authorizer = rbac()
    new = binding("given", "ClusterRole/secrets", "User/x", namespace="default")
    await check_binding_write(UserInfo("mallory"), new, None, authorizer=authorizer, rbac=authorizer)


async def test_binding_to_an_absent_role_is_not_found() -> None:
    authorizer = rbac()
    new = binding("mine", "ClusterRole/gone", "User/eve")
    with pytest.raises(StatusError) as caught:
        await check_binding_write(EVE, new, None, authorizer=authorizer, rbac=authorizer)
    assert caught.value.message == 'clusterrole.rbac.authorization.k8s.io "gone" not found'
