"""The fields of a new object are those that a comparison with an empty one finds, remembered or not."""

from random import Random
from typing import Any

import pytest
from tests.api.objects import ENABLED, random_struct

from pybernetes.api.defaulting import apply_defaults
from pybernetes.api.managed_fields import FieldManager
from pybernetes.api.managed_fields.builtin import BuiltinSchema
from pybernetes.api.managed_fields.compare import compare
from pybernetes.api.managed_fields.structural import StructuralSchema
from pybernetes.api.resource import ResourceInfo
from pybernetes.api.schema import schema_for


@pytest.mark.parametrize("info", ENABLED, ids=lambda info: info.group_resource)
def test_built_in_kinds(info: ResourceInfo) -> None:
    schema = BuiltinSchema(info.group_version, info.kind)
    manager, decoder = FieldManager(schema), schema_for(info.group_version, info.kind)
    assert decoder is not None
    for seed in range(30):
        obj = random_struct(decoder.type, Random(seed // 2), 5)
        obj |= {"apiVersion": info.group_version, "kind": info.kind}
        decoder.decode(obj)
        if seed % 3:
            apply_defaults(obj, info.group_version, info.kind)
        assert manager._creation(obj) == compare(schema.zero, obj, schema.root).changed


ODD: list[dict[str, Any]] = [
    {},
    {"data": {}},
    {"data": None},
    {"data": [1, {"a": 2}]},
    {"spec": {"a": {"b": {"c": 1}}, "d": {}, "e": [], "f": None}},
    {"spec": {"a": {"b": 1}}},
    {"spec": {"a": {"b": {"c": 2}}}},
    {"spec": {"a": [{"b": 1}]}, "more": "text"},
    {"metadata": {"name": "x", "creationTimestamp": None, "labels": {"a": ""}}},
]


@pytest.mark.parametrize("openapi", [None, {"type": "object", "properties": {"spec": {"type": "object"}}}], ids=bool)
def test_custom_kinds(openapi: dict[str, Any] | None) -> None:
    schema = StructuralSchema("example.com/v1", "Gadget", openapi)
    manager = FieldManager(schema)
    for parts in ODD * 2:
        obj = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "x"}, **parts}
        assert manager._creation(obj) == compare(schema.zero, obj, schema.root).changed


def test_no_text_is_kept() -> None:
    manager = FieldManager(BuiltinSchema("v1", "Secret"))
    metadata = {"name": "x", "annotations": {"note": "hidden"}}
    obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {"key": "hidden"},
        "type": "Opaque",
    }
    manager.created(obj, "test", "2026-01-01T00:00:00Z")
    assert "hidden" not in repr(manager._creations)


def test_what_is_kept_is_bounded() -> None:
    manager = FieldManager(BuiltinSchema("v1", "ConfigMap"))
    for number in range(1000):
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {f"key-{number}": "a"}}
        manager.created(obj, "test", "2026-01-01T00:00:00Z")
    assert len(manager._creations) <= 256
