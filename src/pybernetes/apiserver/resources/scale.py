"""`scale`: the number of replicas of a workload, as autoscaling/v1 Scale whatever the workload's kind."""

from functools import cache
from typing import Any

from ...api import status
from ...api.managed_fields import ApplyConflict, FieldManager
from ...api.managed_fields.builtin import BuiltinSchema
from ...api.managed_fields.field_set import MEMBER, FieldSet
from ...api.managed_fields.manager import Unfit
from ...api.managed_fields.managers import decode, encode
from ...api.managed_fields.scale import path_elements, to_parent, to_scale
from ...api.patch import apply_patch
from ...api.schema import schema_for
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..negotiation import media_type, read_body
from ..parameters import flag
from ..registry import ScalePaths
from ..verbs.apply import APPLY_PATCH, configuration
from ..verbs.body import read_object
from ..verbs.get import fresh
from ..verbs.patch import conform_patched, read_patch
from ..verbs.update import check_name
from ..verbs.write_options import write_options
from .strategy import Object, Write, instant

API_VERSION = "autoscaling/v1"
KIND = "Scale"
_STATUS: FieldSet = {"f:status": MEMBER}
_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Object, paths: ScalePaths | None = None) -> Object:
    """The Scale of a workload in wire form; `paths` tells where a custom resource has its numbers."""
    if paths is not None:
        return _custom_scale(obj, paths)
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


def _custom_scale(obj: Object, paths: ScalePaths) -> Object:
    metadata = {key: obj["metadata"][key] for key in _COPIED if key in obj["metadata"]}
    found: Object = {"kind": KIND, "apiVersion": API_VERSION, "metadata": metadata}
    replicas, selector = _at(obj, paths.spec), _at(obj, paths.selector) if paths.selector else ""
    found["spec"] = {"replicas": replicas} if replicas else {}
    found["status"] = {"replicas": _at(obj, paths.status) or 0}
    if selector:
        found["status"]["selector"] = selector
    return found


def _at(obj: Object, path: str) -> Any:
    value: Any = obj
    for part in path.split(".")[1:]:
        value = value.get(part) if isinstance(value, dict) else None
    return value


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
        raise _not_found(call)
    if call.endpoint.read is not None:
        (entry,) = await call.endpoint.read([entry])
        return call.respond_other(_seen(call, entry.copy()))
    return call.respond_other(scale_of(cache.object(entry)))


def _not_found(call: Call) -> StatusError:
    """Of a built-in workload the scale is what is missing (`deployments/scale.apps`), of a custom one the object."""
    if call.endpoint.scale is not None:
        return call.not_found()
    group = call.served.group or "autoscaling"
    return status.not_found(group, f"{call.served.plural}/scale", call.name)


def _seen(call: Call, obj: Object) -> Object:
    return scale_of(obj, call.endpoint.scale)


async def update(call: Call) -> Response:
    """PUT .../scale."""
    write = write_options(call, "UpdateOptions")
    sent = await read_object(call.request, API_VERSION, KIND, write)
    check_name(sent, call.name, call.namespace)

    def make(current: Object) -> Object:
        return _scaled(call, current, sent, _tracked(call, current, dict(sent), write))

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond_other(_seen(call, written.object()))


async def patch(call: Call) -> Response:
    """PATCH .../scale."""
    if media_type(call.request) == APPLY_PATCH:
        return await _apply(call)
    write = write_options(call, "PatchOptions")
    media, text = await read_patch(call)
    schema = schema_for(API_VERSION, KIND)

    def make(current: Object) -> Object:
        patched = apply_patch(media, _seen(call, current), text, schema)
        conform_patched(patched, API_VERSION, KIND, write, text)
        check_name(patched, call.name, call.namespace)
        return _scaled(call, current, patched, _tracked(call, current, patched, write))

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond_other(_seen(call, written.object()))


async def _apply(call: Call) -> Response:
    """Server-side apply of a Scale."""
    write = write_options(call, "PatchOptions", apply=True)
    force = flag(call.params, "force")
    config = configuration(await read_body(call.request), write)
    check_name(config, call.name, call.namespace)

    def make(current: Object) -> Object:
        live = _with_managers(call, current)
        try:
            applied = _manager().applied(
                live, config, write.field_manager, _now(call), force=force, subresource="scale", ignored=_STATUS
            )
        except ApplyConflict as conflict:
            raise conflict.error() from None
        except Unfit as error:
            raise StatusError(400, "", f"failed to create typed patch object: {error}", {}) from None
        return _scaled(call, current, applied, applied["metadata"].get("managedFields"))

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond_other(_seen(call, written.object()))


@cache
def _manager() -> FieldManager:
    return FieldManager(BuiltinSchema(API_VERSION, KIND))


def _now(call: Call) -> str:
    return instant(call.resource.clock.now())


def _with_managers(call: Call, current: Object) -> Object:
    """The Scale with the managers of the replicas."""
    found = _seen(call, current)
    managers = to_scale(decode(current["metadata"].get("managedFields")), _paths(call))
    if managers:
        found["metadata"]["managedFields"] = encode(managers)
    return found


def _paths(call: Call) -> dict[str, tuple[str, ...]]:
    """Where the replicas are, in every version of the kind."""
    paths = call.endpoint.scale
    return {call.served.group_version: path_elements(paths.spec if paths is not None else ".spec.replicas")}


def _tracked(call: Call, current: Object, scale: Object, write: Write) -> list[Object] | None:
    """The Scale's managedFields after a write of `scale` (its metadata is not changed)."""
    new = {**scale, "metadata": {**scale["metadata"]}}
    live = _with_managers(call, current)
    new["metadata"].pop("managedFields", None)
    _manager().updated(live, new, write.field_manager, _now(call), "scale", _STATUS)
    found: list[Object] | None = new["metadata"].get("managedFields")
    return found


def _scaled(call: Call, current: Object, scale: Object, managed: list[Object] | None) -> Object:
    metadata = current["metadata"]
    if metadata.get("managedFields"):
        version = call.served.group_version
        managers = to_parent(decode(metadata["managedFields"]), decode(managed), _paths(call), version)
        metadata["managedFields"] = encode(managers)
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
    set_replicas(current, replicas, call.endpoint.scale)
    return current


def set_replicas(obj: Object, replicas: int, paths: ScalePaths | None = None) -> bool:
    """Write the wanted number where a workload, or by its paths a custom resource, has it; whether it is another."""
    *parents, last = (paths.spec if paths is not None else ".spec.replicas").split(".")[1:]
    holder = obj
    for part in parents:
        holder = holder.setdefault(part, {})
    changed = (holder.get(last) or 0) != replicas
    holder[last] = replicas
    return changed
