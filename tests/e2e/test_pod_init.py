"""Init containers and sidecars on a real node."""

from pathlib import Path
from typing import Any

from tests.e2e.objects import SLEEP, container, pod, shell
from tests.support.pods import Pods, status_of
from tests.support.waiting import until


def once(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a script and ends."""
    return container(name, "sh", "-c", script, **more)


def notes(directory: Path) -> dict[str, Any]:
    """A volume that outlives the pod: a directory of the test."""
    return {"name": "notes", "hostPath": {"path": str(directory), "type": "Directory"}}


NOTES = [{"name": "notes", "mountPath": "/notes"}]


def sidecar(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A restartable init container that notes its end."""
    text = f"trap 'echo {name} ends >> /notes/n; exit 0' TERM; {script}"
    return container(name, "sh", "-c", text, restartPolicy="Always", volumeMounts=NOTES, **more)


def test_init_containers_run_one_after_the_other(pods: Pods, namespace: str) -> None:
    work = [{"name": "work", "mountPath": "/work"}]
    body = pod(
        "order",
        namespace,
        shell("c", f"cat /work/f; {SLEEP}", volumeMounts=work),
        initContainers=[
            once("one", "until test -e /work/go; do sleep 0.1; done; echo one >> /work/f", volumeMounts=work),
            once("two", "cat /work/f; echo two >> /work/f", volumeMounts=work),
        ],
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pods.kubectl.apply(body)
    found = pods.until(
        "order",
        lambda found: "running" in (found["status"].get("initContainerStatuses") or [{"state": {}}])[0]["state"],
    )
    assert status_of(found, "c")["state"]["waiting"] == {"reason": "PodInitializing"}
    assert status_of(found, "two", "initContainerStatuses")["state"]["waiting"] == {"reason": "PodInitializing"}
    assert pods("get", "pod/order", "--no-headers").split()[1:3] == ["0/1", "Init:0/2"]
    pods("exec", "order", "-c", "one", "--", "touch", "/work/go")
    pods.ready("order")
    assert pods.said("order", "two") == ["one", "two"]
    found = pods.get("order")
    ended = [status["state"]["terminated"] for status in found["status"]["initContainerStatuses"]]
    assert [(state["exitCode"], state["reason"]) for state in ended] == [(0, "Completed")] * 2
    assert ended[0]["finishedAt"] <= ended[1]["startedAt"]


def test_a_failing_init_container(pods: Pods, namespace: str) -> None:
    fails = [once("i", "echo failing; exit 3")]
    pods.kubectl.apply(
        pod("never", namespace, shell("c", SLEEP), initContainers=fails, restartPolicy="Never"),
        pod("again", namespace, shell("c", SLEEP), initContainers=fails),
    )
    found = pods.phase("never", "Failed")
    assert status_of(found, "i", "initContainerStatuses")["state"]["terminated"]["exitCode"] == 3
    assert "terminated" not in status_of(found, "c")["state"]
    assert pods("get", "pod/never", "--no-headers").split()[2] == "Init:Error"

    def backs_off(found: Any) -> bool:
        state = status_of(found, "i", "initContainerStatuses")["state"]
        return bool(state.get("waiting", {}).get("reason") == "CrashLoopBackOff")

    found = pods.until("again", backs_off)
    assert found["status"]["phase"] == "Pending"
    assert status_of(found, "i", "initContainerStatuses")["restartCount"] >= 1
    pods.shown("again", "Init:CrashLoopBackOff")
    assert pods("logs", "again", "-c", "i", "-p") == "failing"


def test_a_sidecar_starts_first_and_ends_last(pods: Pods, namespace: str, tmp_path: Path) -> None:
    gate = {
        "exec": {"command": ["test", "-e", "/tmp/up"]},
        "periodSeconds": 1,
        "failureThreshold": 60,
        "timeoutSeconds": 5,
    }
    main = "trap 'sleep 0.3; echo main ends >> /notes/n; exit 0' TERM; echo main starts >> /notes/n"
    body = pod(
        "side",
        namespace,
        container("c", "sh", "-c", f"{main}; {SLEEP}", volumeMounts=NOTES),
        initContainers=[
            sidecar("s1", f"sleep 0.3; echo s1 up >> /notes/n; touch /tmp/up; {SLEEP}", startupProbe=gate),
            once("init", "echo init >> /notes/n", volumeMounts=NOTES),
            sidecar("s2", f"touch /notes/s2; {SLEEP}"),
        ],
        volumes=[notes(tmp_path)],
        terminationGracePeriodSeconds=60,
    )
    pods.kubectl.apply(body)
    pods.ready("side")
    assert pods("get", "pod/side", "--no-headers").split()[1:3] == ["3/3", "Running"]
    until(lambda: (tmp_path / "s2").exists() and "main starts" in (tmp_path / "n").read_text())
    pods("delete", "pod/side")
    told = (tmp_path / "n").read_text().splitlines()
    assert told == ["s1 up", "init", "main starts", "main ends", "s2 ends", "s1 ends"]


def test_a_sidecar_that_ends_is_started_again(pods: Pods, namespace: str, tmp_path: Path) -> None:
    body = pod(
        "back",
        namespace,
        shell("c", SLEEP),
        initContainers=[sidecar("s", "test -e /notes/once || { touch /notes/once; exit 1; }; " + SLEEP)],
        volumes=[notes(tmp_path)],
    )
    pods.kubectl.apply(body)
    found = pods.until(
        "back",
        lambda found: (found["status"].get("initContainerStatuses") or [{"restartCount": 0}])[0]["restartCount"] == 1,
    )
    pods.ready("back")
    assert (found := pods.get("back"))["status"]["containerStatuses"][0]["restartCount"] == 0
    assert status_of(found, "s", "initContainerStatuses")["lastState"]["terminated"]["exitCode"] == 1


def test_a_job_completes_in_spite_of_its_sidecar(pods: Pods, namespace: str, tmp_path: Path) -> None:
    spec = pod("x", namespace, once("c", "until [ -e /notes/up ]; do sleep 0.1; done", volumeMounts=NOTES))["spec"]
    spec |= {"initContainers": [sidecar("s", f"touch /notes/up; {SLEEP}")], "volumes": [notes(tmp_path)]}
    spec |= {"restartPolicy": "Never", "terminationGracePeriodSeconds": 60}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "namespace": namespace},
        "spec": {"template": {"spec": spec}},
    }
    pods.kubectl.apply(job)
    pods("wait", "--for=condition=Complete", "--timeout=120s", "job/work")
    found = pods.kubectl.json("get", "pods", "-n", namespace, "-l", "job-name=work")["items"][0]
    assert found["status"]["phase"] == "Succeeded"
    assert (tmp_path / "n").read_text() == "s ends\n"
