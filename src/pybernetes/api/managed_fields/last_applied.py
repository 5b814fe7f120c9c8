"""From client-side to server-side apply: what the annotation of `kubectl apply` tells about ownership.

`kubectl apply --server-side` on an object of client-side apply would conflict with kubectl's own earlier updates.
Fields that still are as the annotation says are kubectl's, so conflicts on them do not count.
"""

from typing import Any

import orjson

from .compare import compare
from .config import field_set_of, problems
from .field_set import FieldSet, difference
from .nodes import MergeSchema, Object

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
KUBECTL = "kubectl"
SIZE_LIMIT = 262144
"""Bytes that all annotations of one object may have; a longer configuration is not recorded."""


def annotation_of(obj: Object) -> str | None:
    """The configuration last applied by a client, as text."""
    annotations = (obj.get("metadata") or {}).get("annotations")
    found: Any = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    return found if isinstance(found, str) and found else None


def allowed(schema: MergeSchema, live: Object) -> FieldSet:
    """The fields of `live` that are as client-side apply left them."""
    text = annotation_of(live)
    if text is None:
        return {}
    try:
        config = orjson.loads(text)
    except ValueError:
        return {}
    if not isinstance(config, dict):
        return {}
    here = schema
    api_version = config.get("apiVersion")
    if api_version != schema.api_version:
        other = schema.other(api_version) if isinstance(api_version, str) else None
        if other is None:
            return {}
        there, _ = other
        way_back = there.other(schema.api_version)
        if way_back is None:
            return {}
        config = way_back[1](config)
    if problems(here.root, config):
        return {}
    change = compare(config, live, here.root)
    fields = field_set_of(here.root, config)
    for differing in (change.modified, change.added, change.removed):
        fields = difference(fields, differing)
    return fields


def refreshed(obj: Object, config: Object) -> Object:
    """`obj` with the annotation brought up to a configuration that kubectl applied on the server; only where an
    annotation is (older kubectls still read it)."""
    metadata = {**(config.get("metadata") or {})}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != ANNOTATION}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    metadata.pop("managedFields", None)
    text = orjson.dumps({**config, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    present = dict(obj["metadata"].get("annotations") or {})
    present[ANNOTATION] = text
    if sum(len(key) + len(value) for key, value in present.items()) > SIZE_LIMIT:
        present.pop(ANNOTATION)
    return {**obj, "metadata": {**obj["metadata"], "annotations": present}}
