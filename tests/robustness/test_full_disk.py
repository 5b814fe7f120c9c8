"""A full disk under a whole API server: writes are refused in clear words, all else goes on, room heals it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_full_disk_under_the_api_server(tmp_path):
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    child = f"{sys.executable} -m tests.robustness.full_disk_child {tmp_path}"
    script = f"mount -t tmpfs -o size=4m tmpfs {tmp_path} && exec {child}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "recovered" in done.stdout
