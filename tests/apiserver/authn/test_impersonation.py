"""Acting as somebody else: each part is authorized, the request goes on as the other."""

from typing import Any

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, binding, role, rule

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.authorizer import Attributes, Decision
from pybernetes.apiserver.authz.impersonation_modes import Impersonation, Wanted
from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.apiserver.filters.impersonation import build_impersonation
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.http.message import Headers, Request, Response

CALLER = UserInfo("caller", groups=("system:authenticated",))


async def act(
    headers: Headers,
    *rules: dict[str, list[str]],
    path: str = "/",
    caller: UserInfo = CALLER,
    constrained: bool = True,
) -> Request:
    reader = MemoryReader(role("r", *rules), binding("b", "ClusterRole/r", f"User/{caller.name}"))
    request = Request("GET", path, headers=headers, context={"user": caller})
    request.context["info"] = request_info(request)

    async def inner(request: Request) -> Response:
        return Response(200)

    await build_impersonation(RbacAuthorizer(reader), constrained=constrained)(inner)(request)
    return request


ANY = rule("impersonate", "users,groups,serviceaccounts")
EXTRA = rule("impersonate", "userextras/scopes,uids", "authentication.k8s.io")

CASES: dict[str, tuple[Headers, UserInfo]] = {
    "none": ([], CALLER),
    "user": ([("impersonate-user", "ann")], UserInfo("ann", groups=("system:authenticated",))),
    "groups": (
        [("impersonate-user", "ann"), ("impersonate-group", "g"), ("impersonate-group", "h")],
        UserInfo("ann", groups=("g", "h", "system:authenticated")),
    ),
    "anonymous": (
        [("impersonate-user", "system:anonymous")],
        UserInfo("system:anonymous", groups=("system:unauthenticated",)),
    ),
    "account": (
        [("impersonate-user", "system:serviceaccount:ns:sa")],
        UserInfo(
            "system:serviceaccount:ns:sa",
            groups=("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"),
        ),
    ),
    "extra and uid": (
        [("impersonate-user", "ann"), ("impersonate-uid", "7"), ("impersonate-extra-scopes", "view")],
        UserInfo("ann", uid="7", groups=("system:authenticated",), extra={"scopes": ["view"]}),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_identity(name: str) -> None:
    headers, wanted = CASES[name]
    request = await act([*headers, ("accept", "x")], ANY, EXTRA)
    assert request.context["user"] == wanted
    assert request.headers == [("accept", "x")]
    assert request.context.get("impersonator") == (CALLER if headers else None)


async def refused(*args: Any, **more: Any) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await act(*args, **more)
    return caught.value


async def test_every_part_needs_its_right() -> None:
    headers = [("impersonate-user", "ann"), ("impersonate-group", "system:masters")]
    error = await refused(headers, rule("impersonate", "users"), constrained=False)
    assert error.message == (
        'groups "system:masters" is forbidden: User "caller" cannot impersonate resource "groups" '
        'in API group "" at the cluster scope'
    )


async def test_groups_without_a_user() -> None:
    error = await refused([("impersonate-group", "g"), ("impersonate-extra-k", "v")], ANY)
    assert (error.code, error.message) == (
        400,
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, '
        'Extra:map[string][]string{"k":[]string{"v"}}} without impersonating a user name',
    )


PODS = "/api/v1/namespaces/default/pods"
ANN = [("impersonate-user", "ann")]
NODE = [("impersonate-user", "system:node:n1")]
ACCOUNT = [("impersonate-user", "system:serviceaccount:ns:sa")]
AGENT = UserInfo(
    "system:serviceaccount:kube-system:agent",
    extra={"authentication.kubernetes.io/node-name": ["n1"], "authentication.kubernetes.io/pod-name": ["p"]},
)


def be(mode: str, resource: str, *names: str) -> dict[str, list[str]]:
    found = rule(f"impersonate:{mode}", resource, "authentication.k8s.io")
    return {**found, "resourceNames": list(names)} if names else found


def on(mode: str, verb: str, resource: str = "pods") -> dict[str, list[str]]:
    return rule(f"impersonate-on:{mode}:{verb}", resource)


CONSTRAINED: dict[str, tuple[Headers, list[dict[str, list[str]]], UserInfo, UserInfo, str]] = {
    "a user": (
        ANN,
        [be("user-info", "users", "ann"), on("user-info", "list")],
        CALLER,
        UserInfo("ann", groups=("system:authenticated",)),
        "impersonate:user-info",
    ),
    "a user with all there is": (
        [*ANN, ("impersonate-group", "g"), ("impersonate-uid", "7"), ("impersonate-extra-example.com%2fk", "v")],
        [be("user-info", "users,groups,uids,userextras/example.com/k"), on("user-info", "list")],
        CALLER,
        UserInfo("ann", uid="7", groups=("g", "system:authenticated"), extra={"example.com/k": ["v"]}),
        "impersonate:user-info",
    ),
    "many groups": (
        [*ANN, *[("impersonate-group", group) for group in "abcd"]],
        [be("user-info", "users"), be("user-info", "groups", "*"), on("user-info", "list")],
        CALLER,
        UserInfo("ann", groups=("a", "b", "c", "d", "system:authenticated")),
        "impersonate:user-info",
    ),
    "a service account": (
        ACCOUNT,
        [be("serviceaccount", "serviceaccounts", "sa"), on("serviceaccount", "list")],
        CALLER,
        UserInfo(
            "system:serviceaccount:ns:sa",
            groups=("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"),
        ),
        "impersonate:serviceaccount",
    ),
    "any node": (
        NODE,
        [be("arbitrary-node", "nodes", "n1"), on("arbitrary-node", "list")],
        CALLER,
        UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated")),
        "impersonate:arbitrary-node",
    ),
    "the node of an agent": (
        NODE,
        [be("associated-node", "nodes"), on("associated-node", "list")],
        AGENT,
        UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated")),
        "impersonate:associated-node",
    ),
    "a node by the old permission": (
        NODE,
        [ANY],
        CALLER,
        UserInfo("system:node:n1", groups=("system:authenticated",)),
        "",
    ),
}


@pytest.mark.parametrize("name", CONSTRAINED)
async def test_constrained(name: str) -> None:
    headers, rules, caller, wanted, constraint = CONSTRAINED[name]
    request = await act(headers, *rules, path=PODS, caller=caller)
    assert request.context["user"] == wanted
    assert request.context["impersonation_constraint"] == constraint
    if constraint:
        assert (await refused(headers, *rules, path=PODS, caller=caller, constrained=False)).code == 403
        assert (await refused(headers, *rules, path="/api/v1/namespaces/default/secrets", caller=caller)).code == 403


REFUSED: dict[str, tuple[Headers, list[dict[str, list[str]]], str]] = {
    "nothing is permitted": (
        ANN,
        [],
        'pods is forbidden: User "caller" cannot impersonate-on:user-info:list resource "pods" in API group "" in the '
        'namespace "default"',
    ),
    "not him": (
        ANN,
        [on("user-info", "list"), be("user-info", "users", "bob")],
        'users.authentication.k8s.io "ann" is forbidden: User "caller" cannot impersonate:user-info resource "users" '
        'in API group "authentication.k8s.io" at the cluster scope',
    ),
    "not the masters": (
        [*ANN, ("impersonate-group", "system:masters")],
        [on("user-info", "list"), be("user-info", "users,groups")],
        'groups.authentication.k8s.io "system:masters" is forbidden: User "caller" cannot impersonate:user-info '
        'resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters '
        "group is not allowed",
    ),
    "a key without a domain": (
        [*ANN, ("impersonate-extra-k", "v")],
        [on("user-info", "list"), be("user-info", "users,userextras/k")],
        'userextras.authentication.k8s.io is forbidden: User "caller" cannot impersonate:user-info resource '
        '"userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating an invalid key in extra '
        'is not allowed: extra.key: Invalid value: "k": must be a domain-prefixed path (such as "acme.io/foo")',
    ),
    "another's node": (
        NODE,
        [be("associated-node", "nodes"), on("associated-node", "list")],
        'pods is forbidden: User "caller" cannot impersonate-on:arbitrary-node:list resource "pods" in API group "" in '
        'the namespace "default"',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_constrained_refusals(name: str) -> None:
    headers, rules, message = REFUSED[name]
    error = await refused(headers, *rules, path=PODS)
    assert (error.code, error.message) == (403, message)


async def test_the_mode_that_last_worked_is_tried_first() -> None:
    asked: list[str] = []

    class Asked(RbacAuthorizer):
        async def authorize(self, attributes: Attributes) -> Decision:
            asked.append(attributes.verb)
            return await super().authorize(attributes)

    reader = MemoryReader(role("r", ANY), binding("b", "ClusterRole/r", "User/caller"))
    impersonation = Impersonation(Asked(reader), constrained=True)
    request = Attributes(CALLER, "list", "", "v1", "pods", namespace="default")
    for _ in range(2):
        await impersonation.decide(Wanted("ann"), request)
    assert asked == ["impersonate-on:user-info:list", "impersonate", "impersonate"]
