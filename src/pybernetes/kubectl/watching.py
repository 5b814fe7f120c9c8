"""The events of a watch, as client-go takes them from the stream.

Documents follow one another, however the server breaks its lines. What cannot be understood is an event of type ERROR,
and the last; a stream that breaks off has just ended.
"""

from __future__ import annotations

from .client import JSON
from .errors import CommandError, quoted
from .wire.json_read import JsonError, first

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .client import Client
    from .transport.connection import Response

TYPES = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"))
_CUT_OFF = "unexpected end of JSON input"


def watch(client: Client, path: str, accept: str = JSON) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and object of each event until the watch ends. StatusFailure, Unreachable when it cannot begin."""
    response = client.watch(path, accept)
    if response is not None:
        yield from events(response)


def events(response: Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of a watch that has begun. CommandError for what is none."""
    media = response.header("content-type").partition(";")[0].strip()
    if media not in ("", JSON):
        response.close()
        raise CommandError(f"no stream serializers registered for {media}")
    try:
        yield from _decoded(response)
    except OSError:
        # Lost, or silent for longer than it may be.
        pass
    finally:
        response.close()


def _decoded(response: Response) -> Iterator[tuple[str, dict[str, Any]]]:
    rest = b""
    for line in response.lines():
        if not rest and not line:
            continue
        rest += line + b"\n"
        text, start = rest.decode("utf-8", "replace"), 0
        rest = b""
        while text[start:].strip():
            try:
                document, start = first(text, start)
            except JsonError as error:
                if str(error) == _CUT_OFF or response.done:
                    rest = text[start:].encode()
                    break
                yield _undecodable(str(error))
                return
            event = _event(document)
            yield event
            if event[0] == "ERROR" and document.get("type") != "ERROR":
                return


def _event(document: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(document, dict) and "type" in document and isinstance(document.get("object"), dict):
        if document["type"] in TYPES:
            return document["type"], document["object"]
        return _undecodable(f"got invalid watch event type: {document['type']}")
    return _undecodable("unable to decode to metav1.WatchEvent")


def _undecodable(why: str) -> tuple[str, dict[str, Any]]:
    why = f"unable to decode an event from the watch stream: {why}"
    causes = [{"reason": reason, "message": why} for reason in ("UnexpectedServerResponse", "ClientWatchDecoding")]
    status = {
        "metadata": {},
        "status": "Failure",
        "message": f"an error on the server ({quoted(why)}) has prevented the request from succeeding",
        "reason": "InternalError",
        "details": {"causes": causes},
        "code": 500,
    }
    return "ERROR", {"kind": "Status", "apiVersion": "v1", **status}
