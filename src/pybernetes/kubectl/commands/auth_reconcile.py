"""`kubectl auth reconcile`: roles and bindings of files have at least the rules and subjects written there."""

from __future__ import annotations

from ..errors import StatusFailure
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, require_files
from ..objects.item import Item
from ..objects.mutation import dry_run_of, operation_printer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"remove-extra-permissions=false remove-extra-subjects=false {DRY_RUN}{FILES}{PRINT}"
_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def run(session: Session) -> int:
    require_files(session)
    dry_run = dry_run_of(session)
    found = collect(session, [])
    found.raise_errors()
    for item in found.items:
        if item.resource.kind not in _KINDS or item.resource.group != "rbac.authorization.k8s.io":
            continue
        wanted = item.obj
        obj = _reconcile(session, item, wanted, dry_run)
        operation_printer(session, "reconciled", dry_run).print(obj)
    return 0


def _reconcile(session: Session, item: Item, wanted: dict[str, Any], dry_run: str) -> dict[str, Any]:
    query = {"dryRun": "All"} if dry_run == "server" else {}
    try:
        live = item.get()
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
        return wanted if dry_run == "client" else item.create(wanted, **query)
    new = dict(live)
    if "Binding" in item.resource.kind:
        if live.get("roleRef") != wanted.get("roleRef"):
            if dry_run == "none":
                item.delete({})
                return item.create(wanted)
            return wanted
        extra = [] if session.flags.on("remove-extra-subjects") else list(live.get("subjects") or ())
        new["subjects"] = extra + [one for one in wanted.get("subjects") or () if one not in extra]
    else:
        extra = [] if session.flags.on("remove-extra-permissions") else list(live.get("rules") or ())
        new["rules"] = extra + [rule for rule in wanted.get("rules") or () if not _covered(rule, extra)]
    if new == live:
        return live
    return new if dry_run == "client" else item.replace(new, **query)


def _covered(rule: dict[str, Any], known: list[dict[str, Any]]) -> bool:
    """Does one known rule allow all that this one does?"""
    fields = ("verbs", "apiGroups", "resources", "nonResourceURLs")

    def within(one: dict[str, Any], other: dict[str, Any]) -> bool:
        for field in fields:
            have = other.get(field) or []
            if "*" not in have and not set(one.get(field) or ()) <= set(have):
                return False
        names = other.get("resourceNames") or []
        return not names or (bool(one.get("resourceNames")) and set(one["resourceNames"]) <= set(names))

    return any(within(rule, other) for other in known)
