"""Build the conformance suite of v1.20, run it against two nodes, and say how it went.

    python -m tools.conformance [--focus REGEX] [--skip REGEX] [--kubectl PATH] [--cache DIR] [--logs DIR]

A dry run tells the names; they are shared out to groups, each a process of the suite, which run beside each other;
those that must be alone follow. The exit code is 1 when a test failed that known.txt does not have.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import images, suite
from .cache import run
from .cluster import Cluster, cluster
from .results import Summary, focus, groups, known_list, outcomes, report, summary

KNOWN = Path(__file__).parent / "known.txt"
DEFAULT_CACHE = Path.home() / ".cache/pybernetes/conformance"
OWN_KUBECTL = Path(sys.executable).parent / "kubectl-pybernetes"


def main() -> int:
    """The whole of it; the exit code."""
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    suite.build(options.cache)
    archive = images.make(options.cache)
    names = planned(options.cache / "e2e.test", options.focus, options.skip)
    if not names:
        sys.exit("no test has such a name")
    logs = options.logs or Path(tempfile.mkdtemp(prefix="conformance-"))
    logs.mkdir(parents=True, exist_ok=True)
    print(f"{len(names)} tests; what they print goes to {logs}", flush=True)
    with cluster(archive) as running:
        began = time.monotonic()
        result = run_all(running, options.cache / "e2e.test", names, kubectl=options.kubectl, logs=logs)
        print(report(result, time.monotonic() - began))
    return 0 if result.is_good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--focus", default=r"\[Conformance\]", metavar="REGEX", help="(%(default)s)")
    parser.add_argument("--skip", default="", metavar="REGEX")
    parser.add_argument("--kubectl", type=Path, default=OWN_KUBECTL, metavar="PATH", help="(our own)")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, metavar="DIR", help="(%(default)s)")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="(a new one below the temporary directory)")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    if shutil.which(options.kubectl) is None:
        parser.error(f"{options.kubectl} cannot be run")
    return options


def planned(program: Path, wanted: str, unwanted: str) -> list[str]:
    """The names of the tests that would run."""
    words = ("--ginkgo.dryRun", "--ginkgo.noColor", "--provider=skeleton", "--logtostderr=false")
    return sorted(outcomes(run(program, *words, f"--ginkgo.focus={wanted}", f"--ginkgo.skip={unwanted}")))


def run_all(running: Cluster, program: Path, names: list[str], *, kubectl: Path, logs: Path) -> Summary:
    """Run the tests, group beside group, and those alone after them."""
    shared = groups(names)
    alone = {group: shared.pop(group) for group in ("serial",) if group in shared}
    found: dict[str, bool] = {}
    for beside in (shared, alone):
        started = {
            group: _start(running, program, group, chosen, kubectl=kubectl, logs=logs)
            for group, chosen in beside.items()
        }
        for group, process in started.items():
            process.wait()
            ended = outcomes((logs / f"{group}.log").read_text(errors="replace"))
            found |= ended
            good = sum(ended.values())
            print(f"{group}: {good} of {len(beside[group])} passed", flush=True)
    return summary(names, found, known_list(KNOWN.read_text()))


def _start(
    running: Cluster, program: Path, group: str, names: list[str], *, kubectl: Path, logs: Path
) -> subprocess.Popen[str]:
    with (logs / f"{group}.log").open("wb") as output:
        return running.machine.start(
            str(program),
            f"--kubeconfig={running.kubeconfig}",
            "--provider=skeleton",
            "--num-nodes=2",
            f"--kubectl-path={kubectl}",
            "--disable-log-dump",
            f"--report-dir={logs / group}",
            "--ginkgo.noColor",
            f"--ginkgo.focus={focus(names)}",
            stdout=output,
        )


if __name__ == "__main__":
    sys.exit(main())
