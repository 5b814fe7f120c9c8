"""RBAC decisions, their reasons, and that they follow every change."""

import pytest
from tests.apiserver.authz.memory_reader import RBAC, MemoryReader, binding, role, rule

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.authorizer import Attributes
from pybernetes.apiserver.authz.rbac import RbacAuthorizer

ALICE = UserInfo("alice", groups=("dev", "system:authenticated"))
BOB = UserInfo("bob", groups=("system:authenticated",))
BUILDER = UserInfo("system:serviceaccount:ci:builder", groups=("system:serviceaccounts", "system:serviceaccounts:ci"))


def ask(user: UserInfo, verb: str, what: str, namespace: str = "", name: str = "", group: str = "") -> Attributes:
    if what.startswith("/"):
        return Attributes(user, verb, path=what, is_resource=False)
    resource, _, subresource = what.partition("/")
    return Attributes(user, verb, group, "v1", resource, subresource, namespace, name)


def reader() -> MemoryReader:
    return MemoryReader(
        role("pod-reader", rule("get,list", "pods")),
        role("log-reader", rule("get", "pods/log")),
        role("scaler", rule("update", "*/scale", "*")),
        role("one-secret", rule("get", "secrets", names="token"), namespace="default"),
        role("health", rule("get", urls="/healthz,/metrics/*")),
        role("all", rule("*", "*", "*"), rule("*", urls="*")),
        binding("dev-pods", "ClusterRole/pod-reader", "Group/dev"),
        binding("logs", "ClusterRole/log-reader", "User/alice", namespace="default"),
        binding("scale", "ClusterRole/scaler", "User/alice"),
        binding("secret", "Role/one-secret", "User/alice", namespace="default"),
        binding("health", "ClusterRole/health", "Group/system:authenticated"),
        binding("ci", "ClusterRole/all", "ServiceAccount/builder", namespace="ci"),
        binding("dangling", "ClusterRole/gone", "User/bob"),
    )


CASES = {
    "group binding allows in any namespace": (ask(ALICE, "list", "pods", "kube-system"), True),
    "group binding allows at cluster scope": (ask(ALICE, "list", "pods"), True),
    "verb not listed": (ask(ALICE, "delete", "pods", "default"), False),
    "resource does not imply subresource": (ask(ALICE, "get", "pods/exec", "default", "p"), False),
    "role binding gives a cluster role in its namespace": (ask(ALICE, "get", "pods/log", "default", "p"), True),
    "role binding does not reach another namespace": (ask(ALICE, "get", "pods/log", "other", "p"), False),
    "role binding does not reach cluster scope": (ask(ALICE, "get", "pods/log"), False),
    "star subresource": (ask(ALICE, "update", "deployments/scale", "x", "d", "apps"), True),
    "star subresource is not the resource": (ask(ALICE, "update", "deployments", "x", "d", "apps"), False),
    "named object": (ask(ALICE, "get", "secrets", "default", "token"), True),
    "another name": (ask(ALICE, "get", "secrets", "default", "other"), False),
    "api group matters": (ask(ALICE, "list", "pods", "default", group="metrics.k8s.io"), False),
    "path": (ask(BOB, "get", "/healthz"), True),
    "path below a star": (ask(BOB, "get", "/metrics/cadvisor"), True),
    "path above a star": (ask(BOB, "get", "/metrics"), False),
    "service account without namespace is of the binding's": (ask(BUILDER, "delete", "jobs", "ci", "j", "batch"), True),
    "star does not cross namespaces": (ask(BUILDER, "delete", "jobs", "default", "j", "batch"), False),
    "role binding gives no paths": (ask(BUILDER, "get", "/configz"), False),
}


@pytest.mark.parametrize("name", CASES)
def test_decision(name: str) -> None:
    attributes, allowed = CASES[name]
    authorizer = RbacAuthorizer(reader())
    assert authorizer.decide(attributes).allowed is allowed
    assert authorizer.decide(attributes).allowed is allowed


def test_reason_names_cluster_role_binding() -> None:
    decision = RbacAuthorizer(reader()).decide(ask(ALICE, "list", "pods"))
    assert decision.reason == (
        'RBAC: allowed by ClusterRoleBinding "dev-pods" of ClusterRole "pod-reader" to Group "dev"'
    )


def test_reason_names_role_binding_and_account() -> None:
    decision = RbacAuthorizer(reader()).decide(ask(BUILDER, "get", "pods", "ci"))
    assert decision.reason == (
        'RBAC: allowed by RoleBinding "ci/ci" of ClusterRole "all" to ServiceAccount "builder/ci"'
    )


def test_missing_role_is_the_reason_of_a_refusal() -> None:
    decision = RbacAuthorizer(reader()).decide(ask(BOB, "list", "pods"))
    assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'


def test_names_are_not_confused_by_the_memo() -> None:
    authorizer = RbacAuthorizer(reader())
    assert authorizer.decide(ask(ALICE, "get", "secrets", "default", "token")).allowed
    assert not authorizer.decide(ask(ALICE, "get", "secrets", "default", "other")).allowed
    assert authorizer.decide(ask(ALICE, "get", "secrets", "default", "token")).allowed


def test_changes_take_effect_at_once() -> None:
    source = reader()
    authorizer = RbacAuthorizer(source)
    wanted = ask(ALICE, "list", "pods", "x")
    assert authorizer.decide(wanted).allowed
    source.remove(RBAC, "ClusterRoleBinding", "", "dev-pods")
    assert not authorizer.decide(wanted).allowed
    source.put(binding("dev-pods", "ClusterRole/pod-reader", "User/alice"))
    assert authorizer.decide(wanted).allowed
    source.put(role("pod-reader", rule("get", "pods")))
    assert not authorizer.decide(wanted).allowed
    source.put(role("pod-reader", rule("list", "pods")))
    source.put(binding("dev-pods", "ClusterRole/pod-reader", "User/bob"))
    assert not authorizer.decide(wanted).allowed


def test_rules_for_lists_cluster_and_namespace_rules() -> None:
    resources, paths, incomplete = RbacAuthorizer(reader()).rules_for(ALICE, "default")
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["token"]} in resources
    assert {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/metrics/*"]} in paths
    assert not incomplete
    assert RbacAuthorizer(reader()).rules_for(BOB, "default")[2]
