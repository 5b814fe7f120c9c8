"""An App that serves objects as the API server does: get, list and watch by name, token requests, reviews."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
from tests.support.scripted_app import event_line, json_response, status_response

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.http.message import Request, Response

KINDS = {
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "persistentvolumes": "PersistentVolume",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}


class ObjectServer:
    """`put` and `remove` change objects; watches see it. `requests` lists what was asked as `METHOD path`."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.requests: list[str] = []
        self.tokens_issued = 0
        self.refuse_tokens = False
        self.review: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {"allowed": True}
        self._clock = clock
        self._version = 100
        self._watches: dict[tuple[str, str, str], list[asyncio.Queue[bytes]]] = {}

    def put(self, plural: str, name: str, namespace: str = "", **fields: Any) -> None:
        """Create or replace an object."""
        self._version += 1
        key = (plural, namespace, name)
        uid = f"uid-of-{name}"
        meta = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(self._version)}
        known = key in self.objects
        self.objects[key] = {"apiVersion": "v1", "kind": KINDS[plural], "metadata": meta, **fields}
        self._announce(key, "MODIFIED" if known else "ADDED")

    def remove(self, plural: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        key = (plural, namespace, name)
        self._announce(key, "DELETED")
        del self.objects[key]

    def _announce(self, key: tuple[str, str, str], type_: str) -> None:
        for queue in self._watches.get(key, ()):
            queue.put_nowait(event_line(type_, self.objects[key]))

    def watched(self, plural: str, name: str, namespace: str = "") -> bool:
        """Whether somebody watches the object."""
        return bool(self._watches.get((plural, namespace, name)))

    async def __call__(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.path}")
        parts = request.path.strip("/").split("/")
        if request.method == "POST":
            return await self._create(parts, msgspec.json.decode(await request.body.read(1 << 20)))
        parts = parts[2:]
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        if len(parts) == 2:
            found = self.objects.get((parts[0], namespace, parts[1]))
            return json_response(found) if found is not None else _not_found(parts[0], parts[1])
        params = request.params()
        name = params["fieldSelector"].removeprefix("metadata.name=")
        key = (parts[0], namespace, name)
        if params.get("watch") == "true":
            return Response(200, [("content-type", "application/json")], self._watch(key))
        items = [self.objects[key]] if key in self.objects else []
        kind = KINDS[parts[0]] + "List"
        listing = {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": str(self._version)}}
        return json_response({**listing, "items": items})

    async def _watch(self, key: tuple[str, str, str]) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watches.setdefault(key, []).append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watches[key].remove(queue)

    async def _create(self, parts: list[str], body: dict[str, Any]) -> Response:
        if parts[-1] == "token":
            if self.refuse_tokens:
                return status_response(500, "InternalError")
            self.tokens_issued += 1
            seconds = body["spec"]["expirationSeconds"]
            expires = self._clock.now() + timedelta(seconds=seconds)
            audience = "+".join(body["spec"].get("audiences") or ["api"])
            body["status"] = {
                "token": f"token-{self.tokens_issued}-{parts[-2]}-{audience}",
                "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            return json_response(body, 201)
        body["status"] = self.review(body)
        return json_response(body, 201)


def _not_found(plural: str, name: str) -> Response:
    message = f'{plural} "{name}" not found'
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
    return json_response({**body, "message": message, "details": {"name": name, "kind": plural}}, 404)
