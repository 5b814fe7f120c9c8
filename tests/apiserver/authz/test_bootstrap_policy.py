"""The default roles and bindings, and that the hook repairs without taking away."""

from typing import Any

import msgspec
from tests.apiserver.authz.memory_reader import MemoryReader, rule

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.authorizer import Attributes
from pybernetes.apiserver.authz.bootstrap_policy import default_objects, ensure_rbac, reconciled
from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.base.http.message import Request, Response


class Api:
    """Writes what is posted into the reader, and keeps the requests."""

    def __init__(self, reader: MemoryReader) -> None:
        self.reader = reader
        self.requests: list[tuple[str, str]] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append((request.method, request.path))
        if request.method != "DELETE":
            self.reader.put(msgspec.json.decode(await request.body.read(1 << 20)))
        return Response(201, body=b"{}")


def find(kind: str, name: str) -> dict[str, Any]:
    return next(o for o in default_objects() if o["kind"] == kind and o["metadata"]["name"] == name)


async def test_first_start_writes_everything_and_the_second_nothing() -> None:
    api = Api(MemoryReader())
    assert await ensure_rbac(api.reader, api) == len(default_objects())
    assert await ensure_rbac(api.reader, api) == 0


async def test_roles_come_before_bindings() -> None:
    api = Api(MemoryReader())
    await ensure_rbac(api.reader, api)
    kinds = ["bindings" in path for _, path in api.requests]
    assert kinds == sorted(kinds)


def test_edit_and_view_are_aggregated() -> None:
    authorizer = RbacAuthorizer(MemoryReader(*default_objects()))
    rules = {kind: authorizer.rules_of_role("ClusterRole", kind, "") or [] for kind in ("view", "edit", "admin")}
    assert len(rules["view"]) < len(rules["edit"]) < len(rules["admin"])
    assert all(item in rules["admin"] for item in rules["view"])


def test_well_known_identities_may_work() -> None:
    authorizer = RbacAuthorizer(MemoryReader(*default_objects()))

    def allowed(name: str, groups: tuple[str, ...], verb: str, resource: str, namespace: str, group: str) -> bool:
        user = UserInfo(name, groups=groups)
        what, _, sub = resource.partition("/")
        return authorizer.decide(Attributes(user, verb, group, "v1", what, sub, namespace)).allowed

    assert allowed("system:kube-scheduler", (), "create", "pods/binding", "x", "")
    assert allowed("system:serviceaccount:kube-system:deployment-controller", (), "create", "replicasets", "x", "apps")
    csr = "certificates.k8s.io"
    bootstrapper = ("system:bootstrappers",)
    assert allowed("system:bootstrap:abcdef", bootstrapper, "create", "certificatesigningrequests", "", csr)
    assert allowed("x", bootstrapper, "create", "certificatesigningrequests/nodeclient", "", csr)
    assert not allowed("x", ("system:authenticated",), "list", "pods", "default", "")
    named = Attributes(UserInfo("system:anonymous"), "get", "", "v1", "configmaps", "", "kube-public", "cluster-info")
    assert authorizer.decide(named).allowed


def test_lost_rules_and_subjects_come_back_and_added_ones_stay() -> None:
    default = find("ClusterRole", "system:kube-scheduler")
    extra = rule("get", "widgets", "example.com")
    repaired = reconciled(default, {**default, "rules": [*default["rules"][1:], extra]})
    assert repaired is not None
    assert extra in repaired["rules"]
    assert reconciled(default, repaired) is None
    bound = find("ClusterRoleBinding", "cluster-admin")
    repaired = reconciled(bound, {**bound, "subjects": []})
    assert repaired is not None
    assert repaired["subjects"] == bound["subjects"]


def test_autoupdate_false_is_respected() -> None:
    default = find("ClusterRole", "view")
    annotations = {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    current = {**default, "metadata": {**default["metadata"], "annotations": annotations}, "rules": []}
    assert reconciled(default, current) is None


async def test_a_changed_role_ref_is_replaced() -> None:
    bound = find("ClusterRoleBinding", "system:discovery")
    changed = {**bound, "roleRef": {**bound["roleRef"], "name": "cluster-admin"}}
    api = Api(MemoryReader(*(changed if item == bound else item for item in default_objects())))
    assert await ensure_rbac(api.reader, api) == 1
    assert [method for method, _ in api.requests] == ["DELETE", "POST"]
