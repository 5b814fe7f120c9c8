"""A pod's state in one word, by what its containers do."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pybernetes.apiserver.printers import pods

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def state(kind: str, **fields: Any) -> dict[str, Any]:
    return {kind: fields}


def status(name: str = "c", ready: bool = False, restarts: int = 0, **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": ready, "restartCount": restarts, **fields}


RUNNING = state("running", startedAt="2026-01-01T00:00:00Z")


def pod(phase: str, *containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": c["name"]} for c in containers] or [{"name": "c"}], **more.pop("spec", {})}
    body = {"phase": phase, "containerStatuses": list(containers), "initContainerStatuses": list(init)}
    return {"metadata": more.pop("metadata", {}), "spec": spec, "status": {**body, **more.pop("status", {})}}


INIT_SPEC = {"initContainers": [{"name": "i0"}, {"name": "i1"}]}
SIDECAR_SPEC = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}

CASES = {
    "running": (pod("Running", status(ready=True, state=RUNNING)), "1/1", "Running"),
    "not ready": (pod("Running", status(state=RUNNING)), "0/1", "Running"),
    "pending": (pod("Pending"), "0/1", "Pending"),
    "creating": (
        pod("Pending", status(state=state("waiting", reason="ContainerCreating"))),
        "0/1",
        "ContainerCreating",
    ),
    "crashing": (
        pod("Running", status(state=state("waiting", reason="CrashLoopBackOff"))),
        "0/1",
        "CrashLoopBackOff",
    ),
    "completed": (
        pod("Succeeded", status(state=state("terminated", reason="Completed", exitCode=0))),
        "0/1",
        "Completed",
    ),
    "ended by a signal": (pod("Failed", status(state=state("terminated", signal=9, exitCode=137))), "0/1", "Signal:9"),
    "ended without a reason": (pod("Failed", status(state=state("terminated", exitCode=3))), "0/1", "ExitCode:3"),
    "one ended, one runs, pod ready": (
        pod(
            "Running",
            status("a", state=state("terminated", reason="Completed")),
            status("b", ready=True, state=RUNNING),
            status={"conditions": [{"type": "Ready", "status": "True"}]},
        ),
        "1/2",
        "Running",
    ),
    "one ended, one runs, pod not ready": (
        pod(
            "Running",
            status("a", state=state("terminated", reason="Completed")),
            status("b", ready=True, state=RUNNING),
        ),
        "1/2",
        "NotReady",
    ),
    "second init container": (
        pod(
            "Pending",
            status(state=state("waiting", reason="PodInitializing")),
            init=(status("i0", state=state("terminated", exitCode=0)), status("i1", state=RUNNING)),
            spec=INIT_SPEC,
        ),
        "0/1",
        "Init:1/2",
    ),
    "init container failed": (
        pod("Pending", init=(status("i0", state=state("terminated", exitCode=2, reason="Error")),), spec=INIT_SPEC),
        "0/1",
        "Init:Error",
    ),
    "init container waits": (
        pod("Pending", init=(status("i0", state=state("waiting", reason="ImagePullBackOff")),), spec=INIT_SPEC),
        "0/1",
        "Init:ImagePullBackOff",
    ),
    "sidecar counts": (
        pod(
            "Running",
            status(ready=True, state=RUNNING),
            init=(status("s", ready=True, started=True, state=RUNNING),),
            spec=SIDECAR_SPEC,
        ),
        "2/2",
        "Running",
    ),
    "being deleted": (
        pod("Running", status(ready=True, state=RUNNING), metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        "1/1",
        "Terminating",
    ),
    "deleted after its end": (
        pod(
            "Succeeded",
            status(state=state("terminated", reason="Completed")),
            metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"},
        ),
        "0/1",
        "Completed",
    ),
    "node lost": (
        pod("Running", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}, status={"reason": "NodeLost"}),
        "0/1",
        "Unknown",
    ),
    "gated": (
        pod("Pending", status={"conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
        "0/1",
        "SchedulingGated",
    ),
    "evicted": (pod("Failed", status={"reason": "Evicted"}), "0/1", "Evicted"),
}


@pytest.mark.parametrize("case", CASES)
def test_ready_and_status(case: str) -> None:
    obj, ready, reason = CASES[case]
    assert (pods.ready(obj, NOW), pods.reason(obj, NOW)) == (ready, reason)


def test_restarts_tell_when_the_last_one_was() -> None:
    last = {"terminated": {"finishedAt": "2026-01-01T23:58:00Z"}}
    assert pods.restarts(pod("Running", status(restarts=2, state=RUNNING, lastState=last)), NOW) == "2 (2m ago)"
    assert pods.restarts(pod("Running", status(state=RUNNING)), NOW) == "0"


def test_readiness_gates_are_counted() -> None:
    gates = {"readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}
    met = {"conditions": [{"type": "a", "status": "True"}]}
    assert pods.readiness_gates(pod("Running", spec=gates, status=met), NOW) == "1/2"
    assert pods.readiness_gates(pod("Running"), NOW) == "<none>"
