"""The kubelet's parts around a real container: volumes, cgroups, streams, logs, statistics."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.containerd_node import containerd_node, missing

ROOT = Path(__file__).parents[2]
EXPECTED = 18


@pytest.mark.e2e
@pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")
def test_parts_around_a_real_container(tmp_path: Path) -> None:
    with containerd_node(tmp_path) as node:
        script = f"cd {ROOT} && PYTHONPATH={ROOT}:{ROOT}/src {sys.executable} -m tests.kubelet.parts_in_node {tmp_path}"
        try:
            output = node.run("sh", "-c", f"{script} 2>&1")
        except subprocess.CalledProcessError as error:
            pytest.fail(error.stdout.decode())
    lines = output.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert len(lines) == EXPECTED
