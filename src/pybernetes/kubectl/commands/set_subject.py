"""`kubectl set subject`: add users, groups and accounts to role bindings."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"group=[] serviceaccount=[] user=[] {SET}"
_GROUP = "rbac.authorization.k8s.io"


def run(session: Session) -> int:
    flags = session.flags
    found = selected(session, session.args)
    users, groups, accounts = flags.many("user"), flags.many("group"), flags.many("serviceaccount")
    if not users and not groups and not accounts:
        raise CommandError("you must specify at least one value of user, group or serviceaccount")
    subjects = [{"apiGroup": _GROUP, "kind": "User", "name": user} for user in users]
    subjects += [{"apiGroup": _GROUP, "kind": "Group", "name": group} for group in groups]
    for text in accounts:
        namespace, colon, name = text.partition(":")
        if not colon or not namespace or not name:
            raise CommandError("serviceaccount must be <namespace>:<name>")
        subjects.append({"kind": "ServiceAccount", "name": name, "namespace": namespace})

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") not in ("RoleBinding", "ClusterRoleBinding"):
            raise CommandError("setting subjects is only supported for RoleBinding/ClusterRoleBinding")
        known = obj.setdefault("subjects", [])
        known += [subject for subject in subjects if subject not in known]

    change_each(session, found, change, "subjects updated")
    return 0
