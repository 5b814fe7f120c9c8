"""Streams into pods need the verb `create`, also when a WebSocket asks for them with a GET."""

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, binding, role, rule

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.apiserver.filters.authorization import build_authorization
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.http.message import Request, Response

USER = UserInfo("ann")


async def ask(method: str, subresource: str, *verbs: str, gate: bool = True) -> int:
    rights = rule(",".join(verbs), f"pods/{subresource}")
    reader = MemoryReader(role("r", rights), binding("b", "ClusterRole/r", "User/ann"))
    request = Request(method, f"/api/v1/namespaces/n/pods/p/{subresource}", context={"user": USER})
    request.context["info"] = request_info(request)

    async def inner(request: Request) -> Response:
        return Response(200)

    return (await build_authorization(RbacAuthorizer(reader), create_to_connect=gate)(inner)(request)).status


@pytest.mark.parametrize("subresource", ["exec", "attach", "portforward"])
async def test_reading_is_not_enough(subresource: str) -> None:
    with pytest.raises(StatusError) as caught:
        await ask("GET", subresource, "get")
    assert caught.value.message == (
        f'pods "p" is forbidden: User "ann" cannot create resource "pods/{subresource}" in API group "" in the '
        'namespace "n"'
    )
    assert await ask("GET", subresource, "get", "create") == 200
    assert await ask("POST", subresource, "create") == 200
    assert await ask("GET", subresource, "get", gate=False) == 200
    with pytest.raises(StatusError):
        await ask("GET", subresource, "create")


async def test_other_subresources_are_read_as_ever() -> None:
    assert await ask("GET", "log", "get") == 200
