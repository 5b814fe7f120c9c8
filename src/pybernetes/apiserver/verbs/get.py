"""GET of one object.

Without resourceVersion the read is consistent: the cache is first brought up to the store's revision. `0` takes what
the cache has, `N` waits until it has reached N.
"""

from ...base.http.message import Response
from ..call import Call
from ..history.moment import object_at
from ..negotiation import PLAIN
from .list_options import revision_of


async def get(call: Call) -> Response:
    """The object, in the form the client wants. StatusError 404."""
    resource = call.resource
    if call.request.query and "at" in call.params:
        past = await object_at(call, call.params["at"])
        if past is None:
            raise call.not_found()
        return call.respond(past.data)
    if call.request.query:
        await fresh(call, call.params.get("resourceVersion", ""))
    else:
        await call.cache.wait_consistent()
    cache = resource.cache
    entry = cache.get(cache.key(call.namespace, call.name))
    if entry is None:
        raise call.not_found()
    if call.endpoint.read is not None:
        (entry,) = await call.endpoint.read([entry])
    want = call.representation()
    if want is PLAIN and call.endpoint.to_served is None and not call.request.query:
        return Response(200, [("content-type", "application/json")], entry.data)
    return call.respond(entry.data, want=want)


async def fresh(call: Call, version: str) -> None:
    """Wait until the cache is as new as the request demands."""
    if not version:
        await call.cache.wait_consistent()
    elif version != "0":
        await call.cache.wait(revision_of(call.served, version))
