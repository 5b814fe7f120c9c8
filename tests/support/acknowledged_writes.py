"""Writes to an API server as fast as it takes them, and prints each one it acknowledged; run on a machine as a script.

    python acknowledged_writes.py KUBECONFIG NAMESPACE

Each of four threads creates config maps, replaces one counter again and again and deletes some of what it made. A line
`create NAME RESOURCE_VERSION`, `update NAME RESOURCE_VERSION NUMBER` or `delete NAME` stands for an answer that was
read whole; `attempt NAME` comes before a delete is sent. A request without an answer is given up: its outcome is open.
"""

import base64
import http.client
import json
import os
import ssl
import sys
import tempfile
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import yaml

WRITERS = 4


def connection_of(kubeconfig: str) -> tuple[str, ssl.SSLContext]:
    """`host:port` and a context with the administrator's certificate."""
    with open(kubeconfig, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return urlsplit(cluster["server"]).netloc, context


class Writer:
    """One thread's work."""

    def __init__(self, number: int, kubeconfig: str, namespace: str) -> None:
        self._number = number
        self._where, self._tls = connection_of(kubeconfig)
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The answer, or None when there was none or it was no success."""
        try:
            if self._connection is None:
                self._connection = http.client.HTTPSConnection(self._where, context=self._tls, timeout=10)
            content = json.dumps(body) if body is not None else None
            self._connection.request(method, path, content, {"content-type": "application/json"})
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            time.sleep(0.02)
            return None
        found: dict[str, Any] = json.loads(data)
        return found if answer.status < 300 else None

    def run(self) -> None:
        turn = 0
        while True:
            turn += 1
            name = f"w{self._number}-{turn}"
            made = self.ask("POST", self._path, _config_map(name, turn))
            if made is not None:
                say("create", name, made["metadata"]["resourceVersion"])
            self._count(turn)
            if made is not None and turn % 3 == 0:
                say("attempt", name)
                if self.ask("DELETE", f"{self._path}/{name}") is not None:
                    say("delete", name)

    def _count(self, turn: int) -> None:
        name = f"counter-{self._number}"
        done = self.ask("PUT", f"{self._path}/{name}", _config_map(name, turn))
        if done is None:
            done = self.ask("POST", self._path, _config_map(name, turn))
        if done is not None:
            say("update", name, done["metadata"]["resourceVersion"], str(turn))


def _config_map(name: str, number: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"number": str(number)}}


_lock = threading.Lock()


def say(*words: str) -> None:
    """One line at once: who is killed has said it, or has not."""
    with _lock:
        os.write(sys.stdout.fileno(), f"{' '.join(words)}\n".encode())


if __name__ == "__main__":
    for index in range(WRITERS):
        threading.Thread(target=Writer(index, sys.argv[1], sys.argv[2]).run, daemon=True).start()
    threading.Event().wait()
