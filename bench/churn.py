"""What a cluster goes through in a soak (`soak.py`): everything that comes and goes on a node and in the API, again and
again, with clients that are killed and servers that never answer."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from pybernetes.api.core import Pod
from pybernetes.client.client import Client
from pybernetes.cluster.config import ClusterConfig

IMAGE = "localhost/pybernetes/sample-web:1"
Object = dict[str, Any]


def processes(directory: Path) -> dict[str, list[int]]:
    """Of the cluster in `directory`: the server, containerd and its shims."""
    found: dict[str, list[int]] = {"server": [], "containerd": [], "shims": []}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(directory) not in line:
                continue
            if line.startswith("containerd "):
                found["containerd"].append(int(path.name))
            elif "containerd-shim" in line:
                found["shims"].append(int(path.name))
            elif " server " in line and "supervise" not in line and "soak.py" not in line:
                found["server"].append(int(path.name))
    return found


def template(name: str, command: list[str] | None = None, **more: Any) -> Object:
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "IfNotPresent", **more.pop("container", {})}
    if command:
        container["command"] = ["sh", "-c", *command]
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, **more}
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def workload(kind: str, name: str, pod: Object, **spec: Any) -> Object:
    group = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    if group == "apps/v1":
        spec["selector"] = {"matchLabels": {"app": name}}
    if kind != "CronJob":
        spec["template"] = pod
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}


class Churn:
    """What one round does in its namespaces; `client` is the administrator's."""

    def __init__(self, client: Client, config: ClusterConfig, number: int) -> None:
        self.client, self.config, self.number = client, config, number
        self.failed: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    async def kubectl(self, *words: str, given: str = "", kill_after: float = 0.0) -> str:
        """Run kubectl; with `kill_after`, it is killed by then."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pybernetes", "kubectl", "--kubeconfig", str(self.config.admin_kubeconfig), *words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(given.encode()), kill_after or 60)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
            return ""
        return output.decode()

    async def create(self, namespace: str, *objects: Object) -> None:
        for obj in objects:
            await self.client.create(obj, namespace=namespace)

    @contextlib.asynccontextmanager
    async def namespace(self, name: str) -> AsyncIterator[str]:
        name = f"soak-{name}-{self.number}-{random.randrange(1 << 30):x}"
        await self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await asyncio.sleep(0.5)
        try:
            yield name
        finally:
            await self.kubectl("delete", "namespace", name, "--wait=false")

    async def workloads(self) -> None:
        async with self.namespace("work") as space:
            probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
            web = template("web", container={"readinessProbe": probe, "livenessProbe": probe})
            await self.create(
                space,
                workload("Deployment", "web", web, replicas=2),
                workload("StatefulSet", "set", template("set", ["sleep 1000"]), replicas=2, serviceName="set"),
                workload("DaemonSet", "each", template("each", ["sleep 1000"])),
                workload("Job", "job", template("job", ["exit 0"], restartPolicy="Never"), completions=2),
                workload(
                    "CronJob", "cron", {}, schedule="* * * * *",
                    jobTemplate={"spec": {"template": template("cron", ["exit 0"], restartPolicy="Never")}},
                ),
            )  # fmt: skip
            for kind in ("ClusterIP", "NodePort", "LoadBalancer", "headless"):
                more: Object = {"clusterIP": "None"} if kind == "headless" else {"type": kind}
                if kind == "ClusterIP":
                    more["sessionAffinity"] = "ClientIP"
                spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **more}
                name = {"name": kind.lower()}
                await self.create(space, {"apiVersion": "v1", "kind": "Service", "metadata": name, "spec": spec})
            policy = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]}
            await self.create(
                space,
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"name": "p"},
                    "spec": policy,
                },
            )
            await self.kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=40s")
            for _ in range(2):
                await self.kubectl("-n", space, "set", "env", "deployment/web", f"TURN={random.random()}")
                await self.kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=40s")
            await self.kubectl("-n", space, "rollout", "undo", "deployment/web")
            await self.kubectl("-n", space, "scale", "deployment/web", "--replicas=3")
            await self.kubectl(
                "-n", space, "delete", "pod", "-l", "app=web", "--force", "--grace-period=0", "--wait=false"
            )
            await self.kubectl("-n", space, "delete", "pod", "set-0", "--wait=false")

    async def failing_pods(self) -> None:
        async with self.namespace("fail") as space:
            never = {"periodSeconds": 1, "failureThreshold": 2, "exec": {"command": ["false"]}}
            big = {"resources": {"limits": {"memory": "16Mi"}}}
            pods = {
                "crash": template("crash", ["exit 3"]),
                "oom": template("oom", ["tail /dev/zero"], container=big),
                "sick": template("sick", ["sleep 1000"], container={"livenessProbe": never, "readinessProbe": never}),
                "absent": template("absent", container={"image": "localhost/absent:1"}),
                "start": template("start", container={"command": ["/no/such/file"]}),
                "huge": template("huge", container={"resources": {"requests": {"cpu": "999"}}}),
                "gone": template("gone", volumes=[{"name": "v", "configMap": {"name": "absent"}}]),
                "evicted": template("evicted", ["sleep 1000"]),
            }
            for name, pod in pods.items():
                body = {"apiVersion": "v1", "kind": "Pod", **pod}
                body["metadata"] = {"name": name, **pod["metadata"]}
                await self.create(space, body)
            await asyncio.sleep(12)
            eviction = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": "evicted", "namespace": space},
            }
            await self.client.create(eviction, subresource="eviction", name="evicted", namespace=space)
            await asyncio.sleep(8)

    async def volumes(self) -> None:
        async with self.namespace("vol") as space:
            data = {"metadata": {"name": "data"}, "apiVersion": "v1"}
            await self.create(
                space,
                {**data, "kind": "ConfigMap", "data": {"a": "1"}},
                {**data, "kind": "Secret", "stringData": {"a": "1"}},
            )
            volumes = [
                {"name": "m", "configMap": {"name": "data"}},
                {"name": "s", "secret": {"secretName": "data"}},
                {"name": "e", "emptyDir": {"medium": "Memory"}},
                {"name": "d", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            ]
            mounts = [{"name": volume["name"], "mountPath": f"/v/{volume['name']}"} for volume in volumes]
            pod = template("reader", ["sleep 1000"], volumes=volumes, container={"volumeMounts": mounts})
            await self.create(space, workload("Deployment", "reader", pod, replicas=2))
            await self.kubectl("-n", space, "rollout", "status", "deployment/reader", "--timeout=40s")
            for turn in range(8):
                change = json.dumps({"data": {"a": str(turn)}})
                await self.kubectl("-n", space, "patch", "configmap", "data", "--type=merge", "-p", change)
                await self.kubectl("-n", space, "label", "pods", "-l", "app=reader", "--overwrite", f"turn=t{turn}")

    async def streams(self) -> None:
        async with self.namespace("str") as space:
            talk = template("talk", ["while true; do date; sleep 0.2; done"])
            body = {"apiVersion": "v1", "kind": "Pod", **talk, "metadata": {"name": "talk"}}
            await self.create(space, body)
            await self.kubectl("-n", space, "wait", "pod/talk", "--for=condition=Ready", "--timeout=40s")
            for _ in range(2):
                await asyncio.gather(
                    self.kubectl("-n", space, "exec", "talk", "--", "true"),
                    self.kubectl("-n", space, "exec", "-i", "talk", "--", "sleep", "5", kill_after=2),
                    self.kubectl("-n", space, "logs", "-f", "talk", kill_after=2),
                    self.kubectl("-n", space, "attach", "talk", kill_after=2),
                    self.kubectl("-n", space, "port-forward", "talk", ":8080", kill_after=2),
                    self.kubectl("-n", space, "get", "pods", "-w", kill_after=2),
                )
            for _ in range(20):
                async for event in self.client.watch(Pod, space, timeout_seconds=2):
                    if event.type == "ADDED":
                        break
            await self._slow_reader()

    async def _slow_reader(self) -> None:
        """Watches of everything that are opened by raw connections which never read, and are cut."""
        proxy = await asyncio.create_subprocess_exec(
            "timeout", "-s", "KILL", "6", sys.executable, "-m", "pybernetes", "kubectl", "proxy", "--port=0",
            "--kubeconfig", str(self.config.admin_kubeconfig), stdout=subprocess.PIPE,
        )  # fmt: skip
        assert proxy.stdout is not None
        line = (await proxy.stdout.readline()).decode()
        port = int(line.rpartition(":")[2])
        writers = []
        for _ in range(4):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            writers.append(writer)
        await proxy.wait()
        for writer in writers:
            writer.close()

    async def custom_resources(self) -> None:
        kind = f"Thing{self.number}x{random.randrange(1 << 20):x}"
        plural = f"{kind.lower()}s"
        schema = {
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {"n": {"type": "integer"}},
                    "x-kubernetes-validations": [{"rule": f"self.n < {1000 + random.randrange(1000)}"}],
                }
            },
        }
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.soak.example.com"},
            "spec": {
                "group": "soak.example.com",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [version],
            },
        }
        async with self.namespace("crd") as space:
            await self.client.create(definition)
            try:
                name = f"crd/{plural}.soak.example.com"
                await self.kubectl("wait", name, "--for=condition=Established", "--timeout=20s")
                things = [
                    {"apiVersion": "soak.example.com/v1", "kind": kind, "metadata": {"name": f"t{n}"}, "spec": {"n": n}}
                    for n in range(30)
                ]
                items = {"apiVersion": "v1", "kind": "List", "items": things}
                await self.kubectl("-n", space, "apply", "-f", "-", given=json.dumps(items))
                await self.kubectl("-n", space, "get", plural)
            finally:
                await self.kubectl("delete", name, "--wait=false")

    async def events(self) -> None:
        async with self.namespace("evt") as space:
            for turn in range(200):
                about = {"kind": "Pod", "namespace": space, "name": f"p{turn}", "apiVersion": "v1"}
                event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"e{turn}"}, "involvedObject": about,
                         "reason": "Churn", "message": f"turn {turn}", "type": "Normal"}  # fmt: skip
                await self.create(space, event)
                if turn % 20 == 0:
                    await asyncio.sleep(0.2)

    async def webhook(self) -> None:
        """A webhook that takes the connection and never answers."""

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        name = f"soak-{self.number}-{random.randrange(1 << 30):x}"
        async with server, self.namespace("hook") as space:
            hook = {
                "name": "silent.soak.example.com",
                "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                "rules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
                "timeoutSeconds": 1,
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
            await self.client.create(
                {
                    "apiVersion": "admissionregistration.k8s.io/v1",
                    "kind": "ValidatingWebhookConfiguration",
                    "metadata": {"name": name},
                    "webhooks": [hook],
                }
            )
            try:
                for turn in range(5):
                    await self.create(
                        space, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{turn}"}}
                    )
            finally:
                await self.kubectl("delete", "validatingwebhookconfiguration", name)

    async def many_pods(self) -> None:
        """Two thousand pods on hollow nodes, replaced once and gone again."""
        async with self.namespace("many") as space:
            for turn in range(20):
                pod = template(f"d{turn}", container={"resources": {"requests": {"cpu": "10m"}}})
                await self.create(space, workload("Deployment", f"d{turn}", pod, replicas=100))
            for turn in range(20):
                await self.kubectl("-n", space, "rollout", "status", f"deployment/d{turn}", "--timeout=60s")
            for turn in range(0, 20, 4):
                await self.kubectl("-n", space, "set", "env", f"deployment/d{turn}", "TURN=1")
                await self.kubectl("-n", space, "rollout", "status", f"deployment/d{turn}", "--timeout=60s")

    async def kills(self) -> None:
        """The server and containerd end by SIGKILL; both come back."""
        for name in ("server", "containerd"):
            for pid in processes(self.config.data_dir)[name]:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(10)

    def kinds(self) -> list[Callable[[], Awaitable[None]]]:
        anywhere = [self.custom_resources, self.events, self.webhook]
        if self.config.hollow_nodes:
            return [self.many_pods, *anywhere]
        return [self.workloads, self.failing_pods, self.volumes, self.streams, *anywhere]

    async def run(self, seconds: float, only: Iterable[str] = ()) -> None:
        """All kinds, each again and again until the time is over; four at a time."""
        end = time.monotonic() + seconds
        gate = asyncio.Semaphore(4)

        async def again(kind: Callable[[], Awaitable[None]]) -> None:
            while time.monotonic() < end:
                async with gate:
                    if time.monotonic() >= end and self.done[kind.__name__]:
                        return
                    try:
                        await kind()
                        self.done[kind.__name__] += 1
                    except Exception as error:
                        self.failed[f"{kind.__name__}: {type(error).__name__} {error}"] += 1
                        await asyncio.sleep(1)

        await asyncio.gather(*(again(kind) for kind in self.kinds() if not only or kind.__name__ in only))
