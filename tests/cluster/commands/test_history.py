"""`pybernetes history`: the table, and the command against a running server."""

import subprocess
import sys
import time
from pathlib import Path

import yaml
from tests.support.ports import free_port

from pybernetes.cluster.commands.history import table

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")


def operation(**fields):
    return {
        "revision": 7,
        "time": "2026-11-27T00:00:00.000Z",
        "user": "alice",
        "verb": "patch",
        "group": "",
        "resource": "pods",
        "namespace": "default",
        "name": "a",
        "changes": [],
        **fields,
    }


def test_each_further_change_has_a_line_of_its_own():
    rows = list(table([operation(changes=["x: 1 -> 2", "y: 3"]), operation(group="apps", resource="deployments")]))
    assert rows[0].split() == ["REVISION", "TIME", "USER", "VERB", "OBJECT", "CHANGE"]
    assert rows[1].split(maxsplit=4)[2:] == ["alice", "patch", "pods default/a               x: 1 -> 2"]
    assert rows[2].strip() == "y: 3"
    assert rows[3].endswith("deployments.apps default/a")


def test_wide_tells_objects_of_one_name_apart():
    first, second = operation(uid="u-1", changes=["x: 1", "y: 2"]), operation(uid="u-2", verb="delete")
    rows = list(table([first, second], wide=True))
    assert rows[0].split() == ["REVISION", "TIME", "USER", "VERB", "OBJECT", "UID", "CHANGE"]
    assert rows[1].split()[4:] == ["pods", "default/a", "u-1", "x:", "1"]
    assert rows[2].strip() == "y: 2"
    assert rows[3].split()[-1] == "u-2"


def test_nothing_found_is_no_table():
    assert list(table([])) == []


def test_the_command_tells_what_happened_in_a_cluster(tmp_path):
    ports = {name: str(free_port()) for name in ("--api-port", "--dns-port")}
    flags = [word for pair in ports.items() for word in pair]
    server = subprocess.Popen(
        [PYBERNETES, "server", "--data-dir", str(tmp_path / "d"), "--hollow-nodes", "1", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 90
        while True:
            done = subprocess.run(
                [PYBERNETES, "history", "nodes", "--data-dir", str(tmp_path / "d")], capture_output=True, text=True
            )
            if "system:node:hollow-0" in done.stdout:
                break
            assert server.poll() is None
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.1)
        assert " create " in done.stdout
        command = [PYBERNETES, "history", "nodes", "--limit=1", "-o", "yaml", "--data-dir", str(tmp_path / "d")]
        written = subprocess.run(command, capture_output=True, text=True).stdout
        document = yaml.safe_load(written)
        assert (document["kind"], [item["resource"] for item in document["items"]]) == ("OperationList", ["nodes"])
        wrong = subprocess.run(
            [PYBERNETES, "history", "nonsense", "--data-dir", str(tmp_path / "d")], capture_output=True, text=True
        )
        assert (wrong.returncode, wrong.stderr) == (
            1,
            'error: the server doesn\'t have a resource type "nonsense"\n',
        )
    finally:
        server.terminate()
        server.wait(60)


def test_kubectl_shows_the_past(tmp_path):
    ports = {name: str(free_port()) for name in ("--api-port", "--dns-port")}
    flags = [word for pair in ports.items() for word in pair]
    data = tmp_path / "d"
    server = subprocess.Popen(
        [PYBERNETES, "server", "--data-dir", str(data), "--hollow-nodes", "1", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )

    def kubectl(*words: str) -> str:
        command = [PYBERNETES, "kubectl", f"--kubeconfig={data / 'admin.kubeconfig'}", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout + done.stderr

    try:
        deadline = time.monotonic() + 90
        while "created" not in kubectl("create", "configmap", "a", "--from-literal=k=1"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        first = kubectl("get", "cm", "a", "-o", "jsonpath={.metadata.resourceVersion}")
        kubectl("patch", "cm", "a", "-p", '{"data":{"k":"2"}}')
        value = "jsonpath={.data.k}"
        assert kubectl("get", "cm", "a", "-o", value) == "2"
        assert kubectl("get", "cm", "a", "--at", first, "-o", value) == "1"
        assert kubectl("get", "cm", "--at", first, "-o", "jsonpath={.items[?(@.metadata.name=='a')].data.k}") == "1"
        assert kubectl("get", "cm", "a", "--at", first).startswith("NAME   DATA   AGE\na      1")
        assert "does not exist yet" in kubectl("get", "cm", "a", "--at", "999999")
        assert "cannot be used with --watch" in kubectl("get", "cm", "-w", "--at", first)
    finally:
        server.terminate()
        server.wait(60)
