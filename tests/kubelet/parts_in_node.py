"""Runs inside a test node's namespaces: the kubelet's parts around one real container. Prints `ok NAME` per check.

python parts_in_node.py DIRECTORY        (DIRECTORY/containerd.sock is the runtime)
"""

import asyncio
import os
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import websockets
from tests.kubelet.object_server import ObjectServer
from tests.kubelet.pods import pod_of
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, client_context, server_context
from pybernetes.client.client import Client, read_body
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.containerd import Containerd
from pybernetes.kubelet.cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL
from pybernetes.kubelet.kernel.cgroup_mounts import detect
from pybernetes.kubelet.kernel.cgroups import PodCgroups
from pybernetes.kubelet.kernel.linux import LinuxKernel
from pybernetes.kubelet.kernel.resources import container_resources
from pybernetes.kubelet.log_rotation import LogRotation, rotated_files
from pybernetes.kubelet.server import KubeletServer, ServerConfig
from pybernetes.kubelet.stats import NodeStats
from pybernetes.kubelet.volumes.manager import VolumeManager

AMOUNTS = {"cpu": "500m", "memory": "64Mi"}
SPEC = {
    "containers": [{"name": "web", "resources": {"requests": AMOUNTS, "limits": AMOUNTS}}],
    "volumes": [
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "disk", "emptyDir": {}},
    ],
}
COMMAND = ["sh", "-c", "cat /secret/key; httpd -p 8080 -h /secret; while true; do echo tick; sleep 0.2; done"]


def check(name: str, passed: object) -> None:
    print(f"{'ok' if passed else 'FAILED'} {name}", flush=True)


class View:
    """What the server sees: the one pod of this script."""

    def __init__(self, cri: Containerd, logs: Path) -> None:
        self.cri: Any = cri
        self.logs = logs
        self.found: dict[str, str] = {}
        self.the_pod = pod_of(SPEC)
        status = {"phase": "Running", "containerStatuses": [{"name": "web", "state": {"running": {}}}]}
        self.the_pod.status = msgspec.convert(status, type(self.the_pod.status))

    def pods(self) -> list[Any]:
        return [self.the_pod]

    def pod(self, namespace: str, name: str) -> Any:
        return self.the_pod

    def container_id(self, pod_uid: str, container_name: str) -> str | None:
        return self.found["container"]

    def sandbox_id(self, pod_uid: str) -> str | None:
        return self.found["sandbox"]

    def log_path(self, pod: Any, container_name: str, previous: bool = False) -> str | None:
        return str(self.logs / "web" / "0.log")


async def start_pod(view: View, paths: Mapping[str, str], subpath: str, cgroup_parent: str) -> None:
    labels = {POD_UID_LABEL: "uid-1", CONTAINER_NAME_LABEL: "web"}
    os.makedirs(view.logs / "web", exist_ok=True)
    sandbox = m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(name="web", uid="uid-1", namespace="default"),
        hostname="web",
        log_directory=str(view.logs),
        labels=labels,
        linux=m.LinuxPodSandboxConfig(cgroup_parent=cgroup_parent),
    )
    view.found["sandbox"] = await view.cri.run_sandbox(sandbox)
    places = {**paths, "sub": subpath}
    config = m.ContainerConfig(
        metadata=m.ContainerMetadata(name="web"),
        image=m.ImageSpec(image="localhost/busybox:1"),
        command=COMMAND,
        labels=labels,
        log_path="web/0.log",
        stdin=False,
        mounts=[m.Mount(container_path=f"/{name}", host_path=path) for name, path in places.items()],
        linux=m.LinuxContainerConfig(resources=container_resources(view.the_pod, view.the_pod.spec.containers[0], {})),
    )
    view.found["container"] = await view.cri.create_container(view.found["sandbox"], config, sandbox)
    await view.cri.start_container(view.found["container"])


async def output_of(view: View, *command: str) -> str:
    answer = await view.cri.exec_sync(view.found["container"], command, 5)
    return bytes(answer.stdout + answer.stderr).decode().strip()


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def by_websocket(port: int, tls: ssl.SSLContext, path: str, sent: bytes = b"") -> dict[int, bytes]:
    """What came on each channel of a v4 stream."""
    got: dict[int, bytes] = {}
    url = f"wss://127.0.0.1:{port}{path}"
    async with connect(url, subprotocols=[Subprotocol("v4.channel.k8s.io")], ssl=tls) as stream:
        if sent:
            await stream.send(b"\x00" + sent)
        try:
            async for message in stream:
                data = message if isinstance(message, bytes) else message.encode()
                got[data[0]] = got.get(data[0], b"") + data[1:]
                if sent and got.get(1, b"").endswith(b"\n"):
                    break
        except websockets.ConnectionClosed:
            pass
    return got


async def streams(view: View, server: KubeletServer, tls: ssl.SSLContext, ca: CertificateAuthority) -> None:
    base = "/exec/default/web/web"
    got = await by_websocket(server.port, tls, f"{base}?command=sh&command=-c&command=echo+out;exit+5&output=1&error=1")
    check("exec over WebSocket gives output and exit code", got.get(1) == b"out\n" and b'"message":"5"' in got[3])
    got = await by_websocket(server.port, tls, f"{base}?command=cat&input=1&output=1", b"hello\n")
    check("exec over WebSocket takes input", got.get(1) == b"hello\n")
    transport = HttpTransport(f"https://127.0.0.1:{server.port}", tls=tls)
    headers = [("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", "v4.channel.k8s.io")]
    answer = await transport(Request("POST", base, "command=true&output=1", headers))
    passed = answer.status == 101 and answer.header("x-stream-protocol-version") == "v4.channel.k8s.io"
    check("exec is upgraded to SPDY", passed)
    if answer.connection is not None:
        answer.connection.close()
    attached = await attach_some(server.port, tls)
    check("attach shows the container's output", b"tick" in attached)
    check("port-forward reaches a port of the pod", await forwarded(server.port, tls) == b"secret!")
    pieces = b""
    answer = await transport(Request("GET", "/containerLogs/default/web/web", "follow=true&tailLines=2"))
    async with asyncio.timeout(120):
        stopping = asyncio.create_task(view.cri.stop_container(view.found["container"], 0))
        async for piece in answer.body:  # type: ignore[union-attr]
            pieces += piece
        await stopping
    check("a followed log ends with the container", b"tick" in pieces)
    await transport.close()


async def attach_some(port: int, tls: ssl.SSLContext) -> bytes:
    url = f"wss://127.0.0.1:{port}/attach/default/web/web?output=1"
    async with connect(url, subprotocols=[Subprotocol("v4.channel.k8s.io")], ssl=tls) as stream:
        got = b""
        async with asyncio.timeout(120):
            while b"tick" not in got:
                data = await stream.recv()
                got += data if isinstance(data, bytes) else data.encode()
        return got


async def forwarded(port: int, tls: ssl.SSLContext) -> bytes:
    """The file that the container's web server serves, fetched through a forwarded port."""
    url = f"wss://127.0.0.1:{port}/portForward/default/web?port=8080"
    async with connect(url, subprotocols=[Subprotocol("v4.channel.k8s.io")], ssl=tls) as stream:
        await stream.send(b"\x00GET /key HTTP/1.0\r\n\r\n")
        got = b""
        async with asyncio.timeout(120):
            while b"secret!" not in got:
                data = await stream.recv()
                raw = data if isinstance(data, bytes) else data.encode()
                if raw[0] == 0:
                    got += raw[1:]
        return got[-7:]


async def main(directory: Path) -> None:
    kernel = LinuxKernel()
    cgroups = PodCgroups(detect(kernel), root=f"kpods-test-{os.getpid()}-{directory.name}", process_limit=60)
    cri = Containerd(str(directory / "containerd.sock"))
    view = View(cri, directory / "logs" / "pod")
    api = ObjectServer()
    api.put("secrets", "s", "default", data={"key": "c2VjcmV0IQ=="})
    volumes = VolumeManager(Client(api), str(directory / "kubelet"), kernel, "node-1")
    ca = CertificateAuthority.create("ca")
    context = server_context(ca.issue("node", names=["127.0.0.1"]), client_ca=ca.certificate_pem)
    tls = client_context(ca.certificate_pem, ca.issue("admin"))
    stats = NodeStats(view, cgroups, kernel, str(directory), "node-1")
    config = ServerConfig(node_name="node-1", host="127.0.0.1", port=0, healthz_port=0)
    server = KubeletServer(config, view, Client(api), tls=context, stats=stats)
    async with running("volumes", volumes.serve), running("server", server.serve):
        paths = await volumes.mount(view.the_pod)
        sub = volumes.subpath(view.the_pod, paths["disk"], "a/b")
        parent = cgroups.ensure(view.the_pod)
        await start_pod(view, paths, sub, parent)
        try:
            check("secret is readable", await output_of(view, "cat", "/secret/key") == "secret!")
            check("secret is on a tmpfs", "tmpfs" in await output_of(view, "sh", "-c", "grep ' /secret ' /proc/mounts"))
            full = await output_of(view, "sh", "-c", "cat /dev/zero > /memory/f; true")
            check("a memory volume has its limit", "No space left" in full)
            Path(paths["disk"], "a", "b", "f").write_text("sub")
            check("subPath shows a part of a volume", await output_of(view, "cat", "/sub/f") == "sub")
            in_cgroup = await output_of(view, "sh", "-c", "cat /proc/1/cgroup")
            check("the container is below the pod's cgroup", f"{parent}/" in in_cgroup)
            check("the pod's cgroup counts", cgroups.usage(view.the_pod).processes >= 2)
            api.put("secrets", "s", "default", data={"key": "bmV3"})

            async def changed() -> bool:
                return await output_of(view, "cat", "/secret/key") == "new"

            await until(changed)
            check("a changed secret reaches the container", True)
            api.put("secrets", "s", "default", data={"key": "c2VjcmV0IQ=="})
            await until(lambda: is_back(view))
            await rotation(view)
            await statistics(server, api)
            await streams(view, server, tls, ca)
        finally:
            await cri.stop_sandbox(view.found["sandbox"])
            await cri.remove_sandbox(view.found["sandbox"])
        await volumes.unmount("uid-1")
        check("nothing stays mounted", kernel.mounts_below(str(directory / "kubelet")) == [])
        cgroups.remove("uid-1")
        left = [
            hierarchy
            for hierarchy in os.listdir("/sys/fs/cgroup")
            if os.path.exists(f"/sys/fs/cgroup/{hierarchy}{parent}")
        ]
        check("the pod's cgroup is gone", cgroups.pods() == set() and cgroups.destroy() and not left)
    await cri.close()


async def is_back(view: View) -> bool:
    return await output_of(view, "cat", "/secret/key") == "secret!"


async def rotation(view: View) -> None:
    path = view.log_path(view.the_pod, "web") or ""
    rotated = await LogRotation(view, maximum_bytes=1).rotate_all()

    async def written() -> bool:
        return os.path.exists(path) and b"tick" in Path(path).read_bytes()

    await until(written)
    check("a rotated log goes on in a new file", rotated == 1 and len(rotated_files(path)) == 1)


async def statistics(server: KubeletServer, api: ObjectServer) -> None:
    async def ask(path: str) -> bytes:
        request = Request("GET", path, headers=[("authorization", "Bearer x")])
        return await read_body(await server(request))

    api.review = reviewed
    summary = msgspec.json.decode(await ask("/stats/summary"))
    pod = summary["pods"][0]
    enough = pod["containers"][0]["memory"]["workingSetBytes"] > 0 and pod["cpu"]["usageCoreNanoSeconds"] > 0
    check("the summary counts", enough and summary["node"]["memory"]["workingSetBytes"] > 0)
    text = (await ask("/metrics/resource")).decode()
    check("resource metrics", 'container_memory_working_set_bytes{container="web",' in text)


def reviewed(body: dict[str, Any]) -> dict[str, Any]:
    return {"authenticated": True, "user": {"username": "u"}, "allowed": True}


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
