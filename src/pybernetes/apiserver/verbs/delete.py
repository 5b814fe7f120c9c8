"""DELETE of one object and of a collection."""

from typing import Any

import orjson

from ...api import status
from ...api.schema.syntax import syntax_error
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..negotiation import JSON, media_type, parse, read_body
from ..parameters import flag
from ..resources.deleting import delete as delete_object
from ..resources.deletion import DeleteOptions, options_from
from ..resources.generic import Written
from ..resources.strategy import Object, Write
from .list import page, respond
from .list_options import list_options, selection
from .numbers import signed


async def delete(call: Call) -> Response:
    """Delete one object: the object where the kind answers it or it stays for now, a Status otherwise."""
    options, write = await read_options(call)
    written = await delete_object(call.resource, call.namespace, call.name, options, write)
    code = 200
    if not written.deleted and options.orphan_dependents is False:
        code = 202
    if written.deleted and not call.served.delete_returns_object:
        return call.respond_raw(orjson.dumps(_success(call, written)), code)
    return call.respond(written.data, code)


def _success(call: Call, written: Written) -> Object:
    details = {
        "name": call.name,
        "group": call.served.group,
        "kind": call.served.plural,
        "uid": written.object()["metadata"].get("uid", ""),
    }
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


async def delete_collection(call: Call) -> Response:
    """Delete what the selectors select; the answer is the list of it."""
    delete_options, write = await read_options(call)
    want = call.representation()
    entries, revision, metadata = await page(call, list_options(call), selection(call))
    for entry in entries:
        try:
            await delete_object(call.resource, entry.namespace, entry.name, delete_options, write)
        except StatusError as error:
            if not status.is_not_found(error):
                raise
    return await respond(call, entries, {"resourceVersion": str(revision), **metadata}, want)


async def read_options(call: Call) -> tuple[DeleteOptions, Write]:
    """DeleteOptions from the body, or from the query when there is no body. StatusError 400, 413, 415, 422."""
    data = await read_body(call.request)
    body: Any = _decoded(data, media_type(call.request)) if data else _from_query(call)
    options = options_from(body)
    write = Write(
        user=call.user,
        dry_run=bool(options.dry_run),
        subresource=call.subresource,
        options=body,
        warnings=call.warnings,
        served=call.served,
    )
    return options, write


def _decoded(data: bytes, media: str) -> Object:
    try:
        body = parse(data, media)
    except StatusError:
        raise
    except ValueError as error:
        why = (media == JSON and syntax_error(data)) or str(error)
        raise status.bad_request(f"couldn't get version/kind; json parse error: {why}") from None
    if not isinstance(body, dict):
        raise status.bad_request("the object provided is unrecognized (must be of type DeleteOptions)")
    kind = body.get("kind") or "DeleteOptions"
    if kind != "DeleteOptions":
        raise status.bad_request(f"decoded object cannot be converted to DeleteOptions: {kind}")
    return body


def _from_query(call: Call) -> Object:
    params = call.params
    body: Object = {}
    if params.get("gracePeriodSeconds"):
        body["gracePeriodSeconds"] = signed(params["gracePeriodSeconds"])
    if params.get("propagationPolicy"):
        body["propagationPolicy"] = params["propagationPolicy"]
    if "orphanDependents" in params:
        body["orphanDependents"] = flag(params, "orphanDependents")
    if "dryRun" in params:
        body["dryRun"] = call.request.param_all("dryRun")
    return body
