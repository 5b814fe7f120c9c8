"""The generated Structs say the same as the type table, and hold every object it allows."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from pybernetes.api.codec import decode, encode, from_wire, to_wire
from pybernetes.api.resource import ResourceInfo
from pybernetes.api.schema import schema_for
from pybernetes.api.schema.table import fields

from .objects import ENABLED, random_struct

ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = {"resource": "dynamic_resource"}


def struct_of(info: ResourceInfo) -> type[msgspec.Struct]:
    group, _, version = info.schema.rpartition(".")[0].partition("/")
    name = f"pybernetes.api.{_FOLDERS.get(group, group)}"
    module = import_module(f"{name}.v1" if (group, version) == ("autoscaling", "v1") else name)
    found: type[msgspec.Struct] = getattr(module, info.kind)
    return found


KINDS = pytest.mark.parametrize("info", ENABLED, ids=lambda info: f"{info.group_version}/{info.kind}")


@KINDS
def test_every_served_kind_has_a_struct_with_the_tables_fields(info: ResourceInfo) -> None:
    cls: Any = struct_of(info)
    assert (info.group_version, info.kind) == (cls.API_VERSION, cls.KIND)
    _compare(cls, info.schema, set())


def _compare(cls: Any, type_name: str, seen: set[str]) -> None:
    if type_name in seen:
        return
    seen.add(type_name)
    table = fields(type_name)
    assert set(cls.__struct_encode_fields__) == set(table)
    hints = get_type_hints(cls)
    for attribute, wire in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        for struct in _structs_in(hints[attribute]):
            _compare(struct, table[wire].element, seen)


def _structs_in(hint: Any) -> list[Any]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [hint]
    return [struct for part in get_args(hint) for struct in _structs_in(part)]


@KINDS
def test_a_struct_loses_nothing_of_an_object(info: ResourceInfo) -> None:
    schema = schema_for(info.group_version, info.kind)
    assert schema is not None
    cls: Any = struct_of(info)
    for seed in range(6):
        wire = random_struct(info.schema, Random(f"{info.schema} {seed}"), depth=7)
        wire |= {"apiVersion": info.group_version, "kind": info.kind}
        schema.decode(wire, unknown="strict")
        obj = from_wire(cls, wire)
        assert decode(cls, msgspec.json.encode(wire)) == obj
        again = to_wire(obj)
        assert msgspec.json.decode(encode(obj)) == again
        schema.decode(again, unknown="strict")
        assert again == wire


@KINDS
def test_an_empty_struct_is_an_empty_object(info: ResourceInfo) -> None:
    schema = schema_for(info.group_version, info.kind)
    assert schema is not None
    empty: dict[str, Any] = {"apiVersion": info.group_version, "kind": info.kind}
    schema.decode(empty)
    written = to_wire(struct_of(info)())
    schema.decode(written)
    assert {name: value or None for name, value in _leaves(written).items()} == {
        name: value or None for name, value in _leaves(empty).items()
    }


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: leaf for key, inner in value.items() for name, leaf in _leaves(inner, f"{path}.{key}").items()}
    return {path: value}


def test_a_kind_imports_only_what_it_needs() -> None:
    script = (
        "import sys; from pybernetes.api.core import Pod; "
        "print(*sorted(name[20:] for name in sys.modules if name.startswith('pybernetes.api.core.')))"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["affinity", "container", "container_status", "pod", "volume"]


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Pot'"):
        _ = import_module("pybernetes.api.core").Pot
    assert "Pod" in dir(import_module("pybernetes.api.core"))
