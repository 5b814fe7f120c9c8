"""An App that answers from a script and remembers what it was asked."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from pybernetes.base.http.message import Request, Response

Answer = Response | Exception | Callable[[Request], Response]


def json_response(body: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(status, [("content-type", "application/json"), *(headers or [])], msgspec.json.encode(body))


def status_response(code: int, reason: str, headers: list[tuple[str, str]] | None = None) -> Response:
    """A failure with a Status body."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": reason,
        "code": code,
    }
    return json_response(body, code, headers)


def stream_response(*chunks: bytes) -> Response:
    """A streamed body."""

    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return Response(200, [("content-type", "application/json")], body())


def event_line(type_: str, obj: dict[str, Any]) -> bytes:
    """One line of a watch body."""
    return msgspec.json.encode({"type": type_, "object": obj}) + b"\n"


class ScriptedApp:
    """Gives one answer after the other; the last one is not repeated."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if not self.answers:
            raise ConnectionError("the script has ended")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else answer(request)

    def said(self) -> list[str]:
        """`METHOD path?query` of every request."""
        return [f"{r.method} {r.path}" + (f"?{r.query}" if r.query else "") for r in self.requests]
