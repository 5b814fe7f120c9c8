"""Who owns whom: a graph of all objects by uid, kept from the changes of metadata watches.

    observed(object)  ─▶ node, edges to its owners; owners nobody has seen become virtual nodes
    removed(object)   ─▶ node gone; its dependents need a look, and owners that wait for it

Both return the uids that need a look. Edges are kept by uid alone, so an owner that was deleted and made again under
its name is another node. A virtual node stands for an owner that only references know; looking at it asks the API
whether it exists.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from ...api.meta import ObjectMeta, OwnerReference
from ...api.resource import ResourceInfo
from ...client.view import Owner, PartialMeta

Reference = Owner | OwnerReference
ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


class Owned(Protocol):
    """What the graph sees of an object: its metadata, as a part (PartialObject) or of a whole Struct."""

    @property
    def metadata(self) -> ObjectMeta | PartialMeta: ...


class Node(msgspec.Struct, eq=False):
    """One object. `resource` is None while only references know the object (its kind is in `reference`)."""

    uid: str
    namespace: str
    name: str
    resource: ResourceInfo | None = None
    reference: Reference | None = None
    owners: tuple[Reference, ...] = ()
    dependents: "dict[str, Node]" = {}
    is_deleted: bool = False
    waits_for_dependents: bool = False
    orphans_dependents: bool = False

    @property
    def is_virtual(self) -> bool:
        """Whether no watch has shown this object yet."""
        return self.resource is None

    def blocking_dependents(self) -> "list[Node]":
        """The dependents that foreground deletion of this node has to wait for."""
        return [
            node
            for node in self.dependents.values()
            if any(o.uid == self.uid and o.block_owner_deletion for o in node.owners)
        ]


class Graph:
    """The graph. Not thread-safe; to be used on one event loop."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def observed(self, resource: ResourceInfo, obj: Owned) -> list[str]:
        """An object exists in this state. Returns the uids that need a look."""
        meta = obj.metadata
        uid, namespace, name = meta.uid or "", meta.namespace or "", meta.name or ""
        look: list[str] = []
        node = self.nodes.get(uid)
        if node is None:
            node = self.nodes[uid] = Node(uid, namespace, name, resource, dependents={})
        elif node.is_virtual:
            node.resource, node.namespace, node.name = resource, namespace, name
            look += [dependent.uid for dependent in node.dependents.values() if not _may_own(node, dependent)]
        owners: tuple[Reference, ...] = tuple(meta.owner_references or ())
        if owners != node.owners:
            look += self._relink(node, owners)
        finalizers = meta.finalizers or ()
        node.is_deleted = meta.deletion_timestamp is not None
        orphans = node.is_deleted and ORPHAN in finalizers
        waits = node.is_deleted and FOREGROUND in finalizers
        if (orphans and not node.orphans_dependents) or (waits and not node.waits_for_dependents):
            look.append(node.uid)
        if waits and not node.waits_for_dependents:
            look += [dependent.uid for dependent in node.dependents.values()]
        node.orphans_dependents, node.waits_for_dependents = orphans, waits
        return look

    def removed(self, uid: str) -> list[str]:
        """The object is gone. Returns the uids that need a look: its dependents, and owners that waited for it."""
        node = self.nodes.pop(uid, None)
        if node is None:
            return []
        look = list(node.dependents)
        for owner in node.owners:
            found = self.nodes.get(owner.uid)
            if found is None:
                continue
            found.dependents.pop(uid, None)
            if found.waits_for_dependents:
                look.append(found.uid)
            self._drop_if_unused(found)
        if node.dependents:
            # Dependents keep pointing at it: a virtual node takes its place until they are gone or let go.
            for dependent in node.dependents.values():
                reference = next(owner for owner in dependent.owners if owner.uid == uid)
                stand_in = self.nodes.setdefault(
                    uid, Node(uid, node.namespace, reference.name, reference=reference, dependents={})
                )
                stand_in.dependents[dependent.uid] = dependent
        return look

    def dependents_of_resource(self, resource: ResourceInfo) -> Iterable[Node]:
        """Every node of one resource."""
        return [node for node in self.nodes.values() if node.resource is not None and _same(node.resource, resource)]

    def _relink(self, node: Node, owners: tuple[Reference, ...]) -> list[str]:
        look: list[str] = []
        before = {owner.uid: owner for owner in node.owners}
        after = {owner.uid: owner for owner in owners}
        node.owners = owners
        for uid in before.keys() - after.keys():
            found = self.nodes.get(uid)
            if found is not None:
                found.dependents.pop(node.uid, None)
                if found.waits_for_dependents:
                    look.append(uid)
                self._drop_if_unused(found)
        for uid in after.keys() - before.keys():
            found = self.nodes.get(uid)
            if found is None:
                owner = after[uid]
                found = self.nodes[uid] = Node(uid, node.namespace, owner.name, reference=owner, dependents={})
                look.append(uid)
            elif found.waits_for_dependents or found.is_virtual or not _may_own(found, node):
                look.append(node.uid)
            found.dependents[node.uid] = node
        for uid in before.keys() & after.keys():
            found = self.nodes.get(uid)
            unblocked = before[uid].block_owner_deletion and not after[uid].block_owner_deletion
            if found is not None and found.waits_for_dependents and unblocked:
                look.append(uid)
        return look

    def _drop_if_unused(self, node: Node) -> None:
        if node.is_virtual and not node.dependents:
            self.nodes.pop(node.uid, None)


def _may_own(owner: Node, dependent: Node) -> bool:
    """Whether an owner lies where its dependent looks for it: in its namespace, or in none."""
    return owner.namespace in ("", dependent.namespace)


def _same(left: ResourceInfo, right: ResourceInfo) -> bool:
    return (left.group, left.plural) == (right.group, right.plural)
