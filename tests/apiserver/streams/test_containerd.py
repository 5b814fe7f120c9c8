"""The whole way to a real container runtime: client -> our handlers -> kubelet -> containerd's streaming server."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.containerd_node import containerd_node, missing

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("node")
    with containerd_node(directory) as node:
        command = ["env", f"PYTHONPATH={ROOT}:{ROOT / 'src'}", sys.executable, "-m"]
        command += ["tests.apiserver.streams.containerd_session", node.socket, str(directory / "logs")]
        yield json.loads(base64.b64decode(node.run(*command).splitlines()[-1]))


@pytest.mark.parametrize("protocol", ["v5", "v4"])
def test_output_and_exit_code(results: dict[str, Any], protocol: str) -> None:
    assert results[protocol] == {"out": "out\n", "err": "err\n", "status": "Failure", "code": "5"}


def test_standard_input_ends(results: dict[str, Any]) -> None:
    assert results["stdin"] == {"out": "hello\n", "err": "", "status": "Success", "code": ""}


def test_two_megabytes_both_ways(results: dict[str, Any]) -> None:
    assert results["large"]["out"] == "2097152 bytes, intact"


def test_terminal(results: dict[str, Any]) -> None:
    assert results["tty"]["code"] == "3"


def test_port_forward(results: dict[str, Any]) -> None:
    assert results["forward"].startswith("HTTP/1.1 404") or results["forward"].startswith("HTTP/1.0 404")
