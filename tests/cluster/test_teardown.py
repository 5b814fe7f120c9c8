"""What `down` does to containers that still run."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import LoopClock, run_virtual

from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.teardown import remove_rules, stop_containers
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.pod_runtime import GRACE_ANNOTATION


def test_containers_have_their_grace_period_up_to_a_limit_and_all_at_once() -> None:
    async def stop(limit: int) -> tuple[dict[str, int], float]:
        clock = LoopClock()
        runtime = FakeRuntime(clock)
        runtime.add_image("i")
        sandbox = m.PodSandboxConfig(metadata=m.PodSandboxMetadata(name="p", uid="u", namespace="n"))
        id_ = await runtime.run_sandbox(sandbox)
        for name, grace in (("heeds", "30"), ("short", "2"), ("long", "30"), ("ended", "30")):
            runtime.ignores_stop |= {name} if name in ("short", "long") else set()
            config = m.ContainerConfig(
                metadata=m.ContainerMetadata(name=name),
                image=m.ImageSpec(image="i"),
                annotations={GRACE_ANNOTATION: grace},
            )
            if name == "ended":
                runtime.exits[name] = [0]
            await runtime.start_container(await runtime.create_container(id_, config, sandbox))
        began = clock.monotonic()
        await stop_containers(runtime, limit)
        codes = {c.metadata.name: c.exit_code for c in runtime.containers.values() if c.metadata is not None}
        return codes, clock.monotonic() - began

    codes, took = run_virtual(stop(10))
    assert codes == {"heeds": 143, "short": 137, "long": 137, "ended": 0}
    assert 10 <= took < 11
    assert run_virtual(stop(1))[1] < 2


def test_rules_and_routes_of_both_families_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str]] = []

    def run(command: list[str], *, input: bytes = b"", **_: Any) -> subprocess.CompletedProcess[bytes]:
        ran.append((" ".join(command), input.decode()))
        routes = [{"dst": "fd00::1:0/64", "gateway": "fd30::2"}, {"dst": "fd00::/64"}] if "-6" in command else []
        return subprocess.CompletedProcess(command, 0, json.dumps(routes).encode())

    monkeypatch.setattr(subprocess, "run", run)
    config = ClusterConfig(data_dir=tmp_path, pod_cidr="10.244.0.0/16,fd00::/56")
    remove_rules(config)
    tables = [f"{family} {name}{config.suffix}" for family in ("ip", "ip6")
              for name in ("pybernetes", "pybernetes-policies")]  # fmt: skip
    given = "".join(text for _, text in ran).splitlines()
    assert given == [f"{verb} table {table}" for table in tables for verb in ("add", "delete")]
    assert [command for command, _ in ran if command.startswith("ip ")] == [
        "ip -j -4 route show root 10.244.0.0/16",
        "ip -j -6 route show root fd00::/56",
        "ip -6 route del fd00::1:0/64",
    ]
