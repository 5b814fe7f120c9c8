"""How long does a pod take from scheduled to Running, compared with the same container started through CRI by hand?

    python bench/pod_start.py [--rounds 30] [--record]        (root; makes a machine of namespaces and a cluster on it)

A: a pod is created; the clock runs from the watch event that shows `spec.nodeName` to the one that shows phase Running.
B: RunPodSandbox, CreateContainer and StartContainer are called on the node's containerd, one after the other, with what
the kubelet asks for: the same image, command, cgroup parent, log file, mounts and security settings.

Both take turns in one run; medians in milliseconds with the 10th and 90th percentile, the ratio A/B, and what each call
of B takes. `--record` appends the result to bench/results/pod_start.jsonl with commit and machine.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from recording import facts, record

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "localhost/pybernetes/sample-web:1"
COMMAND = ["sleep", "100000"]
NAMESPACE = "default"
SETTLE_SECONDS = 0.3
"""Between one start and the next: what is taken down goes on in the runtime for a moment."""


def summary(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = lambda part: ordered[min(int(len(ordered) * part), len(ordered) - 1)]  # noqa: E731
    return {"median": round(statistics.median(ordered), 1), "p10": round(at(0.1), 1), "p90": round(at(0.9), 1)}


async def by_api(client: Any, name: str) -> float:
    """Milliseconds from scheduled to Running, as a watcher sees them."""
    from pybernetes.api.core import Pod

    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": COMMAND}],
        },
    }
    listed = await client.list(Pod, NAMESPACE, limit=1)
    events = client.watch(
        Pod, NAMESPACE, resource_version=listed.resource_version, field_selector=f"metadata.name={name}"
    )
    scheduled = 0.0
    creating = asyncio.create_task(client.create(msgspec.convert(body, Pod)))
    async for event in events:
        now = time.perf_counter()
        if not scheduled and event.object.spec.node_name:
            scheduled = now
        if event.object.status.phase == "Running":
            await creating
            await events.aclose()
            return (now - scheduled) * 1000
    raise RuntimeError("the watch ended")


async def remove(client: Any, runtime: Any, name: str) -> None:
    """Delete the pod and wait until nothing of it is left in the runtime either, so that it disturbs nobody."""
    from pybernetes.api.core import Pod
    from pybernetes.api.status import StatusError

    await client.delete(Pod, name, NAMESPACE, grace_period_seconds=0)
    while True:
        try:
            await client.get(Pod, name, NAMESPACE)
        except StatusError:
            break
        await asyncio.sleep(0.05)
    while any(sandbox.metadata.name == name for sandbox in await runtime.list_sandboxes()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_SECONDS)


async def by_hand(runtime: Any, name: str, directory: Path, cgroup: str) -> tuple[float, list[float], str]:
    """Milliseconds of the three calls together and of each; the sandbox."""
    from pybernetes.kubelet.cri import messages as m
    from pybernetes.kubelet.security import MASKED_PATHS, READONLY_PATHS

    uid = f"hand-{name}"
    logs = directory / "log" / uid
    (logs / "c").mkdir(parents=True)
    files = {}
    for file, inside in (("hosts", "/etc/hosts"), ("message", "/dev/termination-log")):
        (logs / file).write_text("127.0.0.1 localhost\n")
        files[inside] = str(logs / file)
    options = m.NamespaceOption(network=m.NamespaceMode.POD, ipc=m.NamespaceMode.POD, pid=m.NamespaceMode.CONTAINER)
    sandbox = m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(name=name, uid=uid, namespace="by-hand", attempt=0),
        hostname=name,
        log_directory=str(logs),
        dns_config=m.DNSConfig(servers=["10.96.0.10"], searches=["cluster.local"], options=["ndots:5"]),
        linux=m.LinuxPodSandboxConfig(
            cgroup_parent=cgroup,
            security_context=m.LinuxSandboxSecurityContext(
                namespace_options=options,
                seccomp=m.SecurityProfile(profile_type=m.SecurityProfileType.RUNTIME_DEFAULT),
            ),
        ),
    )
    container = m.ContainerConfig(
        metadata=m.ContainerMetadata(name="c"),
        image=m.ImageSpec(image=IMAGE),
        command=COMMAND,
        log_path="c/0.log",
        mounts=[m.Mount(container_path=inside, host_path=path) for inside, path in files.items()],
        linux=m.LinuxContainerConfig(
            resources=m.LinuxContainerResources(cpu_shares=2, oom_score_adj=1000),
            security_context=m.LinuxContainerSecurityContext(
                namespace_options=options, masked_paths=list(MASKED_PATHS), readonly_paths=list(READONLY_PATHS)
            ),
        ),
    )
    marks = [time.perf_counter()]
    sandbox_id = await runtime.run_sandbox(sandbox)
    marks.append(time.perf_counter())
    container_id = await runtime.create_container(sandbox_id, container, sandbox)
    marks.append(time.perf_counter())
    await runtime.start_container(container_id)
    marks.append(time.perf_counter())
    steps = [(b - a) * 1000 for a, b in pairwise(marks)]
    return (marks[-1] - marks[0]) * 1000, steps, sandbox_id


async def inside(data_dir: Path, rounds: int) -> dict[str, Any]:
    """On the machine: take turns."""
    from pybernetes.cluster import clients, state
    from pybernetes.cluster.containerd import ContainerdPaths
    from pybernetes.kubelet.cri.containerd import Containerd

    config = state.load(data_dir)
    assert config is not None
    client = clients.from_kubeconfig(config.admin_kubeconfig, "bench")
    runtime = Containerd(str(ContainerdPaths(config.containerd_dir).socket))
    api, hand, steps = [], [], []
    for turn in range(rounds + 2):
        taken = await by_api(client, f"pod-{turn}")
        await remove(client, runtime, f"pod-{turn}")
        whole, parts, sandbox_id = await by_hand(runtime, f"hand-{turn}", data_dir, f"/{config.cgroup}/besteffort")
        await runtime.stop_sandbox(sandbox_id)
        await runtime.remove_sandbox(sandbox_id)
        if turn >= 2:
            api.append(taken)
            hand.append(whole)
            steps.append(parts)
        await asyncio.sleep(SETTLE_SECONDS)
    await runtime.close()
    names = ("RunPodSandbox", "CreateContainer", "StartContainer")
    return {
        "rounds": rounds,
        "scheduled_to_running_ms": summary(api),
        "by_hand_ms": summary(hand),
        "ratio": round(statistics.median(api) / statistics.median(hand), 2),
        "ratio_of_pairs": summary([a / b for a, b in zip(api, hand, strict=True)]),
        "by_hand_steps_ms": {
            name: summary(column) for name, column in zip(names, zip(*steps, strict=True), strict=True)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(asyncio.run(inside(arguments.inside, arguments.rounds))))
        return
    sys.path.insert(0, str(ROOT))
    from tests.support.machine import machine

    with machine("m1") as host:
        data_dir = host.directory / "data"
        pybernetes = str(Path(sys.executable).parent / "pybernetes")
        host.run(pybernetes, "up", "--data-dir", str(data_dir), timeout=120)
        words = [sys.executable, __file__, "--inside", str(data_dir), "--rounds", str(arguments.rounds)]
        found = json.loads(host.run(*words, timeout=900).stdout)
    print(json.dumps({**facts(), **found}, indent=2))
    if arguments.record:
        record("pod_start", found)


if __name__ == "__main__":
    main()
