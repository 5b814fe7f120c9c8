"""The commands a user types, with the oldest and the newest stock kubectl at hand."""

import contextlib
import json
import os
import pty
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import IMAGE, SLEEP, container, deployment, pod, service, shell
from tests.support.kubectl import Kubectl, versions
from tests.support.machine import Machine
from tests.support.pods import Pods, first
from tests.support.waiting import until

_ENDS = list(dict.fromkeys((versions() or [""])[:1] + (versions() or [""])[-1:]))


@pytest.fixture(params=_ENDS)
def each(request: pytest.FixtureRequest, cluster: Cluster) -> Kubectl:
    """The oldest and the newest kubectl."""
    return cluster.kubectl.with_version(request.param)


@pytest.fixture(scope="module")
def talker(cluster: Cluster) -> str:
    """A running pod with two containers: one serves HTTP, one prints a line a second."""
    k = cluster.kubectl
    k("create", "namespace", "kubectl-tests")
    body = pod("talker", "kubectl-tests", container("web"), shell("loud", "echo first; while true; do sleep 0.2; done"))
    k.apply(body)
    k.wait("pod/talker", "condition=Ready", "-n", "kubectl-tests")
    pods = Pods(k, "kubectl-tests")
    pods.said("talker", "first", "loud")
    pods.answers("talker", "http://127.0.0.1:8080/", "web")
    return "kubectl-tests"


@pytest.mark.parametrize("version", versions())
def test_every_version_creates_lists_and_deletes(cluster: Cluster, namespace: str, version: str) -> None:
    k = cluster.kubectl.with_version(version)
    assert k("create", "deployment", "web", f"--image={IMAGE}", "-n", namespace) == "deployment.apps/web created"
    k("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    row = k("get", "deploy,rs,pods", "-n", namespace, "-o", "wide", "--no-headers").splitlines()
    assert [line.split()[1] for line in row if line] == ["1/1", "1", "1/1"]
    assert k("delete", "deployment", "web", "-n", namespace) == (
        'deployment.apps "web" deleted' + (f" from {namespace} namespace" if version >= "1.34" else "")
    )


@pytest.mark.parametrize("version", versions())
def test_every_version_streams_in_and_out(cluster: Cluster, talker: str, tmp_path: Path, version: str) -> None:
    k = cluster.kubectl.with_version(version)
    done = k.run("exec", "talker", "-c", "web", "-n", talker, "--", "sh", "-c", "echo out; exit 7", check=False)
    assert (done.returncode, done.stdout) == (7, "out\n")
    given = k("exec", "-i", "talker", "-c", "web", "-n", talker, "--", "cat", given="through and back")
    assert given == "through and back"
    assert k("logs", "talker", "-c", "loud", "-n", talker, "--tail=1") == "first"
    source, back = tmp_path / "file", tmp_path / "back"
    source.write_bytes(os.urandom(50_000))
    k("cp", str(source), f"{talker}/talker:/tmp/{version}", "-c", "web")
    k("cp", f"{talker}/talker:/tmp/{version}", str(back), "-c", "web")
    assert back.read_bytes() == source.read_bytes()
    for words, path, said in (
        (("port-forward", "pod/talker", ":8080", "-n", talker), "", "Hello from talker"),
        (("proxy", "--port=0"), "version", '"gitVersion": "v1.36'),
    ):
        process = k.start(*words)
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split("127.0.0.1:")[1].split()[0]
            url = f"http://127.0.0.1:{port}/{path}"
            assert said in k.machine.run("busybox", "wget", "-qO-", url).stdout
        finally:
            Machine.interrupt(process)


@pytest.mark.parametrize("version", versions())
def test_every_version_changes_and_shows(cluster: Cluster, namespace: str, tmp_path: Path, version: str) -> None:
    k = cluster.kubectl.with_version(version)
    body = deployment("web", namespace, 0)
    assert k.apply(body) == "deployment.apps/web created"
    assert k.apply(body) == "deployment.apps/web unchanged"
    assert k("scale", "deployment/web", "--replicas=1", "-n", namespace) == "deployment.apps/web scaled"
    assert k("set", "image", "deployment/web", f"web={IMAGE}x", "-n", namespace) == "deployment.apps/web image updated"
    assert k("set", "image", "deployment/web", f"web={IMAGE}", "-n", namespace) == "deployment.apps/web image updated"
    assert k("label", "deployment", "web", "tier=front", "-n", namespace) == "deployment.apps/web labeled"
    assert "web annotate" in k("annotate", "deployment", "web", "note=hi", "-n", namespace)
    patch = '{"metadata":{"labels":{"patched":"yes"}}}'
    assert k("patch", "deployment", "web", "-p", patch, "-n", namespace) == "deployment.apps/web patched"
    assert k("expose", "deployment/web", "--port=80", "--type=NodePort", "-n", namespace) == "service/web exposed"
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/hi/changed/ $1\n")
    editor.chmod(0o755)
    words = k.arguments("edit", "deployment", "web", "-n", namespace)
    assert (
        k.machine.run(*words, environment={"KUBE_EDITOR": str(editor)}).stdout.strip() == "deployment.apps/web edited"
    )
    k("rollout", "restart", "deployment/web", "-n", namespace)
    k("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    assert "REVISION" in k("rollout", "history", "deployment/web", "-n", namespace)
    assert "changed" in k("describe", "deployment", "web", "-n", namespace)
    # It brings the annotations of that revision back too, and they follow the deployment's in a while.
    assert "rolled back" in k("rollout", "undo", "deployment/web", "-n", namespace)
    assert "rolling" in k("explain", "deployment.spec.strategy").lower()
    assert "deployments" in k("api-resources")
    assert k("delete", "service", "-l", "tier=front", "-n", namespace).startswith('service "web" deleted')


def test_create_deployment_and_its_table(each: Kubectl, namespace: str) -> None:
    each("create", "deployment", "web", f"--image={IMAGE}", "--replicas=2", "-n", namespace)
    each("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    header, row = each("get", "deployments", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "2/2", "2", "2"]


def test_expose_and_reach_by_cluster_ip(cluster: Cluster, each: Kubectl, namespace: str) -> None:
    each.apply(deployment("web", namespace))
    assert each("expose", "deployment/web", "--port=80", "--target-port=8080", "-n", namespace) == "service/web exposed"
    each("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    ip = each("get", "service", "web", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
    ask = ("busybox", "wget", "-qO-", f"http://{ip}/")
    until(lambda: "Hello from web-" in cluster.machine.run(*ask, check=False).stdout)


def test_scale_up_and_down(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 1))
    assert kubectl("scale", "deployment/web", "--replicas=3", "-n", namespace) == "deployment.apps/web scaled"
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    kubectl("scale", "deployment/web", "--replicas=1", "-n", namespace)
    kubectl.until(lambda listed: len(listed["items"]) == 1, "get", "pods", "-n", namespace)


def test_set_image_rollout_history_and_undo(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 2))
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    kubectl("set", "env", "deployment/web", "VERSION=2", "-n", namespace)
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    assert kubectl("rollout", "history", "deployment/web", "-n", namespace).split()[-4:] == [
        "1",
        "<none>",
        "2",
        "<none>",
    ]
    kubectl("rollout", "undo", "deployment/web", "-n", namespace)
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    found = kubectl.json("get", "deployment", "web", "-n", namespace)
    assert "env" not in found["spec"]["template"]["spec"]["containers"][0]
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_a_failing_rollout_is_told_by_the_exit_code(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 1))
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    new = {"spec": {"containers": [{"name": "web", "image": "localhost/absent:1"}]}}
    patch = json.dumps({"spec": {"progressDeadlineSeconds": 2, "template": new}})
    kubectl("patch", "deployment", "web", "-p", patch, "-n", namespace)
    done = kubectl.run("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s", check=False)
    assert done.returncode != 0
    assert 'deployment "web" exceeded its progress deadline' in done.stderr


def test_describe_tells_the_story(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 1))
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    shown = kubectl("describe", "deployment", "web", "-n", namespace)
    assert "1 desired | 1 updated | 1 total | 1 available | 0 unavailable" in shown
    until(lambda: "Scaled up replica set web-" in kubectl("describe", "deployment", "web", "-n", namespace))
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        told = re.compile(rf"Normal +{reason} ")
        until(lambda told=told: told.search(kubectl("describe", "pod", "-l", "app=web", "-n", namespace)))  # type: ignore[misc]
    node = kubectl("describe", "node", "m1")
    for section in ("System Info:", "Allocated resources:", "Non-terminated Pods:", "KubeletReady"):
        assert section in node


def test_events_are_told_in_order_with_upstreams_reasons(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("one", namespace))
    kubectl.wait("pod/one", "condition=Ready", "-n", namespace)
    found = kubectl.until(lambda found: len(found["items"]) >= 4, "get", "events", "-n", namespace)["items"]
    reasons = [item["reason"] for item in found]
    assert sorted(reasons) == ["Created", "Pulled", "Scheduled", "Started"]
    assert f"Successfully assigned {namespace}/one to m1" in [item["message"] for item in found]
    assert "Scheduled" in kubectl("events", "-n", namespace)


def test_logs_whole_tail_and_follow(each: Kubectl, talker: str) -> None:
    assert each("logs", "talker", "-c", "loud", "-n", talker) == "first"
    assert each("logs", "talker", "-c", "loud", "-n", talker, "--tail=0") == ""
    assert each("logs", "talker", "--all-containers", "-n", talker).splitlines() == ["first"]
    done = each.run("logs", "talker", "-c", "none", "-n", talker, check=False)
    assert done.returncode == 1
    assert "container none is not valid for pod talker" in done.stderr


def test_logs_follow_ends_with_the_container(each: Kubectl, namespace: str) -> None:
    name = f"counter-{len(_ENDS)}"
    script = "echo 1; until [ -e /tmp/go ]; do sleep 0.1; done; echo 2; echo 3"
    each.apply(pod(name, namespace, shell("c", script), restartPolicy="Never"))
    each.wait(f"pod/{name}", "jsonpath={.status.phase}=Running", "-n", namespace)
    with each.start("logs", "-f", name, "-n", namespace) as follow:
        assert follow.stdout is not None
        assert follow.stdout.readline() == "1\n"
        each("exec", name, "-n", namespace, "--", "touch", "/tmp/go")
        assert follow.stdout.read().split() == ["2", "3"]


def test_exec_passes_output_and_exit_code(each: Kubectl, talker: str) -> None:
    assert each("exec", "talker", "-c", "web", "-n", talker, "--", "hostname") == "talker"
    done = each.run(
        "exec", "talker", "-c", "web", "-n", talker, "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False
    )
    assert (done.returncode, done.stdout) == (7, "out\n")
    assert done.stderr.startswith("err\n")
    fed = each("exec", "-i", "talker", "-c", "web", "-n", talker, "--", "cat", given="through\n")
    assert fed == "through"


def test_exec_with_a_terminal(each: Kubectl, talker: str) -> None:
    master, slave = pty.openpty()
    words = each.machine.command(each.arguments("exec", "-it", "talker", "-c", "web", "-n", talker, "--", "sh"))
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    os.write(master, b"echo $((6*7)); tty; exit 3\n")
    shown = _read_all(master)
    assert process.wait(60) == 3
    assert "42" in shown
    assert "/dev/pts/" in shown


def _read_all(descriptor: int) -> str:
    """What comes until nobody has the other end of the terminal."""
    found = b""
    with contextlib.suppress(OSError):  # that is how the end is told
        while data := os.read(descriptor, 65536):
            found += data
    os.close(descriptor)
    return found.decode(errors="replace")


def test_attach_sees_what_the_container_prints(each: Kubectl, namespace: str) -> None:
    body = pod("cat", namespace, container("c", "cat", stdin=True), labels={"app": "cat"})
    each.apply(body)
    each.wait("pod/cat", "condition=Ready", "-n", namespace)
    process = each.start("attach", "-i", "cat", "-n", namespace, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("echoed\n")
    process.stdin.flush()
    lines = iter(process.stdout.readline, "")
    assert any("echoed" in line for line in lines)
    Machine.interrupt(process)


def test_port_forward_to_pod_and_service(each: Kubectl, talker: str) -> None:
    process = each.start("port-forward", "pod/talker", ":8080", "-n", talker)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Forwarding from 127.0.0.1:")
        port = line.split("127.0.0.1:")[1].split()[0]
        for _ in range(3):
            answer = each.machine.run("busybox", "wget", "-qO-", f"http://127.0.0.1:{port}/").stdout
            assert answer.startswith("Hello from talker")
    finally:
        Machine.interrupt(process)


def test_cp_both_ways(each: Kubectl, talker: str, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(os.urandom(300_000))
    each("cp", str(source), f"{talker}/talker:/tmp/file", "-c", "web")
    back = tmp_path / "back"
    each("cp", f"{talker}/talker:/tmp/file", str(back), "-c", "web")
    assert back.read_bytes() == source.read_bytes()


def test_proxy_gives_the_api_and_the_pods(each: Kubectl, talker: str) -> None:
    process = each.start("proxy", "--port=0")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Starting to serve on 127.0.0.1:")
        base = "http://" + line.split()[-1]
        version = json.loads(each.machine.run("busybox", "wget", "-qO-", f"{base}/version").stdout)
        assert version["gitVersion"].startswith("v1.36")
        path = f"{base}/api/v1/namespaces/{talker}/pods/talker:8080/proxy/"
        assert each.machine.run("busybox", "wget", "-qO-", path).stdout.startswith("Hello from talker")
    finally:
        out = Machine.interrupt(process)
    assert out == ""


def test_raw_proxy_paths(kubectl: Kubectl, talker: str) -> None:
    kubectl.apply(service("talker", talker))
    assert kubectl("get", "--raw", f"/api/v1/namespaces/{talker}/pods/talker:8080/proxy/").startswith("Hello")
    kubectl.until(lambda s: s["items"] and s["items"][0]["endpoints"], "get", "endpointslices", "-n", talker)
    assert kubectl("get", "--raw", f"/api/v1/namespaces/{talker}/services/talker:80/proxy/").startswith("Hello")
    assert kubectl("get", "--raw", "/api/v1/nodes/m1/proxy/healthz") == "ok"


def test_label_annotate_and_select(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("a", namespace, labels={"app": "x"}), pod("b", namespace, labels={"app": "x"}))
    assert kubectl("label", "pod", "a", "env=test", "-n", namespace) == "pod/a labeled"
    assert kubectl("get", "pods", "-l", "env in (test),app=x", "-n", namespace, "-o", "name") == "pod/a"
    assert kubectl("get", "pods", "-l", "!env", "-n", namespace, "-o", "name") == "pod/b"
    assert kubectl("label", "pod", "a", "env=prod", "--overwrite", "-n", namespace) == "pod/a labeled"
    assert kubectl("label", "pod", "a", "env-", "-n", namespace) == "pod/a unlabeled"
    assert kubectl("annotate", "pod", "a", "note=hi", "-n", namespace) == "pod/a annotated"
    done = kubectl.run("label", "pod", "a", "bad key=x", "-n", namespace, check=False)
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        (
            "strategic",
            '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
        ),
        ("merge", '{"metadata":{"labels":{"patched":"yes"}}}'),
        ("json", '[{"op":"add","path":"/metadata/labels/patched","value":"yes"}]'),
    ],
)
def test_patch(kubectl: Kubectl, namespace: str, kind: str, patch: str) -> None:
    kubectl.apply(deployment("web", namespace, 0))
    assert kubectl("patch", "deployment", "web", f"--type={kind}", "-p", patch, "-n", namespace) == (
        "deployment.apps/web patched"
    )
    found = kubectl.json("get", "deployment", "web", "-n", namespace)
    container_ = found["spec"]["template"]["spec"]["containers"][0]
    assert container_["image"] == IMAGE
    assert container_.get("env") or found["metadata"]["labels"].get("patched") == "yes"


def test_apply_again_changes_only_what_differs(each: Kubectl, namespace: str) -> None:
    body = deployment("web", namespace, 0)
    assert each.apply(body) == "deployment.apps/web created"
    assert each.apply(body) == "deployment.apps/web unchanged"
    body["spec"]["replicas"] = 1
    body["metadata"]["labels"]["more"] = "yes"
    assert each.apply(body) == "deployment.apps/web configured"
    del body["metadata"]["labels"]["more"]
    each.apply(body)
    assert "more" not in each.json("get", "deployment", "web", "-n", namespace)["metadata"]["labels"]


def test_edit(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=before", "-n", namespace)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/before/after/ $1\n")
    editor.chmod(0o755)
    words = kubectl.arguments("edit", "configmap", "c", "-n", namespace)
    done = kubectl.machine.run(*words, environment={"KUBE_EDITOR": str(editor)})
    assert done.stdout.strip() == "configmap/c edited"
    assert kubectl.json("get", "configmap", "c", "-n", namespace)["data"] == {"a": "after"}


def test_delete_service_by_label_leaves_the_others(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(service("one", namespace), service("two", namespace))
    assert kubectl("delete", "service", "-l", "app=one", "-n", namespace).startswith('service "one" deleted')
    assert kubectl("get", "services", "-n", namespace, "-o", "name") == "service/two"


def test_a_deleted_pod_is_replaced(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 1))
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    name = kubectl("get", "pods", "-n", namespace, "-o", "name")
    kubectl("delete", name, "-n", namespace)
    found = until(lambda: kubectl("get", "pods", "-n", namespace, "-o", "name"))
    assert found != name
    kubectl.wait(found, "condition=Ready", "-n", namespace)


def test_run_with_a_command_and_cleanup(each: Kubectl, namespace: str) -> None:
    words = ["run", "once", f"--image={IMAGE}", "--restart=Never", "--rm", "-i", "-n", namespace, "--"]
    assert "hello there" in each(*words, "sh", "-c", "sleep 0.5; echo hello there")
    assert each("get", "pods", "-n", namespace, "-o", "name") == ""


def test_wait_for_deletion_and_condition(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("p", namespace))
    assert kubectl.wait("pod/p", "condition=Ready", "-n", namespace) == "pod/p condition met"
    kubectl("delete", "pod", "p", "--wait=false", "-n", namespace)
    kubectl.wait("pod/p", "delete", "-n", namespace)


def test_explain_and_api_resources(each: Kubectl) -> None:
    shown = each("explain", "deployment.spec.strategy")
    assert "rollingUpdate" in shown
    assert "KIND:       Deployment" in shown
    names = each("api-resources", "-o", "name").splitlines()
    assert {"pods", "deployments.apps", "endpointslices.discovery.k8s.io"} <= set(names)
    assert len(names) == 66 or len(names) > 60


def test_job_runs_to_completion_with_its_logs(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "job", "j", f"--image={IMAGE}", "-n", namespace, "--", "sh", "-c", "echo done")
    kubectl.wait("job/j", "condition=complete", "-n", namespace)
    (found,) = kubectl.json("get", "pods", "-l", "job-name=j", "-n", namespace)["items"]
    ended = datetime.fromisoformat(first(found)["state"]["terminated"]["finishedAt"])
    noticed = datetime.fromisoformat(kubectl.json("get", "job", "j", "-n", namespace)["status"]["completionTime"])
    assert (noticed - ended).total_seconds() < 40, "a container that ends at once was noticed late"
    assert kubectl("logs", "job/j", "-n", namespace) == "done"


def test_errors_are_the_apis_own(kubectl: Kubectl, namespace: str) -> None:
    done = kubectl.run("get", "pod", "absent", "-n", namespace, check=False)
    assert done.stderr.strip() == 'Error from server (NotFound): pods "absent" not found'
    done = kubectl.run("create", "namespace", namespace, check=False)
    assert done.stderr.strip() == f'Error from server (AlreadyExists): namespaces "{namespace}" already exists'
    done = kubectl.run("get", "pods", "--as=nobody", "-n", namespace, check=False)
    assert done.stderr.strip() == (
        'Error from server (Forbidden): pods is forbidden: User "nobody" cannot list resource "pods" '
        f'in API group "" in the namespace "{namespace}"'
    )
    bad = pod("Bad_Name", namespace)
    done = kubectl.run("apply", "-f", "-", given=json.dumps(bad), check=False)
    assert 'Pod "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name"' in done.stderr
    bad = pod("typo", namespace)
    bad["spec"]["contaners"] = []
    done = kubectl.run("apply", "-f", "-", given=json.dumps(bad), check=False)
    assert 'unknown field "spec.contaners"' in done.stderr


def test_cordon_taint_and_drain(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web", namespace, 1))
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    try:
        assert kubectl("taint", "node", "m1", "k=v:NoSchedule") == "node/m1 tainted"
        kubectl.apply(pod("kept-out", namespace))
        kubectl.wait("pod/kept-out", "condition=PodScheduled=False", "-n", namespace)
        message = kubectl.json("get", "pod", "kept-out", "-n", namespace)["status"]["conditions"][0]["message"]
        assert message.startswith("0/1 nodes are available: 1 node(s) had untolerated taint(s).")
        assert kubectl("taint", "node", "m1", "k-") == "node/m1 untainted"
        kubectl.wait("pod/kept-out", "condition=Ready", "-n", namespace)
        selector = "--pod-selector=app=web"
        shown = kubectl("drain", "m1", selector, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
        assert "node/m1 cordoned" in shown
        assert "node/m1 drained" in shown
        assert "SchedulingDisabled" in kubectl("get", "node", "m1")
    finally:
        kubectl("uncordon", "m1")
        kubectl.run("taint", "node", "m1", "k-", check=False)
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")


def test_watch_prints_changes(kubectl: Kubectl, namespace: str) -> None:
    process = kubectl.start("get", "pods", "-w", "--no-headers", "-n", namespace)
    try:
        kubectl.apply(pod("seen", namespace, shell("c", SLEEP)))
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:3] == ["seen", "1/1", "Running"]:
                break
    finally:
        Machine.interrupt(process)
