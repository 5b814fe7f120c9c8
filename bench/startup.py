"""How fast does a cluster start, and what does it cost when nothing happens?

    .venv/bin/python bench/startup.py [--rounds 5] [--idle 60] [--record]

* `server` (hollow, no nodes' work): process start to the first 200 of /readyz over HTTPS      goal < 0.7 s
* `up` on a real node: to node Ready and to the sample's replicas available, warm install      goals < 2 s, < 3.5 s
* the same cluster left alone: resident memory of everything but containerd, processor share   goals < 130 MiB, < 1 %

Needs root; everything runs on a machine of namespaces that is gone afterwards. Each round has a fresh data directory;
"warm" means that our own images are imported already, which `up` does once per data directory: it is timed apart.
"""

import argparse
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from recording import record

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.machine import Machine, machine  # noqa: E402

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")
GOALS = {
    "readyz_seconds": 0.7,
    "node_ready_seconds": 2.0,
    "sample_seconds": 3.5,
    "idle_mib": 130.0,
    "idle_cpu_percent": 1.0,
}
_TICKS = os.sysconf("SC_CLK_TCK")


_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE


def _readyz(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/readyz", context=_TLS, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def server_start(directory: Path, port: int) -> float:
    """Seconds from fork to the first 200 of a server with a warm data directory."""
    command = [PYBERNETES, "server", "--data-dir", str(directory), "--hollow-nodes", "1", "--api-port", str(port)]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not _readyz(port):
                if process.poll() is not None:
                    raise SystemExit("the server ended; is the port free?")
                time.sleep(0.005)
            return time.monotonic() - began
        finally:
            process.terminate()


def up(host: Machine, directory: Path) -> dict[str, float]:
    """The steps that `up` prints, in seconds."""
    shown = host.run(PYBERNETES, "up", "--data-dir", str(directory)).stdout
    return {name: float(seconds) for name, seconds in re.findall(r"^  (\S.*?)\s+([\d.]+) s$", shown, re.MULTILINE)}


def _owned(directory: Path) -> list[int]:
    """The processes of the cluster: supervisor and server, not containerd and its shims."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(directory) in line and "python" in line and "containerd --config" not in line:
            found.append(int(path.name))
    return found


def _cpu_seconds(pids: Sequence[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _resident_mib(pids: Sequence[int]) -> float:
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids) / (1 << 20)


def idle(directory: Path, seconds: float) -> dict[str, float]:
    """What the cluster's processes use while nothing happens."""
    pids = _owned(directory)
    time.sleep(min(10.0, seconds / 2))
    before, began = _cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    used = _cpu_seconds(pids) - before
    return {"idle_mib": _resident_mib(pids), "idle_cpu_percent": 100 * used / (time.monotonic() - began)}


def _shown(name: str, values: Sequence[float]) -> None:
    middle = statistics.median(values)
    goal = GOALS[name]
    verdict = "reached" if middle < goal else "MISSED"
    print(f"{name:22} {middle:8.2f}   {min(values):.2f} .. {max(values):.2f}   goal < {goal:g}  {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--record", action="store_true", help="append to bench/results/startup.jsonl")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in GOALS}
    with machine("bench") as host:
        warm = host.directory / "server"
        server_start(warm, 17443)
        for _ in range(arguments.rounds):
            found["readyz_seconds"].append(server_start(warm, 17443))
        first = True
        for number in range(arguments.rounds + 1):
            directory = host.directory / "data"
            steps = up(host, directory)
            if not first:
                found["node_ready_seconds"].append(steps["Node is Ready"])
                found["sample_seconds"].append(steps["Sample application runs"])
            if number == arguments.rounds and arguments.idle:
                for name, value in idle(directory, arguments.idle).items():
                    found[name].append(value)
            host.run(PYBERNETES, "down", "--data-dir", str(directory))
            for path in directory.glob("sample.json"):
                path.unlink()
            shutil.rmtree(directory / "store")  # a new cluster on a warm install
            first = False
    for name, values in found.items():
        if values:
            _shown(name, values)
    if arguments.record:
        medians = {name: round(statistics.median(values), 3) for name, values in found.items() if values}
        record("startup", {"rounds": arguments.rounds, **medians})


if __name__ == "__main__":
    main()
