"""Ownership from one state of an object to the next: the algorithm of updates and of applies (KEP-555).

Update: what changed becomes the writer's, and is taken from all others; what went is nobody's.
Apply: the configuration is merged into the object; fields that the applier had and does not name any more go, unless
another applier names them; then all others lose what changed, which without `force` is a conflict.

Other managers' sets may be in terms of other versions; the objects are converted to those and compared there. A version
that is not served any more takes its managers with it.
"""

from collections.abc import Callable

import msgspec

from .compare import Comparison, compare
from .config import field_set_of
from .conflicts import ApplyConflict
from .field_set import FieldSet, difference, intersection, recursive_difference, union
from .managers import APPLY, Key, Managers, Owned
from .merging import fitting, merge, remove, with_named_members
from .nodes import MergeSchema, Object

Convert = Callable[[Object], Object]


class Applied(msgspec.Struct):
    """`obj` None: the configuration changes nothing."""

    obj: Object | None
    managers: Managers


def update(
    schema: MergeSchema, live: Object, new: Object, managers: Managers, ignored: FieldSet
) -> tuple[Managers, FieldSet]:
    """The managers after a write, without the writer's own gain; and that gain. Both objects without managedFields."""
    comparison = compare(live, new, schema.root).without(ignored)
    if comparison.same:
        return managers, {}
    managers = _shifted(schema, live, new, comparison, managers, None, ignored, force=True)
    return managers, comparison.changed


def _shifted(
    schema: MergeSchema,
    live: Object,
    new: Object,
    comparison: Comparison,
    managers: Managers,
    applier: Key | None,
    ignored: FieldSet,
    *,
    force: bool,
) -> Managers:
    """What all but the applier still own after this change. ApplyConflict without `force`."""
    versions: dict[str, Comparison | None] = {schema.api_version: comparison}
    conflicts: dict[Key, Owned] = {}
    found: Managers = {}
    for key, owned in managers.items():
        if key == applier:
            found[key] = owned
            continue
        if owned.api_version not in versions:
            versions[owned.api_version] = _compared(schema, live, new, owned.api_version, ignored)
        change = versions[owned.api_version]
        if change is None:
            continue
        fields = owned.fields
        lost = intersection(fields, change.changed)
        if lost:
            conflicts[key] = owned.having(lost)
            fields = difference(fields, lost)
        if change.removed:
            fields = difference(fields, change.removed)
        if fields:
            found[key] = owned if fields is owned.fields else owned.having(fields)
    if conflicts and not force:
        raise ApplyConflict(conflicts)
    return found


def _compared(schema: MergeSchema, live: Object, new: Object, api_version: str, ignored: FieldSet) -> Comparison | None:
    other = schema.other(api_version)
    if other is None:
        return None
    there, convert = other
    return compare(convert(live), convert(new), there.root).without(ignored)


def apply(
    schema: MergeSchema,
    live: Object,
    config: Object,
    named: FieldSet,
    managers: Managers,
    applier: Key,
    ignored: FieldSet,
    *,
    force: bool,
) -> Applied:
    """The object after a configuration, which names these fields, and who owns what then. ApplyConflict without
    `force`."""
    managers = _fitting(schema, managers)
    merged = merge(schema.root, live, config)
    before = managers.get(applier)
    named = recursive_difference(named, ignored)
    managers = {**managers, applier: Owned(named, schema.api_version, before.time if before else "")}
    if before is not None and _gives_up(schema, before, named):
        merged = _pruned(schema, merged, managers, before)
    comparison = compare(live, merged, schema.root).without(ignored)
    managers = _shifted(schema, live, merged, comparison, managers, applier, ignored, force=force)
    managers = {key: owned for key, owned in managers.items() if owned.fields}
    return Applied(None if merged == live else merged, managers)


def _gives_up(schema: MergeSchema, before: Owned, named: FieldSet) -> bool:
    """Whether anything may have to go: a configuration that still names all it named before (the common case, a third
    of an apply's cost) leaves nothing behind."""
    return before.api_version != schema.api_version or bool(difference(before.fields, named))


def _fitting(schema: MergeSchema, managers: Managers) -> Managers:
    """Sets as the types are now (a list may have become atomic since)."""
    found: Managers = {}
    for key, owned in managers.items():
        if owned.api_version == schema.api_version:
            fields = fitting(schema.root, owned.fields)
            if fields is not owned.fields and fields != owned.fields:
                owned = owned.having(fields)
        found[key] = owned
    return found


def _pruned(schema: MergeSchema, merged: Object, managers: Managers, before: Owned) -> Object:
    """Without what the applier named before (`before`) and nobody names now."""
    there = schema
    convert: Convert = _same
    back: Convert = _same
    if before.api_version != schema.api_version:
        other = schema.other(before.api_version)
        if other is None:
            return merged
        there, convert = other
        way_back = there.other(schema.api_version)
        if way_back is None:
            return merged
        back = way_back[1]
    whole = convert(merged)
    root = there.root
    given_up = with_named_members(root, before.fields)
    pruned = remove(root, whole, given_up) or {}
    kept: FieldSet = {}
    for key, owned in managers.items():
        if key.operation != APPLY:
            continue
        if owned.api_version == there.api_version:
            kept = union(kept, owned.fields)
        else:
            kept = union(kept, _named_elsewhere(there, whole, owned))
    present = with_named_members(root, field_set_of(root, whole))
    wanted = union(with_named_members(root, field_set_of(root, pruned)), with_named_members(root, kept))
    pruned = remove(root, whole, difference(present, wanted)) or {}
    # Only what the applier had may go: fields of nobody, and of updaters, come back.
    left = with_named_members(root, field_set_of(root, pruned))
    return back(remove(root, whole, intersection(difference(present, left), given_up)) or {})


def _named_elsewhere(there: MergeSchema, whole: Object, owned: Owned) -> FieldSet:
    """An applier's fields of another version in terms of this one: what that version's object loses without them."""
    other = there.other(owned.api_version)
    if other is None:
        return {}
    schema, convert = other
    back = schema.other(there.api_version)
    if back is None:
        return {}
    seen = convert(whole)
    without = remove(schema.root, seen, owned.fields) or {}  # and no struct around them: it may hold more
    return compare(back[1](without), whole, there.root).changed


def _same(obj: Object) -> Object:
    return obj
