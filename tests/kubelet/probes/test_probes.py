"""Probe workers in virtual time: rhythm, gating, thresholds, events, verdicts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.kubelet.pods import pod_of
from tests.support.clock import LoopClock

from pybernetes.api.core import Container, Pod, Probe
from pybernetes.base.tasks import running
from pybernetes.kubelet.parts import ProbeResults
from pybernetes.kubelet.probes import ProbeManager, termination_grace_period
from pybernetes.kubelet.probes_prober import Outcome, ProbeError

PROBE = {"exec": {"command": ["x"]}, "periodSeconds": 10, "failureThreshold": 3}


class Script:
    """A prober whose answers the test sets, and a recorder of events."""

    def __init__(self) -> None:
        self.answer: Outcome | Exception = Outcome("success")
        self.answers: dict[str, Outcome] = {}
        self.times: list[float] = []
        self.events: list[tuple[str, str, str]] = []
        self.results: list[tuple[str, bool]] = []

    async def probe(
        self, probe: Probe, container: Container, container_id: str, pod_ip: str, timeout: float
    ) -> Outcome:
        self.times.append(asyncio.get_running_loop().time())
        command = probe.exec.command[0] if probe.exec is not None and probe.exec.command else ""
        answer = self.answers.get(command, self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def event(self, obj: Any, type_: str, reason: str, message: str, *, field_path: str = "") -> None:
        self.events.append((reason, message, field_path))

    def result(self, uid: str, name: str, kind: str, success: bool, message: str) -> None:
        self.results.append((kind, success))


@pytest.fixture
def script() -> Script:
    return Script()


@asynccontextmanager
async def probing(script: Script) -> AsyncIterator[ProbeManager]:
    manager = ProbeManager(script, script, LoopClock(), script.result)  # type: ignore[arg-type]
    async with running("probes", manager.serve):
        yield manager


def probed(**probes: dict[str, Any]) -> Pod:
    return pod_of({"containers": [{"name": "web", **{f"{kind}Probe": probe for kind, probe in probes.items()}}]})


async def test_readiness_follows_the_probe(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(probed(readiness={**PROBE, "failureThreshold": 1}), "web", "id", "10.0.0.7")
        assert manager.results("uid-1", "web") == ProbeResults(started=True, ready=False)
        await asyncio.sleep(1)
        assert manager.results("uid-1", "web").ready
        script.answer = Outcome("failure", "no")
        await asyncio.sleep(10)
        assert not manager.results("uid-1", "web").ready
    assert script.results == [("readiness", True), ("readiness", False)]
    assert script.events == [("Unhealthy", "Readiness probe failed: no", "spec.containers{web}")]


async def test_rhythm_and_initial_delay(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(probed(liveness={**PROBE, "initialDelaySeconds": 5}), "web", "id", "")
        await asyncio.sleep(30)
    assert script.times == [5, 15, 25]


async def test_a_liveness_failure_is_reported_once_and_probing_stops(script: Script) -> None:
    script.answer = Outcome("failure", "HTTP probe failed with statuscode: 500")
    async with probing(script) as manager:
        manager.start(probed(liveness=PROBE), "web", "id", "")
        await asyncio.sleep(100)
    assert script.results == [("liveness", False)]
    assert script.times == [0, 10, 20]
    assert script.events[0][1] == "Liveness probe failed: HTTP probe failed with statuscode: 500"


async def test_a_new_run_of_the_container_starts_anew(script: Script) -> None:
    script.answer = Outcome("failure")
    pod = probed(liveness=PROBE)
    async with probing(script) as manager:
        manager.start(pod, "web", "id-1", "")
        await asyncio.sleep(25)
        manager.start(pod, "web", "id-2", "")
        await asyncio.sleep(25)
    assert script.results == [("liveness", False), ("liveness", False)]


async def test_the_same_run_is_not_started_twice(script: Script) -> None:
    pod = probed(liveness=PROBE)
    async with probing(script) as manager:
        manager.start(pod, "web", "id", "")
        await asyncio.sleep(1)
        manager.start(pod, "web", "id", "")
        await asyncio.sleep(1)
    assert len(script.times) == 1


async def test_other_probes_wait_for_startup_and_then_begin_at_once(script: Script) -> None:
    script.answers["start"] = Outcome("failure")
    startup = {"exec": {"command": ["start"]}, "periodSeconds": 10, "failureThreshold": 30}
    async with probing(script) as manager:
        manager.start(probed(startup=startup, readiness=PROBE), "web", "id", "")
        await asyncio.sleep(25)
        assert manager.results("uid-1", "web") == ProbeResults(started=False, ready=False)
        assert script.results == []
        script.answers["start"] = Outcome("success")
        await asyncio.sleep(5.5)
        assert manager.results("uid-1", "web") == ProbeResults(started=True, ready=True)
    assert script.results == [("startup", True), ("readiness", True)]


async def test_a_warning_is_a_success_with_an_event(script: Script) -> None:
    script.answer = Outcome("warning", "Probe terminated redirects")
    async with probing(script) as manager:
        manager.start(probed(readiness=PROBE), "web", "id", "")
        await asyncio.sleep(1)
    assert script.results == [("readiness", True)]
    assert script.events[0][:2] == ("ProbeWarning", "Readiness probe warning: Probe terminated redirects")


async def test_a_probe_that_cannot_be_carried_out_counts_as_nothing(script: Script) -> None:
    script.answer = ProbeError("no such container")
    async with probing(script) as manager:
        manager.start(probed(liveness={**PROBE, "failureThreshold": 1}), "web", "id", "")
        await asyncio.sleep(1)
    assert script.results == []
    assert len(script.times) == 3
    assert len(script.events) == 1
    assert "errored" in script.events[0][1]


async def test_stop_ends_the_probes(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(probed(liveness=PROBE), "web", "id", "")
        await asyncio.sleep(1)
        manager.stop("uid-1", None)
        await asyncio.sleep(100)
    assert len(script.times) == 1


async def test_a_deleted_pod_keeps_its_readiness_probe(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(probed(liveness={"exec": {"command": ["alive"]}}, readiness=PROBE), "web", "id", "")
        await asyncio.sleep(1)
        manager.stop_liveness_and_startup("uid-1")
        script.answers["alive"] = Outcome("failure")
        script.answer = Outcome("failure")
        await asyncio.sleep(100)
    assert script.results == [("readiness", True), ("readiness", False)]


async def test_after_a_restart_of_the_kubelet_probes_are_spread_and_nothing_is_asked_twice(script: Script) -> None:
    startup = {"exec": {"command": ["start"]}, "failureThreshold": 1}
    script.answers["start"] = Outcome("failure")
    async with probing(script) as manager:
        began = LoopClock().now() - timedelta(hours=1)
        pod = probed(startup=startup, readiness={**PROBE, "initialDelaySeconds": 60})
        restored = ProbeResults(started=True, ready=True)
        manager.start(pod, "web", "id", "", started_at=began, restored=restored)
        assert manager.results("uid-1", "web") == restored
        await asyncio.sleep(10.5)
        assert 1 <= len(script.times) <= 2
    assert script.results == []


async def test_containers_without_probes_are_ready(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(pod_of(), "web", "id", "")
        assert manager.results("uid-1", "web") == ProbeResults(started=True, ready=True)


async def test_counters(script: Script) -> None:
    async with probing(script) as manager:
        manager.start(probed(readiness=PROBE), "web", "id", "")
        await asyncio.sleep(15)
        text = manager.metrics()
    assert (
        'prober_probe_total{container="web",namespace="default",pod="web",pod_uid="uid-1",'
        'probe_type="Readiness",result="successful"} 2\n' in text
    )


def test_grace_period_of_a_probe() -> None:
    pod = probed(liveness={**PROBE, "terminationGracePeriodSeconds": 7}, readiness=PROBE)
    assert termination_grace_period(pod, "web", "liveness") == 7
    assert termination_grace_period(pod, "web", "readiness") is None
