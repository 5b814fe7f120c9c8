"""When a request is sent again, and where: lost connections, redirections, servers that ask for patience.

As Go's net/http and client-go have it: a request that may be repeated is sent again when the connection it was sent on
was an old one; a GET also when a new one is lost before an answer came, ten times, once a second, and so is a watch, of
which nothing then comes; any request when the server says when to come again. Nothing else is sent twice, since the
server may have done it.
"""

from __future__ import annotations

from .errors import CommandError, Unreachable, reason_of
from .transport.connection import Address, PeerClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .transport.connection import Connection, Response

ATTEMPTS = 10
AGAIN_SECONDS = 1.0
REPEATABLE = ("GET", "HEAD", "OPTIONS")


class Gone(Unreachable):
    """The peer has closed or reset the connection before it said anything."""


class Silent(Unreachable):
    """The peer has not answered within the time it was given."""


def again() -> None:
    """Let the time pass after which a lost request is asked again."""
    import time

    time.sleep(AGAIN_SECONDS)


def lost(error: OSError, connection: Connection) -> str:
    """What happened to a connection, in Go's words."""
    if isinstance(error, PeerClosed):
        return str(error)
    if "_ALERT_" in str(error):
        from .transport.alerts import words

        return f"remote error: tls: {words(str(error))}"
    reason = reason_of(error)
    if not connection.route or error.errno is None:
        return reason
    verb = "write" if error.errno == 32 else "read"
    return f"{verb} tcp {connection.route}: {verb}: {reason}"


def pause(response: Response, data: bytes) -> int:
    """Seconds until the same request is welcome; -1 when it is not, as an eviction that a budget forbids."""
    wait = response.header("retry-after")
    again = wait.isdigit() and (response.status == 429 or response.status >= 500) and b"disruption budget" not in data
    return int(wait) if again else -1


def succeeded(response: Response) -> bool:
    return 200 <= response.status <= 206


class Redirection:
    """What is asked instead."""

    __slots__ = ("body", "method", "path", "server", "shown")

    def __init__(self, method: str, body: bytes, location: str, server: str, path: str) -> None:
        self.method, self.body = method, body
        self.shown = location
        """How it was given."""
        self.server = server
        if "://" in location:
            address = Address(location)
            self.server = f"{address.scheme}://{address.with_port()}"
            location = "/" + location.partition("://")[2].partition("/")[2]
        elif not location.startswith("/"):
            location = f"{path.partition('?')[0].rpartition('/')[0]}/{location}"
        self.path = location


def redirection(response: Response, method: str, body: bytes, server: str, path: str) -> Redirection | None:
    """Where an answer leads; 301 to 303 make a GET of what was none."""
    location = response.header("location")
    if response.status not in (301, 302, 303, 307, 308) or not location:
        return None
    if response.status in (301, 302, 303) and method not in ("GET", "HEAD"):
        method, body = "GET", b""
    return Redirection(method, body, location, server, path)


def undecodable(error: Exception, content_type: str) -> CommandError:
    """Why an answer is no document."""
    media = content_type.partition(";")[0].strip()
    known = not media or media.endswith(("json", "protobuf"))
    return CommandError(str(error) if known else f"serializer for {content_type} doesn't exist")


def check_object(found: object, data: bytes) -> None:
    """CommandError for what is no object."""
    if not isinstance(found, dict):
        from .wire.json_read import kind_of

        raise CommandError(f"json: cannot unmarshal {kind_of(found)} into Go value of type unstructured.detector")
    for item in found.get("items") or ():
        if not isinstance(item, dict):
            from .wire.json_read import kind_of

            raise CommandError(
                f"json: cannot unmarshal {kind_of(item)} into Go value of type map[string]interface {{}}"
            )
    if not found.get("kind"):
        raise CommandError(f"Object 'Kind' is missing in '{data.decode('utf-8', 'replace')}'")
