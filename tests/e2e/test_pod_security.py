"""Security contexts as the processes of real containers feel them."""

import json
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, container, pod, shell
from tests.support.pods import Pods

NET_BIND_SERVICE, NET_ADMIN, SYS_TIME = 10, 12, 25
UNPRIVILEGED = 0x00000000A80425FB
"""The runtime's default set of capabilities."""


def secured(name: str = "c", **context: Any) -> dict[str, Any]:
    return shell(name, SLEEP, securityContext=context)


def process(pods: Pods, name: str, of: str = "c") -> dict[str, str]:
    """/proc/self/status of a command in a container."""
    lines = pods.seen(name, "cat /proc/self/status", of).splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def capabilities(pods: Pods, name: str, of: str = "c") -> int:
    return int(process(pods, name, of)["CapEff"], 16)


def test_users_and_groups(pods: Pods, namespace: str) -> None:
    body = pod(
        "ids",
        namespace,
        secured("c"),
        secured("own", runAsUser=1001, runAsGroup=3001, runAsNonRoot=True),
        shell("writer", f"echo x > /data/f; {SLEEP}", volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        securityContext={
            "runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [4000, 5000],
        },
        volumes=[{"name": "data", "emptyDir": {}}],
    )  # fmt: skip
    root = "container's runAsUser breaks non-root policy"
    image = "container has runAsNonRoot and image will run as root"
    pods.kubectl.apply(
        body,
        pod("root", namespace, secured(runAsNonRoot=True, runAsUser=0)),
        pod("image", namespace, secured(), securityContext={"runAsNonRoot": True}),
    )
    pods.ready("ids")
    found = process(pods, "ids")
    assert (found["Uid"].split()[0], found["Gid"].split()[0]) == ("1000", "3000")
    assert {"2000", "4000", "5000"} <= set(found["Groups"].split())
    own = process(pods, "ids", "own")
    assert (own["Uid"].split()[0], own["Gid"].split()[0]) == ("1001", "3001")
    written = "until [ -s /data/f ]; do sleep 0.1; done"
    assert pods.seen("ids", f"{written}; stat -c '%u %g' /data/f; stat -c '%g %a' /data", "writer").splitlines() == [
        "1000 2000",
        "2000 2777",
    ]
    for name, text in (("root", root), ("image", image)):
        uid = pods.get(name)["metadata"]["uid"]
        said = pods.waiting(name, "CreateContainerConfigError")
        assert said == f'{text} (pod: "{name}_{namespace}({uid})", container: c)'


def test_capabilities_and_privileges(pods: Pods, namespace: str) -> None:
    body = pod(
        "caps",
        namespace,
        secured("c"),
        secured("added", capabilities={"add": ["NET_ADMIN", "SYS_TIME"]}),
        secured("dropped", capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        secured("user", runAsUser=1000, allowPrivilegeEscalation=False),
        secured("all", privileged=True),
    )
    pods.kubectl.apply(body)
    pods.ready("caps")
    assert capabilities(pods, "caps") == UNPRIVILEGED
    assert capabilities(pods, "caps", "added") == UNPRIVILEGED | 1 << NET_ADMIN | 1 << SYS_TIME
    assert capabilities(pods, "caps", "dropped") == 1 << NET_BIND_SERVICE
    assert "not permitted" in pods.seen("caps", "chown 1:1 /tmp 2>&1 || true", "dropped").lower()
    user = process(pods, "caps", "user")
    assert (int(user["CapEff"], 16), user["NoNewPrivs"]) == (0, "1")
    assert process(pods, "caps")["NoNewPrivs"] == "0"
    everything = capabilities(pods, "caps", "all")
    assert everything & UNPRIVILEGED == UNPRIVILEGED and everything >> 21 & 1, "not even CAP_SYS_ADMIN"
    link = "ip link add gone type veth peer name gone2"
    assert pods.seen("caps", f"{link} && ip link del gone && echo done", "all") == "done"
    assert "not permitted" in pods.seen("caps", f"{link} 2>&1 || true").lower()
    assert int(pods.seen("caps", "ls /dev | wc -l", "all")) > int(pods.seen("caps", "ls /dev | wc -l"))


def test_file_system_and_proc(pods: Pods, namespace: str) -> None:
    mounts = [{"name": "work", "mountPath": "/work"}]
    body = pod(
        "files",
        namespace,
        shell("c", SLEEP, securityContext={"readOnlyRootFilesystem": True}, volumeMounts=mounts),
        secured("free", readOnlyRootFilesystem=False),
        secured("masked", procMount="Default"),
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pods.kubectl.apply(body)
    pods.ready("files")
    assert "Read-only file system" in pods.seen("files", "touch /x 2>&1 || true")
    assert pods.seen("files", "touch /work/x && echo ok") == "ok"
    assert pods.seen("files", "touch /x && echo ok", "free") == "ok"
    assert pods.seen("files", "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l", "masked") == "0\n0"
    assert "Read-only" in pods.seen("files", "(echo 1 > /proc/sys/kernel/panic) 2>&1 || true", "masked")


def test_seccomp(cluster: Cluster, pods: Pods, namespace: str) -> None:
    profiles = cluster.data_dir / "kubelet" / "seccomp"
    profiles.mkdir(parents=True, exist_ok=True)
    denied = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [denied]}
    (profiles / "no-mkdir.json").write_text(json.dumps(profile))
    local = {"type": "Localhost", "localhostProfile": "no-mkdir.json"}
    body = pod(
        "filters",
        namespace,
        secured("c"),
        secured("free", seccompProfile={"type": "Unconfined"}),
        secured("local", seccompProfile=local),
        securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
    )
    pods.kubectl.apply(body, pod("plain", namespace, secured()))
    pods.ready("filters", "plain")
    modes = [process(pods, "filters", name)["Seccomp"] for name in ("c", "free", "local")]
    assert [*modes, process(pods, "plain")["Seccomp"]] == ["2", "0", "2", "0"]
    assert "not permitted" in pods.seen("filters", "mkdir /tmp/x 2>&1 || true", "local").lower()
    assert pods.seen("filters", "mkdir /tmp/x && echo ok") == "ok"


def test_sysctls(pods: Pods, namespace: str) -> None:
    safe = [
        {"name": "kernel.shm_rmid_forced", "value": "1"},
        {"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"},
    ]
    unsafe = [{"name": "kernel.msgmax", "value": "65536"}]
    pods.kubectl.apply(
        pod("safe", namespace, secured(runAsUser=1000), securityContext={"sysctls": safe}),
        pod("unsafe", namespace, secured(), securityContext={"sysctls": unsafe}),
    )
    pods.ready("safe")
    shown = pods.seen("safe", "cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert shown.split() == ["1", "80"]
    status = pods.phase("unsafe", "Failed")["status"]
    assert status["reason"] == "SysctlForbidden"
    assert 'forbidden sysctl: "kernel.msgmax" not allowlisted' in status["message"]


def test_user_namespaces_are_refused_where_the_runtime_has_none(pods: Pods, namespace: str) -> None:
    unmasked = container("c", "sleep", "1", securityContext={"procMount": "Unmasked"})
    pods.kubectl.apply(pod("apart", namespace, secured(), hostUsers=False))
    said = 'Failed to create pod sandbox: RuntimeClass handler "" does not support user namespaces'
    pods.told("apart", "FailedCreatePodSandBox", said)
    with pytest.raises(AssertionError, match="procMount"):
        pods.kubectl.apply(pod("unmasked", namespace, unmasked))
