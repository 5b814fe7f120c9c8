"""Each component as a process of its own, talking HTTPS to the API server and to nobody else."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import PYBERNETES, Cluster
from tests.e2e.objects import deployment, pod, service, shell
from tests.support.machine import Machine, machine
from tests.support.waiting import until

from pybernetes.cluster.containerd import ContainerdPaths, render_config
from pybernetes.cluster.images import PAUSE, SAMPLE, ImageStore

COMPONENTS = ("controller-manager", "scheduler", "kubelet", "proxy", "dns", "metrics-server")


class Parts:
    """A cluster of processes that a test starts and ends one by one."""

    def __init__(self, host: Machine) -> None:
        self.cluster = Cluster(host, host.directory / "data")
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, *flags: str) -> None:
        words = [PYBERNETES, name, "--data-dir", str(self.cluster.data_dir), *flags]
        with (self.cluster.machine.directory / f"{name}.log").open("ab") as log:
            self._running[name] = self.cluster.machine.start(*words, stdout=log)

    def stop(self, name: str) -> int:
        """End it as a service manager does; its exit code."""
        process = self._running.pop(name)
        (number,) = self.cluster.machine.processes(f"pybernetes {name} --data-dir")
        self.cluster.machine.kill(number, signal.SIGTERM)
        return process.wait(60)

    def log(self, name: str) -> str:
        return (self.cluster.machine.directory / f"{name}.log").read_text()

    def logs(self) -> str:
        return "\n".join(f"{name}: {self.log(name)[-2000:]}" for name in self._running)

    def answers(self) -> bool:
        return self.cluster.kubectl.run("get", "--raw", "/readyz", check=False).returncode == 0

    def alive(self) -> set[str]:
        return {name for name, process in self._running.items() if process.poll() is None}


def _containerd(host: Machine, base: Path) -> None:
    """The administrator's own containerd, as `kubelet --container-runtime-endpoint` expects one."""
    paths = ContainerdPaths(base)
    for directory in (base, paths.cni_configuration, paths.registries):
        directory.mkdir(parents=True, exist_ok=True)
    paths.config.write_text(render_config(paths))
    host.start("containerd", "--config", str(paths.config), stdout=subprocess.DEVNULL)
    until(paths.socket.exists)
    asyncio.run(ImageStore(paths).ensure([PAUSE, SAMPLE], base / "images"))


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with machine("m1") as host:
        found = Parts(host)
        found.start("apiserver")
        until(found.answers, show=lambda: found.log("apiserver"))
        _containerd(host, host.directory / "containerd")
        for name in COMPONENTS:
            endpoint = f"--container-runtime-endpoint={host.directory}/containerd/containerd.sock"
            found.start(name, *([endpoint] if name == "kubelet" else []))
        until(lambda: found.cluster.kubectl.run("get", "node/m1", check=False).returncode == 0, show=found.logs)
        found.cluster.kubectl.wait("node/m1", "condition=Ready", timeout=90)
        yield found


def test_they_make_a_working_cluster(parts: Parts) -> None:
    k = parts.cluster.kubectl
    k.apply(deployment("web", "default", 2), service("web", "default"))
    k("rollout", "status", "deployment/web", "--timeout=120s")
    k.apply(pod("client", "default", shell("c", "while true; do sleep 0.2; done")))
    k.wait("pod/client", "condition=Ready")
    ask = ("exec", "client", "--", "wget", "-qO-", "http://web.default.svc.cluster.local/")
    until(lambda: k.run(*ask, check=False).stdout.startswith("Hello from web-"), show=parts.logs)
    assert k("logs", "deployment/web") is not None
    assert parts.alive() == {"apiserver", *COMPONENTS}


FETCH = """
import ssl, sys, urllib.request
url, token = sys.argv[1:]
request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
print(urllib.request.urlopen(request, context=ssl._create_unverified_context()).read().decode())
"""


def test_health_is_for_everybody_and_metrics_for_who_may_monitor(parts: Parts) -> None:
    k = parts.cluster.kubectl

    def fetch(port: int, path: str, token: str = "") -> str:
        url = f"https://127.0.0.1:{port}{path}"
        return parts.cluster.machine.run(sys.executable, "-c", FETCH, url, token, check=False).stdout

    k("create", "serviceaccount", "prometheus")
    k(
        "create",
        "clusterrolebinding",
        "prometheus",
        "--clusterrole=system:monitoring",
        "--serviceaccount=default:prometheus",
    )
    token = k("create", "token", "prometheus").strip()
    for port, metric in (
        (10257, 'workqueue_depth{name="replicaset"}'),
        (10259, 'scheduler_cache_size{type="nodes"} 1'),
    ):
        assert fetch(port, "/healthz") == "ok\n"
        assert fetch(port, "/metrics") == ""
        until(lambda p=port, m=metric: m in fetch(p, "/metrics", token), show=parts.logs)  # type: ignore[misc]


def test_the_proxy_shows_itself_to_its_machine(parts: Parts) -> None:
    def fetch(port: int, path: str) -> str:
        url = f"http://127.0.0.1:{port}{path}"
        return parts.cluster.machine.run(sys.executable, "-c", FETCH, url, "").stdout

    assert fetch(10249, "/proxyMode") == "nftables\n"
    assert 'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}' in fetch(10249, "/metrics")
    assert json.loads(fetch(10256, "/healthz"))["nodeEligible"] is True


def test_each_is_known_by_its_own_name(parts: Parts) -> None:
    k = parts.cluster.kubectl
    leases = k.json("get", "leases", "-A")["items"]
    assert {lease["metadata"]["name"] for lease in leases} >= {"kube-controller-manager", "kube-scheduler", "m1"}

    def may(name: str, *what: str) -> str:
        credentials = str(parts.cluster.data_dir / f"{name}.kubeconfig")
        return k.run("auth", "can-i", *what, "--kubeconfig", credentials, check=False).stdout.strip()

    assert may("scheduler", "create", "pods", "--subresource=binding") == "yes"
    assert may("proxy", "watch", "endpointslices.discovery.k8s.io") == "yes"
    assert may("dns", "list", "services") == "yes"
    assert may("dns", "create", "pods") == "no"
    assert may("controller-manager", "create", "serviceaccounts", "--subresource=token") == "yes"
    assert may("controller-manager", "delete", "pods") == "no", "controllers act as their own service accounts"
    accounts = k("get", "serviceaccounts", "-n", "kube-system", "-o", "name").split()
    assert {"serviceaccount/deployment-controller", "serviceaccount/replicaset-controller"} <= set(accounts)
    assert k("get", "pods", "-n", "kube-system", "-o", "name") == "", "the kubelet vouches for its own process only"


def test_the_metrics_server_asks_the_kubelet_by_its_own_name(parts: Parts) -> None:
    k = parts.cluster.kubectl
    until(lambda: k.run("top", "nodes", "--no-headers", check=False).stdout.startswith("m1 "), show=parts.logs)
    until(lambda: "client" in k.run("top", "pods", check=False).stdout, show=parts.logs)


def test_without_the_scheduler_pods_wait_and_without_controllers_nothing_is_replaced(parts: Parts) -> None:
    k = parts.cluster.kubectl
    assert parts.stop("scheduler") == 0
    assert parts.stop("controller-manager") == 0
    k.apply(pod("waiting", "default", shell("c", "while true; do sleep 0.2; done")))
    k.apply(deployment("later", "default", 1))
    assert k("get", "pod", "waiting", "-o", "jsonpath={.status.phase}{.spec.nodeName}") == "Pending"
    assert k("get", "replicasets", "-l", "app=later", "-o", "name") == ""
    parts.start("scheduler")
    k.wait("pod/waiting", "condition=Ready")
    parts.start("controller-manager")
    k("rollout", "status", "deployment/later", "--timeout=120s")


def test_without_the_api_server_pods_go_on_and_everything_comes_back_with_it(parts: Parts) -> None:
    k = parts.cluster.kubectl
    before = k.json("get", "pod", "client")["status"]
    address = k("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    assert parts.stop("apiserver") == 0
    done = k.run("get", "pods", check=False)
    assert done.returncode == 1
    assert "connection to the server" in done.stderr
    assert parts.cluster.machine.run("busybox", "wget", "-qO-", f"http://{address}/").stdout.startswith("Hello")
    parts.start("apiserver")
    until(parts.answers, show=parts.logs)
    k("scale", "deployment/web", "--replicas=3")
    k("rollout", "status", "deployment/web", "--timeout=120s")
    after = k.json("get", "pod", "client")["status"]
    assert after["containerStatuses"][0]["containerID"] == before["containerStatuses"][0]["containerID"]
    assert after["containerStatuses"][0]["restartCount"] == 0
    assert parts.alive() == {"apiserver", *COMPONENTS}


def test_a_component_without_credentials_says_what_is_missing(parts: Parts, tmp_path: Path) -> None:
    done = parts.cluster.machine.run(PYBERNETES, "scheduler", "--data-dir", str(tmp_path), check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {tmp_path}/scheduler.kubeconfig does not exist; "
        "give the file with --kubeconfig or the directory with --data-dir"
    ]
