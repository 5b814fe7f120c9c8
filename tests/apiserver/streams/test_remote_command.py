"""exec, attach and port-forward: what is asked of the kubelet, what is refused, and bytes passed through untouched."""

from typing import Any

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, binding, role, rule
from tests.apiserver.streams.stage import Stage, message, stage

from pybernetes.apiserver.authz.rbac import RbacAuthorizer
from pybernetes.base.http.message import ByteStream, Request, Response

PODS = "/api/v1/namespaces/default/pods"
SPDY = [("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", "v4.channel.k8s.io")]


async def parrot(request: Request) -> Response:
    """Upgrades to whatever is asked and sends everything back in capitals."""

    async def talk(stream: ByteStream) -> None:
        while data := await stream.read():
            await stream.write(data.upper())
        stream.close()

    headers = [("connection", "Upgrade"), ("upgrade", request.header("upgrade") or "")]
    headers.append(("x-stream-protocol-version", "v4.channel.k8s.io"))
    return Response(101, headers, upgrade=talk)


async def talk(s: Stage, path: str, query: str, method: str = "POST") -> bytes:
    response = await s.client(Request(method, path, query, [*SPDY, ("authorization", "Bearer mine")]))
    assert response.status == 101
    assert response.header("x-stream-protocol-version") == "v4.channel.k8s.io"
    assert response.connection is not None
    await response.connection.write(b"raw \x00 bytes")
    answer = await response.connection.read()
    response.connection.close()
    return answer


PASSED: dict[str, tuple[str, str, str, str]] = {
    "exec": (
        "web/exec",
        "command=sh&command=-c&command=echo+a%26b&stdin=true&stdout=true&stderr=true&container=app",
        "/exec/default/web/app",
        "input=1&output=1&error=1&command=sh&command=-c&command=echo+a%26b",
    ),
    "exec with a terminal": (
        "web/exec",
        "command=sh&stdin=true&stdout=true&tty=true",
        "/exec/default/web/app",
        "input=1&output=1&tty=1&command=sh",
    ),
    "attach": ("two/attach", "container=b&stdout=true", "/attach/default/two/b", "output=1"),
    "port-forward": ("web/portforward", "", "/portForward/default/web", ""),
    "port-forward of ports": ("web/portforward", "ports=80&ports=81", "/portForward/default/web", "port=80%2C81"),
}


@pytest.mark.parametrize("name", PASSED)
async def test_passed_through(name: str) -> None:
    path, query, kubelet_path, kubelet_query = PASSED[name]
    async with stage(parrot) as s:
        assert await talk(s, f"{PODS}/{path}", query) == b"RAW \x00 BYTES"
        seen = s.seen[0]
        assert (seen.path, seen.query, seen.method) == (kubelet_path, kubelet_query, "POST")
        assert seen.header("authorization") is None
        assert seen.header("x-stream-protocol-version") == "v4.channel.k8s.io"
        assert seen.peer_certificate is not None


async def test_kubelet_refusal_is_passed_through() -> None:
    async def refusing(request: Request) -> Response:
        return Response(404, [("content-type", "text/plain")], b'pod "web" not found on this node')

    async with stage(refusing) as s:
        response = await s.client(Request("POST", f"{PODS}/web/exec", "command=ls&stdout=true", SPDY))
        assert (response.status, response.body) == (404, b'pod "web" not found on this node')


REFUSED: dict[str, tuple[str, str, list[tuple[str, str]], int, str]] = {
    "no upgrade": ("web/exec", "command=ls&stdout=true", [], 400, "Upgrade request required"),
    "no node yet": ("pending/exec", "command=ls&stdout=true", SPDY, 400, "pod pending does not have a host assigned"),
    "no command": ("web/exec", "stdout=true", SPDY, 400, "you must specify at least 1 command for the container"),
    "no stream": ("web/exec", "command=ls", SPDY, 400, "you must specify at least 1 of stdin, stdout, stderr"),
    "which container": (
        "two/attach",
        "stdout=true",
        SPDY,
        400,
        "a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [setup]",
    ),
    "no such pod": ("gone/portforward", "", SPDY, 404, 'pods "gone" not found'),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str) -> None:
    path, query, headers, code, text = REFUSED[name]
    async with stage(parrot) as s:
        got, body, _ = await s.get(f"{PODS}/{path}", query, "POST", headers=headers)
        assert (got, message(body)) == (code, text)
        assert not s.seen


async def test_kubelet_that_cannot_be_reached() -> None:
    async with stage() as s:
        s.kubelet_port = 1
        s.put_world()
        code, body, _ = await s.get(f"{PODS}/web/exec", "command=ls&stdout=true", "POST", headers=SPDY)
        assert (code, message(body)) == (
            500,
            "error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused",
        )


async def test_a_get_needs_the_right_to_create() -> None:
    async with stage(parrot) as s:
        source = MemoryReader(role("r", rule("get", "pods/exec")), binding("b", "ClusterRole/r", "User/tester"))
        s.authorizer = RbacAuthorizer(source)
        headers: list[Any] = [("upgrade", "websocket"), ("sec-websocket-protocol", "v4.channel.k8s.io")]
        code, body, _ = await s.get(f"{PODS}/web/exec", "command=ls&stdout=true", headers=headers)
        assert code == 403
        assert message(body) == (
            'pods "web" is forbidden: User "tester" cannot create resource "pods/exec" in API group "" '
            'in the namespace "default"'
        )
