"""Requests to the server: paths, headers, failures as `StatusFailure`, warnings shown once, several in flight together.

Connections are kept and reused. A request on a reused connection that the server closed meanwhile is sent again on a
new
one. `Client.each` runs a function over many items with several connections at a time, keeping the order of the results.
"""

from __future__ import annotations

import _thread

from .errors import CommandError, StatusFailure, Unreachable, reason_of
from .transport.connection import Address, Connection, Response
from .wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    from .config.target import Target

    T = TypeVar("T")
    R = TypeVar("R")

JSON = "application/json"
TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
PARALLEL = 8
"""Connections at a time where requests do not depend on one another."""

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = _SAFE | frozenset(b":@!$&'()*+,;=")


def quote(text: str, safe: frozenset[int] = _SAFE) -> str:
    """Percent-encoding."""
    if text.isalnum() and text.isascii():
        return text
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def segment(text: str) -> str:
    """Quoted as one segment of a path."""
    return quote(text, _PATH_SAFE)


def query_of(parameters: Iterable[tuple[str, Any]]) -> str:
    """A query with its question mark; empty values are left out."""
    pairs = [f"{name}={quote(str(value))}" for name, value in sorted(parameters) if value not in ("", None)]
    return "?" + "&".join(pairs) if pairs else ""


class Client:
    """Talks to one server as one user."""

    def __init__(self, target: Target, command: str, *, verbosity: int = 0, user_agent: str = "") -> None:
        self.target = target
        self.command = command
        self.verbosity = verbosity
        self.on_warning: Callable[[str], None] = lambda text: None
        self._idle: list[Connection] = []
        self._opened: list[Connection] = []
        self._user_agent = user_agent
        self._asking = _thread.allocate_lock()
        self._refused: Unreachable | None = None
        """Why there are no credentials."""
        self._prefix = Address(target.server).path

    def headers(self, accept: str = JSON, content_type: str = "") -> list[tuple[str, str]]:
        """What each request carries."""
        target = self.target
        if target.exec or target.provider:
            self._authenticate()
        found = [("Accept", accept), ("User-Agent", self._user_agent)]
        if target.compress and not target.server.startswith(("https://127.", "https://localhost", "http://")):
            found.append(("Accept-Encoding", "gzip"))
        if content_type:
            found.append(("Content-Type", content_type))
        if target.token:
            found.append(("Authorization", f"Bearer {target.token}"))
        elif target.username:
            from binascii import b2a_base64

            pair = b2a_base64(f"{target.username}:{target.password}".encode(), newline=False).decode()
            found.append(("Authorization", f"Basic {pair}"))
        found.append(("Kubectl-Command", f"kubectl {self.command}"))
        return found + target.headers

    def _authenticate(self) -> None:
        """Ask a plugin or a provider for credentials, once, though several requests be made side by side."""
        target = self.target
        with self._asking:
            if self._refused is not None:
                raise Unreachable(self._refused.message, refused=self._refused.refused, detail=self._refused.detail)
            try:
                if target.exec:
                    from .config.exec_plugin import authenticate

                    authenticate(target)
                elif target.provider:
                    from .config.auth_provider import token_of

                    target.token, target.provider = token_of(target), None
            except Unreachable as error:
                self._refused = Unreachable(error.message, refused=error.refused, detail=error.detail)
                raise

    def open(
        self, method: str, path: str, *, body: bytes = b"", accept: str = JSON, content_type: str = ""
    ) -> Response:
        """Send; the answer's head, whatever its status, the body still to be read. Unreachable."""
        if body and not content_type:
            content_type = JSON
        try:
            headers = self.headers(accept, content_type)
        except Unreachable as error:
            raise self._located(error, method, path) from None
        started = self._told(method, path, headers, body) if self.verbosity >= 6 else 0.0
        while True:
            connection = self._idle.pop() if self._idle else self._new()
            reused = connection.stream is not None
            try:
                connection.send(method, self._prefix + path, headers, body)
                response = connection.answer()
            except Unreachable as error:
                raise self._located(error, method, path) from None
            except TimeoutError:
                connection.close()
                raise Unreachable(
                    "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
                ) from None
            except OSError as error:
                connection.close()
                if reused:
                    continue
                lost = Unreachable(_lost(error), detail=_lost(error))
                raise self._located(lost, method, path) from None
            if self.verbosity >= 6:
                from .wire_log import response as tell

                status = f"{response.status} {response.reason}"
                tell(self.verbosity, method, self.target.server + path, status, response.headers, started)
            self._warn(response)
            return response

    def release(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over."""
        if connection.stream is not None and connection.idle:
            self._idle.append(connection)

    def call(self, method: str, path: str, *, body: bytes = b"", accept: str = JSON, content_type: str = "") -> bytes:
        """The body of a successful answer. StatusFailure, Unreachable."""
        for attempt in range(10):
            response = self.open(method, path, body=body, accept=accept, content_type=content_type)
            data = self.whole(response)
            if response.status < 400:
                return data
            wait = response.header("retry-after")
            if wait.isdigit() and response.status in (429, 500, 503) and attempt < 9 and _is_throttled(response, data):
                import time

                time.sleep(min(int(wait), 10))
                continue
            raise failure_of(response.status, data, response.header("content-type"), method, path)
        raise AssertionError("unreachable")

    def whole(self, response: Response) -> bytes:
        """The body of an answer; its connection may be used again."""
        try:
            data = response.read()
        except TimeoutError:
            raise Unreachable(
                "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
            ) from None
        except OSError as error:
            raise Unreachable(_lost(error)) from None
        self.release(response.connection)
        if self.verbosity >= 8:
            from .wire_log import answered

            answered(self.verbosity, data)
        return data

    def get(self, path: str, accept: str = JSON) -> Any:
        """A decoded answer to a GET."""
        return loads(self.call("GET", path, accept=accept))

    def stream(self, path: str, accept: str = JSON) -> Response:
        """An answer that keeps coming: a watch, a log. StatusFailure."""
        response = self.open("GET", path, accept=accept)
        if response.status >= 400:
            data = self.whole(response)
            raise failure_of(response.status, data, response.header("content-type"), "GET", path)
        return response

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> list[R | Exception]:
        """The function's results in order, run several at a time; what it raises stands in a result's place."""
        results: list[Any] = [None] * len(items)

        def run(position: int) -> None:
            try:
                results[position] = function(items[position])
            except Exception as error:  # handed to the caller in the result's place
                results[position] = error

        if len(items) < 2:
            for position in range(len(items)):
                run(position)
            return results
        left = iter(range(len(items)))
        lock, done = _thread.allocate_lock(), _thread.allocate_lock()
        running = min(PARALLEL, len(items))
        done.acquire()

        def work() -> None:
            nonlocal running
            while True:
                with lock:
                    position = next(left, -1)
                if position < 0:
                    break
                run(position)
            with lock:
                running -= 1
                last = not running
            if last:
                done.release()

        for _ in range(running):
            _thread.start_new_thread(work, ())
        done.acquire()
        return results

    def _new(self) -> Connection:
        connection = Connection(self.target)
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        """Leave no connection behind, whatever became of its exchange."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._idle.clear()

    def _located(self, error: Unreachable, method: str, path: str) -> Unreachable:
        """With the request in what the network said."""
        if error.detail:
            error.detail = f"{_verb(method)} {_quoted(self.target.server + path)}: {error.detail}"
        return error

    def _told(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> float:
        """Tell of a request; when it began."""
        from time import monotonic

        from .wire_log import request

        request(self.verbosity, method, self.target.server + path, headers, body)
        return monotonic()

    def _warn(self, response: Response) -> None:
        for name, value in response.headers:
            if name == "warning":
                self.on_warning(_warning_text(value))


def _is_throttled(response: Response, data: bytes) -> bool:
    """May the same request be sent again? An eviction that a budget forbids may not."""
    return response.status == 429 and b"disruption budget" not in data


def _lost(error: OSError) -> str:
    return "EOF" if isinstance(error, ConnectionResetError) and "EOF" in str(error) else reason_of(error)


def _verb(method: str) -> str:
    return method[:1] + method[1:].lower()


def _quoted(text: str) -> str:
    return f'"{text}"'


def _warning_text(value: str) -> str:
    """The text of a `299 - "text"` header."""
    start = value.find('"')
    end = value.find('"', start + 1)
    while end > 0 and value[end - 1] == "\\":
        end = value.find('"', end + 1)
    return value[start + 1 : end].replace('\\"', '"').replace("\\\\", "\\") if start >= 0 < end else value


def failure_of(code: int, data: bytes, content_type: str = "", method: str = "", path: str = "") -> StatusFailure:
    """The Status of a failed answer, or one made of what it says."""
    try:
        status = loads(data)
    except (JsonError, RecursionError):
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        from .unexpected import status_of

        status = status_of(code, data, content_type, method, path)
    return StatusFailure(code, status)


def decoded(data: bytes) -> dict[str, Any]:
    """An object as it came. CommandError when it is none."""
    try:
        found = loads(data)
    except JsonError as error:
        raise CommandError(f"the server answered no JSON: {error}") from None
    return found if isinstance(found, dict) else {}
