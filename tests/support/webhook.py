"""A webhook server on HTTPS that answers what a test tells it to, and remembers what it was asked."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority, server_context

Object = dict[str, Any]
Decide = Callable[[Object], Object | Awaitable[Object]]
"""From the `request` of a review to its `response` (`uid` is filled in)."""


def allow(request: Object) -> Object:
    return {"allowed": True}


def deny(message: str = "", **status: Any) -> Decide:
    return lambda request: {"allowed": False, "status": {"message": message, **status} if message else status}


def patch(*steps: Object) -> Decide:
    """Allows and changes the object by JSON patch."""
    data = base64.b64encode(orjson.dumps(list(steps))).decode()
    return lambda request: {"allowed": True, "patchType": "JSONPatch", "patch": data}


class WebhookServer:
    """`decide[path]` is what is answered there; `asked` the requests in order, as (path, request)."""

    def __init__(self, names: tuple[str, ...] = ("127.0.0.1", "localhost")) -> None:
        authority = CertificateAuthority.create("webhooks")
        self.authority_pem = authority.certificate_pem
        self.decide: dict[str, Decide] = {}
        self.asked: list[tuple[str, Object]] = []
        self.reviews: list[Object] = []
        self.connections: set[int] = set()
        self.http = HttpServer(
            self._answer, host="127.0.0.1", port=0, tls=server_context(authority.issue("webhook", names=names))
        )

    async def _answer(self, request: Request) -> Response:
        review = orjson.loads(await request.body.read(1 << 22))
        asked = review["request"]
        self.asked.append((request.path, asked))
        self.reviews.append(review)
        answer: Any = self.decide[request.path](asked)
        if hasattr(answer, "__await__"):
            answer = await answer
        if "raw" in answer:
            return Response(answer.get("code", 200), [("content-type", "application/json")], answer["raw"])
        body = {"kind": review["kind"], "apiVersion": review["apiVersion"], "response": {"uid": asked["uid"], **answer}}
        return Response(200, [("content-type", "application/json")], orjson.dumps(body))

    @property
    def names(self) -> list[str]:
        """The paths that were asked, in order."""
        return [path.removeprefix("/") for path, _ in self.asked]

    def client_config(self, path: str) -> Object:
        """A reference by URL."""
        authority = base64.b64encode(self.authority_pem).decode()
        return {"url": f"https://127.0.0.1:{self.http.port}/{path}", "caBundle": authority}

    def entry(self, name: str, decide: Decide, **changes: Any) -> Object:
        """A webhook about config maps that answers at its own path."""
        self.decide[f"/{name}"] = decide
        rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        return {
            "name": f"{name}.example.com",
            "clientConfig": self.client_config(name),
            "rules": [{**rule, **changes.pop("rule", {})}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1", "v1beta1"],
            **changes,
        }


@asynccontextmanager
async def webhook_server(**options: Any) -> AsyncIterator[WebhookServer]:
    server = WebhookServer(**options)
    async with running("webhook server", server.http.serve):
        yield server
