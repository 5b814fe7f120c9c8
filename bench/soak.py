"""What does a churning cluster cost over time: does anything leak, does anything degrade?

    .venv/bin/python bench/soak.py [--rounds 5] [--seconds 90] [--rest 30] [--kills] [--record]   (root)
    .venv/bin/python bench/soak.py --hollow-nodes 50         two thousand pods at a time without containers
    .venv/bin/python bench/soak.py --data-dir DIR            on a cluster that runs on this machine

A round churns for some time, then everything it made is deleted and the cluster rests until nothing is left to do; then
all of this is counted: memory, threads, open files and children of our processes and of containerd, mounts, network
namespaces' links, cgroups, packet rules, bytes and files in the data directory, and processor time at rest. The churn
(`churn.py`): deployments (rollouts, scaling, undo), stateful and daemon sets, jobs and cron jobs; services of every
type; config maps and secrets that change while mounted; pods that crash, run out of memory, fail their probes, name
images that are not there, are evicted, or deleted by force; exec, logs -f, attach and port-forward whose client is
killed; watches that are dropped or read by nobody; custom resources with their definitions; a webhook that never
answers; network policies; events by the hundred. With `--kills`, every second round ends server and containerd with
SIGKILL. Without `--data-dir` it makes a machine of namespaces and a cluster on it, which are gone afterwards.

Printed: a line a round, and what each figure grew by from the rest after the second round to that after the last.
Events and the past of objects are kept for an hour, and changes that clients may resume from for five to ten minutes,
so that memory and the store still grow in the first rounds. `--record` appends to bench/results/soak.jsonl.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from churn import Churn, processes
from recording import facts, record

from pybernetes.api.core import Namespace, Pod
from pybernetes.api.status import StatusError
from pybernetes.client.client import Client
from pybernetes.cluster import clients, state
from pybernetes.cluster.config import ClusterConfig

ROOT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1 << 20


def _memory(pid: int) -> tuple[float, float]:
    """Resident and private memory, MiB."""
    values: Counter[str] = Counter()
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        values[name] += int(rest.split()[0])
    return values["Rss"] / 1024, (values["Private_Clean"] + values["Private_Dirty"]) / 1024


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _size(path: Path) -> float:
    """MiB in files below `path`."""
    total = 0
    for base, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(base, name)).st_blocks * 512
    return round(total / _MIB, 1)


def _nft(suffix: str) -> int:
    """Chains, rules, sets, maps and their elements in the cluster's tables."""
    total = 0
    for line in subprocess.run(
        ["nft", "list", "tables"], capture_output=True, text=True, check=False
    ).stdout.splitlines():
        if "pybernetes" in line and line.endswith(suffix):
            words = ["nft", "-j", "list", *line.split()]
            shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            items = [next(iter(item.items())) for item in json.loads(shown)["nftables"]]
            total += len(items) + sum(len(value.get("elem", ())) for kind, value in items if kind in ("set", "map"))
    return total


def sample(config: ClusterConfig) -> dict[str, float]:
    """Everything that could be left over, by name."""
    directory = config.data_dir
    running = processes(directory)
    found: dict[str, float] = {}
    for name in ("server", "containerd"):
        for pid in running[name][:1]:
            found[f"{name}_rss_mib"], found[f"{name}_uss_mib"] = (round(value, 1) for value in _memory(pid))
            found[f"{name}_threads"] = len(os.listdir(f"/proc/{pid}/task"))
            found[f"{name}_files"] = len(os.listdir(f"/proc/{pid}/fd"))
    children = [
        (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
        for server in running["server"]
        for task in Path(f"/proc/{server}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    found["children"] = len(children)
    found["zombies"] = sum(state == "Z" for state in children)
    found["shims"] = len(running["shims"])
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found["mounts"] = sum(str(directory) in line for line in mounts)
    found["veths"] = sum(name.startswith("veth") for name in os.listdir("/sys/class/net"))
    groups = subprocess.run(
        ["find", "/sys/fs/cgroup", "-type", "d", "-path", f"*{config.cgroup}*"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found["cgroups"] = len(groups.stdout.splitlines())
    found["nft"] = _nft(config.suffix)
    for path in ("cni", "kubelet", "log", "store", "containerd"):
        found[f"disk_{path}_mib"] = _size(directory / path)
    found["disk_log_file_mib"] = round(config.log_file.stat().st_size / _MIB, 2)
    found["files_kubelet_cni"] = sum(
        len(names) + len(folders) for top in ("kubelet", "cni", "log") for _, folders, names in os.walk(directory / top)
    )
    return found


async def rest(client: Client, config: ClusterConfig, seconds: float) -> dict[str, float]:
    """Until nothing of the round is left and the server is quiet; what it uses then."""
    began = time.monotonic()
    while time.monotonic() - began < 180:
        with contextlib.suppress(StatusError, OSError):
            spaces = await client.list(Namespace)
            shims = len(processes(config.data_dir)["shims"])
            pods = await client.list(Pod)
            sandboxes = sum("kubernetes.io/config.mirror" not in (pod.metadata.annotations or {}) for pod in pods.items)
            if not any(space.metadata.name.startswith("soak-") for space in spaces.items) and shims <= sandboxes:
                break
        await asyncio.sleep(1)
    emptied = time.monotonic() - began
    await asyncio.sleep(seconds / 2)
    pids = processes(config.data_dir)["server"]
    before, at = sum(map(_cpu_seconds, pids)), time.monotonic()
    await asyncio.sleep(seconds / 2)
    used = sum(map(_cpu_seconds, pids)) - before
    return {
        "emptied_after_seconds": round(emptied, 1),
        "rest_cpu_percent": round(100 * used / (time.monotonic() - at), 2),
    }


async def inside(data_dir: Path, options: argparse.Namespace) -> list[dict[str, float]]:
    """On the machine: the rounds."""
    config = state.load(data_dir)
    assert config is not None
    client = clients.from_kubeconfig(config.admin_kubeconfig, "bench")
    rounds = [{**await rest(client, config, options.rest), **sample(config)}]
    _tell(0, rounds[0])
    for number in range(1, options.rounds + 1):
        churn = Churn(client, config, number)
        pids = processes(data_dir)["server"]
        before = sum(map(_cpu_seconds, pids))
        began = time.monotonic()
        await churn.run(options.seconds, options.only)
        used = sum(map(_cpu_seconds, pids)) - before
        lasted = time.monotonic() - began
        if options.kills and number % 2 == 0:
            await churn.kills()
        found = {**await rest(client, config, options.rest), **sample(config)}
        found["churn_cpu_percent"] = round(100 * used / lasted, 1)
        found["churned"] = sum(churn.done.values())
        found["churn_failed"] = sum(churn.failed.values())
        for text, times in churn.failed.items():
            print(f"    {times} x {text[:300]}", file=sys.stderr, flush=True)
        rounds.append(found)
        _tell(number, found)
    return rounds


def _tell(number: int, found: dict[str, float]) -> None:
    shown = " ".join(f"{name}={value:g}" for name, value in found.items())
    print(f"{number}: {shown}", file=sys.stderr, flush=True)


def growth(rounds: list[dict[str, float]]) -> dict[str, float]:
    """By figure: the last round less the second."""
    first, last = rounds[min(2, len(rounds) - 1)], rounds[-1]
    return {name: round(last[name] - first[name], 2) for name in last if name in first and last[name] != first[name]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=90.0, help="of churn in a round")
    parser.add_argument("--rest", type=float, default=30.0, help="seconds of rest after everything is gone")
    parser.add_argument("--hollow-nodes", type=int, default=0, metavar="N", help="no containers but N simulated nodes")
    parser.add_argument("--kills", action="store_true", help="SIGKILL to server and containerd in every second round")
    parser.add_argument("--only", action="append", default=[], help="a kind of churn; repeat it for more")
    parser.add_argument("--data-dir", type=Path, help="of a cluster that runs on this machine")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true", help="append to bench/results/soak.jsonl")
    options = parser.parse_args()
    if options.data_dir:
        rounds = asyncio.run(inside(options.data_dir, options))
        if options.inside:
            print(json.dumps(rounds))
            return
    else:
        sys.path.insert(0, str(ROOT))
        from tests.support.machine import machine

        with machine("soak") as host:
            data_dir = host.directory / "data"
            up = [str(Path(sys.executable).parent / "pybernetes"), "up", "--data-dir", str(data_dir)]
            up += ["--history-hours", "0.03", "--hollow-nodes", str(options.hollow_nodes)]
            host.run(*up, timeout=120)
            words = [sys.executable, __file__, "--inside", "--data-dir", str(data_dir), "--rounds", str(options.rounds)]
            words += ["--seconds", str(options.seconds), "--rest", str(options.rest)]
            words += [word for one in options.only for word in ("--only", one)]
            words += ["--kills"] if options.kills else []
            output, _ = host.start(*words, stderr=None).communicate()
            rounds = json.loads(output)
    found = {"rounds": options.rounds, "hollow_nodes": options.hollow_nodes, "last": rounds[-1], "grew": growth(rounds)}
    print(json.dumps({**facts(), **found}, indent=2))
    if options.record:
        record("soak", found)


if __name__ == "__main__":
    main()
