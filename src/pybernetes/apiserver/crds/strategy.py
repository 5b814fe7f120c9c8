"""How custom resources are written (apiextensions `customresource/strategy.go`): one strategy a served version.

Validation compares with the old object, so that what is stored and unchanged may stay (KEP-4008).
"""

from typing import Any

from ...api import field
from ...api.field import FieldError
from ...api.resource import ResourceInfo
from ...api.status import StatusError
from ...api.structural import list_types
from ...api.structural.cel_rules import check
from ...api.structural.validation import NOTHING, validate
from ...api.validation import object_meta
from ..reader import ObjectReader
from ..resources.strategy import Object, Strategy, Write
from .version import CustomVersion

_BLOCKING = frozenset(
    {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)
_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation"
)
_PLAIN_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_REPLICAS_LIMIT = 2**31 - 1


class CustomStrategy(Strategy):
    """See the module docstring."""

    converts = True
    domain_finalizers = False

    def __init__(self, info: ResourceInfo, reader: ObjectReader, version: CustomVersion) -> None:
        super().__init__(info, reader)
        self.version = version
        self.has_generation = True

    async def loaded(self, obj: Object) -> Object:
        return await self.version.loaded(obj)

    async def stored(self, obj: Object) -> Object:
        return await self.version.stored(obj)

    async def shown(self, data: bytes) -> bytes:
        return await self.version.in_this_version(data)

    def prepare_create(self, obj: Object, write: Write) -> None:
        if self.version.definition.deleting:
            words = "create not allowed while custom resource definition is terminating"
            raise StatusError(405, "MethodNotAllowed", words, {})
        if self.has_status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    def prepare_status_update(self, new: Object, old: Object, write: Write) -> None:
        super().prepare_status_update(new, old, write)
        metadata = dict(old["metadata"])
        for key in ("managedFields", "resourceVersion"):
            if key in new["metadata"]:
                metadata[key] = new["metadata"][key]
            else:
                metadata.pop(key, None)
        new["metadata"] = metadata

    def generation_changes(self, new: Object, old: Object) -> bool:
        ignored = {"metadata", "status"} if self.has_status else {"metadata"}
        return any(new.get(key) != old.get(key) for key in (new.keys() | old.keys()) - ignored)

    def validate_create(self, obj: Object, write: Write) -> list[FieldError]:
        return self._validate(obj, NOTHING, write)

    def validate_update(self, new: Object, old: Object, write: Write) -> list[FieldError]:
        return self._validate(new, old, write)

    def warnings(self, obj: Object, old: Object | None) -> list[str]:
        """Finalizers without a domain are taken, with this advice."""
        before = (old or {}).get("metadata", {}).get("finalizers") or ()
        words = (
            "prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other "
        )
        return [
            f'metadata.finalizers: "{name}": {words}finalizer writers'
            for name in obj["metadata"].get("finalizers") or ()
            if "/" not in name and name not in _PLAIN_FINALIZERS and name not in before
        ]

    def _validate(self, obj: Object, old: Any, write: Write) -> list[FieldError]:
        schema = self.version.version.schema
        errors = validate(obj, schema, old)
        errors += self._scale(obj)
        errors += list_types.validate(obj, schema)
        errors += _embedded(obj, schema, "")
        rules = self.version.rules
        if rules is None:
            return errors
        if any(error.type in _BLOCKING for error in errors):
            return [*errors, FieldError("FieldValueInvalid", "<nil>", f'Invalid value: "null": {_NOT_CHECKED}')]
        outcome = check(obj, rules, old)
        write.warnings += [str(warning) for warning in outcome.warnings]
        return errors + outcome.errors

    def _scale(self, obj: Object) -> list[FieldError]:
        paths = self.version.version.scale
        if paths is None:
            return []
        value: Any = obj
        for part in paths.spec.split(".")[1:]:
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, int) or 0 <= value <= _REPLICAS_LIMIT:
            return []
        words = (
            "should be a non-negative integer" if value < 0 else f"should be less than or equal to {_REPLICAS_LIMIT}"
        )
        return [field.invalid(paths.spec, value, words)]


def _embedded(value: Any, schema: Any, path: str) -> list[FieldError]:
    """Objects inside objects (`x-kubernetes-embedded-resource`) have a kind, a version and sound metadata."""
    errors: list[FieldError] = []
    if isinstance(value, dict):
        if schema.embedded and not schema.root:
            for key in ("apiVersion", "kind"):
                if not value.get(key):
                    errors.append(field.required(f"{path}.{key}", "must not be empty"))
            metadata = value.get("metadata")
            if isinstance(metadata, dict):
                found = object_meta.validate_labels(metadata.get("labels"), f"{path}.metadata.labels")
                found += object_meta.validate_annotations(metadata.get("annotations"), f"{path}.metadata.annotations")
                errors += found
        for key, inner in value.items():
            child = schema.child(key)
            if child is not None and isinstance(inner, dict | list):
                errors += _embedded(inner, child, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and schema.items is not None:
        for at, inner in enumerate(value):
            errors += _embedded(inner, schema.items, f"{path}[{at}]")
    return errors
