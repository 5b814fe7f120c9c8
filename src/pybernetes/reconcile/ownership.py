"""Who controls what: controller references, and which dependents a controller may adopt or must release.

A dependent has at most one owner reference with `controller: true`. A controller adopts orphans that its selector
matches and releases dependents whose labels no longer match (upstream `controller_ref_manager`).
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from ..api.meta import OwnerReference

T = TypeVar("T")


def controller_of(obj: Any) -> OwnerReference | None:
    """The reference to the managing controller of a Struct object, if it has one."""
    for reference in obj.metadata.owner_references or ():
        if reference.controller:
            found: OwnerReference = reference
            return found
    return None


def is_controlled_by(obj: Any, owner: Any) -> bool:
    """Whether `owner` (this very one, by uid) is the managing controller of `obj`."""
    reference = controller_of(obj)
    return reference is not None and reference.uid == owner.metadata.uid


def controller_reference(owner: Any) -> OwnerReference:
    """The owner reference by which `owner` manages a dependent."""
    return OwnerReference(
        api_version=type(owner).API_VERSION,
        kind=type(owner).KIND,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


class Claim(msgspec.Struct, Generic[T]):
    """The outcome: what is owned already, what to adopt, what to release."""

    owned: list[T]
    adopt: list[T]
    release: list[T]


def claim(
    owner: Any,
    candidates: Iterable[T],
    matches: Callable[[T], bool],
    *,
    may_adopt: Callable[[T], bool] = lambda _: True,
) -> Claim[T]:
    """Sort the candidates of an owner. A deleted owner neither adopts nor releases; deleted orphans stay alone."""
    owned: list[T] = []
    adopt: list[T] = []
    release: list[T] = []
    is_deleted = owner.metadata.deletion_timestamp is not None
    for obj in candidates:
        reference = controller_of(obj)
        meta = obj.metadata  # type: ignore[attr-defined]
        if reference is not None:
            if reference.uid != owner.metadata.uid:
                continue
            if matches(obj):
                owned.append(obj)
            elif not is_deleted:
                release.append(obj)
        elif not is_deleted and meta.deletion_timestamp is None and matches(obj) and may_adopt(obj):
            adopt.append(obj)
    return Claim(owned, adopt, release)


def adoption_patch(owner: Any, dependent: Any, *, finalizers: Iterable[str] = ()) -> dict[str, Any]:
    """A strategic merge patch that adds the controller reference, only to this very dependent (uid)."""
    reference = {
        "apiVersion": type(owner).API_VERSION,
        "kind": type(owner).KIND,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: dict[str, Any] = {"uid": dependent.metadata.uid, "ownerReferences": [reference]}
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"metadata": metadata}


def release_patch(owner: Any, dependent: Any, *, finalizers: Iterable[str] = ()) -> dict[str, Any]:
    """A strategic merge patch that removes the owner's reference from this very dependent."""
    metadata: dict[str, Any] = {
        "uid": dependent.metadata.uid,
        "ownerReferences": [{"$patch": "delete", "uid": owner.metadata.uid}],
    }
    if finalizers:
        metadata["$deleteFromPrimitiveList/finalizers"] = list(finalizers)
    return {"metadata": metadata}
