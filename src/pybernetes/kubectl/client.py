"""Requests to the server: paths, headers, failures as `StatusFailure`, warnings shown once, several in flight together.

Connections are kept and reused; when a request is sent again, and where, is told in `exchange.py`. `Client.each` runs a
function over many items with several connections at a time, keeping the order of the results.
"""

from __future__ import annotations

import _thread

from .errors import CommandError, StatusFailure, Unreachable
from .exchange import (
    ATTEMPTS,
    REPEATABLE,
    Gone,
    Silent,
    again,
    check_object,
    lost,
    pause,
    redirection,
    succeeded,
    undecodable,
)
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


def timed(path: str, seconds: float) -> str:
    """A path that tells the server too how long its answer is waited for, among its sorted parameters."""
    from pybernetes.base.go_text import duration_text

    where, _, query = path.partition("?")
    pairs = [pair for pair in query.split("&") if pair and not pair.startswith("timeout=")]
    before = [pair for pair in pairs if pair.partition("=")[0] <= "timeout"]
    after = pairs[len(before) :]
    return f"{where}?{'&'.join([*before, f'timeout={duration_text(seconds)}', *after])}"


class LimitKept:
    """What a client's `limit_seconds` is set to within the block holds there only; gives what it was before."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._limit = client.limit_seconds

    def __enter__(self) -> float:
        return self._limit

    def __exit__(self, *_: object) -> None:
        self._client.limit_seconds = self._limit


class Client:
    """Talks to one server as one user."""

    def __init__(
        self, target: Target, command: str, *, verbosity: int = 0, user_agent: str = "", whole_paths: bool = False
    ) -> None:
        """`whole_paths`: those that are asked for are not below the path that the server's address has."""
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
        self._whole_paths = whole_paths
        self.limit_seconds = target.timeout_seconds
        """How long the server may be silent; 0: for ever."""
        self._prefix = "" if whole_paths else Address(target.server).path

    def headers(self, accept: str = JSON, content_type: str = "") -> list[tuple[str, str]]:
        """What each request carries."""
        target = self.target
        if target.exec or target.provider:
            self._authenticate()
        if target.token_file:
            target.read_token()
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
                    from time import time

                    if time() > target.until:
                        self._ask_plugin()
                elif target.provider:
                    from .config.auth_provider import token_of

                    target.token, target.provider = token_of(target), None
            except Unreachable as error:
                self._refused = Unreachable(error.message, refused=error.refused, detail=error.detail)
                raise

    def _ask_plugin(self) -> None:
        """New credentials; connections that showed another certificate are of no use any more."""
        from .config.exec_plugin import authenticate

        before = self.target.certificate
        authenticate(self.target)
        if self.target.certificate != before:
            while self._idle:
                self._idle.pop().close()

    def _refused_token(self, headers: list[tuple[str, str]]) -> None:
        """The server does not know us: what a plugin gave is of no use to the requests that follow."""
        with self._asking:
            if not self.target.token or ("Authorization", f"Bearer {self.target.token}") in headers:
                try:
                    self._ask_plugin()
                except CommandError:
                    self.target.until = 0.0

    def open(
        self, method: str, path: str, *, body: bytes = b"", accept: str = JSON, content_type: str = ""
    ) -> Response:
        """Send; the answer's head, whatever its status, the body still to be read. Unreachable."""
        if body and not content_type:
            content_type = JSON
        if self.target.timeout_seconds:
            path = timed(path, self.target.timeout_seconds)
        try:
            headers = self.headers(accept, content_type)
        except Unreachable as error:
            raise self._located(error, method, path) from None
        started = self._told(method, path, headers, body) if self.verbosity >= 6 else 0.0
        response = self._exchanged(self.target, method, self._prefix + path, headers, body, path)
        if 300 <= response.status < 400:
            response = self._followed(response, method, path, headers, body)
        if self.verbosity >= 6:
            from .wire_log import response as tell

            status = f"{response.status} {response.reason}"
            tell(self.verbosity, method, self.target.server + path, status, response.headers, started)
        self._warn(response)
        if response.status == 401 and self.target.exec:
            self._refused_token(headers)
        return response

    def _exchanged(
        self, target: Target, method: str, where: str, headers: list[tuple[str, str]], body: bytes, path: str
    ) -> Response:
        """A request and the head of its answer, on an idle connection if there is one. Unreachable."""
        while True:
            connection = self._connection(target)
            reused = connection.stream is not None
            try:
                connection.limit(self.limit_seconds)
                connection.send(method, where, headers, body)
                return connection.answer()
            except Unreachable as error:
                raise self._located(error, method, path) from None
            except TimeoutError:
                connection.close()
                words = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
                raise self._located(Silent(words, detail=words), method, path) from None
            except OSError as error:
                connection.close()
                if reused and method in REPEATABLE:
                    continue
                words = lost(error, connection)
                gone = Gone if isinstance(error, ConnectionResetError) else Unreachable
                raise self._located(gone(words, detail=words), method, path) from None

    def _connection(self, target: Target) -> Connection:
        """An idle one that the server has not closed, or a new one."""
        while self._idle and target is self.target:
            connection = self._idle.pop()
            if connection.stream is not None and not connection.ended():
                return connection
            connection.close()
        return self._new(target)

    def _followed(
        self, response: Response, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        """The answer at the end of its redirections. Unreachable when there are too many."""
        target, where, asked = self.target, self._prefix + path, _verb(method)
        for hop in range(1, ATTEMPTS + 1):
            found = redirection(response, method, body, target.server, where)
            if found is None:
                return response
            if hop == ATTEMPTS:
                words = f"{asked} {_quoted(found.shown)}: stopped after {ATTEMPTS} redirects"
                raise Unreachable(f"stopped after {ATTEMPTS} redirects", detail=words)
            self.whole(response)
            if found.server != target.server:
                from copy import copy

                target = copy(target)
                target.server = found.server
            method, where, body = found.method, found.path, found.body
            response = self._exchanged(target, method, where, headers, body, path)
        raise AssertionError("unreachable")

    def release(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over."""
        if connection.stream is not None and connection.idle and connection.target is self.target:
            self._idle.append(connection)

    def call(self, method: str, path: str, *, body: bytes = b"", accept: str = JSON, content_type: str = "") -> bytes:
        """The body of a successful answer. StatusFailure, CommandError, Unreachable."""
        return self.answered(method, path, body, accept, content_type)[0]

    def answered(
        self, method: str, path: str, body: bytes = b"", accept: str = JSON, content_type: str = ""
    ) -> tuple[bytes, Response]:
        """The body of a successful answer, and its head. A GET is asked again when the connection was lost."""
        before = ""
        for attempt in range(ATTEMPTS + 1):
            try:
                response = self._succeeded(method, path, body, accept, content_type)
                return self.whole(response), response
            except Gone as error:
                if method != "GET" or (attempt == ATTEMPTS and before == error.message):
                    raise
                if attempt == ATTEMPTS:
                    raise CommandError(f"{error.detail} - error from a previous attempt: {before}") from None
                before = error.message
                again()
        raise AssertionError("unreachable")

    def _succeeded(self, method: str, path: str, body: bytes, accept: str, content_type: str) -> Response:
        """An answer that is none of a failure, as often as the server says when to come again. StatusFailure."""
        for attempt in range(ATTEMPTS + 1):
            response = self.open(method, path, body=body, accept=accept, content_type=content_type)
            if succeeded(response):
                return response
            data = self.whole(response)
            wait = pause(response, data)
            if wait < 0 or attempt == ATTEMPTS:
                break
            import time

            time.sleep(wait)
        where = "" if self._whole_paths else path
        raise failure_of(response.status, data, response.header("content-type"), method, where)

    def whole(self, response: Response) -> bytes:
        """The body of an answer; its connection may be used again."""
        try:
            data = response.read()
        except TimeoutError:
            raise Unreachable(
                "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
            ) from None
        except OSError as error:
            words = lost(error, response.connection)
            raise CommandError(
                f"unexpected error when reading response body. Please retry. Original error: {words}"
            ) from None
        self.release(response.connection)
        if self.verbosity >= 8:
            from .wire_log import answered

            answered(self.verbosity, data)
        return data

    def get(self, path: str, accept: str = JSON) -> Any:
        """A decoded answer to a GET. CommandError when it is no JSON."""
        return _decoded(*self.answered("GET", path, b"", accept, ""))

    def object(
        self, method: str, path: str, *, body: bytes = b"", accept: str = JSON, content_type: str = ""
    ) -> dict[str, Any]:
        """The object, list, table or Status of a successful answer. CommandError for anything else."""
        data, response = self.answered(method, path, body, accept, content_type)
        found: dict[str, Any] = _decoded(data, response)
        check_object(found, data)
        if found["kind"] == "Status" and found.get("status") == "Failure":
            # Some servers tell of failures with a good code.
            raise StatusFailure(int(found.get("code") or response.status), found)
        return found

    def watch(self, path: str, accept: str = JSON) -> Response | None:
        """A watch; None when the connection is lost each time. StatusFailure, Unreachable when there is no server."""
        for attempt in range(ATTEMPTS + 1):
            try:
                return self._succeeded("GET", path, b"", accept, "")
            except (Gone, Silent):
                if attempt < ATTEMPTS:
                    again()
        return None

    def stream(self, path: str, accept: str = JSON) -> Response:
        """An answer that keeps coming, such as a log; asked for once. StatusFailure, Unreachable."""
        return self._succeeded("GET", path, b"", accept, "")

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

    def _new(self, target: Target) -> Connection:
        connection = Connection(target)
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
                from .warning_header import texts

                for text in texts(value.encode("latin-1").decode("utf-8", "replace")):
                    self.on_warning(text)


def _decoded(data: bytes, response: Response) -> Any:
    try:
        return loads(data)
    except JsonError as error:
        raise undecodable(error, response.header("content-type")) from None


def _verb(method: str) -> str:
    return method[:1] + method[1:].lower()


def _quoted(text: str) -> str:
    return f'"{text}"'


def failure_of(code: int, data: bytes, content_type: str = "", method: str = "", path: str = "") -> StatusFailure:
    """The Status of a failed answer, or one made of what it says."""
    try:
        status = loads(data)
    except (JsonError, RecursionError):
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status" or status.get("status") != "Failure":
        from .unexpected import status_of

        status = status_of(code, data, content_type, method, path)
    return StatusFailure(code, status)
