"""What a cluster says of itself when a test of it failed: what its nodes lack, which pods do not run, the last events
and warnings. Short, since it stands below every failure."""

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.kubectl import Kubectl

_LINES = 12


def report(kubectl: Kubectl, log: Path) -> str:
    """Some lines of text; what cannot be asked is left out."""
    parts: list[str] = []
    with contextlib.suppress(AssertionError, subprocess.SubprocessError, OSError, ValueError):
        parts += nodes(json.loads(kubectl("get", "nodes", "-o", "json", timeout=20))["items"])
        pods = kubectl("get", "pods", "-A", "-o", "wide", "--field-selector", "status.phase!=Running", timeout=20)
        parts += pods.splitlines()[: _LINES + 1]
        parts += kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", timeout=20).splitlines()[-_LINES:]
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()
        parts += [line for line in lines if " WARNING " in line or " ERROR " in line][-_LINES:]
    return "\n".join(parts)


def nodes(found: list[dict[str, Any]]) -> list[str]:
    """A line a node: the conditions that do not hold as they should, and the taints."""
    lines = []
    for node in found:
        conditions = node.get("status", {}).get("conditions", ())
        wrong = [c["type"] for c in conditions if (c["status"] == "True") != (c["type"] == "Ready")]
        taints = [taint["key"] for taint in node["spec"].get("taints", ())]
        lines.append(f"node {node['metadata']['name']}: wrong {wrong or 'nothing'}, taints {taints or 'none'}")
    return lines
