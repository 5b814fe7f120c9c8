"""POST to a collection."""

from ...base.http.message import Response
from ..call import Call
from .body import read_object
from .owner_references import deduplicate
from .write_options import write_options


async def create(call: Call) -> Response:
    """Store a new object: 201 and the object."""
    write = write_options(call, "CreateOptions")
    served = call.served
    obj = await read_object(call.request, served.group_version, served.kind, write)
    deduplicate(obj, write)
    call.endpoint.tracking.created(obj, write)
    written = await call.resource.create(call.endpoint.stored(obj), write, call.namespace)
    return call.respond(written.data, 201)
