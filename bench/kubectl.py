"""How fast is our kubectl against the stock one? One server, both clients in turn, wall-clock milliseconds.

    .venv/bin/python bench/kubectl.py [--rounds 11] [--stock PATH] [--record]

Medians and ratios of: version --client, get pods, get -o yaml, describe, apply of one object (created, then unchanged)
and of 100 (created, changed), and of `get` in several formats and `describe` where there are 2,000 objects. `first` is
the time to the first byte of output. The server is a process of its own (memory store, hollow nodes); both clients use
their discovery caches, as they do from the second call on.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from recording import record

ROOT = Path(__file__).parent.parent
MANY = 2000


def stock_kubectl() -> str:
    """The newest stock kubectl beside the one on the PATH."""
    main = shutil.which("kubectl")
    if main is None:
        raise SystemExit("no stock kubectl here to compare with")
    found = sorted(Path(main).resolve().parent.glob("kubectl.1.*"), key=lambda path: int(path.name.split(".")[2]))
    return str(found[-1]) if found else main


class Bench:
    """Both clients against one server."""

    def __init__(self, stock: str, rounds: int, directory: Path) -> None:
        self.rounds = rounds
        self.directory = directory
        self.rows: dict[str, dict[str, float]] = {}
        self.kubeconfig = directory / "data" / "admin.kubeconfig"
        self.commands = {
            "stock": [stock],
            "ours": [str(Path(sys.executable).with_name("kubectl-pybernetes"))],
        }

    def run(self, side: str, *words: str, given: str = "") -> tuple[float, float]:
        """Milliseconds to the first byte and to the end."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.directory / side)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        start = time.perf_counter()
        process = subprocess.Popen(
            [*self.commands[side], *words],
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        assert process.stdout is not None
        if given:
            assert process.stdin is not None
            process.stdin.write(given.encode())
            process.stdin.close()
            process.stdin = None
        process.stdout.read(1)
        first = time.perf_counter()
        _, errors = process.communicate()
        end = time.perf_counter()
        if process.returncode:
            raise SystemExit(f"{side} {' '.join(words)}: {errors.decode()}")
        return (first - start) * 1000, (end - start) * 1000

    def compare(self, name: str, action: Callable[[str, int], tuple[float, float]], rounds: int = 0) -> None:
        """The clients in turn, so that both meet the same machine."""
        times: dict[str, list[tuple[float, float]]] = {"stock": [], "ours": []}
        for number in range(rounds or self.rounds):
            for side in times:
                times[side].append(action(side, number))
        stock, ours = (statistics.median(end for _, end in times[side]) for side in ("stock", "ours"))
        first = statistics.median(start for start, _ in times["ours"])
        spread = max(end for _, end in times["ours"]) - min(end for _, end in times["ours"])
        self.rows[name] = {
            "stock_ms": round(stock, 1),
            "ours_ms": round(ours, 1),
            "first_ms": round(first, 1),
            "ratio": round(stock / ours, 2),
        }
        print(
            f"{name:<28}{stock:>10.1f}{ours:>10.1f}{stock / ours:>8.2f}x   first {first:.1f}, spread {spread:.1f}",
            flush=True,
        )

    def objects(self, side: str, number: int, count: int, value: str) -> str:
        items = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"bench-{number}-{index}", "namespace": f"bench-{side}"},
                "data": {"value": value, "text": "x" * 200},
            }
            for index in range(count)
        ]
        return (
            "\n---\n".join(json.dumps(item) for item in items)
            if count == 1
            else json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--stock", default="")
    parser.add_argument("--record", action="store_true", help="append to bench/results/kubectl.jsonl")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="bench-kubectl-"))
    bench = Bench(arguments.stock or stock_kubectl(), arguments.rounds, directory)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src/pybernetes/kubectl")], check=True)
    words = [sys.executable, "-m", "pybernetes", "server", "--memory", "--hollow-nodes", "2", "--node-ip", "127.0.0.1"]
    words += ["--data-dir", str(directory / "data"), "--api-port", str(_port()), "--dns-port", str(_port())]
    with (directory / "log").open("w") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        _measure(bench)
        if arguments.record:
            record("kubectl", {"stock": Path(bench.commands["stock"][0]).name, "rows": bench.rows})
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(directory, ignore_errors=True)


def _measure(bench: Bench) -> None:
    deadline = time.monotonic() + 60
    while not bench.kubeconfig.exists() or _fails(bench):
        if time.monotonic() > deadline:
            raise SystemExit((bench.directory / "log").read_text()[-2000:])
        time.sleep(0.2)
    for side in ("stock", "ours"):
        bench.run(side, "create", "namespace", f"bench-{side}")
    bench.run("stock", "create", "deployment", "web", "--image=nginx", "--replicas=3")
    bench.run("stock", "rollout", "status", "deployment/web", "--timeout=30s")
    for side in ("stock", "ours"):
        bench.run(side, "get", "pods")
    print(f"{'milliseconds':<28}{'stock':>10}{'ours':>10}{'ratio':>9}")
    bench.compare("version --client", lambda side, _: bench.run(side, "version", "--client"))
    bench.compare("get pods", lambda side, _: bench.run(side, "get", "pods"))
    bench.compare("get deploy web -o yaml", lambda side, _: bench.run(side, "get", "deploy", "web", "-o", "yaml"))
    bench.compare("describe pods", lambda side, _: bench.run(side, "describe", "pods"))
    bench.compare("describe deploy web", lambda side, _: bench.run(side, "describe", "deploy", "web"))

    def apply(count: int, value: str) -> Callable[[str, int], tuple[float, float]]:
        return lambda side, number: bench.run(side, "apply", "-f", "-", given=bench.objects(side, number, count, value))

    few = max(3, bench.rounds // 2)
    bench.compare("apply 1 object (created)", apply(1, "a"))
    bench.compare("apply 1 object (unchanged)", apply(1, "a"))
    bench.compare("apply 100 (created)", apply(100, "b"), few)
    bench.compare("apply 100 (configured)", apply(100, "c"), few)
    many = bench.objects("ours", 0, MANY, "d")
    bench.run("ours", "apply", "-f", "-", given=many)
    names = ["get", "configmaps", "--namespace=bench-ours"]
    for shown, words in (
        ("table", []),
        ("json", ["-o", "json"]),
        ("custom-columns", ["-o", "custom-columns=NAME:.metadata.name,VALUE:.data.value"]),
        ("go-template", ["-o", 'go-template={{range .items}}{{.metadata.name}}{{"\\n"}}{{end}}']),
    ):
        bench.compare(f"get {MANY:,}, {shown}", lambda side, _, more=words: bench.run(side, *names, *more), few)
    bench.compare(f"describe {MANY:,}", lambda side, _: bench.run(side, "describe", *names[1:]), few)


def _fails(bench: Bench) -> bool:
    try:
        bench.run("stock", "get", "--raw", "/readyz")
    except SystemExit:
        return True
    return False


if __name__ == "__main__":
    main()
