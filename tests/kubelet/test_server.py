"""The kubelet's server: access, paths, logs, streams. Handlers are called as an `App`; streams go over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kubelet.components import component
from tests.kubelet.object_server import ObjectServer
from tests.kubelet.pods import pod_of

from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context, server_context
from pybernetes.client.client import Client, read_body
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.cri.messages import ContainerStatus, ExecSyncResponse
from pybernetes.kubelet.cri.protocol import RuntimeServiceError
from pybernetes.kubelet.host_status import host_pod
from pybernetes.kubelet.server import KubeletServer, ServerConfig
from pybernetes.kubelet.server_auth import access_of

SCHEDULED = "2026-01-02T03:04:05.678 INFO scheduler.cycle Pod scheduled"
NO_CONTAINER = "kube-scheduler is a process of the node and no container; there is only its log"
TOKEN = [("authorization", "Bearer good")]
RUNNING = {"name": "web", "state": {"running": {}}, "containerID": "containerd://id"}


class View:
    """One pod whose container `web` runs."""

    def __init__(self, directory: Path) -> None:
        self.cri: Any = FakeRuntime()
        self.directory = directory
        self.status: dict[str, Any] = {"phase": "Running", "containerStatuses": [RUNNING]}
        self.spec: dict[str, Any] = {}
        self.url = ""

    def pods(self) -> list[Any]:
        pod = pod_of(self.spec)
        pod.status = msgspec.convert(self.status, type(pod.status))
        return [pod]

    def pod(self, namespace: str, name: str) -> Any:
        return self.pods()[0] if (namespace, name) == ("default", "web") else None

    def container_id(self, pod_uid: str, container_name: str) -> str | None:
        return "id"

    def sandbox_id(self, pod_uid: str) -> str | None:
        return "sandbox"

    def log_path(self, pod: Any, container_name: str, previous: bool = False) -> str | None:
        return str(self.directory / ("0.log" if previous else "1.log"))


def review(body: dict[str, Any]) -> dict[str, Any]:
    if body["kind"] == "TokenReview":
        good = body["spec"]["token"] in ("good", "weak")
        return {"authenticated": good, "user": {"username": body["spec"]["token"], "groups": ["g"]}}
    assert body["spec"]["resourceAttributes"]["resource"] == "nodes"
    assert body["spec"]["resourceAttributes"]["name"] == "node-1"
    return {"allowed": body["spec"]["user"] == "good", "reason": "because"}


class Setup:
    """A server without a listener."""

    def __init__(self, directory: Path) -> None:
        self.api = ObjectServer()
        self.api.review = review
        self.view = View(directory)
        self.config = ServerConfig(
            node_name="node-1",
            host="127.0.0.1",
            port=0,
            healthz_port=0,
            log_root=str(directory),
            configuration={"a": 1},
            flags={"max-pods": "110"},
        )
        self.trouble = ""
        self.server = KubeletServer(self.config, self.view, Client(self.api), healthy=lambda: self.trouble)

    async def ask(
        self, target: str, method: str = "GET", headers: list[tuple[str, str]] = TOKEN, body: bytes = b""
    ) -> tuple[int, str]:
        path, _, query = target.partition("?")
        answer = await self.server(Request(method, path, query, list(headers), body))
        return answer.status, (await read_body(answer)).decode()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    (tmp_path / "1.log").write_text("2026-01-02T03:04:05Z stdout F now\n2026-01-02T03:04:06Z stdout F later\n")
    (tmp_path / "0.log").write_text("2026-01-02T03:04:05Z stdout F before\n")
    return Setup(tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "access"),
    [
        ("GET", "/pods", ("get", ("pods", "proxy"))),
        ("GET", "/healthz/ping", ("get", ("healthz", "proxy"))),
        ("GET", "/containerLogs/a/b/c", ("get", ("proxy",))),
        ("GET", "/stats/summary", ("get", ("stats",))),
        ("GET", "/metrics/resource", ("get", ("metrics",))),
        ("GET", "/logs/x", ("get", ("log",))),
        ("GET", "/statusz", ("get", ("statusz",))),
        ("GET", "/flagz", ("get", ("configz",))),
        ("POST", "/exec/a/b/c", ("create", ("proxy",))),
        ("GET", "/exec/a/b/c", ("create", ("proxy",))),
    ],
)
def test_access(method: str, path: str, access: tuple[str, tuple[str, ...]]) -> None:
    assert access_of(method, path) == access


async def test_callers_without_credentials_are_refused(setup: Setup) -> None:
    assert await setup.ask("/pods", headers=[]) == (401, "Unauthorized")
    assert await setup.ask("/pods", headers=[("authorization", "Bearer bad")]) == (401, "Unauthorized")
    assert await setup.ask("/healthz", headers=[]) == (200, "ok")
    assert await setup.ask("/healthz", "POST", headers=[]) == (401, "Unauthorized")


@pytest.mark.parametrize("has_terminal", [False, True])
async def test_what_is_attached_is_a_terminal_where_the_container_has_one(setup: Setup, has_terminal: bool) -> None:
    asked: list[dict[str, bool]] = []

    async def attach_url(container_id: str, **flags: bool) -> str:
        asked.append(flags)
        raise RuntimeServiceError("UNAVAILABLE", "enough is known")

    setup.view.cri.attach_url = attach_url
    setup.view.spec = {"containers": [{"name": "web", "image": "i", "tty": has_terminal}]}
    for wanted in ("", "&tty=true"):
        status, _ = await setup.ask(f"/attach/default/web/uid-1/web?stdin=true&stdout=true&stderr=true{wanted}", "POST")
        assert status == 500
    assert asked == [{"stdin": True, "stdout": True, "stderr": not has_terminal, "tty": has_terminal}] * 2


async def test_callers_without_permission_are_refused(setup: Setup) -> None:
    status, text = await setup.ask("/pods", headers=[("authorization", "Bearer weak")])
    expected = "Forbidden (user=weak, verb=get, resource=nodes, subresource(s)=[pods proxy]): because"
    assert (status, text) == (403, expected)


async def test_answers_are_kept(setup: Setup) -> None:
    await setup.ask("/configz")
    asked = len(setup.api.requests)
    await setup.ask("/configz")
    assert len(setup.api.requests) == asked


async def test_an_api_server_that_does_not_answer(setup: Setup) -> None:
    def fail(body: dict[str, Any]) -> dict[str, Any]:
        raise ConnectionError("gone")

    setup.api.review = fail
    assert (await setup.ask("/pods"))[0] == 500


async def test_pods_and_configuration(setup: Setup) -> None:
    status, text = await setup.ask("/pods")
    found = msgspec.json.decode(text)
    assert (status, found["kind"], found["items"][0]["metadata"]["name"]) == (200, "PodList", "web")
    assert found["items"][0]["status"]["phase"] == "Running"
    assert await setup.ask("/configz") == (200, '{"kubeletconfig":{"a":1}}')


async def test_status_and_flags(setup: Setup) -> None:
    status, text = await setup.ask("/statusz")
    assert status == 200
    assert "\nkubelet statusz\n" in text
    assert " /checkpoint /configz " in text
    status, text = await setup.ask("/flagz")
    assert (status, text.splitlines()[-1]) == (200, "max-pods=110")
    structured = [*TOKEN, ("accept", "application/json;g=config.k8s.io;v=v1beta1;as=Flagz")]
    status, text = await setup.ask("/flagz", headers=structured)
    assert msgspec.json.decode(text)["flags"] == {"max-pods": "110"}
    assert (await setup.ask("/flagz", headers=[*TOKEN, ("accept", "application/json")]))[0] == 406


async def test_health(setup: Setup) -> None:
    assert await setup.ask("/healthz") == (200, "ok")
    setup.trouble = "container runtime is down"
    assert (await setup.ask("/healthz"))[0] == 500
    assert await setup.ask("/healthz/ping") == (200, "ok")
    answer = await setup.server.open_healthz(Request("GET", "/healthz"))
    assert answer.status == 500


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/containerLogs/default/web/web", (200, "now\nlater\n")),
        ("/containerLogs/default/web/web?tailLines=1&timestamps=true", (200, "2026-01-02T03:04:06Z later\n")),
        ("/containerLogs/default/none/web", (404, 'pod "none" does not exist\n')),
        ("/containerLogs/default/web/none", (404, 'container "none" not found in pod "web"\n')),
        ("/containerLogs/default/web", (400, '{"message": "Missing container name."}')),
        ("/containerLogs/default/web/web?tailLines=x", (400, '{"message": "Unable to decode query."}')),
        ("/containerLogs/default/web/web?tailLines=-1", (422, '{"message": "Invalid request."}')),
        (
            "/containerLogs/default/web/web?previous=true",
            (400, 'previous terminated container "web" in pod "web" not found'),
        ),
        ("/nothing", (404, "404 page not found\n")),
    ],
)
async def test_container_logs(setup: Setup, target: str, expected: tuple[int, str]) -> None:
    assert await setup.ask(target) == expected


@pytest.mark.parametrize(
    ("state", "last", "previous", "expected"),
    [
        pytest.param(
            {"waiting": {"reason": "ContainerCreating"}},
            {},
            False,
            (400, 'container "web" in pod "web" is waiting to start: ContainerCreating'),
            id="creating",
        ),
        pytest.param(
            {"waiting": {"reason": "ImagePullBackOff"}},
            {},
            False,
            (400, 'container "web" in pod "web" is waiting to start: trying and failing to pull image'),
            id="no image",
        ),
        pytest.param(
            {"waiting": {"reason": "CrashLoopBackOff"}},
            {"terminated": {"containerID": "containerd://id"}},
            False,
            (200, "now\nlater\n"),
            id="crash loop shows the newest run",
        ),
        pytest.param(
            {"waiting": {"reason": "CrashLoopBackOff"}},
            {"terminated": {"containerID": "containerd://id"}},
            True,
            (200, "now\nlater\n"),
            id="which is also the previous one",
        ),
        pytest.param(
            {"running": {}},
            {"terminated": {"containerID": "containerd://old"}},
            True,
            (200, "before\n"),
            id="previous of a running one",
        ),
        pytest.param({"terminated": {"containerID": "x"}}, {}, False, (200, "now\nlater\n"), id="terminated"),
    ],
)
async def test_logs_of_containers_in_other_states(
    setup: Setup, state: dict[str, Any], last: dict[str, Any], previous: bool, expected: tuple[int, str]
) -> None:
    setup.view.status = {"containerStatuses": [{"name": "web", "state": state, "lastState": last}]}
    assert await setup.ask("/containerLogs/default/web/web" + "?previous=true" * previous) == expected


async def test_a_followed_log_ends_with_the_container(setup: Setup) -> None:
    setup.view.cri.containers["id"] = ContainerStatus(id="id", state=2)
    async with asyncio.timeout(120):
        assert await setup.ask("/containerLogs/default/web/web?follow=true") == (200, "now\nlater\n")


async def test_node_logs_stay_in_their_directory(setup: Setup, tmp_path: Path) -> None:
    assert (await setup.ask("/logs/1.log"))[1].startswith("2026")
    assert '<a href="0.log">0.log</a>' in (await setup.ask("/logs/"))[1]
    assert (await setup.ask("/logs/%2e%2e/%2e%2e/etc/passwd"))[0] == 404


async def test_run(setup: Setup) -> None:
    async def exec_sync(container_id: str, command: list[str], timeout_seconds: int = 0) -> ExecSyncResponse:
        return ExecSyncResponse(stdout=" ".join(command).encode(), exit_code=0)

    setup.view.cri.exec_sync = exec_sync
    assert await setup.ask("/run/default/web/web?cmd=echo%20hi", "POST") == (200, "echo hi")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/exec/default/none/web?command=x&output=1", (404, "pod does not exist\n")),
        ("/exec/default/web/other-uid/web?command=x&output=1", (404, "pod does not exist\n")),
        ("/exec/default/web/none?command=x&output=1", (404, 'container not found ("none")')),
        ("/exec/default/web/web?command=x", (400, "you must specify at least 1 of stdin, stdout, stderr")),
        ("/portForward/default/web?port=x", (400, "unable to parse the port")),
    ],
)
async def test_streams_that_cannot_be(setup: Setup, target: str, expected: tuple[int, str]) -> None:
    assert await setup.ask(target, "POST") == expected


class Host:
    """One component of the host, as pod `kube-scheduler-n`."""

    def __init__(self, log: Path | str) -> None:
        self.found = component(path=log)

    def pods(self) -> list[Any]:
        return [host_pod(self.found, "n")]

    def component(self, namespace: str, pod_name: str) -> Any:
        return self.found if (namespace, pod_name) == ("kube-system", "kube-scheduler-n") else None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("containerLogs/N/P/kube-scheduler", (200, f"{SCHEDULED}\n")),
        ("containerLogs/N/P/other", (404, 'pod "kube-scheduler-n" does not exist\n')),
        (
            "containerLogs/N/P/kube-scheduler?previous=true",
            (400, 'previous terminated container "kube-scheduler" in pod "kube-scheduler-n" not found'),
        ),
        *(
            (f"{path}?output=1&command=ls&port=80", (400, NO_CONTAINER))
            for path in ("exec/N/P/kube-scheduler", "attach/N/P/kube-scheduler", "run/N/P/uid/c", "portForward/N/P")
        ),
    ],
)
async def test_components_of_the_host_have_logs_and_nothing_else(
    setup: Setup, tmp_path: Path, target: str, expected: tuple[int, str]
) -> None:
    log = tmp_path / "shared.log"
    log.write_text(f"2026-01-02T03:04:05.678 INFO proxy.proxy Rules made\n{SCHEDULED}\n")
    setup.server = KubeletServer(setup.config, setup.view, Client(setup.api), host=Host(log))
    path = target.replace("N/P", "kube-system/kube-scheduler-n")
    status, text = await setup.ask(f"/{path}", "GET" if "Logs" in target else "POST")
    if expected[1] == NO_CONTAINER:  # a client of an upgrade shows the message of a Status, and of a text only some
        found = msgspec.json.decode(text)
        text = found["message"]
        assert (found["kind"], found["reason"], found["code"]) == ("Status", "BadRequest", 400)
    assert (status, text) == expected
    names = [pod["metadata"]["name"] for pod in msgspec.json.decode((await setup.ask("/pods"))[1])["items"]]
    assert names == ["web", "kube-scheduler-n"]


async def test_a_component_whose_process_writes_to_no_file_says_so(setup: Setup) -> None:
    setup.server = KubeletServer(setup.config, setup.view, Client(setup.api), host=Host(""))
    status, text = await setup.ask("/containerLogs/kube-system/kube-scheduler-n/kube-scheduler")
    assert status == 400 and text.endswith(
        "has no log: its process writes to no file; look where its standard error goes"
    )


async def test_metrics(setup: Setup) -> None:
    status, text = await setup.ask("/metrics")
    assert status == 200
    assert "kubelet_running_pods 1\n" in text
    assert "# TYPE rest_client_requests_total counter\n" in text
    assert "\nprocess_resident_memory_bytes " in text
    assert 'kubelet_running_containers{container_state="running"} 1\n' in text


@pytest.fixture
async def streaming() -> AsyncIterator[tuple[HttpServer, list[Request]]]:
    """A streaming server that answers upgrades with an echo, shouting."""
    requests: list[Request] = []

    async def shout(stream: ByteStream) -> None:
        while data := await stream.read():
            await stream.write(data.upper())
            if data == b"bye":
                break
        stream.close()

    async def app(request: Request) -> Response:
        requests.append(request)
        if request.header("upgrade") != "SPDY/3.1":
            return Response(400, [], b"no upgrade")
        protocol = request.header("x-stream-protocol-version") or ""
        return Response(
            101,
            [("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", protocol)],
            upgrade=shout,
        )

    server = HttpServer(app)
    async with running("streaming", server.serve):
        yield server, requests


async def test_an_exec_stream_is_relayed_over_tls(
    setup: Setup, streaming: tuple[HttpServer, list[Request]], tmp_path: Path
) -> None:
    runtime, requests = streaming
    asked: list[Any] = []

    async def exec_url(container_id: str, command: list[str], **flags: bool) -> str:
        asked.append((container_id, list(command), flags))
        return f"http://127.0.0.1:{runtime.port}/exec/token"

    setup.view.cri.exec_url = exec_url
    ca = CertificateAuthority.create("ca")
    context = server_context(ca.issue("node", names=["127.0.0.1"]), client_ca=ca.certificate_pem)
    config = ServerConfig(node_name="node-1", host="127.0.0.1", port=0, healthz_port=0)
    server = KubeletServer(config, setup.view, Client(setup.api), tls=context, clock=SYSTEM_CLOCK)
    pair = ca.issue("good", organizations=["system:masters"])
    async with asyncio.timeout(60), running("kubelet", server.serve):
        transport = HttpTransport(f"https://127.0.0.1:{server.port}", tls=client_context(ca.certificate_pem, pair))
        headers = [("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", "v4.channel.k8s.io")]
        query = "command=sh&command=-c&input=1&output=1&error=1&tty=1"
        answer = await transport(Request("POST", "/exec/default/web/uid-1/web", query, headers))
        assert answer.status == 101
        assert answer.header("x-stream-protocol-version") == "v4.channel.k8s.io"
        assert answer.connection is not None
        await answer.connection.write(b"hello")
        assert await answer.connection.read() == b"HELLO"
        await answer.connection.write(b"bye")
        assert await answer.connection.read() == b"BYE"
        assert await answer.connection.read() == b""
        answer.connection.close()
        await transport.close()
    assert asked == [("id", ["sh", "-c"], {"stdin": True, "stdout": True, "stderr": False, "tty": True})]
    assert requests[0].path == "/exec/token"


async def test_a_refused_upgrade_is_passed_on(setup: Setup, streaming: tuple[HttpServer, list[Request]]) -> None:
    runtime, requests = streaming

    async def port_forward_url(sandbox_id: str, ports: list[int]) -> str:
        return f"http://127.0.0.1:{runtime.port}/portforward/token"

    setup.view.cri.port_forward_url = port_forward_url
    assert await setup.ask("/portForward/default/web?port=80&port=81", "POST") == (400, "no upgrade")
    assert requests[0].query == "port=80&port=81"
