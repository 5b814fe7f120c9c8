"""Probes, hooks, logs and streams of containers on a real node."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.kubectl import Kubectl
from tests.support.waiting import until

IMAGE = "localhost/pybernetes/sample-web:1"
QUICK = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5}


def pod(name: str, namespace: str, script: str, **container: Any) -> dict[str, Any]:
    """A pod of one container that runs a shell script."""
    main = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", script], **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [main], "terminationGracePeriodSeconds": 1},
    }


HEALTH_SERVER = """
import concurrent.futures, os, sys, grpc

def check(request, context):
    name = request[2:].decode()
    if name not in ("", "app"):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\\x08\\x02" if os.path.exists(sys.argv[1]) else b"\\x08\\x01"

method = grpc.unary_unary_rpc_method_handler(check)
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
handlers = {"Check": method}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
server.add_insecure_port("0.0.0.0:9000")
server.start()
server.wait_for_termination()
"""
"""A gRPC health service that is NOT_SERVING while a file exists. It runs on the machine's own Python (chroot)."""


def messages(kubectl: Kubectl, namespace: str, reason: str) -> list[str]:
    found = kubectl.json("get", "events", "-n", namespace, "--field-selector", f"reason={reason}")
    return [item["message"] for item in found["items"]]


def test_readiness_comes_and_goes(kubectl: Kubectl, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-f", "/tmp/ok"]}, **QUICK}
    kubectl.apply(pod("r", namespace, "mkdir -p /tmp; sleep 1000", readinessProbe=probe))
    kubectl.wait("pod/r", "jsonpath={.status.phase}=Running", "-n", namespace)
    kubectl("exec", "-n", namespace, "r", "--", "touch", "/tmp/ok")
    kubectl.wait("pod/r", "condition=Ready", "-n", namespace)
    kubectl("exec", "-n", namespace, "r", "--", "rm", "/tmp/ok")
    kubectl.wait("pod/r", "condition=Ready=false", "-n", namespace)
    until(lambda: any(m.startswith("Readiness probe failed: ") for m in messages(kubectl, namespace, "Unhealthy")))


def test_a_container_that_fails_its_liveness_probe_is_restarted(kubectl: Kubectl, namespace: str) -> None:
    script = "mkdir -p /www; echo hi > /www/index.html; httpd -f -p 8080 -h /www"
    probe = {"httpGet": {"path": "/alive", "port": 8080}, **QUICK, "initialDelaySeconds": 1}
    kubectl.apply(pod("l", namespace, script, livenessProbe=probe))

    def restarted(found: Any) -> bool:
        return any(status["restartCount"] >= 1 for status in found["status"].get("containerStatuses", []))

    kubectl.until(restarted, "get", "pod/l", "-n", namespace)
    # The first time the server may not have been there yet.
    failed = "Liveness probe failed: HTTP probe failed with statuscode: 404"
    until(lambda: failed in messages(kubectl, namespace, "Unhealthy"))
    until(lambda: "Container main failed liveness probe, will be restarted" in messages(kubectl, namespace, "Killing"))


def test_a_startup_probe_holds_the_others_back(kubectl: Kubectl, namespace: str) -> None:
    startup = {
        "exec": {"command": ["test", "-f", "/tmp/up"]},
        "periodSeconds": 1,
        "failureThreshold": 60,
        "timeoutSeconds": 5,
    }
    body = pod(
        "s",
        namespace,
        "mkdir -p /tmp; sleep 2; httpd -p 8080; touch /tmp/up; sleep 1000",
        startupProbe=startup,
        livenessProbe={"tcpSocket": {"port": 8080}, **QUICK, "failureThreshold": 3},
    )
    kubectl.apply(body)
    kubectl.wait("pod/s", "condition=Ready", "-n", namespace)
    status = kubectl.json("get", "pod/s", "-n", namespace)["status"]["containerStatuses"][0]
    assert (status["started"], status["restartCount"]) == (True, 0)


def test_grpc_probes(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    def probe(service: str = "app") -> dict[str, Any]:
        return {"grpc": {"port": 9000, "service": service}, **QUICK}

    body = pod("g", namespace, "exit 1", readinessProbe=probe(), startupProbe={**probe(""), "failureThreshold": 300})
    main = body["spec"]["containers"][0]
    main |= {
        "command": ["chroot", "/host", sys.executable, "-c", HEALTH_SERVER, f"{tmp_path}/down"],
        "volumeMounts": [{"name": "host", "mountPath": "/host"}],
        "livenessProbe": {**probe(), "failureThreshold": 3},
    }
    body["spec"]["volumes"] = [{"name": "host", "hostPath": {"path": "/"}}]
    stranger = pod("s", namespace, "exit 1")
    stranger["spec"] = {**body["spec"], "containers": [{**main, "readinessProbe": probe("other")}]}
    del stranger["spec"]["containers"][0]["livenessProbe"]
    kubectl.apply(body, stranger)
    kubectl.wait("pod/g", "condition=Ready", "-n", namespace)
    (tmp_path / "down").touch()
    kubectl.wait("pod/g", "condition=Ready=false", "-n", namespace)

    def restarted(found: Any) -> bool:
        return bool(found["status"]["containerStatuses"][0]["restartCount"] == 1)

    kubectl.until(restarted, "get", "pod/g", "-n", namespace)
    (tmp_path / "down").unlink()
    kubectl.wait("pod/g", "condition=Ready", "-n", namespace)
    for words in (
        'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")',
        'Liveness probe failed: service unhealthy (responded with "NOT_SERVING")',
        "rpc error: code = NotFound desc = unknown service",
    ):
        until(lambda words=words: any(words in m for m in messages(kubectl, namespace, "Unhealthy")))  # type: ignore[misc]
    ready = kubectl.json("get", "pod/s", "-n", namespace)["status"]["containerStatuses"][0]["ready"]
    assert not ready


def test_hooks_run(kubectl: Kubectl, namespace: str) -> None:
    lifecycle = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo posted > /proc/1/fd/1"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /proc/1/fd/1; sleep 1"]}},
    }
    body = pod("h", namespace, "trap 'exit 0' TERM; sleep 1000 & wait", lifecycle=lifecycle)
    body["spec"]["terminationGracePeriodSeconds"] = 60
    kubectl.apply(body)
    kubectl.wait("pod/h", "condition=Ready", "-n", namespace)
    with kubectl.start("logs", "-n", namespace, "-f", "h") as follow:
        assert follow.stdout is not None
        assert follow.stdout.readline() == "posted\n"
        kubectl("delete", "-n", namespace, "pod/h", "--wait=false")
        assert follow.stdout.read() == "stopping\n"


def test_a_failing_post_start_hook(kubectl: Kubectl, namespace: str) -> None:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 7"]}}}
    kubectl.apply(pod("f", namespace, "sleep 1000", lifecycle=hook))
    events = ("events", "-n", namespace, "--field-selector", "reason=FailedPostStartHook")
    kubectl.until(lambda found: any("exited with 7" in item["message"] for item in found["items"]), "get", *events)


def test_logs(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(
        pod("g", namespace, "for i in 1 2 3 4 5; do echo line $i; done; sleep 0.3; echo oops >&2; sleep 1000")
    )
    kubectl.wait("pod/g", "condition=Ready", "-n", namespace)
    with kubectl.start("logs", "-n", namespace, "-f", "g") as follow:
        assert follow.stdout is not None
        assert any(line == "oops\n" for line in follow.stdout)
        follow.kill()
    assert kubectl("logs", "-n", namespace, "g", "--tail=2").splitlines() == ["line 5", "oops"]
    assert kubectl("logs", "-n", namespace, "g", "--limit-bytes=6") == "line 1"
    stamped = kubectl("logs", "-n", namespace, "g", "--timestamps", "--tail=1")
    assert stamped.endswith("Z oops")
    assert kubectl("logs", "-n", namespace, "g", "--since=1h").count("\n") == 5
    previous = kubectl.run("logs", "-n", namespace, "g", "-p", check=False)
    assert 'previous terminated container "main" in pod "g" not found' in previous.stderr


def test_exec_attach_and_port_forward(kubectl: Kubectl, namespace: str) -> None:
    script = "mkdir -p /www; echo hello > /www/index.html; httpd -p 8080 -h /www; while read l; do echo got $l; done"
    kubectl.apply(pod("x", namespace, script, stdin=True))
    kubectl.wait("pod/x", "condition=Ready", "-n", namespace)
    assert kubectl("exec", "-n", namespace, "-i", "x", "--", "cat", given="through\n") == "through"
    failed = kubectl.run("exec", "-n", namespace, "x", "--", "sh", "-c", "exit 42", check=False)
    assert failed.returncode == 42
    with kubectl.start("attach", "-n", namespace, "-i", "x", stdin=subprocess.PIPE) as attached:
        assert attached.stdin is not None and attached.stdout is not None
        attached.stdin.write("hello\n")
        attached.stdin.flush()
        assert any(line == "got hello\n" for line in attached.stdout)
        attached.kill()
    with kubectl.start("port-forward", "-n", namespace, "pod/x", "18080:8080") as forward:
        assert forward.stdout is not None
        assert "Forwarding from 127.0.0.1:18080" in forward.stdout.readline()
        assert kubectl.machine.run("busybox", "wget", "-qO-", "http://127.0.0.1:18080/").stdout == "hello\n"
        forward.kill()


def test_summary_and_resource_metrics_through_the_node_proxy(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("m", namespace, "sleep 1000"))
    kubectl.wait("pod/m", "condition=Ready", "-n", namespace)
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    pages = f"/api/v1/nodes/{node}/proxy/metrics"
    sample = f'container_memory_working_set_bytes{{container="main",namespace="{namespace}",pod="m"}}'
    until(lambda: sample in kubectl("get", "--raw", f"{pages}/resource"))
    until(lambda: f'namespace="{namespace}",pod="m"' in kubectl("get", "--raw", f"{pages}/cadvisor"))
    assert "\nmachine_memory_bytes " in kubectl("get", "--raw", f"{pages}/cadvisor")
    assert kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/healthz") == "ok"
