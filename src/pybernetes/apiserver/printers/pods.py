"""The state of a pod in one word, as `kubectl get pods` shows it (kubectl reference, "Pod status")."""

from datetime import datetime
from typing import Any

import msgspec

from .columns import age


class PodState(msgspec.Struct, frozen=True):
    """What the Ready, Status and Restarts cells are made of. `last_restart` is RFC 3339 text or ""."""

    ready: int
    total: int
    reason: str
    restarts: int
    last_restart: str


def _restartable(container: dict[str, Any]) -> bool:
    return container.get("restartPolicy") == "Always"


def _ended(terminated: dict[str, Any], prefix: str = "") -> str:
    if terminated.get("reason"):
        return prefix + str(terminated["reason"])
    if terminated.get("signal"):
        return f"{prefix}Signal:{terminated['signal']}"
    return f"{prefix}ExitCode:{terminated.get('exitCode', 0)}"


def _finished_at(status: dict[str, Any]) -> str:
    return str(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), {})


class _Init(msgspec.Struct):
    """What the init containers add up to; `blocked` is the reason shown while they are not through."""

    blocked: str = ""
    ready: int = 0
    restarts: int = 0
    last: str = ""
    sidecar_restarts: int = 0
    sidecar_last: str = ""


def _initialization(spec: dict[str, Any], status: dict[str, Any]) -> _Init:
    declared = {c["name"]: c for c in spec.get("initContainers") or ()}
    found = _Init()
    for index, item in enumerate(status.get("initContainerStatuses") or ()):
        sidecar = _restartable(declared.get(item.get("name"), {}))
        found.restarts += item.get("restartCount") or 0
        found.last = max(found.last, _finished_at(item))
        if sidecar:
            found.sidecar_restarts += item.get("restartCount") or 0
            found.sidecar_last = max(found.sidecar_last, _finished_at(item))
        state = item.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and item.get("started"):
            found.ready += bool(item.get("ready"))
            continue
        if terminated is not None:
            found.blocked = _ended(terminated, "Init:")
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            found.blocked = "Init:" + waiting["reason"]
        else:
            found.blocked = f"Init:{index}/{len(declared)}"
        break
    return found


def pod_state(pod: dict[str, Any]) -> PodState:
    """Fold phase, conditions and container states into what a person wants to see first."""
    spec, status, meta = pod.get("spec") or {}, pod.get("status") or {}, pod.get("metadata") or {}
    phase = str(status.get("phase") or "")
    reason = str(status.get("reason") or phase)
    if _condition(status, "PodScheduled").get("reason") == "SchedulingGated":
        reason = "SchedulingGated"

    init = _initialization(spec, status)
    ready, restarts, last = init.ready, init.restarts, init.last
    reason = init.blocked or reason
    if not init.blocked or _condition(status, "Initialized").get("status") == "True":
        restarts, last = init.sidecar_restarts, init.sidecar_last
        has_running = False
        for item in reversed(status.get("containerStatuses") or ()):
            restarts += item.get("restartCount") or 0
            last = max(last, _finished_at(item))
            state = item.get("state") or {}
            if (state.get("waiting") or {}).get("reason"):
                reason = state["waiting"]["reason"]
            elif state.get("terminated") is not None:
                reason = _ended(state["terminated"])
            elif item.get("ready") and state.get("running") is not None:
                has_running = True
                ready += 1
        if reason == "Completed" and has_running:
            reason = "Running" if _condition(status, "Ready").get("status") == "True" else "NotReady"

    if meta.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            reason = "Terminating"
    total = len(spec.get("containers") or ()) + sum(map(_restartable, spec.get("initContainers") or ()))
    return PodState(ready, total, reason, restarts, last)


def ready(pod: dict[str, Any], now: datetime) -> str:
    state = pod_state(pod)
    return f"{state.ready}/{state.total}"


def reason(pod: dict[str, Any], now: datetime) -> str:
    return pod_state(pod).reason


def restarts(pod: dict[str, Any], now: datetime) -> str:
    state = pod_state(pod)
    if state.restarts and state.last_restart:
        return f"{state.restarts} ({age(state.last_restart, now)} ago)"
    return str(state.restarts)


def address(pod: dict[str, Any], now: datetime) -> str:
    addresses = (pod.get("status") or {}).get("podIPs") or ()
    return str(addresses[0].get("ip")) if addresses else "<none>"


def readiness_gates(pod: dict[str, Any], now: datetime) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates")
    if not gates:
        return "<none>"
    status = pod.get("status") or {}
    met = sum(_condition(status, gate["conditionType"]).get("status") == "True" for gate in gates)
    return f"{met}/{len(gates)}"
