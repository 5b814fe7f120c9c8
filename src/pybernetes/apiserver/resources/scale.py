"""`scale`: the number of replicas of a workload, as autoscaling/v1 Scale whatever the workload's kind."""

from typing import Any

import orjson

from ...api import status
from ...api.patch import apply_patch
from ...api.schema import schema_for
from ...base.http.message import Response
from ..call import Call
from ..verbs.body import read_object
from ..verbs.get import fresh
from ..verbs.patch import conform_patched, read_patch
from ..verbs.update import check_name
from ..verbs.write_options import write_options
from .strategy import Object

API_VERSION = "autoscaling/v1"
KIND = "Scale"
_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Object) -> Object:
    """The Scale of a workload in wire form."""
    spec, current = obj.get("spec") or {}, obj.get("status") or {}
    metadata = {key: obj["metadata"][key] for key in _COPIED if key in obj["metadata"]}
    found: Object = {
        "kind": KIND,
        "apiVersion": API_VERSION,
        "metadata": metadata,
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {"replicas": current.get("replicas") or 0},
    }
    selector = selector_text(spec.get("selector"), labels_only=obj["kind"] == "ReplicationController")
    if selector:
        found["status"]["selector"] = selector
    return found


def selector_text(selector: Any, *, labels_only: bool = False) -> str:
    """A label selector as the query parameter would say it."""
    if not selector:
        return ""
    labels = selector if labels_only else selector.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in labels.items()]
    for term in () if labels_only else selector.get("matchExpressions") or ():
        key, values = term.get("key", ""), ",".join(sorted(term.get("values") or ()))
        match term.get("operator"):
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(key)
            case "DoesNotExist":
                terms.append("!" + key)
    return ",".join(sorted(terms))


async def get(call: Call) -> Response:
    """GET .../scale."""
    await fresh(call, call.params.get("resourceVersion", ""))
    cache = call.resource.cache
    entry = cache.get(cache.key(call.namespace, call.name))
    if entry is None:
        raise call.not_found()
    return call.respond_raw(orjson.dumps(scale_of(cache.object(entry))))


async def update(call: Call) -> Response:
    """PUT .../scale."""
    write = write_options(call, "UpdateOptions")
    sent = await read_object(call.request, API_VERSION, KIND, write)
    check_name(sent, call.name, call.namespace)

    def make(current: Object) -> Object:
        return _scaled(current, sent)

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond_raw(orjson.dumps(scale_of(written.object())))


async def patch(call: Call) -> Response:
    """PATCH .../scale."""
    write = write_options(call, "PatchOptions")
    media, text = await read_patch(call)
    schema = schema_for(API_VERSION, KIND)

    def make(current: Object) -> Object:
        patched = apply_patch(media, scale_of(current), text, schema)
        conform_patched(patched, API_VERSION, KIND, write, text)
        check_name(patched, call.name, call.namespace)
        return _scaled(current, patched)

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond_raw(orjson.dumps(scale_of(written.object())))


def _scaled(current: Object, scale: Object) -> Object:
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        from ...api import field

        error = field.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise status.invalid("autoscaling", KIND, scale["metadata"].get("name", ""), [error])
    for key in ("resourceVersion", "uid"):
        if scale["metadata"].get(key):
            current["metadata"][key] = scale["metadata"][key]
        elif key == "resourceVersion":
            current["metadata"].pop(key, None)
    current.setdefault("spec", {})["replicas"] = replicas
    return current
