"""The words of a refusal, and the chain of modes."""

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.authorizer import Attributes
from pybernetes.apiserver.authz.forbidden import forbidden
from pybernetes.apiserver.authz.modes import build_authorizer
from pybernetes.apiserver.filters.authorization import build_authorization
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.http.message import Request, Response

U = UserInfo("u")
CASES = {
    "namespaced list": (
        Attributes(U, "list", "", "v1", "pods", namespace="default"),
        'pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "default"',
    ),
    "cluster scope": (
        Attributes(U, "list", "apps", "v1", "deployments"),
        'deployments.apps is forbidden: User "u" cannot list resource "deployments" in API group "apps" '
        "at the cluster scope",
    ),
    "named subresource": (
        Attributes(U, "get", "", "v1", "pods", "log", "default", "p"),
        'pods "p" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "default"',
    ),
    "path": (
        Attributes(U, "get", path="/x", is_resource=False),
        'forbidden: User "u" cannot get path "/x"',
    ),
    "escaped": (
        Attributes(UserInfo("<b>&"), "get", path="/x", is_resource=False),
        'forbidden: User "&lt;b&gt;&amp;" cannot get path "/x"',
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    attributes, text = CASES[name]
    error = forbidden(attributes)
    assert (error.code, error.reason, error.message) == (403, "Forbidden", text)


def test_reason_follows_the_message() -> None:
    error = forbidden(Attributes(U, "get", path="/x", is_resource=False), "because")
    assert error.message.endswith('path "/x": because')


async def chain_answer(modes: list[str], user: UserInfo, path: str) -> int:
    async def inner(request: Request) -> Response:
        return Response(200)

    request = Request("GET", path, context={"user": user})
    request.context["info"] = request_info(request)
    app = build_authorization(build_authorizer(modes, MemoryReader()))(inner)
    try:
        return (await app(request)).status
    except StatusError as error:
        return error.code


@pytest.mark.parametrize(
    ("modes", "user", "path", "code"),
    [
        (["RBAC"], U, "/api/v1/pods", 403),
        (["RBAC"], UserInfo("root", groups=("system:masters",)), "/api/v1/pods", 200),
        (["AlwaysDeny"], U, "/api/v1/pods", 403),
        (["RBAC", "AlwaysAllow"], U, "/api/v1/pods", 200),
        (["AlwaysDeny"], U, "/healthz", 200),
        (["AlwaysDeny"], U, "/healthz/etcd", 403),
    ],
)
async def test_chain(modes: list[str], user: UserInfo, path: str, code: int) -> None:
    assert await chain_answer(modes, user, path) == code


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="Webhook"):
        build_authorizer(["Webhook"], MemoryReader())
