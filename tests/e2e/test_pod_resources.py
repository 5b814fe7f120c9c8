"""Requests and limits in the cgroup files of a real node, by QoS class, and what a limit does."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, container, pod, shell
from tests.support.pods import Pods, first, status_of

MIB = 1 << 20
_V1 = {
    "shares": ("cpu", "cpu.shares"),
    "quota": ("cpu", "cpu.cfs_quota_us"),
    "memory": ("memory", "memory.limit_in_bytes"),
    "pids": ("pids", "pids.max"),
}
_V2 = {"shares": "cpu.weight", "quota": "cpu.max", "memory": "memory.max", "pids": "pids.max"}
UNLIMITED = -1


class Cgroup:
    """The files of one cgroup, whichever layout the machine has."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self, what: str) -> int:
        """CPU shares, CPU quota (microseconds of 100,000), memory limit in bytes, or the limit of processes."""
        if Path("/sys/fs/cgroup/cgroup.controllers").exists():
            text = Path(f"/sys/fs/cgroup{self.path}", _V2[what]).read_text().split()[0]
            if what == "shares":
                return 2 + (int(text) - 1) * 262142 // 9999
        else:
            controller, name = _V1[what]
            text = Path(f"/sys/fs/cgroup/{controller}{self.path}", name).read_text().strip()
        number = UNLIMITED if text == "max" else int(text)
        return UNLIMITED if number > 1 << 60 else number

    def all(self) -> tuple[int, int, int]:
        return self.read("shares"), self.read("quota"), self.read("memory")


def pod_cgroup(cluster: Cluster, uid: str) -> str:
    """The path of a pod's cgroup below the controllers."""
    name = f"pod{uid}"
    words = ("find", "/sys/fs/cgroup", "-maxdepth", "6", "-type", "d", "-name", name)
    found = cluster.machine.run(*words, check=False).stdout.split()  # groups of others may go away meanwhile
    base = "/sys/fs/cgroup/" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "/sys/fs/cgroup/memory/"
    return next("/" + path.removeprefix(base) for path in found if path.startswith(base))


def resources(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {"resources": ({"requests": requests} if requests else {}) | ({"limits": limits} if limits else {})}


def test_cgroups_by_qos_class(cluster: Cluster, pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        pod("best", namespace, shell("c", SLEEP)),
        pod(
            "burst",
            namespace,
            shell("c", SLEEP, **resources({"cpu": "100m", "memory": "16Mi"}, {"memory": "32Mi"})),
            shell("d", SLEEP, **resources({"cpu": "150m"}, {"cpu": "500m", "memory": "32Mi"})),
        ),
        pod("sure", namespace, shell("c", SLEEP, **resources(limits={"cpu": "200m", "memory": "24Mi"}))),
        pod("open", namespace, shell("c", SLEEP, **resources({"cpu": "50m"})), shell("d", SLEEP)),
    )
    pods.ready("best", "burst", "sure", "open")
    found = {name: pods.get(name) for name in ("best", "burst", "sure", "open")}
    paths = {name: pod_cgroup(cluster, one["metadata"]["uid"]) for name, one in found.items()}

    def of(name: str, which: str = "") -> tuple[int, int, int]:
        inner = status_of(found[name], which)["containerID"].removeprefix("containerd://") if which else ""
        return Cgroup(f"{paths[name]}/{inner}".rstrip("/")).all()

    classes = {name: one["status"]["qosClass"] for name, one in found.items()}
    assert classes == {"best": "BestEffort", "burst": "Burstable", "sure": "Guaranteed", "open": "Burstable"}
    assert paths["best"].split("/")[-2] == "besteffort"
    assert paths["burst"].split("/")[-2] == paths["open"].split("/")[-2] == "burstable"
    assert paths["sure"].split("/")[-2] not in ("besteffort", "burstable")
    assert of("best") == of("best", "c") == (2, UNLIMITED, UNLIMITED)
    assert of("burst") == (256, UNLIMITED, 64 * MIB)
    assert of("burst", "c") == (102, UNLIMITED, 32 * MIB)
    assert of("burst", "d") == (153, 50_000, 32 * MIB)
    assert of("sure") == of("sure", "c") == (204, 20_000, 24 * MIB)
    assert of("open") == (51, UNLIMITED, UNLIMITED)
    assert of("open", "d") == (2, UNLIMITED, UNLIMITED)
    scores = {name: int(pods.seen(name, "cat /proc/1/oom_score_adj")) for name in ("best", "burst")}
    assert scores["best"] == 1000 and 2 < scores["burst"] < 1000


def test_who_exceeds_its_memory_is_killed_and_it_shows(pods: Pods, namespace: str) -> None:
    limit = resources(limits={"memory": "16Mi"})
    greedy = container("c", "tail", "/dev/zero", **limit)
    child = shell("c", f"tail /dev/zero || echo child $?; {SLEEP}", **limit)
    pods.kubectl.apply(
        pod("greedy", namespace, greedy, restartPolicy="Never"),
        pod("again", namespace, greedy, shell("other", SLEEP)),
        pod("child", namespace, child),
    )
    ended = first(pods.phase("greedy", "Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert pods("get", "pod/greedy", "--no-headers").split()[2] == "OOMKilled"
    pods.waiting("again", "CrashLoopBackOff")
    found = pods.get("again")
    assert first(found)["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status_of(found, "other")["restartCount"] == 0
    pods.ready("child")
    with pods.kubectl.start("-n", namespace, "logs", "-f", "child") as follow:
        assert follow.stdout is not None
        assert any(line == "child 137\n" for line in follow.stdout), "the kernel kills the process, not the container"
        follow.kill()
    assert first(pods.get("child"))["restartCount"] == 0


def test_a_cpu_quota_throttles(pods: Pods, namespace: str) -> None:
    spin = "while true; do :; done"
    pods.kubectl.apply(pod("busy", namespace, shell("c", spin, **resources(limits={"cpu": "100m"}))))
    pods.ready("busy")
    used = "cat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat 2>/dev/null | grep nr_throttled | cut -d' ' -f2"
    pods("exec", "busy", "--", "sh", "-c", f"until [ $({used}) -gt 3 ]; do sleep 0.1; done")


def test_a_pod_is_resized_in_place(cluster: Cluster, pods: Pods, namespace: str) -> None:
    restart = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    body = pod(
        "grow",
        namespace,
        shell("c", SLEEP, **resources({"cpu": "100m", "memory": "16Mi"}, {"cpu": "200m", "memory": "32Mi"})),
        shell("d", SLEEP, resizePolicy=restart, **resources({"cpu": "100m"}, {"memory": "32Mi"})),
    )
    pods.kubectl.apply(body)
    pods.ready("grow")
    before = pods.get("grow")
    cgroup = pod_cgroup(cluster, before["metadata"]["uid"])
    after = {
        "c": {"requests": {"cpu": "200m", "memory": "24Mi"}, "limits": {"cpu": "400m", "memory": "64Mi"}},
        "d": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "48Mi"}},
    }

    def resize(**wanted: Any) -> Any:
        containers = [{"name": name, "resources": found} for name, found in wanted.items()]
        pods("patch", "pod/grow", "--subresource=resize", "-p", json.dumps({"spec": {"containers": containers}}))

        def done(found: Any) -> bool:
            conditions = {condition["type"] for condition in found["status"]["conditions"]}
            return not conditions & {"PodResizePending", "PodResizeInProgress"} and all(
                status_of(found, name).get("resources") == amounts for name, amounts in wanted.items()
            )

        return pods.until("grow", done)

    def limits(found: Any, name: str) -> tuple[int, int, int]:
        return Cgroup(f"{cgroup}/{status_of(found, name)['containerID'].removeprefix('containerd://')}").all()

    found = resize(**after)
    assert (status_of(found, "c")["restartCount"], status_of(found, "d")["restartCount"]) == (0, 1)
    assert status_of(found, "c")["containerID"] == status_of(before, "c")["containerID"]
    assert limits(found, "c") == (204, 40_000, 64 * MIB)
    assert limits(found, "d") == (51, UNLIMITED, 48 * MIB)
    assert Cgroup(cgroup).all() == (256, UNLIMITED, 112 * MIB)
    down = {"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}
    assert limits(resize(c=down), "c") == (102, 10_000, 32 * MIB)
    huge = {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}
    refused = pods.kubectl.run(
        "patch", "-n", namespace, "pod/grow", "--subresource=resize", "-p",
        json.dumps({"spec": {"containers": [{"name": "c", "resources": huge}]}}), check=False,
    )  # fmt: skip
    assert "Node didn't have enough allocatable resources: cpu, requested: 1000050, allocatable: " in refused.stderr
    pods.told("grow", "ResizeCompleted")
