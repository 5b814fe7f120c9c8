"""`kubectl set subject`: add users, groups and accounts to role bindings."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, check_flags, prepared, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"group=[] serviceaccount=[] user=[] {SET}"
_GROUP = "rbac.authorization.k8s.io"


def run(session: Session) -> int:
    flags = session.flags
    prepared(session, "subjects updated")
    found = selected(session, session.args)
    check_flags(session)
    users, groups, accounts = flags.many("user"), flags.many("group"), flags.many("serviceaccount")
    if not users and not groups and not accounts:
        raise CommandError("you must specify at least one value of user, group or serviceaccount")
    subjects = [{"apiGroup": _GROUP, "kind": "User", "name": user} for user in sorted(set(users))]
    subjects += [{"apiGroup": _GROUP, "kind": "Group", "name": group} for group in sorted(set(groups))]
    everywhere = any(item.resource.kind == "ClusterRoleBinding" for item in found.items)
    for text in accounts:
        namespace, _, name = text.partition(":")
        if text.count(":") != 1 or not name:
            raise CommandError("serviceaccount must be <namespace>:<name>")
        if everywhere and not namespace:
            raise CommandError("serviceaccount must be <namespace>:<name>, namespace must be specified")
    for text in sorted(set(accounts)):
        namespace, _, name = text.partition(":")
        subjects.append({"kind": "ServiceAccount", "name": name, "namespace": namespace or session.namespace})

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") not in ("RoleBinding", "ClusterRoleBinding"):
            raise CommandError("setting subjects is only supported for RoleBinding/ClusterRoleBinding")
        known = obj.setdefault("subjects", [])
        known += [subject for subject in subjects if subject not in known]

    change_each(session, found, change, "subjects updated", what="subjects to rolebinding:")
    return 0
