"""GET ...?watch=true: the changes of a collection, one JSON event a line, pushed by the watch cache.

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
from ..call import Call
from ..negotiation import JSON, representation
from ..watch_cache.fanout import event_line
from .list_options import list_options, revision_of, selection

MIN_TIMEOUT_SECONDS = 1800


async def watch(call: Call) -> Response:
    """A response that goes on until its timeout, the client's leave or the server's end."""
    options = list_options(call, watch=True)
    chosen = selection(call)
    resource = call.resource
    want = representation(call.request)
    format = call.endpoint.formats.of(want.form, call.params.get("includeObject", ""))
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
            format,
            after=after,
            bookmarks=options.bookmarks,
            initial_events_end=bool(initial) and options.bookmarks,
            timeout_seconds=timeout,
        )
    except StatusError as error:
        if error.code not in (410, 504):
            raise
        body = _ErrorBody(error)
    return Response(200, [("content-type", JSON), ("cache-control", "no-cache, private")], body)


class _ErrorBody:
    """A stream of one ERROR event."""

    def __init__(self, error: StatusError) -> None:
        self._error = error

    def start(self, sink: Sink) -> None:
        sink.write(event_line("ERROR", orjson.dumps(self._error.status())))
        sink.close()

    def stop(self) -> None:
        pass
