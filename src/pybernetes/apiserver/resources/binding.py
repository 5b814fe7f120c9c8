"""`pods/binding`: the scheduler's decision. Sets the node once, in one write with the PodScheduled condition."""

from typing import Any

import orjson

from ...api import field, status
from ...base.http.message import Response
from ...store.store import Conflict
from ..call import Call
from ..verbs.body import read_object
from ..verbs.write_options import write_options
from ..watch_cache.entry import encode
from .generic import GenericResource, match_namespace
from .strategy import Object, Write, instant

API_VERSION = "v1"
KIND = "Binding"


async def create(call: Call) -> Response:
    """POST pods/NAME/binding, or bindings: a Status."""
    write = write_options(call, "CreateOptions")
    sent = await read_object(call.request, API_VERSION, KIND, write)
    await admit_and_bind(call, sent, write)
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return call.respond_raw(orjson.dumps(body), 201)


async def admit_and_bind(call: Call, sent: Object, write: Write) -> None:
    """Carry out one binding that follows its schema. StatusError."""
    metadata: Object = sent.setdefault("metadata", {})
    match_namespace(metadata, call.namespace)
    name = metadata.get("name") or ""
    if name and call.name and name != call.name:
        raise status.bad_request("name in URL does not match name in Binding object")
    name = metadata["name"] = call.name or name
    errors = _errors(sent)
    if errors:
        raise status.invalid("", KIND, name, errors)
    write.subresource = "binding"
    resource = call.resource
    request = resource.admission_request("CREATE", write, call.namespace, name, sent)
    await resource.admission.admit(request)
    await resource.admission.validate(request)
    await bind(resource, sent, write)


def _errors(binding: Object) -> list[field.FieldError]:
    target = binding.get("target") or {}
    errors = []
    if not binding["metadata"].get("name"):
        errors.append(field.required("metadata.name", "name or generateName is required"))
    kind = target.get("kind") or "Node"
    if kind != "Node":
        errors.append(field.not_supported("target.kind", kind, ("Node", "<empty>")))
    if not target.get("name"):
        errors.append(field.required("target.name"))
    return errors


async def bind(resource: GenericResource, binding: Object, write: Write) -> None:
    """Assign the pod. StatusError 404, 409 when it is assigned, deleting, gated or another pod by now."""
    metadata: dict[str, Any] = binding["metadata"]
    name, node = metadata["name"], binding["target"]["name"]

    key = resource.cache.key(metadata["namespace"], name)
    entry = resource.cache.get(key)
    fresh = entry is None
    if fresh:
        entry = await resource.fetch(key)
    while True:
        if entry is None:
            raise resource.not_found(name)
        pod = resource.cache.peek(entry)
        why = _refusal(entry.key, pod, metadata, node)
        if why:
            if fresh:
                raise resource_conflict(name, why)
            entry, fresh = await resource.fetch(key), True  # an old cache may have refused
            continue
        if write.dry_run:
            return
        bound = _assigned(pod, metadata, node, instant(resource.clock.now()))
        try:
            revision = await resource.put(key, encode(bound), entry, pod, bound)
        except Conflict as lost:
            entry, fresh = (resource.cache.entry(lost.current) if lost.current else None), True
            continue
        await resource.seen(revision)
        return


def _assigned(pod: Object, metadata: Object, node: str, now: str) -> Object:
    """The pod with the change that a binding makes; shares the rest. It is the server's own: no admission of the pod,
    no new generation."""
    merged = {**pod["metadata"]}
    for key in ("annotations", "labels"):
        if metadata.get(key):
            merged[key] = {**(merged.get(key) or {}), **metadata[key]}
    current: Object = {**(pod.get("status") or {})}
    current.pop("nominatedNodeName", None)
    current["conditions"] = [{**condition} for condition in current.get("conditions") or ()]
    set_condition(current, "PodScheduled", "True", now)
    return {**pod, "metadata": merged, "spec": {**pod["spec"], "nodeName": node}, "status": current}


def resource_conflict(name: str, why: str) -> status.StatusError:
    return status.conflict("", "pods/binding", name, why)


def _refusal(key: str, pod: Object, metadata: Object, node: str) -> str:
    found: Object = pod["metadata"]
    name = found["name"]
    if metadata.get("uid") and metadata["uid"] != found.get("uid"):
        return status.unmet_precondition(key, "UID", metadata["uid"], found.get("uid"))
    version = metadata.get("resourceVersion")
    if version and version != found.get("resourceVersion"):
        return status.unmet_precondition(key, "ResourceVersion", version, found.get("resourceVersion"))
    if found.get("deletionTimestamp"):
        return f"pod {name} is being deleted, cannot be assigned to a host"
    assigned = pod["spec"].get("nodeName")
    if assigned:
        return f'pod {name} is already assigned to node "{assigned}"'
    if pod["spec"].get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return ""


def set_condition(current: Object, kind: str, value: str, now: str) -> None:
    """Set one condition of a pod's status; the transition time moves only when the value does."""
    conditions: list[Object] = current.setdefault("conditions", [])
    for condition in conditions:
        if condition.get("type") == kind:
            if condition.get("status") != value:
                condition["lastTransitionTime"] = now
            condition["status"] = value
            for key in ("reason", "message"):
                condition.pop(key, None)
            return
    conditions.append({"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": now})
