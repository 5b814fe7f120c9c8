"""POST of an object that is answered and not stored: access and token reviews, token requests."""

from collections.abc import Awaitable, Callable

import orjson

from ...base.http.message import Request, Response
from ..admission.plugin import AdmissionRequest
from ..call import Call
from ..negotiation import NO_FORMS
from ..resources.generic import match_namespace
from ..resources.strategy import Object, Write
from .body import read_object
from .write_options import write_options

ReviewHandler = Callable[[Object, Request], Awaitable[Object]]


async def review(call: Call, handler: ReviewHandler) -> Response:
    """Decode and admit the question, let the handler answer it: 201."""
    want = call.representation(NO_FORMS)
    write = write_options(call, "CreateOptions")
    served = call.served
    api_version, kind = served.group_version, served.kind
    if call.subresource:
        info = served.subresources[call.subresource]
        api_version, kind = info.group_version or api_version, info.kind
    obj = await read_object(call.request, api_version, kind, write)
    metadata = obj.setdefault("metadata", {})
    if served.namespaced:
        match_namespace(metadata, call.namespace)
    obj = await _admitted(call, write, obj)
    answer = await handler(obj, call.request)
    return call.respond_raw(orjson.dumps(answer), 201, want=want)


async def _admitted(call: Call, write: Write, obj: Object) -> Object:
    """The question after admission. StatusError when a plugin refuses it."""
    request = AdmissionRequest(
        operation="CREATE",
        resource=call.served,
        subresource=call.subresource,
        namespace=call.namespace,
        name=obj["metadata"].get("name") or call.name,
        object=obj,
        options=write.options,
        user=write.user,
        dry_run=write.dry_run,
        warnings=write.warnings,
    )
    await call.registry.admission.admit(request)
    await call.registry.admission.validate(request)
    return request.object if request.object is not None else obj
