"""What comes back by itself: pods that are deleted, and a kubelet or API server that is killed while in use.

The kills happen to clusters of their own: one process that is everything (`up`), and a control plane and an agent as
two processes, as on two machines.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.e2e.conftest import PYBERNETES, Cluster, cluster_on
from tests.e2e.objects import SLEEP, container, deployment, pod, shell
from tests.support import acknowledged_writes
from tests.support.kubectl import Kubectl
from tests.support.machine import Machine, machine
from tests.support.pods import Pods
from tests.support.waiting import until

PROBE = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}


class Acknowledged(msgspec.Struct):
    """What the API server has said yes to, by name."""

    created: dict[str, str]
    updated: dict[str, tuple[str, int]]
    attempted: set[str]
    deleted: set[str]

    @property
    def count(self) -> int:
        return len(self.created) + len(self.updated) + len(self.deleted)


class Writer:
    """`acknowledged_writes.py` at work on a machine."""

    def __init__(self, cluster: Cluster, namespace: str, output: Path) -> None:
        self.output = output
        self._machine = cluster.machine
        words = (sys.executable, acknowledged_writes.__file__, str(cluster.data_dir / "admin.kubeconfig"), namespace)
        with output.open("wb") as sink:
            self.process = cluster.machine.start(*words, stdout=sink)

    def so_far(self) -> Acknowledged:
        found = Acknowledged({}, {}, set(), set())
        for line in self.output.read_text().splitlines(keepends=True):
            match line.split() if line.endswith("\n") else []:
                case ["create", name, version]:
                    found.created[name] = version
                case ["update", name, version, number]:
                    found.updated[name] = (version, int(number))
                case ["attempt", name]:
                    found.attempted.add(name)
                case ["delete", name]:
                    found.deleted.add(name)
        return found

    def writes_on(self) -> None:
        """Wait until fifty more writes were acknowledged."""
        before = self.so_far().count
        updates = self.so_far().updated
        until(lambda: self.so_far().count > before + 50 and self.so_far().updated != updates)

    def end(self) -> Acknowledged:
        """Stop it; what it had been told when its last thread was gone."""
        Machine.interrupt(self.process)
        until(lambda: not self._machine.processes("acknowledged_writes[.]py"))
        return self.so_far()


@contextlib.contextmanager
def writing(cluster: Cluster, namespace: str) -> Iterator[Writer]:
    """Writes to a new namespace until the block ends."""
    cluster.kubectl("create", "namespace", namespace)
    with tempfile.NamedTemporaryFile() as file:
        writer = Writer(cluster, namespace, Path(file.name))
        try:
            yield writer
        finally:
            writer.end()


def assert_nothing_is_lost(kubectl: Kubectl, namespace: str, said: Acknowledged) -> None:
    """Everything that was acknowledged is there as it was acknowledged, and what was deleted is not."""
    items = kubectl.json("get", "configmaps", "-n", namespace)["items"]
    found = {item["metadata"]["name"]: item for item in items}
    versions = {name: item["metadata"]["resourceVersion"] for name, item in found.items()}
    kept = {name: version for name, version in said.created.items() if name not in said.attempted}
    assert {name: versions.get(name) for name in kept} == kept
    for name, (version, number) in said.updated.items():
        assert int(found[name]["data"]["number"]) >= number
        assert int(versions[name]) >= int(version)
    assert not said.deleted & found.keys()
    assert len(kept) > 50 and said.deleted and len(said.updated) == acknowledged_writes.WRITERS


def applications(kubectl: Kubectl) -> None:
    """A bare pod with a sidecar, one that is probed, and a deployment; all of them ready."""
    side = shell("side", SLEEP, restartPolicy="Always")
    kubectl.apply(
        pod("bare", "default", shell("c", SLEEP), initContainers=[shell("once", "true"), side]),
        pod("probed", "default", container("c", livenessProbe=PROBE, readinessProbe=PROBE)),
        deployment("web", "default", 2),
    )
    kubectl("wait", "--for=condition=Ready", "--timeout=120s", "pod/bare", "pod/probed")
    kubectl("rollout", "status", "deployment/web", "--timeout=120s")


def running(kubectl: Kubectl) -> dict[str, Any]:
    """pod/container -> what must not change while others are killed."""
    found = {}
    for item in kubectl.json("get", "pods", "-n", "default")["items"]:
        status = item["status"]
        for one in [*status["containerStatuses"], *status.get("initContainerStatuses", ())]:
            found[f"{item['metadata']['name']}/{one['name']}"] = (
                one["containerID"], one["restartCount"], one["state"], status["podIP"],
            )  # fmt: skip
    return found


def all_ready(kubectl: Kubectl) -> bool:
    done = kubectl.run("wait", "--for=condition=Ready", "--timeout=0", "pods", "--all", check=False)
    return done.returncode == 0


def api_answers(kubectl: Kubectl) -> bool:
    return kubectl.run("get", "--raw", "/readyz", check=False).returncode == 0


def heartbeat(kubectl: Kubectl, node: str) -> str:
    return kubectl("get", "lease", node, "-n", "kube-node-lease", "-o", "jsonpath={.spec.renewTime}")


def test_a_deleted_pod_is_replaced(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(deployment("web", namespace, 2))
    pods("rollout", "status", "deployment/web", "--timeout=120s")
    names = pods("get", "pods", "-o", "name").split()
    pods("delete", names[0])
    now = until(lambda: len(found := pods("get", "pods", "-o", "name").split()) == 2 and found)
    assert names[0] not in now and names[1] in now
    pods("wait", "--for=condition=Ready", "--timeout=120s", *now)


def test_everything_is_killed_and_comes_back_without_a_restart_or_a_lost_write() -> None:
    with machine("m3") as host, cluster_on(host) as cluster:
        kubectl = cluster.kubectl
        applications(kubectl)
        before = running(kubectl)
        with writing(cluster, "written") as writer:
            for _ in range(3):
                writer.writes_on()
                (server,) = host.processes("^[^ ]+ -m pybernetes server")
                host.kill(server)
                until(lambda: api_answers(kubectl))
            writer.writes_on()
            said = writer.end()
        assert_nothing_is_lost(kubectl, "written", said)
        until(lambda: all_ready(kubectl))
        assert running(kubectl) == before
        # The new kubelet has taken them over: it sees what happens to them from now on.
        kubectl("exec", "probed", "--", "sh", "-c", "kill -9 $(pidof httpd)")
        restarted: Callable[[Any], bool] = lambda found: found["status"]["containerStatuses"][0]["restartCount"] == 1  # noqa: E731
        kubectl.until(restarted, "get", "pod/probed")
        kubectl("delete", "pod/bare", timeout=90)


@pytest.fixture
def two_processes() -> Iterator[tuple[Cluster, dict[str, subprocess.Popen[str]]]]:
    """A control plane, and a node that has joined it, on one machine."""
    with machine("m4") as host:
        cluster = Cluster(host, host.directory / "data")
        running_ = {"server": start(cluster, "server")}
        until(lambda: cluster.data_dir.joinpath("admin.kubeconfig").exists() and api_answers(cluster.kubectl))
        join = cluster.pybernetes("token", "create").split()[2:]
        running_["agent"] = start(cluster, "agent", *join)
        until(lambda: cluster.kubectl.run("get", "node", "m4", check=False).returncode == 0)
        cluster.kubectl.wait("node/m4", "condition=Ready", timeout=90)
        yield cluster, running_


def start(cluster: Cluster, command: str, *flags: str) -> subprocess.Popen[str]:
    """Start one half; the agent has a data directory of its own."""
    host = cluster.machine
    directory = cluster.data_dir if command == "server" else host.directory / "node"
    with (host.directory / f"{command}.log").open("ab") as log:
        return host.start(PYBERNETES, command, "--data-dir", str(directory), *flags, stdout=log)


def kill(host: Machine, command: str, process: subprocess.Popen[str]) -> None:
    (number,) = host.processes(f"pybernetes {command} --data-dir")
    host.kill(number)
    process.wait(60)


def test_agent_and_server_are_killed_apart(two_processes: tuple[Cluster, dict[str, subprocess.Popen[str]]]) -> None:
    cluster, processes = two_processes
    host, kubectl = cluster.machine, cluster.kubectl
    applications(kubectl)
    before = running(kubectl)
    address = kubectl("get", "pod/probed", "-o", "jsonpath={.status.podIP}")
    for command in ("agent", "server"):
        with writing(cluster, f"{command}-killed") as writer:
            writer.writes_on()
            kill(host, command, processes[command])
            assert host.run("busybox", "wget", "-qO-", f"http://{address}:8080/").stdout.startswith("Hello from probed")
            if command == "agent":
                writer.writes_on()
            last_seen = "" if command == "server" else heartbeat(kubectl, "m4")
            processes[command] = start(cluster, command)
            until(lambda: api_answers(kubectl))
            writer.writes_on()
            until(lambda seen=last_seen: heartbeat(kubectl, "m4") > seen)
            said = writer.end()
        assert_nothing_is_lost(kubectl, f"{command}-killed", said)
        until(lambda: all_ready(kubectl))
        assert running(kubectl) == before
    # Both know each other again: a write reaches the node, and what the node sees reaches the API.
    kubectl.apply(pod("after", "default", container("c", readinessProbe=PROBE)))
    kubectl.wait("pod/after", "condition=Ready", timeout=90)
    assert kubectl("exec", "after", "--", "hostname") == "after"
