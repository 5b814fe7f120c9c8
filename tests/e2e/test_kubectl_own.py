"""Our own kubectl against real containers: what needs streams, a terminal, an editor or an interrupt."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import IMAGE, SLEEP, container, deployment, pod, service, shell
from tests.support.kubectl import Kubectl
from tests.support.machine import Machine
from tests.support.pods import Pods
from tests.support.waiting import until


class OwnKubectl(Kubectl):
    """`pybernetes kubectl` in the stock client's place."""

    def __init__(self, cluster: Cluster) -> None:
        self.machine = cluster.machine
        self.kubeconfig = cluster.kubectl.kubeconfig

    def arguments(self, *words: str) -> list[str]:
        cache = self.machine.directory / "own-kubectl-cache"
        head = [sys.executable, "-m", "pybernetes", "kubectl", "--kubeconfig", str(self.kubeconfig)]
        return [*head, "--cache-dir", str(cache), *words]


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> OwnKubectl:
    return OwnKubectl(cluster)


@pytest.fixture(scope="module")
def talker(own: OwnKubectl) -> str:
    """A namespace with a running pod of two containers, one serving HTTP, one that has printed, and a service."""
    namespace = "own-kubectl"
    own("create", "namespace", namespace)
    loud = shell("loud", "echo first; echo second; echo third; while true; do sleep 0.2; done")
    web = container("web", ports=[{"name": "http", "containerPort": 8080}])
    own.apply(pod("talker", namespace, web, loud), service("talker", namespace))
    own.wait("pod/talker", "condition=Ready", "-n", namespace)
    pods = Pods(own, namespace)
    pods.said("talker", "third", "loud")
    pods.answers("talker", "http://127.0.0.1:8080/", "web")
    return namespace


class Terminal:
    """A process on a pseudo-terminal of 30 lines by 100 columns."""

    def __init__(self, k: OwnKubectl, *words: str, environment: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            k.machine.command(k.arguments(*words)),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        os.close(slave)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.killpg(self.process.pid, signal.SIGWINCH)

    def until(self, text: str, seconds: float = 120.0) -> str:
        """Read until the text is there. AssertionError when it does not come."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            if select.select([self.master], [], [], 1.0)[0]:
                try:
                    self.shown += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    assert text in self.shown, self.shown
        return self.shown

    def ended(self, seconds: float = 60.0) -> int:
        code = self.process.wait(seconds)
        os.close(self.master)
        return code


def test_exec_passes_output_errors_and_exit_codes(own: OwnKubectl, talker: str) -> None:
    assert own("exec", "talker", "-n", talker, "-c", "web", "--", "echo", "hello world") == "hello world"
    done = own.run("exec", "talker", "-n", talker, "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert done.returncode == 7
    assert done.stdout == "out\n"
    assert "err\n" in done.stderr
    assert 'Defaulted container "web" out of: web, loud' in done.stderr
    assert "command terminated with exit code 7" in done.stderr


def test_exec_reads_standard_input_to_its_end(own: OwnKubectl, talker: str) -> None:
    text = "line\n" * 20_000
    assert own("exec", "-i", "talker", "-n", talker, "-c", "web", "--", "wc", "-c", given=text) == str(len(text))


def test_exec_with_a_terminal_knows_its_size_and_passes_the_exit_code(own: OwnKubectl, talker: str) -> None:
    terminal = Terminal(own, "exec", "-it", "talker", "-c", "web", "-n", talker, "--", "sh")
    terminal.type("echo $((6*7)); tty; stty size\n")
    terminal.until("/dev/pts/")
    terminal.until("30 100")
    terminal.resize(40, 120)
    terminal.type('until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; exit 3\n')
    terminal.until("42")
    assert terminal.ended() == 3


def test_exec_fails_in_one_line(own: OwnKubectl, talker: str) -> None:
    done = own.run("exec", "talker", "-n", talker, "-c", "nope", "--", "true", check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: container nope is not valid for pod talker out of: web, loud\n",
    )
    done = own.run("exec", "nope", "-n", talker, "--", "true", check=False)
    assert (done.returncode, done.stderr) == (1, 'Error from server (NotFound): pods "nope" not found\n')


def test_attach_sees_what_the_container_echoes(own: OwnKubectl, namespace: str) -> None:
    own.apply(pod("cat", namespace, container("c", "cat", stdin=True)))
    own.wait("pod/cat", "condition=Ready", "-n", namespace)
    process = own.start("attach", "-i", "cat", "-n", namespace, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("echoed\n")
    process.stdin.flush()
    assert any("echoed" in line for line in iter(process.stdout.readline, ""))
    Machine.interrupt(process)


def test_logs_in_all_their_forms(own: OwnKubectl, talker: str) -> None:
    assert own("logs", "talker", "-c", "loud", "-n", talker).splitlines() == ["first", "second", "third"]
    assert own("logs", "talker", "-c", "loud", "--tail=1", "-n", talker) == "third"
    prefixed = own("logs", "-l", "app=talker", "--all-containers", "--prefix", "-n", talker).splitlines()
    assert "[pod/talker/loud] first" in prefixed
    stamped = own("logs", "talker", "-c", "loud", "--timestamps", "--tail=1", "-n", talker)
    assert stamped.endswith("Z third")
    done = own.run("logs", "talker", "--previous", "-c", "loud", "-n", talker, check=False)
    assert done.returncode == 1
    assert "previous terminated container" in done.stderr


def test_followed_logs_go_on_until_interrupted(own: OwnKubectl, namespace: str) -> None:
    own.apply(pod("counter", namespace, shell("c", "i=0; while true; do i=$((i+1)); echo n$i; sleep 0.2; done")))
    own.wait("pod/counter", "condition=Ready", "-n", namespace)
    process = own.start("logs", "-f", "counter", "-n", namespace)
    assert process.stdout is not None
    assert any(line == "n5\n" for line in iter(process.stdout.readline, ""))
    Machine.interrupt(process)


def test_port_forward_to_a_pod_and_through_a_service(own: OwnKubectl, talker: str) -> None:
    for what, ports in (("pod/talker", ":8080"), ("svc/talker", ":80"), ("talker", ":http")):
        process = own.start("port-forward", what, ports, "-n", talker)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Forwarding from 127.0.0.1:"), first
        assert first.rstrip().endswith("-> 8080")
        port = first.split(" ")[2].rpartition(":")[2]
        for _ in range(2):
            assert own.machine.run("curl", "-sSf", f"http://127.0.0.1:{port}/").stdout
        assert f"Handling connection for {port}" in Machine.interrupt(process)


def test_proxy_serves_the_api_in_silence_until_interrupted(own: OwnKubectl, talker: str) -> None:
    process = own.start("proxy", "--port=18001")
    assert process.stdout is not None
    assert process.stdout.readline() == "Starting to serve on 127.0.0.1:18001\n"

    def curl(path: str, *more: str) -> str:
        return own.machine.run("curl", "-s", *more, f"http://127.0.0.1:18001{path}").stdout

    assert json.loads(curl("/version"))["major"] == "1"
    assert curl(f"/api/v1/namespaces/{talker}/pods/talker:8080/proxy/")
    body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"by-proxy"}}'
    made = curl(f"/api/v1/namespaces/{talker}/configmaps", "-d", body, "-H", "Content-Type: application/json")
    assert json.loads(made)["metadata"]["name"] == "by-proxy"
    rejected = curl("/api/v1/namespaces/x/pods/y/exec", "-o", "/dev/null", "-w", "%{http_code}")
    assert rejected == "403"
    assert Machine.interrupt(process) == ""
    assert own.machine.run("curl", "-s", "http://127.0.0.1:18001/version", check=False).returncode == 7


def test_cp_carries_files_and_directories_both_ways(own: OwnKubectl, talker: str, tmp_path: Path) -> None:
    source = own.machine.directory / "to-copy"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("alpha")
    (source / "sub" / "b").write_bytes(os.urandom(200_000))
    own("cp", str(source), f"{talker}/talker:/tmp/copied", "-c", "web")
    assert own("exec", "talker", "-n", talker, "-c", "web", "--", "cat", "/tmp/copied/a") == "alpha"
    back = own.machine.directory / "back"
    own("cp", f"{talker}/talker:/tmp/copied", str(back), "-c", "web")
    assert (back / "sub" / "b").read_bytes() == (source / "sub" / "b").read_bytes()
    own("cp", "talker:/tmp/copied/a", str(own.machine.directory / "one"), "-c", "web", "-n", talker)
    assert (own.machine.directory / "one").read_text() == "alpha"


def test_run_with_a_terminal_and_removal(own: OwnKubectl, namespace: str) -> None:
    words = ["run", "shell", "-it", "--rm", "--restart=Never", f"--image={IMAGE}", "-n", namespace]
    terminal = Terminal(own, *words, "--image-pull-policy=IfNotPresent", "--command", "--", "sh")
    terminal.until("press")
    terminal.type("echo $((6*7)); exit 0\n")
    terminal.until("42")
    terminal.until('pod "shell" deleted')
    assert terminal.ended() == 0
    assert own.run("get", "pod", "shell", "-n", namespace, check=False).returncode == 1


def test_edit_in_an_editor_with_a_refused_attempt_first(own: OwnKubectl, namespace: str) -> None:
    own("create", "configmap", "edited", "--from-literal=a=1", "-n", namespace)
    script = own.machine.directory / "editor"
    script.write_text(
        "#!/bin/sh\n"
        'if grep -q "was not valid" "$1"; then sed -i "s/name: -bad-/name: edited/" "$1"\n'
        'else sed -i \'s/a: "1"/a: "2"/\' "$1"; fi\n'
    )
    script.chmod(0o755)
    done = own.machine.run(
        *own.arguments("edit", "configmap", "edited", "-n", namespace), environment={"KUBE_EDITOR": str(script)}
    )
    assert done.stdout == "configmap/edited edited\n"
    assert own("get", "cm", "edited", "-n", namespace, "-o", "jsonpath={.data.a}") == "2"
    unchanged = own.machine.run(
        *own.arguments("edit", "configmap", "edited", "-n", namespace), environment={"KUBE_EDITOR": "true"}
    )
    assert unchanged.stderr == "Edit cancelled, no changes made.\n"


def test_watch_prints_changes_until_interrupted(own: OwnKubectl, namespace: str) -> None:
    process = own.start("get", "pods", "-w", "-n", namespace)
    own.apply(pod("seen", namespace, shell("c", SLEEP)))
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[:3] == ["seen", "1/1", "Running"]:
            break
    Machine.interrupt(process)


def test_debug_adds_a_container_to_a_running_pod(own: OwnKubectl, talker: str) -> None:
    words = ["debug", "talker", "-n", talker, f"--image={IMAGE}", "-c", "looker", "--image-pull-policy=IfNotPresent"]
    own(*words, "--", "sh", "-c", SLEEP)
    found = own.until(
        lambda obj: any("running" in one["state"] for one in obj["status"].get("ephemeralContainerStatuses") or ()),
        "get", "pod", "talker", "-n", talker,
    )  # fmt: skip
    assert found["spec"]["ephemeralContainers"][0]["name"] == "looker"


def test_describe_drain_and_uncordon_the_node(own: OwnKubectl, namespace: str) -> None:
    own.apply(deployment("web", namespace, 1))
    own("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    shown = own("describe", "node", "m1")
    assert "Allocated resources:" in shown
    assert f"{namespace}" in shown
    try:
        shown = own("drain", "m1", "--pod-selector=app=web", "--ignore-daemonsets", "--force", "--delete-emptydir-data")
        assert "node/m1 cordoned" in shown
        assert "node/m1 drained" in shown
        assert "SchedulingDisabled" in own("get", "nodes")
    finally:
        own("uncordon", "m1")
    own("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    until(lambda: "Successfully assigned" in own("describe", "pod", "-l", "app=web", "-n", namespace))
