"""Starts, ends and restarts of containers on a real node, and how they are told."""

import shutil
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Cluster
from tests.e2e.objects import IMAGE, SLEEP, container, pod, shell
from tests.support.pods import Pods, first, status_of, waiting_message, waits
from tests.support.waiting import until

NOTES = [{"name": "notes", "mountPath": "/notes"}]


def once(script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a script and ends."""
    return container("c", "sh", "-c", script, **more)


def notes(directory: Path) -> list[dict[str, Any]]:
    """A volume that outlives the pod: a directory of the test."""
    return [{"name": "notes", "hostPath": {"path": str(directory), "type": "Directory"}}]


def last_exit(found: Any) -> tuple[int, str]:
    """Exit code and reason of the run before the current one."""
    ended = first(found)["lastState"]["terminated"]
    return ended["exitCode"], ended["reason"]


def test_restart_policies(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        *(
            pod(f"{policy.lower()}-{code}", namespace, once(f"echo ran; exit {code}"), restartPolicy=policy)
            for policy in ("Always", "OnFailure", "Never")
            for code in (0, 1)
        )
    )
    for name, phase, code, reason in (
        ("onfailure-0", "Succeeded", 0, "Completed"),
        ("never-0", "Succeeded", 0, "Completed"),
        ("never-1", "Failed", 1, "Error"),
    ):
        found = pods.phase(name, phase)
        ended = first(found)["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"], first(found)["restartCount"]) == (code, reason, 0)
        assert found["status"]["podIP"], "the address of an ended pod is still told"
    for name, ended_as in (("always-0", (0, "Completed")), ("always-1", (1, "Error")), ("onfailure-1", (1, "Error"))):
        found = pods.until(name, lambda pod: waits(pod, "CrashLoopBackOff"))
        uid = found["metadata"]["uid"]
        who = f"{name}_{namespace}({uid})"
        back_off = 10 * 2 ** (first(found)["restartCount"] - 1)
        assert waiting_message(found) == f"back-off {back_off}s restarting failed container=c pod={who}"
        assert found["status"]["phase"] == "Running"
        assert last_exit(found) == ended_as
        assert pods("logs", name, "-p") == "ran"
        pods.told(name, "BackOff", f"Back-off restarting failed container c in pod {who}")
    for name, status in (("always-1", "CrashLoopBackOff"), ("never-1", "Error"), ("never-0", "Completed")):
        pods.shown(name, status)


def test_a_killed_process_is_started_again(cluster: Cluster, pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(pod("k", namespace, shell("c", "sleep 31415 & wait"), shell("other", SLEEP)))
    pods.ready("k")
    (number,) = until(lambda: cluster.machine.processes("^sleep 31415"))
    parent = cluster.machine.run("ps", "-o", "ppid=", "-p", str(number)).stdout.strip()
    cluster.machine.kill(int(parent))
    found = pods.restarted("k")
    assert last_exit(found) == (137, "Error")
    assert status_of(found, "other")["restartCount"] == 0
    pods.ready("k")


def test_the_story_of_a_pod(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(pod("story", namespace, shell("c", SLEEP)))
    pods.ready("story")
    pods("delete", "pod/story")
    pods.told("story", "Killing", "Stopping container c")
    assert pods.events("story") == [
        f"Scheduled Successfully assigned {namespace}/story to m1",
        f'Pulled Container image "{IMAGE}" already present on machine and can be accessed by the pod',
        "Created Container created",
        "Started Container started",
        "Killing Stopping container c",
    ]


def test_a_pod_is_given_its_grace_period_and_no_more(pods: Pods, namespace: str) -> None:
    deaf = once(f"trap '' TERM; {SLEEP}")
    body = pod("deaf", namespace, deaf, terminationGracePeriodSeconds=2)
    body["metadata"]["finalizers"] = ["example.com/kept"]
    pods.kubectl.apply(
        body,
        *(pod(name, namespace, deaf, terminationGracePeriodSeconds=600) for name in ("now", "force", "shorter")),
    )
    pods.ready("deaf", "now", "force", "shorter")
    pods("delete", "pod/force", "--force", "--grace-period=0")
    pods("delete", "pod/shorter", "pod/deaf", "--wait=false")
    began = time.monotonic()
    pods("delete", "pod/now", "--now")
    assert time.monotonic() - began > 0.9
    ended = first(pods.phase("deaf", "Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "Error")
    pods("patch", "pod/deaf", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert pods("get", "pod/shorter", "--no-headers").split()[2] == "Terminating"
    pods("delete", "pod/shorter", "--grace-period=1")
    pods("wait", "--for=delete", "--timeout=120s", "pod/deaf", "pod/shorter")


def test_hooks_within_the_grace_period(pods: Pods, namespace: str, tmp_path: Path) -> None:
    note = "echo {} >> /notes/n"
    serve = "trap 'echo end >> /notes/n; exit 0' TERM; httpd -p 8080 -h /; touch /notes/up; sleep 1000 & wait"

    def hooked(
        name: str, before: dict[str, Any], after: dict[str, Any] | None = None, *, grace: int = 60
    ) -> dict[str, Any]:
        lifecycle = {"preStop": before} | ({"postStart": after} if after else {})
        (tmp_path / name).mkdir()
        hooked = once(serve, lifecycle=lifecycle, volumeMounts=NOTES)
        return pod(name, namespace, hooked, volumes=notes(tmp_path / name), terminationGracePeriodSeconds=grace)

    def run(script: str) -> dict[str, Any]:
        return {"exec": {"command": ["sh", "-c", script]}}

    kubelet = {"host": "127.0.0.1", "port": 10248, "path": "/healthz"}
    pods.kubectl.apply(
        hooked("exec", run(note.format("stop")), run(f"{note.format('post')}; sleep 0.2")),
        hooked("sleeps", {"sleep": {"seconds": 1}}),
        hooked("http", {"httpGet": {"path": "/x", "port": 8080}}, {"httpGet": kubelet}),
        hooked("long", run(f"{note.format('stop')}; sleep 60"), grace=4),
        hooked("fails", run("exit 3")),
    )
    pods.ready("exec", "sleeps", "http", "long", "fails")
    began = time.monotonic()
    until(lambda: len(list(tmp_path.glob("*/up"))) == 5)
    pods("delete", "pods", "--all")
    assert time.monotonic() - began > 3

    def told(name: str) -> list[str]:
        return (tmp_path / name / "n").read_text().split()

    assert told("exec") == ["post", "stop", "end"]
    assert told("long") == ["stop", "end"]
    assert [told(name) for name in ("sleeps", "http", "fails")] == [["end"]] * 3
    pods.told("fails", "FailedPreStopHook", "PreStopHook failed: command 'sh -c exit 3' exited with 3: ")
    assert pods.events("sleeps", "FailedPreStopHook") == []


def test_last_words(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        pod(
            "words",
            namespace,
            container("file", "sh", "-c", "echo no; printf 'from the file' > /dev/termination-log; exit 1"),
            container("path", "sh", "-c", "printf elsewhere > /tmp/words", terminationMessagePath="/tmp/words"),
            container("logs", "sh", "-c", "echo bad end; exit 1", terminationMessagePolicy="FallbackToLogsOnError"),
            container("quiet", "sh", "-c", "echo good end", terminationMessagePolicy="FallbackToLogsOnError"),
            restartPolicy="Never",
        )
    )
    found = pods.phase("words", "Failed")
    said = {s["name"]: s["state"]["terminated"].get("message") for s in found["status"]["containerStatuses"]}
    assert said == {"file": "from the file", "path": "elsewhere", "logs": "bad end\n", "quiet": None}


def test_a_deadline(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(pod("late", namespace, shell("c", SLEEP), activeDeadlineSeconds=3))
    status = pods.phase("late", "Failed")["status"]
    assert status["reason"] == "DeadlineExceeded"
    assert status["message"] == "Pod was active on the node longer than the specified deadline"
    assert pods("get", "pod/late", "--no-headers").split()[2] in ("DeadlineExceeded", "Completed")


def build_image(cluster: Cluster, root: Path, name: str) -> None:
    """An image of nothing but a shell, put into the node's store."""
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for applet in ("sh", "sleep"):
        (root / "bin" / applet).symlink_to("busybox")
    assert cluster.pybernetes("image", "build", str(root), name).strip() == f"built {name}"


def test_a_new_image_restarts_only_its_container(cluster: Cluster, pods: Pods, namespace: str, tmp_path: Path) -> None:
    build_image(cluster, tmp_path, "localhost/shell:2")
    once = pod("once", namespace, shell("c", SLEEP), shell("other", SLEEP), restartPolicy="Never")
    pods.kubectl.apply(pod("swap", namespace, shell("c", SLEEP), shell("other", SLEEP)), once)
    pods.ready("swap", "once")
    before = pods.get("swap")
    pods("set", "image", "pod/swap", "c=localhost/shell:2")
    found = pods.until("swap", lambda found: first(found)["restartCount"] == 1 and "running" in first(found)["state"])
    assert first(found)["image"] == "localhost/shell:2"
    assert status_of(found, "other") == status_of(before, "other")
    assert found["status"]["podIP"] == before["status"]["podIP"]
    pods.told("swap", "Killing", "Container c definition changed, will be restarted")
    pods.ready("swap")
    pods("set", "image", "pod/once", "c=localhost/shell:2")
    found = pods.until("once", lambda found: first(found)["restartCount"] == 1 and "running" in first(found)["state"])
    assert first(found)["image"] == "localhost/shell:2"
    assert status_of(found, "other")["restartCount"] == 0
    pods.ready("once")


def test_commands_that_cannot_be_started(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(
        pod("absent", namespace, container("c", "/no/such/command")),
        pod("once", namespace, container("c", "/no/such/command"), restartPolicy="Never"),
    )
    found = pods.phase("once", "Failed")
    ended = first(found)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "no such file or directory" in ended["message"]
    pods.waiting("absent", "CrashLoopBackOff")
    assert first(pods.get("absent"))["lastState"]["terminated"]["reason"] == "StartError"
    pods.told("absent", "Failed", "Error: ")


def test_an_ephemeral_container_sees_its_target(pods: Pods, namespace: str) -> None:
    pods.kubectl.apply(pod("debugged", namespace, shell("c", "sleep 27182 & wait")))
    pods.ready("debugged")
    options = ("--image", IMAGE, "--target=c", "--container=look", "--profile=general", "-q")
    pods("debug", "debugged", *options, "--", "sh", "-c", "ps -o args; echo END; sleep 1000")
    found = pods.until(
        "debugged",
        lambda found: "running" in (found["status"].get("ephemeralContainerStatuses") or [{"state": {}}])[0]["state"],
    )
    assert first(found)["restartCount"] == 0
    with pods.kubectl.start("-n", namespace, "logs", "-f", "debugged", "-c", "look") as follow:
        assert follow.stdout is not None
        shown = []
        for line in follow.stdout:
            if line == "END\n":
                break
            shown.append(line)
        follow.kill()
    assert "sleep 27182\n" in shown
    assert "Ephemeral Containers:" in pods("describe", "pod/debugged")


def test_a_static_pod_comes_and_goes_with_its_file(cluster: Cluster, pods: Pods, namespace: str) -> None:
    directory = cluster.data_dir / "manifests"
    directory.mkdir(exist_ok=True)
    path = directory / f"{namespace}.yaml"
    text = f"""apiVersion: v1
kind: Pod
metadata: {{name: static, namespace: {namespace}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: {IMAGE}
    command: [sh, -c, "trap 'exit 0' TERM; {SLEEP}"]
"""
    path.write_text(text)
    try:
        pods.kubectl.until(lambda found: found["items"], "get", "pods", "-n", namespace)
        pods.ready("static-m1")
        found = pods.get("static-m1")
        annotations = found["metadata"]["annotations"]
        assert annotations["kubernetes.io/config.source"] == "file"
        assert annotations["kubernetes.io/config.mirror"] == annotations["kubernetes.io/config.hash"]
        assert found["metadata"]["ownerReferences"][0]["kind"] == "Node"
        pods("delete", "pod/static-m1")
        uid = found["metadata"]["uid"]
        pods.kubectl.until(
            lambda found: [item["metadata"]["uid"] for item in found["items"]] not in ([], [uid]),
            "get", "pods", "-n", namespace,
        )  # fmt: skip
        again = pods.until("static-m1", lambda found: "running" in first(found)["state"])
        assert first(again)["containerID"] == first(found)["containerID"], "only the mirror was deleted"
    finally:
        path.unlink()
    pods("wait", "--for=delete", "--timeout=120s", "pod/static-m1")
