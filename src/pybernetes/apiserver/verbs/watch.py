"""GET ...?watch=true: the changes of a collection, pushed by the watch cache: one JSON event a line, or protobuf events
behind their length.

resourceVersion   sendInitialEvents   begins with
"" or 0           -                   ADDED for the present objects ("" after the cache has caught up)
N                 -                   what happened after N; 410 inside the stream when that is forgotten
any               true                ADDED for the present objects, then a bookmark with k8s.io/initial-events-end
""                false               now

Errors found once the watch is accepted travel as an ERROR event, as upstream does.
"""

import random

import orjson

from ...api.status import StatusError
from ...base.http.message import PushBody, Response, Sink
from ...base.http.websocket import is_upgrade
from ..call import Call
from ..negotiation import JSON, PROTOBUF, PROTOBUF_WATCH
from ..watch_cache.watcher import Format
from .list_options import list_options, revision_of, selection
from .watch_socket import over_websocket

MIN_TIMEOUT_SECONDS = 1800


async def watch(call: Call) -> Response:
    """A response that goes on until its timeout, the client's leave or the server's end."""
    options = list_options(call, watch=True)
    chosen = selection(call)
    resource = call.resource
    want = call.representation()
    format = call.endpoint.formats.of(want, call.params.get("includeObject", ""))
    watched = call.endpoint.watched
    timeout = options.timeout_seconds or MIN_TIMEOUT_SECONDS * (1 + random.random())
    version = options.version
    initial = options.send_initial_events
    try:
        after: int | None
        if version in ("", "0"):
            after = None
            if not version:
                await call.cache.wait_consistent()
            if initial is False:
                after = call.cache.revision
        else:
            after = revision_of(call.served, version)
            if initial:
                await call.cache.wait(after)
                after = None
        body: PushBody = resource.cache.watch(
            chosen,
            watched.source if watched is not None else format,
            after=after,
            bookmarks=options.bookmarks,
            initial_events_end=bool(initial) and options.bookmarks,
            timeout_seconds=timeout,
        )
        if watched is not None:
            body = watched.wrap(body, format)
    except StatusError as error:
        if error.code not in (410, 504):
            raise
        body = _ErrorBody(error, format)
    if is_upgrade(call.request):
        return over_websocket(call.request, body, text=want.media != PROTOBUF)
    media = PROTOBUF_WATCH if want.media == PROTOBUF else JSON
    return Response(200, [("content-type", media)], body)


class _ErrorBody:
    """A stream of one ERROR event."""

    def __init__(self, error: StatusError, format: Format) -> None:
        self._error = error
        self._format = format

    def start(self, sink: Sink) -> None:
        sink.write(self._format.event("ERROR", self._format.whole(orjson.dumps(self._error.status()))))
        sink.close()

    def stop(self) -> None:
        pass
