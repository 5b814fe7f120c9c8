"""What to do with one object, given the state of its owners: pure.

any owner solid                  keep; references to absent or waiting owners are dropped
no owner solid, some waiting     delete in the foreground if it has dependents itself, else in the background
all owners absent                delete; with its own finalizers deciding how its dependents fare
"""

import enum
from collections.abc import Iterable, Mapping

import msgspec

from ...client.view import Owner


class OwnerState(enum.Enum):
    """What is known of one owner."""

    SOLID = "exists"
    ABSENT = "does not exist"
    WAITING = "is being deleted in the foreground and waits for this dependent"


class Action(enum.Enum):
    """What to do with the dependent."""

    KEEP = "keep"
    DROP_REFERENCES = "drop references"
    DELETE = "delete"


class Decision(msgspec.Struct, frozen=True):
    """The action, its uids (references to drop) or its propagation policy (delete)."""

    action: Action
    uids: frozenset[str] = frozenset()
    propagation: str = ""


def decide(
    owners: Iterable[Owner], states: Mapping[str, OwnerState], *, has_dependents: bool, finalizers: Iterable[str]
) -> Decision:
    """The decision about an object with these owners (state by uid) and finalizers."""
    uids = [owner.uid for owner in owners]
    if not uids:
        return Decision(Action.KEEP)
    solid = [uid for uid in uids if states[uid] is OwnerState.SOLID]
    if solid:
        gone = frozenset(uids) - frozenset(solid)
        return Decision(Action.DROP_REFERENCES, gone) if gone else Decision(Action.KEEP)
    if any(states[uid] is OwnerState.WAITING for uid in uids) and has_dependents:
        return Decision(Action.DELETE, propagation="Foreground")
    if "orphan" in finalizers:
        return Decision(Action.DELETE, propagation="Orphan")
    if "foregroundDeletion" in finalizers:
        return Decision(Action.DELETE, propagation="Foreground")
    return Decision(Action.DELETE, propagation="Background")
