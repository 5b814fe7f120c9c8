"""The forms of the cheat sheet that need running containers: the stock client and ours print the same, side by side."""

import difflib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import IMAGE, container, deployment, pod, service, shell
from tests.e2e.test_kubectl_own import OwnKubectl, Terminal
from tests.support.kubectl import Kubectl, versions
from tests.support.machine import Machine
from tests.support.pods import Pods
from tests.support.waiting import until

SPACE = "kubectl-forms"
NEWER = "@newer "
"""Before what clients from 1.36 on say in other words; of an older one the exit code alone is compared."""
LINES = """
logs my-pod -c my-container
logs my-pod
logs my-pod --previous -c my-container
logs my-pod --previous
logs -l name=myLabel
logs -l name=myLabel -c my-container
@newer logs -l name=myLabel -c nope
logs -f done
logs -f done -c first
logs -f -l job=done --all-containers --prefix
logs done --all-containers
logs done --all-containers --prefix --tail=1
logs done --limit-bytes=5 -c first
logs done -c first --since=1h
logs done -c first --since-time=2020-01-01T00:00:00Z
@newer logs done -c nope
logs nope
logs -l no=such
logs deploy/my-deployment -c my-container
logs deploy/my-deployment
logs deploy/my-deployment --all-pods
logs job/nope
exec my-pod -- ls /
exec my-pod -c my-container -- ls /
exec my-pod -c my-container -- sh -c 'echo out; echo err >&2; exit 3'
exec my-pod -- nosuchprogram
@newer exec my-pod -c nope -- ls
exec nope -- ls
exec my-pod ls
exec deploy/my-deployment -- ls
exec deploy/nope -- ls
exec done -c first -- ls
cp my-pod:/etc/passwd
cp nope:/a ./x
attach nope
port-forward my-pod foo
port-forward svc/my-service nope
port-forward svc/my-service 5000:99
port-forward deploy/nope 5000
""".strip().split("\n")


@pytest.fixture(scope="module")
def clients(cluster: Cluster) -> Iterator[tuple[Kubectl, OwnKubectl]]:
    """The stock client and ours, with pods that run, that restarted, and that are done."""
    stock, own = cluster.kubectl, OwnKubectl(cluster)
    stock("create", "namespace", SPACE)
    script = "if [ -e /d/once ]; then echo again; else touch /d/once; echo before; exit 1; fi; "
    script += "while true; do sleep 0.2; done"
    restarting = shell("my-container", script, volumeMounts=[{"name": "d", "mountPath": "/d"}])
    labels = {"name": "myLabel"}
    volumes = [{"name": "d", "emptyDir": {}}]
    ports = [{"name": "web", "containerPort": 8080}]
    stock.apply(
        pod("my-pod", SPACE, restarting, container("other", ports=ports), labels=labels, volumes=volumes),
        pod("done", SPACE, container("first", "echo", "one\ntwo"), container("second", "echo", "three"),
            restartPolicy="Never", labels={"job": "done"}),
        deployment("my-deployment", SPACE, 1, shell("my-container", "echo deployed; while true; do sleep 0.2; done")),
        service("my-service", SPACE, ports=[{"name": "my-service-port", "port": 5000, "targetPort": "web"}],
                selector=labels),
    )  # fmt: skip
    stock.wait("pod/done", "jsonpath={.status.phase}=Succeeded", "-n", SPACE)
    stock.wait("pod/my-pod", "jsonpath={.status.containerStatuses[0].restartCount}=1", "-n", SPACE)
    stock.wait("pod/my-pod", "condition=Ready", "-n", SPACE)
    stock.wait("deploy/my-deployment", "condition=Available", "-n", SPACE)
    pods = Pods(stock, SPACE)
    pods.said("my-pod", "again", "my-container")
    pods.answers("my-pod", "http://127.0.0.1:8080/", "other")
    until(lambda: "deployed" in pods("logs", "deploy/my-deployment"))
    yield stock, own
    stock("delete", "namespace", SPACE, "--wait=false")


def said(client: Kubectl, line: str, given: str = "") -> tuple[str, str, int]:
    done = client.run("-n", SPACE, *shlex.split(line), check=False, given=given)
    name = Path(client.arguments()[0]).name
    out, err = (re.sub("[0-9a-f]{64}", "ID", text).replace(name, "kubectl") for text in (done.stdout, done.stderr))
    if "--all-containers" in line:  # the stock client has them in a Go map
        out = "\n".join(sorted(out.splitlines()))
    return out, err, done.returncode


@pytest.mark.parametrize("line", LINES)
def test_both_clients_say_the_same(clients: tuple[Kubectl, OwnKubectl], line: str) -> None:
    theirs, ours = (said(client, line.removeprefix(NEWER)) for client in clients)
    if line.startswith(NEWER) and tuple(map(int, versions()[-1].split("."))) < (1, 36):
        assert ours[2] == theirs[2]
        assert re.search(r"container nope is not valid for pod \S+ out of: \S+", ours[1])
        return
    assert ours == theirs, "\n".join(
        difflib.ndiff("\n".join(map(str, theirs)).splitlines(), "\n".join(map(str, ours)).splitlines())
    )


def test_files_go_both_ways_by_cp_and_by_tar(clients: tuple[Kubectl, OwnKubectl], tmp_path: Path) -> None:
    for name, client in zip(("stock", "own"), clients, strict=True):
        here = tmp_path / name
        (here / "foo_dir").mkdir(parents=True)
        (here / "foo_dir" / "a").write_text(f"a of {name}")
        (here / "foo").write_text(f"foo of {name}")
        client("cp", str(here / "foo_dir"), f"my-pod:/tmp/{name}_dir", "-n", SPACE)
        client("cp", str(here / "foo"), f"my-pod:/tmp/{name}", "-c", "my-container", "-n", SPACE)
        client("cp", str(here / "foo"), f"{SPACE}/my-pod:/tmp/{name}-2")
        client("cp", f"{SPACE}/my-pod:/tmp/{name}_dir", str(here / "back"))
        assert (here / "back" / "a").read_text() == f"a of {name}"
        words = client.arguments("exec", "-i", "-n", SPACE, "my-pod", "--", "tar", "xf", "-", "-C", "/tmp")
        packed = subprocess.run(["tar", "cf", "-", "-C", here, "foo"], capture_output=True, check=True).stdout
        command = client.machine.command(words)
        subprocess.run(command, input=packed, capture_output=True, check=True, timeout=60)
        words = client.arguments("exec", "-n", SPACE, "my-pod", "--", "tar", "cf", "-", "-C", "/tmp", "foo")
        taken = subprocess.run(client.machine.command(words), capture_output=True, check=True, timeout=60).stdout
        (here / "unpacked").mkdir()
        subprocess.run(["tar", "xf", "-", "-C", here / "unpacked"], input=taken, check=True)
        assert (here / "unpacked" / "foo").read_text() == f"foo of {name}"
    assert said(clients[0], "exec my-pod -- cat /tmp/own /tmp/own_dir/a")[0] == "foo of owna of own"


@pytest.mark.parametrize(
    ("what", "ports"),
    [
        ("my-pod", "15000:8080"),
        ("svc/my-service", "5000"),
        ("svc/my-service", "15001:my-service-port"),
        ("svc/my-service", ":5000"),
        ("deploy/my-deployment", "15002:8080"),
        ("pod/my-pod", "15003:web"),
    ],
)
def test_ports_are_forwarded_in_the_same_words(clients: tuple[Kubectl, OwnKubectl], what: str, ports: str) -> None:
    lines = []
    for client in clients:
        process = client.start("port-forward", what, ports, "--address=127.0.0.1", "-n", SPACE)
        assert process.stdout is not None
        first = process.stdout.readline()
        port = first.partition("127.0.0.1:")[2].partition(" ")[0]
        if "deploy" not in what:
            assert client.machine.run("curl", "-sf", f"http://127.0.0.1:{port}/").stdout
        rest = Machine.interrupt(process)
        lines.append((first + rest).replace(port, "PORT") if ports.startswith(":") else first + rest)
    assert lines[1] == lines[0]


def test_a_terminal_in_a_container(clients: tuple[Kubectl, OwnKubectl]) -> None:
    terminal = Terminal(clients[1], "exec", "--stdin", "--tty", "my-pod", "-n", SPACE, "--", "/bin/sh")
    terminal.type("echo $((6*7)); exit 5\n")
    terminal.until("42")
    assert terminal.ended() == 5


def test_debugging_a_pod_and_a_node_on_a_terminal(clients: tuple[Kubectl, OwnKubectl]) -> None:
    for target in ("my-pod", "node/m1"):
        words = ("debug", target, "-it", f"--image={IMAGE}", "--image-pull-policy=IfNotPresent", "-n", SPACE)
        terminal = Terminal(clients[1], *words, "--", "sh")
        terminal.type("echo $((6*7)); exit 0\n")
        terminal.until("42")
        assert terminal.ended() == 0


def test_a_pod_with_what_is_piped_and_all_of_it_removed(clients: tuple[Kubectl, OwnKubectl]) -> None:
    spoken = []
    for name, client in zip(("piped-a", "piped-b"), clients, strict=True):
        words = (
            f"run {name} -i --rm --restart=Never --expose --port=80 --image={IMAGE} --command -- sh -c 'cat; exit 3'"
        )
        out, err, code = said(client, words, given="through\n")
        spoken.append((out.replace(name, "NAME"), err.replace(name, "NAME"), code))
        assert said(client, f"get service {name} -o name")[2] == 1
    assert spoken[1] == spoken[0]


def test_forwarding_from_a_port_that_is_taken(clients: tuple[Kubectl, OwnKubectl]) -> None:
    first = clients[0].start("port-forward", "my-pod", "15010:8080", "-n", SPACE)
    assert first.stdout is not None
    assert first.stdout.readline().startswith("Forwarding from 127.0.0.1:15010")
    try:
        spoken = [said(client, "port-forward my-pod 15010:8080 15010:8081") for client in clients]
        spoken += [said(client, "port-forward my-pod 15010:8080 --address=127.0.0.1,localhost") for client in clients]
    finally:
        Machine.interrupt(first)
    assert spoken[1] == spoken[0]
    assert spoken[3] == spoken[2]


def test_forwarding_ends_with_its_pod(clients: tuple[Kubectl, OwnKubectl]) -> None:
    for name, client in zip(("gone-a", "gone-b"), clients, strict=True):
        client.apply(pod(name, SPACE, container("web")))
        client.wait(f"pod/{name}", "condition=Ready", "-n", SPACE)
        Pods(client, SPACE).answers(name, "http://127.0.0.1:8080/", "web")
        process = client.start("port-forward", name, ":8080", "--address=127.0.0.1", "-n", SPACE)
        assert process.stdout is not None
        port = process.stdout.readline().partition("127.0.0.1:")[2].partition(" ")[0]
        assert client.machine.run("curl", "-sf", f"http://127.0.0.1:{port}/").stdout
        client("delete", "pod", name, "--now", "-n", SPACE)
        client.machine.run("curl", "-s", f"http://127.0.0.1:{port}/", check=False)
        assert process.wait(60) == 1
        assert process.stdout.read().endswith("error: lost connection to pod\n")
