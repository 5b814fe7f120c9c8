"""The provider of docs/cloud.md keeps the contract, against a cloud that answers over HTTP."""

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.contract.cloud_provider import InstancesContract, LoadBalancerContract

from pybernetes.cloud.provider import CloudProvider

TEXT = (Path(__file__).parents[2] / "docs" / "cloud.md").read_text()


def example() -> Any:
    """The class, as it stands there."""
    source = TEXT.split("```python\n")[1].split("```")[0]
    assert len(source.splitlines()) < 60
    names: dict[str, Any] = {}
    exec(compile(source, "docs/cloud.md", "exec"), names)
    return names["Acme"]


class Cloud(BaseHTTPRequestHandler):
    """Two servers, and as many load balancers as are put."""

    things: dict[str, Any]

    def do_GET(self) -> None:
        self._answer(self.things.get(self.path))

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        before = self.things.get(self.path) or {"ip": f"203.0.113.{len(self.things)}"}
        self.things[self.path] = {**body, "ip": before["ip"]}
        self._answer(self.things[self.path])

    def do_DELETE(self) -> None:
        self._answer(self.things.pop(self.path, None))

    def _answer(self, found: Any) -> None:
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class TestExample(LoadBalancerContract, InstancesContract):
    @asynccontextmanager
    async def provider(self) -> AsyncIterator[CloudProvider]:
        servers = {
            f"/servers/n{n}": {"id": f"i-{n}", "size": "small", "zone": "z1", "ip": f"10.1.0.{n}", "state": "on"}
            for n in (1, 2)
        }
        handler = type("Handler", (Cloud,), {"things": servers})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield example()(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}))
            finally:
                server.shutdown()
                thread.join()
