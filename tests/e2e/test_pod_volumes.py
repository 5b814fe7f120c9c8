"""Volumes as containers see them, on a real node."""

import time
from typing import Any

from tests.support.kubectl import Kubectl

IMAGE = "localhost/pybernetes/sample-web:1"


def pod(name: str, namespace: str, script: str, volumes: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    """A pod that runs a shell script with each volume at /NAME."""
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    container: dict[str, Any] = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "volumeMounts": mounts,
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0, **spec},
    }


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def ready(kubectl: Kubectl, namespace: str, name: str) -> None:
    kubectl.wait(f"pod/{name}", "condition=Ready", "-n", namespace)


def test_every_kind_of_content(kubectl: Kubectl, namespace: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "data": {"password": "aHVzaA=="},
    }
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    limit = {
        "path": "limit",
        "resourceFieldRef": {"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"},
    }
    volumes = [
        {"name": "config", "configMap": {"name": "c", "items": [{"key": "a", "path": "deep/a", "mode": 0o400}]}},
        {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o440}},
        {"name": "down", "downwardAPI": {"items": [labels, limit]}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "2Mi"}},
        {"name": "host", "hostPath": {"path": "/etc/hostname", "type": "File"}},
        {"name": "image", "image": {"reference": IMAGE}},
    ]
    body = pod(
        "all",
        namespace,
        "sleep 1000",
        volumes,
        container={"resources": {"limits": {"memory": "64Mi"}}},
        securityContext={"runAsUser": 1000, "fsGroup": 2000},
    )
    kubectl.apply(config_map("c", namespace, a="one"), secret, body)
    ready(kubectl, namespace, "all")

    def seen(script: str) -> str:
        return kubectl("exec", "-n", namespace, "all", "--", "sh", "-c", script)

    assert seen("cat /config/deep/a /secret/password") == "onehush"
    assert seen("cat /down/labels; echo; cat /down/limit") == 'app="all"\n64'
    assert seen("id -G | tr ' ' '\\n' | grep 2000") == "2000"
    assert seen("echo x > /scratch/f; stat -c '%u %g %a' /scratch/f /scratch") == "1000 2000 644\n0 2000 2777"
    assert seen("grep -c ' /fast tmpfs\\| /secret tmpfs' /proc/mounts") == "2"
    assert "No space left" in seen("dd if=/dev/zero of=/fast/f bs=1M count=4 2>&1; true")
    assert seen("ls /image/bin/busybox") == "/image/bin/busybox"
    assert "Read-only file system" in seen("touch /image/f 2>&1; true")
    assert "Permission denied" in seen("/image/bin/busybox true 2>&1; true")
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert seen(f"cat {token}/namespace; ls {token}") == f"{namespace}ca.crt\nnamespace\ntoken"


def test_changes_reach_running_containers(kubectl: Kubectl, namespace: str) -> None:
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    volumes = [{"name": "config", "configMap": {"name": "c"}}, {"name": "down", "downwardAPI": {"items": [labels]}}]
    wait = (
        "until grep -q two /config/a; do sleep .1; done; until grep -q color /down/labels; do sleep .1; done; echo seen"
    )
    kubectl.apply(config_map("c", namespace, a="one"), pod("w", namespace, f"{wait}; sleep 1000", volumes))
    ready(kubectl, namespace, "w")
    kubectl.apply(config_map("c", namespace, a="two"))
    kubectl("label", "-n", namespace, "pod/w", "color=blue")
    with kubectl.start("logs", "-n", namespace, "-f", "w") as follow:
        assert follow.stdout is not None
        assert follow.stdout.readline() == "seen\n"
        follow.kill()


def test_a_missing_config_map_holds_the_pod_until_it_appears(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("late", namespace, "sleep 1000", [{"name": "config", "configMap": {"name": "late"}}]))
    text = 'MountVolume.SetUp failed for volume "config" : configmap "late" not found'
    events = ("events", "-n", namespace, "--field-selector", "reason=FailedMount")
    kubectl.until(lambda found: any(text in item["message"] for item in found["items"]), "get", *events)
    kubectl.apply(config_map("late", namespace, a="1"))
    ready(kubectl, namespace, "late")


def test_containers_share_volumes_and_subpaths(kubectl: Kubectl, namespace: str) -> None:
    body = pod("two", namespace, "echo hello > /shared/part/f; sleep 1000", [{"name": "shared", "emptyDir": {}}])
    reader = {
        "name": "reader",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", "until test -f /only/f; do sleep .1; done; cat /only/f; sleep 1000"],
        "volumeMounts": [{"name": "shared", "mountPath": "/only", "subPath": "part", "readOnly": True}],
    }
    body["spec"]["initContainers"] = [
        {
            "name": "prepare",
            "image": IMAGE,
            "imagePullPolicy": "Never",
            "command": ["mkdir", "-p", "/shared/part"],
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
        }
    ]
    body["spec"]["containers"].append(reader)
    kubectl.apply(body)
    ready(kubectl, namespace, "two")
    with kubectl.start("logs", "-n", namespace, "-f", "two", "-c", "reader") as follow:
        assert follow.stdout is not None
        assert follow.stdout.readline() == "hello\n"
        follow.kill()
    refused = kubectl.run("exec", "-n", namespace, "two", "-c", "reader", "--", "touch", "/only/x", check=False)
    assert "Read-only file system" in refused.stderr


def test_nothing_of_a_deleted_pod_stays(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(pod("gone", namespace, "sleep 1000", [{"name": "fast", "emptyDir": {"medium": "Memory"}}]))
    ready(kubectl, namespace, "gone")
    uid = kubectl("get", "-n", namespace, "pod/gone", "-o", "jsonpath={.metadata.uid}")
    where = ["sh", "-c", f"grep -c {uid} /proc/self/mountinfo; find /sys/fs/cgroup -name '*{uid}*' | wc -l"]
    before = kubectl.machine.run(*where).stdout.split()
    assert int(before[0]) > 0 and int(before[1]) > 0
    kubectl("delete", "-n", namespace, "pod/gone")
    deadline = time.monotonic() + 60
    while kubectl.machine.run(*where, check=False).stdout.split() != ["0", "0"]:
        assert time.monotonic() < deadline, "something of the pod stays"
        time.sleep(0.1)


def test_a_pod_that_overfills_its_volume_is_evicted(kubectl: Kubectl, namespace: str) -> None:
    volume = {"name": "small", "emptyDir": {"sizeLimit": "1Mi"}}
    kubectl.apply(pod("full", namespace, "dd if=/dev/zero of=/small/f bs=1M count=3; sleep 1000", [volume]))
    found = kubectl.until(
        lambda found: found["status"]["phase"] == "Failed", "get", "pod/full", "-n", namespace, timeout=150
    )
    assert found["status"]["reason"] == "Evicted"
    assert found["status"]["message"] == 'Usage of EmptyDir volume "small" exceeds the limit "1Mi". '
