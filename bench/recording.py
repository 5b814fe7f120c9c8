"""Results of benchmarks that are kept: one line of JSON a run in `bench/results`, with commit, machine and load."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def facts() -> dict[str, Any]:
    """What a figure cannot be compared without."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ":?")
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True
    )
    return {
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": (
            f"{os.cpu_count()} x {model.partition(':')[2].strip()}, Linux {platform.release()}, "
            f"Python {platform.python_version()}"
        ),
        "load_average": round(os.getloadavg()[0], 1),
    }


def record(name: str, found: dict[str, Any]) -> None:
    """Append a run to `results/NAME.jsonl`."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps({**facts(), **found}) + "\n")
