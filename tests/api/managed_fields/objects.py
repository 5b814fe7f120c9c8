"""Objects and short cuts for tests of field management."""

from typing import Any

import orjson

from pybernetes.api.defaulting import apply_defaults
from pybernetes.api.managed_fields import FieldManager
from pybernetes.api.managed_fields.builtin import BuiltinSchema
from pybernetes.api.schema import schema_for

Object = dict[str, Any]

NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:00:05Z"
STATUS: Object = {"f:status": {}}


def conformed(obj: Object) -> Object:
    """As the server has it after decoding and defaulting."""
    found: Object = orjson.loads(orjson.dumps(obj))
    schema = schema_for(found["apiVersion"], found["kind"])
    assert schema is not None
    schema.decode(found)
    apply_defaults(found, found["apiVersion"], found["kind"])
    return found


class Kind:
    """One object of a kind on its way through several writes."""

    def __init__(self, api_version: str, kind: str) -> None:
        self.fields = FieldManager(BuiltinSchema(api_version, kind))
        self.head = {"apiVersion": api_version, "kind": kind}
        self.live: Object | None = None

    def update(self, obj: Object, manager: str, now: str = NOW, subresource: str = "") -> Object:
        new = conformed({**self.head, **obj})
        if self.live is None:
            self.fields.created(new, manager, now, STATUS)
        else:
            ignored = {"f:spec": {}} if subresource == "status" else STATUS
            self.fields.updated(self.live, new, manager, now, subresource, ignored)
        self.live = new
        return new

    def apply(self, obj: Object, manager: str, *, force: bool = False, now: str = NOW) -> Object:
        config = {**self.head, **obj}
        self.live = conformed(self.fields.applied(self.live, config, manager, now, force=force, ignored=STATUS))
        return self.live

    def owned(self, manager: str, operation: str = "Apply") -> Any:
        """The fieldsV1 of a manager, None when it owns nothing."""
        assert self.live is not None
        for entry in self.live["metadata"].get("managedFields") or ():
            if entry["manager"] == manager and entry["operation"] == operation:
                return entry["fieldsV1"]
        return None

    def managers(self) -> list[tuple[str, str]]:
        assert self.live is not None
        return [(e["manager"], e["operation"]) for e in self.live["metadata"].get("managedFields") or ()]


def config_map(**data: str) -> Object:
    found: Object = {"metadata": {"name": "a", "namespace": "default"}}
    return {**found, "data": data} if data else found


def deployment(*containers: Object, replicas: int | None = None, **labels: str) -> Object:
    spec: Object = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": list(containers)}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    metadata: Object = {"name": "a", "namespace": "default"}
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata, "spec": spec}
