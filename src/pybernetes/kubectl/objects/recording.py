"""`--record`: the command line, kept in the annotation that `rollout history` shows as the cause of a change."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session
    from .item import Item

CAUSE = "kubernetes.io/change-cause"


def cause(session: Session) -> str:
    """The command line: its words, then its flags by their long names, in the order they were given."""
    flags = [f"--{name}={text}" for name, text in session.flags.order]
    return " ".join(("kubectl", session.command, *session.args, *flags))


def recorded(session: Session, obj: dict[str, Any]) -> dict[str, Any]:
    """The object with its cause, if that is to be recorded."""
    if not session.flags.on("record"):
        return obj
    metadata = obj.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), CAUSE: cause(session)}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def record(session: Session, item: Item) -> None:
    """Record it with an object that is there already. A failure is not told of, as the change was made."""
    if not session.flags.on("record"):
        return
    from ..errors import StatusFailure
    from ..output.go_json import compact

    try:
        item.patch("merge", compact({"metadata": {"annotations": {CAUSE: cause(session)}}}).encode())
    except StatusFailure:
        pass
