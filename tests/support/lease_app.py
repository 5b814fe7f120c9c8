"""An App that keeps one Lease with optimistic concurrency, and can be broken for one identity."""

from typing import Any

import msgspec
from tests.support.scripted_app import json_response, status_response

from pybernetes.base.http.message import Request, Response


class LeaseApp:
    """Answers get, create and update of one Lease. Requests that would set `broken_for` as holder fail."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.broken_for = ""
        self._version = 0

    async def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return status_response(404, "NotFound") if self.lease is None else json_response(self.lease)
        sent = msgspec.json.decode(await request.body.read(1 << 20))
        if self.broken_for and sent["spec"].get("holderIdentity") == self.broken_for:
            raise ConnectionError("broken on purpose")
        version = (self.lease or {}).get("metadata", {}).get("resourceVersion")
        if request.method == "POST" and self.lease is not None:
            return status_response(409, "AlreadyExists")
        if request.method == "PUT" and sent["metadata"].get("resourceVersion") != version:
            return status_response(409, "Conflict")
        self._version += 1
        self.lease = {**sent, "metadata": {**sent["metadata"], "resourceVersion": str(self._version)}}
        return json_response(self.lease)
