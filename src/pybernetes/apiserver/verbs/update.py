"""PUT of an object, and of its status and other parts that have the object's own kind."""

from typing import Any

import orjson

from ...api import status
from ...base.http.message import Response
from ..call import Call
from ..resources.strategy import Object
from .body import read_object
from .owner_references import deduplicate
from .write_options import write_options


async def update(call: Call) -> Response:
    """Replace: 200, or 201 where PUT may create."""
    write = write_options(call, "UpdateOptions")
    served = call.served
    sent = await read_object(call.request, served.group_version, served.kind, write)
    check_name(sent, call.name, call.namespace)
    deduplicate(sent, write)
    wanted = orjson.dumps(sent)
    endpoint = call.endpoint

    def make(current: Object) -> Object:
        obj: Object = orjson.loads(wanted)
        if current:
            endpoint.tracking.updated(endpoint.served(current), obj, write)
        else:
            endpoint.tracking.created(obj, write)
        return endpoint.stored(obj)

    create_missing = served.create_on_update and not call.subresource
    write.may_create = call.may_create if create_missing else None
    written = await call.resource.update(
        call.namespace, call.name, make, write, create_missing=create_missing, reads_only=True
    )
    return call.respond(written.data, 201 if written.created else 200)


def check_name(obj: Object, name: str, namespace: str) -> None:
    """The object must be the one the path names; a missing namespace is filled in. StatusError 400."""
    metadata: dict[str, Any] = obj.setdefault("metadata", {})
    found = metadata.get("name") or ""
    if not found:
        words = f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        raise status.bad_request(words)
    if found != name:
        raise status.bad_request(f"the name of the object ({found}) does not match the name on the URL ({name})")
    found = metadata.get("namespace") or ""
    if namespace and found and found != namespace:
        words = f"the namespace of the object ({found}) does not match the namespace on the request ({namespace})"
        raise status.bad_request(words)
    if namespace:
        metadata["namespace"] = namespace
