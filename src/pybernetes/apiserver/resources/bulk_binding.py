"""Many bindings of one namespace in one request: what our scheduler sends when it has several at hand.

    POST bindings, content-type MEDIA_TYPE: [[pod, uid, node], …]   ->   [null | Status, …] in the same order

Each is admitted, checked and stored on its own, exactly as `POST pods/NAME/binding` does it; only the request around
them is shared, and the store writes them in one transaction. Other servers answer this media type with 415, as they
do with any they do not know.
"""

import asyncio
from typing import Any

import msgspec
import orjson

from ...api import status
from ...base.http.message import Response
from ..call import Call
from ..negotiation import read_body
from ..verbs.body import conform
from ..verbs.write_options import write_options
from . import binding

MEDIA_TYPE = "application/vnd.pybernetes.bindings+json"
MAX_BINDINGS = 1024


async def create(call: Call) -> Response:
    """See the module docstring. StatusError 400 when the body is anything else."""
    options = write_options(call, "CreateOptions")
    try:
        rows = orjson.loads(await read_body(call.request))
    except orjson.JSONDecodeError as error:
        raise status.bad_request(f"the body is no list of bindings: {error}") from None
    if not isinstance(rows, list) or len(rows) > MAX_BINDINGS or not all(map(_is_binding, rows)):
        raise status.bad_request(f"the body is no list of at most {MAX_BINDINGS} bindings [pod, uid, node]")

    async def one(row: list[str]) -> dict[str, Any] | None:
        name, uid, node = row
        sent: dict[str, Any] = {
            "apiVersion": binding.API_VERSION,
            "kind": binding.KIND,
            "metadata": {"name": name, "namespace": call.namespace, "uid": uid},
            "target": {"kind": "Node", "name": node},
        }
        write = msgspec.structs.replace(options)
        try:
            conform(sent, binding.API_VERSION, binding.KIND, write, [])
            await binding.admit_and_bind(call, sent, write)
        except status.StatusError as error:
            return error.status()
        return None

    answers = await asyncio.gather(*map(one, rows))
    return Response(200, [("content-type", "application/json")], orjson.dumps(answers))


def _is_binding(row: object) -> bool:
    return isinstance(row, list) and len(row) == 3 and all(isinstance(field, str) and field for field in row)
