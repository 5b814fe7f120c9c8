"""A cluster for a test: ready for pods when the block begins, gone when it ends."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pybernetes.testing import cluster as module
from pybernetes.testing.cluster import ClusterError, cluster

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]},
}


def test_pods_run_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    with cluster(nodes=3, directory=tmp_path) as found:
        assert found.kubectl("create", "-f", "-", stdin=json.dumps(POD)) == "pod/web created\n"
        assert found.kubectl("get", "nodes", "-o", "name").count("node/") == 3
        with found.namespace() as name:
            found.kubectl("create", "-n", name, "-f", "-", stdin=json.dumps(POD))
            found.kubectl("wait", "-n", name, "--for=condition=Ready", "pod/web", "--timeout=60s")
        assert found.url in found.kubeconfig.read_text()
        with pytest.raises(subprocess.CalledProcessError) as failed:
            found.kubectl("get", "pod", "none")
        assert failed.value.stderr == 'Error from server (NotFound): pods "none" not found\n'
    with pytest.raises(subprocess.CalledProcessError) as failed:
        found.kubectl("get", "nodes", "--request-timeout=60")
    assert "refused" in failed.value.stderr


def test_a_port_that_somebody_else_took_is_tried_again_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster(nodes=1, directory=tmp_path / "first") as first:
        taken = int(first.url.rpartition(":")[2])
        ports = [taken, module._free_port()]
        monkeypatch.setattr(module, "_free_port", lambda: ports.pop(0))
        with cluster(nodes=1, directory=tmp_path / "second") as second:
            assert (second.url, ports) != (first.url, [])


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match="unrecognized feature gate: NoSuchThing"),
        cluster(flags=["--feature-gates=NoSuchThing=true"], directory=tmp_path),
    ):
        pass


def test_the_fixtures_are_found_by_pytest(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npybernetes_nodes = 4\npybernetes_flags = --log-level debug\n")
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            def test_a(pybernetes_cluster, pybernetes_namespace):
                assert pybernetes_cluster.kubectl("get", "nodes", "-o", "name").count("node/") == 4
                assert " DEBUG " in pybernetes_cluster.log.read_text()
                pybernetes_cluster.kubectl("run", "web", "--image=web:1", "-n", pybernetes_namespace)
        """)
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
