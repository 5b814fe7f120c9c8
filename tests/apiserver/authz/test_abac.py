"""Mode ABAC: a file of policies, one a line."""

from pathlib import Path

import pytest
from tests.support.api import Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.abac import load
from pybernetes.apiserver.authz.authorizer import Attributes

FILE = """
# The examples of the documentation.
{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "alice", "namespace": "*", "resource": "*", "apiGroup": "*"}}
{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "bob", "namespace": "projectCaribou", "resource": "pods", "readonly": true}}
{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"group": "system:authenticated", "readonly": true, "nonResourcePath": "/api/*"}}
{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "carol", "group": "staff", "namespace": "n", "resource": "events", "apiGroup": "*"}}
{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "*", "namespace": "open", "resource": "services", "apiGroup": ""}}
"""  # noqa: E501
OLD = """
{"user": "root"}
{"user": "reader", "readonly": true, "resource": "pods"}
{"namespace": "free"}
{"user": "*", "namespace": "n", "resource": "secrets", "readonly": true}
"""


def user(name: str, *groups: str) -> UserInfo:
    return UserInfo(name, groups=(*groups, "system:authenticated"))


def asked(who: UserInfo, verb: str, resource: str, namespace: str = "", group: str = "") -> Attributes:
    return Attributes(user=who, verb=verb, resource=resource, namespace=namespace, group=group)


def path(who: UserInfo, verb: str, url: str) -> Attributes:
    return Attributes(user=who, verb=verb, path=url, is_resource=False)


@pytest.mark.parametrize(
    ("file", "attributes", "allowed"),
    [
        (FILE, asked(user("alice"), "delete", "secrets", "kube-system"), True),
        (FILE, asked(user("alice"), "create", "deployments", "n", "apps"), True),
        (FILE, asked(user("bob"), "list", "pods", "projectCaribou"), True),
        (FILE, asked(user("bob"), "create", "pods", "projectCaribou"), False),
        (FILE, asked(user("bob"), "get", "pods", "other"), False),
        (FILE, asked(user("bob"), "get", "pods", "projectCaribou", "metrics.k8s.io"), False),
        (FILE, asked(user("carol", "staff"), "create", "events", "n", "events.k8s.io"), True),
        (FILE, asked(user("carol"), "create", "events", "n"), False),
        (FILE, asked(user("dave", "staff"), "create", "events", "n"), False),
        (FILE, asked(user("eve"), "update", "services", "open"), True),
        (FILE, asked(UserInfo("system:anonymous"), "get", "services", "open"), False),
        (FILE, path(user("bob"), "get", "/api/v1"), True),
        (FILE, path(user("bob"), "post", "/api/v1"), False),
        (FILE, path(user("bob"), "get", "/version"), False),
        (FILE, path(user("alice"), "get", "/version"), False),
        (OLD, asked(user("root"), "delete", "nodes"), True),
        (OLD, path(user("root"), "post", "/anything"), True),
        (OLD, asked(user("reader"), "watch", "pods", "n"), True),
        (OLD, asked(user("reader"), "patch", "pods", "n"), False),
        (OLD, asked(user("anybody"), "create", "jobs", "free", "batch"), True),
        (OLD, path(user("anybody"), "get", "/version"), False),
        (OLD, asked(user("anybody"), "get", "secrets", "n"), True),
        (OLD, asked(UserInfo("system:anonymous"), "get", "secrets", "n"), False),
    ],
)
async def test_decision(tmp_path: Path, file: str, attributes: Attributes, allowed: bool) -> None:
    (tmp_path / "policies").write_text(file)
    decision = await load(str(tmp_path / "policies")).authorize(attributes)
    assert decision.allowed is allowed
    assert decision.reason == ("" if allowed else "No policy matched.")


def test_rules_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "policies").write_text(FILE)
    resources, paths, incomplete = load(str(tmp_path / "policies")).rules_for(user("alice"), "default")
    assert resources == [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    assert (paths, incomplete) == ([], False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "unexpected end of data"),
        ("[]", "expected an object"),
        (
            '{"apiVersion": "abac.authorization.kubernetes.io/v2", "kind": "Policy"}',
            'no kind "Policy" is registered for version "abac.authorization.kubernetes.io/v2"',
        ),
        ('{"user": 5}', "Expected `str`, got `int`"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "policies"
    file.write_text("# first\n" + line + "\n")
    with pytest.raises(ValueError, match="line 2") as raised:
        load(str(file))
    assert str(raised.value).startswith(f"error reading policy file {file}, line 2: {line}: ")
    assert why in str(raised.value)


async def test_a_server_in_this_mode(tmp_path: Path) -> None:
    (tmp_path / "policies").write_text(FILE)
    modes = ("ABAC", "RBAC")
    async with running_api(authorization_modes=modes, authorization_policy_file=str(tmp_path / "policies")) as admin:
        alice, bob = Api(admin.server, user("alice")), Api(admin.server, user("bob"))
        assert (await alice.config_map("m")).code == 201
        refused = await bob.get("/api/v1/namespaces/default/configmaps/m")
        assert refused.code == 403
        assert refused.message.endswith('in API group "" in the namespace "default": No policy matched.')
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "projectCaribou"}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert (await bob.post(path, review)).body["status"]["allowed"] is True


async def test_the_mode_needs_its_file() -> None:
    with pytest.raises(ValueError, match="authorization-mode ABAC's authorization policy file not passed"):
        async with running_api(authorization_modes=("ABAC",)):
            pass
