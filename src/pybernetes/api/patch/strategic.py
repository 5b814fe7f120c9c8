"""Strategic merge patch: lists merge by the keys that the type table names.

Follows apimachinery `strategicpatch` and the API conventions page on strategic merge patch. Directives:

    $patch: replace | delete              on a map: take the patch as it is | empty the map (drop the list item)
    - $patch: replace                     as a list item: the other items replace the list
    $deleteFromPrimitiveList/NAME: [..]   remove these scalars from the list NAME
    $setElementOrder/NAME: [..]           the order of the list NAME after the merge
    $retainKeys: [..]                     drop all keys of this map but these
"""

from typing import Any

from ..schema.table import MAP, FieldSchema, element, fields, is_struct
from .json_patch import PatchError, same
from .list_order import in_order, index_of, present_in

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_SET_ORDER = "$setElementOrder/"

Object = dict[str, Any]


class BadPatch(Exception):
    """The patch is malformed, whatever it is applied to."""


class NoMergeKey(PatchError):
    """An item of a list that merges by key has no such key."""


def strategic_merge(original: Object, patch: Object, type_name: str) -> Object:
    """`original` of the given type after `patch`. Neither is changed. BadPatch or PatchError when it cannot be."""
    directive = patch.get(_DIRECTIVE)
    if directive is not None:
        if directive == "replace":
            return {name: value for name, value in patch.items() if name != _DIRECTIVE}
        if directive == "delete":
            return {}
        raise PatchError(f"unknown patch type: {directive}")
    merged = dict(original)
    rest = dict(patch)
    _retain_keys(merged, rest)
    _ordered_lists(merged, rest, type_name)
    for name, value in rest.items():
        if name.startswith(_DELETE_FROM):
            _delete_from(merged, name.removeprefix(_DELETE_FROM), value)
        elif value is None:
            merged.pop(name, None)
        else:
            _merge_field(merged, name, value, type_name)
    return merged


def _merge_field(merged: Object, name: str, value: Any, type_name: str) -> None:
    present = merged.get(name)
    if isinstance(present, dict) and isinstance(value, dict):
        field = _field(type_name, name)
        if field is not None and "replace" in field.patch_strategies:
            merged[name] = value
        else:
            merged[name] = strategic_merge(present, value, _below(type_name, field))
    elif isinstance(present, list) and isinstance(value, list):
        field = _field(type_name, name)
        if field is not None and "merge" in field.patch_strategies:
            merged[name] = _merge_list(present, value, field)
        else:
            merged[name] = value
    else:
        plain = _without_directives(value)
        if plain is _DROPPED:
            merged.pop(name, None)
        else:
            merged[name] = plain


def _field(type_name: str, name: str) -> FieldSchema | None:
    """What is known of a member: a struct's field, or nothing inside maps and free-form values."""
    return fields(type_name).get(name) if is_struct(type_name) else None


def _below(type_name: str, field: FieldSchema | None) -> str:
    """The type of a member's value. A map's members are all of its element type."""
    if field is not None:
        return field.type
    return element(type_name) if type_name.startswith(MAP) else "any"


def _merge_list(present: list[Any], patch: list[Any], field: FieldSchema) -> list[Any]:
    key = field.patch_merge_key
    if not present and not patch:
        return present
    maps = _holds_maps(present, patch)
    if not maps:
        merged: list[Any] = []
        for item in [*present, *patch]:
            if index_of(merged, item, "") < 0:
                merged.append(item)
    else:
        if not key:
            raise PatchError(f"cannot merge lists without merge key for {field.name}")
        present, patch = _special_items(present, patch, key)
        merged = _merge_items(present, patch, field)
    mine, others = present_in(merged, patch, key)
    return in_order(mine, others, patch, present, key)


def _holds_maps(*lists: list[Any]) -> bool:
    """Whether these lists hold maps; lists in lists and mixtures cannot be merged."""
    items = [item for items in lists for item in items]
    if any(isinstance(item, list) for item in items):
        raise PatchError("lists of lists are not supported")
    maps = sum(isinstance(item, dict) for item in items)
    if maps and maps != len(items):
        raise PatchError("list element types are not identical")
    return bool(maps)


def _special_items(present: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carries out the items that are directives; returns the list and the patch without them."""
    plain = []
    replace = False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if directive is None:
            plain.append(item)
        elif directive == "delete":
            wanted = _key_of(item, key)
            present = [other for other in present if not same(_key_of(other, key), wanted)]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise PatchError("merging lists cannot yet be specified in the patch")
        else:
            raise PatchError(f"unknown patch type: {directive}")
    return (plain, []) if replace else (present, plain)


def _merge_items(present: list[Any], patch: list[Any], field: FieldSchema) -> list[Any]:
    key = field.patch_merge_key
    merged = list(present)
    for item in patch:
        _key_of(item, key)
        at = index_of(merged, item, key)
        if at >= 0:
            merged[at] = strategic_merge(merged[at], item, field.element)
        else:
            merged.append(_without_directives(item))
    return merged


def _key_of(item: Object, key: str) -> Any:
    if key not in item:
        raise NoMergeKey(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _delete_from(merged: Object, name: str, values: Any) -> None:
    if not isinstance(values, list):
        raise BadPatch("invalid patch format of primitive list")
    present = merged.get(name)
    if isinstance(present, list):
        if _holds_maps(present, values):
            raise BadPatch("invalid patch format of primitive list")
        merged[name] = [item for item in present if index_of(values, item, "") < 0]


def _retain_keys(merged: Object, patch: Object) -> None:
    if _RETAIN_KEYS not in patch:
        return
    kept = patch.pop(_RETAIN_KEYS)
    if not isinstance(kept, list):
        raise BadPatch("invalid patch format of retainKeys")
    for name, value in patch.items():
        if value is not None and name not in kept and not name.startswith((_DELETE_FROM, _SET_ORDER)):
            raise BadPatch("invalid patch format of retainKeys")
    for name in [name for name in merged if name not in kept]:
        del merged[name]


def _ordered_lists(merged: Object, patch: Object, type_name: str) -> None:
    """Merges the lists whose order the patch gives, and takes them out of the patch."""
    for directive in [name for name in patch if name.startswith(_SET_ORDER)]:
        order = patch.pop(directive)
        name = directive.removeprefix(_SET_ORDER)
        present, changes = merged.get(name), patch.get(name)
        if not isinstance(order, list) or not isinstance(present, list | None) or not isinstance(changes, list | None):
            raise BadPatch("invalid patch format of setElementOrder list")
        field = _field(type_name, name)
        key = field.patch_merge_key if field is not None else ""
        if changes:
            _check_order(changes, order, key)
        if present is None and changes is None:
            continue
        if changes is None:
            result = present or []
        elif present is None:
            result = _without_directives(changes)
        elif field is not None and "merge" in field.patch_strategies:
            result = _merge_list(present, changes, field)
        else:
            result = changes
        mine, others = present_in(result, order, key)
        merged[name] = in_order(mine, others, order, present or [], key)
        patch.pop(name, None)


def _check_order(changes: list[Any], order: list[Any], key: str) -> None:
    """The items of the patch must come in the order that the patch itself asks for."""
    at = 0
    for item in changes:
        if key:
            if item.get(_DIRECTIVE) == "delete":
                continue
            _key_of(item, key)
        while at < len(order) and index_of([order[at]], item, key) < 0:
            at += 1
        if at >= len(order):
            raise PatchError("the order in patch list doesn't match the $setElementOrder list")
        at += 1


_DROPPED = object()


def _without_directives(value: Any) -> Any:
    """A value that is new to the object: no nulls, no directives; `_DROPPED` for what is only to be deleted."""
    if isinstance(value, dict):
        if value.get(_DIRECTIVE) == "delete":
            return _DROPPED
        plain = {}
        for name, inner in value.items():
            if inner is None or name in (_DIRECTIVE, _RETAIN_KEYS) or name.startswith((_DELETE_FROM, _SET_ORDER)):
                continue
            kept = _without_directives(inner)
            if kept is not _DROPPED:
                plain[name] = kept
        if _DIRECTIVE in value and not plain:
            return _DROPPED
        return plain
    if isinstance(value, list):
        return [kept for item in value if (kept := _without_directives(item)) is not _DROPPED]
    return value
