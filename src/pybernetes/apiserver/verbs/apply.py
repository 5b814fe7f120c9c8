"""PATCH with `application/apply-patch+yaml`: server-side apply (KEP-555), which also creates.

The configuration is merged into the object, then goes the way of every update: schema, defaults, admission, rules.
"""

import asyncio
import re
from typing import Any

from ...api import status
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..negotiation import read_body
from ..parameters import flag
from ..resources.strategy import Object, Write
from .body import LARGE_YAML_BYTES, REDACTED, SECRET_KINDS, warn
from .merged import settle
from .owner_references import deduplicate
from .update import check_name
from .write_options import write_options

APPLY_PATCH = "application/apply-patch+yaml"
_QUOTED = re.compile(r"got &\{.*", re.DOTALL)


async def apply(call: Call) -> Response:
    """Create or change by configuration: 201 or 200, and the object. StatusError 400, 409, 422."""
    write = write_options(call, "PatchOptions", apply=True)
    force = flag(call.params, "force")
    data = await read_body(call.request)
    if len(data) > LARGE_YAML_BYTES and data[:1] != b"{":
        config = await asyncio.to_thread(configuration, data, write)
    else:
        config = configuration(data, write)
    named(config, call)
    endpoint, served = call.endpoint, call.served

    write.may_create = call.may_create

    def make(current: Object) -> Object:
        live = endpoint.served(current) if current else None
        if live is None and config["metadata"].get("uid"):
            raise _missing(call, config["metadata"]["uid"])
        try:
            merged = endpoint.tracking.applied(live, config, write, force=force)
        except StatusError as error:
            if served.kind in SECRET_KINDS:
                error.message = _QUOTED.sub(f"got &{{{REDACTED}}}", error.message)
            raise
        owners = merged["metadata"].pop("managedFields", None)  # our own, so neither copied nor checked
        applied, schema = settle(endpoint, live or {}, merged, write, share=call.resource.strategy.leaves_spec)
        schema.decode(applied, unknown="ignore")
        schema.defaults(applied)
        if owners:
            applied["metadata"]["managedFields"] = owners
        check_name(applied, call.name, call.namespace)
        deduplicate(applied, write)
        return endpoint.stored(applied)

    written = await call.resource.update(
        call.namespace, call.name, make, write, create_missing=not call.subresource, reads_only=True
    )
    return call.respond(written.data, 201 if written.created else 200)


def configuration(data: bytes, write: Write) -> Object:
    """The body as a dict with a `metadata` dict; keys given twice as `fieldValidation` says. StatusError 400."""
    from ..yaml_body import load, load_checked

    config: Any
    twice = ""
    try:
        if write.field_validation == "Ignore":
            config = load(data)
        else:
            config, twice = load_checked(data)
    except ValueError as error:
        raise status.bad_request(f"error decoding YAML: {error}") from None
    if not isinstance(config, dict):
        raise status.bad_request("error decoding YAML: error unmarshaling JSON: the configuration is no object")
    if twice and write.field_validation == "Strict":
        raise status.bad_request(f"error strict decoding YAML: error converting YAML to JSON: {twice}")
    if twice:
        warn(write, [twice])
    if not isinstance(config.setdefault("metadata", {}), dict):
        raise status.bad_request("error decoding YAML: metadata is no object")
    return config


def named(config: Object, call: Call) -> None:
    """The configuration must be for the object the path names; what it leaves out is filled in. StatusError 400."""
    metadata = config["metadata"]
    metadata.setdefault("name", call.name)
    if call.namespace:
        metadata.setdefault("namespace", call.namespace)
    found = config.get("kind")
    if found and found != call.served.kind and not call.subresource:
        group, version, kind = call.served.group, call.served.version, call.served.kind
        raise status.bad_request(
            f"invalid object type: {config.get('apiVersion')}, Kind={found}; expected {group}/{version}, Kind={kind}"
        )
    check_name(config, call.name, call.namespace)


def _missing(call: Call, uid: str) -> status.StatusError:
    words = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
    return status.conflict(call.served.group, call.served.plural, call.name, words)
