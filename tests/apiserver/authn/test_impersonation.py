"""Acting as somebody else: each part is authorized, the request goes on as the other."""

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, binding, role, rule

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.apiserver.filters.impersonation import build_impersonation
from pybernetes.base.http.message import Headers, Request, Response

CALLER = UserInfo("caller", groups=("system:authenticated",))


async def act(headers: Headers, *rules: dict[str, list[str]]) -> Request:
    reader = MemoryReader(role("r", *rules), binding("b", "ClusterRole/r", "User/caller"))
    request = Request("GET", "/", headers=headers, context={"user": CALLER})

    async def inner(request: Request) -> Response:
        return Response(200)

    await build_impersonation(RbacAuthorizer(reader))(inner)(request)
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


async def test_every_part_needs_its_right() -> None:
    headers = [("impersonate-user", "ann"), ("impersonate-group", "system:masters")]
    with pytest.raises(StatusError) as caught:
        await act(headers, rule("impersonate", "users"))
    assert caught.value.message == (
        'groups "system:masters" is forbidden: User "caller" cannot impersonate resource "groups" '
        'in API group "" at the cluster scope'
    )


async def test_groups_without_a_user() -> None:
    with pytest.raises(StatusError) as caught:
        await act([("impersonate-group", "g")], ANY)
    assert caught.value.code == 500
    assert "without impersonating a user" in caught.value.message
