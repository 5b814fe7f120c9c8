"""One control plane with hollow nodes for the whole directory: in memory, over HTTPS, in a process of its own."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig of a running control plane."""
    directory = tmp_path_factory.mktemp("control-plane")
    api, dns = _free_ports(2)
    words = [sys.executable, "-m", "pybernetes", "server", "--memory", "--hollow-nodes", "2"]
    words += ["--data-dir", str(directory), "--api-port", str(api), "--dns-port", str(dns), "--node-ip", "127.0.0.1"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        _await_ready(process, api, directory)
        yield directory / "admin.kubeconfig"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _await_ready(process: subprocess.Popen[bytes], port: int, directory: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, (directory / "log").read_text()[-3000:]
        assert time.monotonic() < deadline, "the control plane is not ready"
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as stream:
                stream.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in stream.recv(100):
                    return
        except OSError:
            pass
        time.sleep(0.1)


@pytest.fixture(scope="session")
def pair(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The stock kubectl and ours against that control plane."""
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    return Pair(list(stock.values())[-1], kubeconfig, tmp_path_factory.mktemp("homes"))
