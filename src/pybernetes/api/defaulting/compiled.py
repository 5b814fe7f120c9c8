"""Compiles the defaults of a type and of all it holds into one function over a wire dict.

Order is upstream's: a type's own conditional defaults first, then its plain ones, then those of what it holds.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

from ..quantity import canonical_milli
from ..resource import load_data
from ..schema.scalars import STRUCT_LIKE
from ..schema.table import FieldSchema, element, fields, is_struct, resolved, table, type_of

Defaulter = Callable[[dict[str, Any]], None]
Conditional = dict[str, Defaulter]


def apply_defaults(obj: dict[str, Any], api_version: str, kind: str, settled: tuple[str, ...] = ()) -> None:
    """Fills in the defaults of a built-in kind in place; does nothing for kinds the table does not know. Inside the
    members that are `settled` there is nothing to fill in."""
    defaulter = _root_defaulter(api_version, kind, settled)
    if defaulter is not None:
        defaulter(obj)


@cache
def _root_defaulter(api_version: str, kind: str, settled: tuple[str, ...]) -> Defaulter | None:
    name = type_of(api_version, kind)
    return None if name is None else type_defaulter(name, settled)


@cache
def _conditional() -> Conditional:
    from . import cluster, pods, services, workloads

    return {**pods.CONDITIONAL, **workloads.CONDITIONAL, **services.CONDITIONAL, **cluster.CONDITIONAL}


@cache
def _plain() -> dict[str, dict[str, Any]]:
    """type -> path -> value, for the defaults that hold always."""
    found = {}
    for type_name, rows in load_data("defaults").items():
        if not type_name.startswith("_"):
            always = {path: value for path, value in rows.items() if not (isinstance(value, dict) and "when" in value)}
            found[type_name] = always
    return found


@cache
def type_defaulter(type_name: str, settled: tuple[str, ...] = ()) -> Defaulter | None:
    """The defaults of one struct type and everything below it but for `settled` members; None when there are none."""
    if type_name == "apiextensions/v1.JSONSchemaProps":
        return None  # holds itself, and has no defaults
    own: list[Defaulter] = []
    for name in _with_inlined(type_name):
        conditional = _conditional().get(name)
        if conditional is not None:
            own.append(conditional)
        for path, value in _plain().get(name, {}).items():
            setter = _setter(type_name, path, value)
            if setter is not None:
                own.append(setter)
    inner: list[tuple[str, Callable[[Any], None]]] = []
    for field in fields(type_name).values():
        below = _field_defaulter(field) if field.name not in settled else None
        if below is not None:
            inner.append((field.name, below))
    if not own and not inner:
        return None

    def apply(obj: dict[str, Any]) -> None:
        for step in own:
            step(obj)
        for name, below in inner:
            value = obj.get(name)
            if value is not None:
                below(value)

    return apply


def _with_inlined(type_name: str) -> list[str]:
    """A type and those inlined into it."""
    found = [type_name]
    for row in table()[type_name]["f"]:
        if row.get("inl"):
            found += _with_inlined(resolved(row["t"]))
    return found


def _field_defaulter(field: FieldSchema) -> Callable[[Any], None] | None:
    if field.go_type == "v1.ResourceList":
        return _round_amounts
    inner = element(field.type)
    if not is_struct(inner):
        return None
    below = type_defaulter(inner)
    if below is None or inner == field.type:
        return below

    concerned = _concerned(inner)
    if concerned is None:

        def each(value: Any) -> None:
            for item in value.values() if isinstance(value, dict) else value:
                below(item)

        return each

    untouched = concerned.isdisjoint

    def each_concerned(value: Any) -> None:
        for item in value.values() if isinstance(value, dict) else value:
            if not untouched(item):
                below(item)

    return each_concerned


def _concerned(type_name: str) -> frozenset[str] | None:
    """The fields one of which an object must have for its type's defaults to do anything; None when they may do
    something anyway. Most environment variables have none, so that their defaults cost a third."""
    if any(name in _conditional() or _plain().get(name) for name in _with_inlined(type_name)):
        return None
    return frozenset(name for name, field in fields(type_name).items() if _field_defaulter(field) is not None)


def _round_amounts(amounts: dict[str, str]) -> None:
    """Amounts of resources are kept in thousandths at the finest."""
    for name, amount in amounts.items():
        rounded = canonical_milli(amount)
        if rounded != amount:
            amounts[name] = rounded


def _setter(type_name: str, path: str, value: Any) -> Defaulter | None:
    """Sets what a path such as `spec.strategy.type` or `subsets[].ports[].protocol` leads to, where it is unset."""
    first, _, rest = path.partition(".")
    name = first.removesuffix("[]")
    field = fields(type_name)[name]
    if rest:
        below = _setter(field.element, rest, value)
        return None if below is None else _descend(name, below, each=first.endswith("[]"))
    zero_is_unset = not field.pointer
    if zero_is_unset and not value and field.type not in STRUCT_LIKE and not is_struct(field.type):
        return None  # setting nothing to nothing
    fresh = isinstance(value, dict | list)

    def assign(obj: dict[str, Any]) -> None:
        found = obj.get(name)
        if found is None or (zero_is_unset and not found):
            obj[name] = (deepcopy(value) if value else type(value)()) if fresh else value

    return assign


def _descend(name: str, below: Defaulter, *, each: bool) -> Defaulter:
    def one(obj: dict[str, Any]) -> None:
        inner = obj.get(name)
        if inner is None:
            inner = obj[name] = {}
        below(inner)

    def all_of(obj: dict[str, Any]) -> None:
        found = obj.get(name) or ()
        for item in found.values() if isinstance(found, dict) else found:
            below(item)

    return all_of if each else one
