"""A control plane with hollow nodes in a process of its own: in memory, over HTTPS, for clients to talk to."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hollow_cluster(directory: Path, nodes: int = 2) -> Iterator[Path]:
    """Started and ready; the administrator's kubeconfig. `directory` keeps its data and its log."""
    api, dns = _free_ports(2)
    words = [sys.executable, "-m", "pybernetes", "server", "--memory", "--hollow-nodes", str(nodes)]
    words += ["--data-dir", str(directory), "--api-port", str(api), "--dns-port", str(dns), "--node-ip", "127.0.0.1"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        _await_ready(process, api, directory)
        yield directory / "admin.kubeconfig"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


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
