"""The revisions of a workload: replica sets of deployments, controller revisions of daemon sets and stateful sets."""

from __future__ import annotations

from ..client import query_of
from .selectors import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session
    from .item import Item

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"


class Revision:
    """One: its number, the object that holds it, and the pod template as it was."""

    __slots__ = ("number", "obj", "template")

    def __init__(self, number: int, obj: dict[str, Any], template: dict[str, Any]) -> None:
        self.number = number
        self.obj = obj
        self.template = template


def owned(session: Session, item: Item, resource_name: str) -> list[dict[str, Any]]:
    """Objects of a resource that the item's selector matches and that it controls."""
    resource = session.mapper.resource(resource_name)
    selector = text_of((item.obj.get("spec") or {}).get("selector") or {})
    found = session.client.get(resource.path(item.namespace) + query_of((("labelSelector", selector),)))
    uid = item.obj["metadata"].get("uid")
    return [
        obj
        for obj in found.get("items") or ()
        if any(o.get("uid") == uid and o.get("controller") for o in obj["metadata"].get("ownerReferences") or ())
    ]


def revisions(session: Session, item: Item) -> list[Revision]:
    """All of them, oldest first."""
    found = []
    if item.resource.kind == "Deployment":
        for obj in owned(session, item, "replicasets.apps"):
            number = (obj["metadata"].get("annotations") or {}).get(REVISION)
            if number:
                found.append(Revision(int(number), obj, obj["spec"]["template"]))
    else:
        for obj in owned(session, item, "controllerrevisions.apps"):
            template = ((obj.get("data") or {}).get("spec") or {}).get("template") or {}
            found.append(Revision(int(obj["revision"]), obj, template))
    return sorted(found, key=lambda revision: revision.number)
