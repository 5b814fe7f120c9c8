"""What upstream's conformance tests of `[sig-cli] Kubectl client` do, with the stock client and with ours.

Nodes are hollow: pods become ready and never run; what needs their output is in tests/e2e.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.kubectl.differential import environment
from tests.support.kubectl import installed
from tests.support.waiting import until

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
IMAGE = "registry.k8s.io/e2e-test-images/httpd:2.4.38-4"
RC = f"""apiVersion: v1
kind: ReplicationController
metadata: {{name: agnhost-primary, labels: &labels {{app: agnhost, role: primary}}}}
spec:
  replicas: 1
  selector: *labels
  template:
    metadata: {{labels: *labels}}
    spec:
      containers: [{{name: agnhost-primary, image: "{AGNHOST}", ports: [{{name: s, containerPort: 6379}}]}}]
"""  # fmt: skip
_OF_A_POD = (
    "Name:", "Namespace:", "Node:", "Labels:", "role=primary", "Annotations:", "Status:", "Running", "IP:",
    "Controlled By:", "ReplicationController/agnhost-primary", "Image:", "State:", "QoS Class:",
)  # fmt: skip
_OF_A_CONTROLLER = (
    "Name:", "Selector:", "app=agnhost,role=primary", "Replicas:", "1 current", "1 desired", "Pods Status:",
    "1 Running", "0 Waiting", "0 Succeeded", "0 Failed", "Pod Template:", "Events:",
)  # fmt: skip
TIERS = ("frontend", "agnhost-primary", "agnhost-replica")


class Client:
    """A kubectl in a namespace of its own."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self.command = command
        self.variables = variables
        self.namespace = ""

    def __call__(self, *words: str, given: str = "", codes: tuple[int, ...] = (0,)) -> str:
        line = [*self.command, *([f"--namespace={self.namespace}"] if self.namespace else []), *words]
        done = subprocess.run(
            line, input=given, capture_output=True, text=True, env=self.variables, timeout=240, check=False
        )
        assert done.returncode in codes, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def names(self, what: str, *words: str) -> list[str]:
        return self("get", what, *words, "-o", "name", "--ignore-not-found").split()

    def ready(self, selector: str, count: int) -> None:
        """Wait for so many pods; `wait` would know of those alone that are there when it begins."""
        until(lambda: len(self.names("pods", "-l", selector)) == count)
        self("wait", "pod", "-l", selector, "--for=condition=Ready", "--timeout=180s")

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.variables
        )


@pytest.fixture(params=["stock", "ours"])
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path: Path) -> Iterator[Client]:
    stock = installed()
    if request.param == "stock" and not stock:
        pytest.skip("no stock kubectl here")
    command = (
        [list(stock.values())[-1]] if request.param == "stock" else [sys.executable, "-m", "pybernetes", "kubectl"]
    )
    found = Client(command, environment(tmp_path, kubeconfig, tmp_path / "cache"))
    namespace = f"cli-{uuid.uuid4().hex[:8]}"
    found("create", "namespace", namespace)
    found.namespace = namespace
    until(lambda: found.names("serviceaccount/default"))  # without it no pod is accepted
    yield found
    found.namespace = ""
    found("delete", "namespace", namespace, "--wait=false")


def test_a_guestbook_is_created_and_stopped(kubectl: Client) -> None:
    for name in TIERS:
        labels = {"app": "guestbook", "tier": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}}
        deployment = {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        }  # fmt: skip
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                   "spec": {"selector": labels, "ports": [{"port": 80}]}}  # fmt: skip
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": [deployment, service]})
        kubectl("create", "-f", "-", given=body)
    kubectl.ready("app=guestbook", 2 * len(TIERS))
    for name in TIERS:
        kubectl("delete", f"deploy/{name}", f"svc/{name}", "--grace-period=0", "--force")
    kubectl("wait", "pod", "-l", "app=guestbook", "--for=delete", "--timeout=180s")
    assert kubectl("get", "deploy,svc", "-o", "name") == ""


def test_api_versions_have_v1(kubectl: Client) -> None:
    assert "v1" in kubectl("api-versions").splitlines()


def test_cluster_info_names_the_control_plane(kubectl: Client) -> None:
    assert "Kubernetes control plane" in kubectl("cluster-info")
    assert "is running at" in kubectl("cluster-info")


def test_describe_prints_relevant_information_for_a_controller_and_its_pod(kubectl: Client) -> None:
    kubectl("create", "-f", "-", given=RC)
    kubectl.ready("app=agnhost", 1)
    pod = kubectl("get", "pods", "-l", "app=agnhost", "-o", "jsonpath={.items[0].metadata.name}")
    shown = kubectl("describe", "pod", pod)
    for words in _OF_A_POD:
        assert words in shown
    kubectl("wait", "rc/agnhost-primary", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=180s")
    shown = kubectl("describe", "rc", "agnhost-primary")
    for words in _OF_A_CONTROLLER:
        assert words in shown
    kubectl("expose", "rc", "agnhost-primary", "--port=80")
    assert "Endpoints:" in kubectl("describe", "service", "agnhost-primary")
    assert "PodCIDR" in kubectl("describe", "node", "hollow-0")
    assert "Active" in kubectl("describe", "namespace", kubectl.namespace)


def test_diff_finds_a_difference_of_a_deployment(kubectl: Client) -> None:
    manifest = kubectl("create", "deployment", "httpd", f"--image={IMAGE}", "--dry-run=client", "-o", "yaml")
    kubectl("create", "-f", "-", given=manifest)
    changed = manifest.replace("2.4.38-4", "2.4.39-4")
    shown = kubectl("diff", "-f", "-", given=changed, codes=(1,))
    assert "2.4.39-4" in shown
    assert "2.4.38-4" in shown


def test_services_are_made_for_a_controller_and_for_a_service(kubectl: Client) -> None:
    kubectl("create", "-f", "-", given=RC)
    kubectl.ready("app=agnhost", 1)
    kubectl("expose", "rc", "agnhost-primary", "--name=rm2", "--port=1234", "--target-port=6379")
    kubectl("expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379")
    for name, port in (("rm2", "1234"), ("rm3", "2345")):
        assert kubectl("get", "svc", name, "-o", "jsonpath={.spec.ports[0].port}") == port
        until(lambda what=f"endpoints/{name}": kubectl.names(what))
        kubectl("wait", f"endpoints/{name}", "--for=jsonpath={.subsets[0].ports[0].port}=6379", "--timeout=180s")


def test_a_label_is_updated_and_removed(kubectl: Client) -> None:
    kubectl("run", "pause", f"--image={IMAGE}")
    kubectl("label", "pods", "pause", "testing-label=testing-label-value")
    assert "testing-label-value" in kubectl("get", "pod", "pause", "-L", "testing-label")
    kubectl("label", "pods", "pause", "testing-label-")
    assert "testing-label-value" not in kubectl("get", "pod", "pause", "-L", "testing-label")


def test_a_patch_adds_annotations_to_the_pods_of_a_controller(kubectl: Client) -> None:
    kubectl("create", "-f", "-", given=RC)
    kubectl.ready("app=agnhost", 1)
    pod = kubectl("get", "pods", "-l", "app=agnhost", "-o", "jsonpath={.items[0].metadata.name}")
    kubectl("patch", "pod", pod, "-p", '{"metadata":{"annotations":{"x":"y"}}}')
    assert kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.annotations.x}") == "y"


def test_replace_updates_the_image_of_a_pod(kubectl: Client) -> None:
    kubectl("run", "e2e-test-httpd-pod", f"--image={IMAGE}", "--labels=run=e2e-test-httpd-pod")
    kubectl("wait", "pod/e2e-test-httpd-pod", "--for=condition=Ready", "--timeout=180s")
    body = kubectl("get", "pod", "e2e-test-httpd-pod", "-o", "json").replace(IMAGE, "registry.k8s.io/busybox:1.29-4")
    kubectl("replace", "-f", "-", given=body)
    shown = kubectl("get", "pod", "e2e-test-httpd-pod", "-o", "jsonpath={.spec.containers[0].image}")
    assert shown == "registry.k8s.io/busybox:1.29-4"


def test_run_makes_a_pod_that_never_restarts(kubectl: Client) -> None:
    kubectl("run", "e2e-test-httpd-pod", "--restart=Never", "--pod-running-timeout=2m0s", f"--image={IMAGE}")
    shown = kubectl(
        "get", "pod", "e2e-test-httpd-pod", "-o", "jsonpath={.spec.containers[0].image} {.spec.restartPolicy}"
    )
    assert shown == f"{IMAGE} Never"


def test_a_dry_run_of_the_server_updates_nothing(kubectl: Client) -> None:
    kubectl("run", "pod", f"--image={IMAGE}", "--labels=run=pod")
    patch = '{"spec":{"containers":[{"name":"pod","image":"registry.k8s.io/busybox:1.29-4"}]}}'
    kubectl("patch", "pod", "pod", "-p", patch, "--dry-run=server")
    assert kubectl("get", "pod", "pod", "-o", "jsonpath={.spec.containers[0].image}") == IMAGE


def test_version_prints_all_data(kubectl: Client) -> None:
    shown = json.loads(kubectl("version", "-o", "json"))
    for key in ("clientVersion", "serverVersion"):
        assert {
            "major",
            "minor",
            "gitVersion",
            "gitTreeState",
            "buildDate",
            "goVersion",
            "compiler",
            "platform",
        } <= set(shown[key])


@pytest.fixture
def proxy(kubectl: Client) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[subprocess.Popen[str], str]:
        process = kubectl.start("proxy", *words)
        started.append(process)
        assert process.stdout is not None
        return process, next(line for line in process.stdout if line.startswith("Starting"))

    yield start
    for process in started:
        os.kill(process.pid, signal.SIGINT)
        process.wait(180)
        assert process.stdout is not None
        process.stdout.close()


def test_the_proxy_serves_on_a_unix_socket(
    proxy: Callable[..., tuple[subprocess.Popen[str], str]], tmp_path: Path
) -> None:
    path = tmp_path / "test"
    _, line = proxy(f"--unix-socket={path}")
    assert line == f"Starting to serve on {path}\n"
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(path))
        stream.sendall(b"GET /api/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: stream.recv(65536), b""))
    assert b'"APIVersions"' in answer


def test_the_proxy_serves_on_a_port_of_its_choice(proxy: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    _, line = proxy("-p", "0", "--disable-filter")
    port = line.strip().rpartition(":")[2]
    with urlopen(f"http://127.0.0.1:{port}/api/", timeout=180) as answer:
        assert json.load(answer)["kind"] == "APIVersions"


def test_a_controller_is_created_and_stopped(kubectl: Client) -> None:
    kubectl("create", "-f", "-", given=RC)
    kubectl.ready("app=agnhost", 1)
    kubectl("delete", "-f", "-", "--grace-period=0", "--force", given=RC)
    kubectl("wait", "pod", "-l", "app=agnhost", "--for=delete", "--timeout=180s")
    assert kubectl("get", "rc,svc", "-l", "app=agnhost", "--no-headers") == ""


def test_a_controller_is_scaled(kubectl: Client) -> None:
    kubectl("create", "-f", "-", given=RC)
    for count in ("2", "1", "3"):
        kubectl("scale", "rc", "agnhost-primary", f"--replicas={count}", "--timeout=5m")
        kubectl("wait", "rc/agnhost-primary", f"--for=jsonpath={{.status.readyReplicas}}={count}", "--timeout=180s")
