"""`kubectl certificate approve|deny`."""

from __future__ import annotations

import time

from ..errors import CommandError, StatusFailure
from ..flags import FILES, PRINT
from ..objects import arguments
from ..objects.builder import collect, file_flags
from ..objects.mutation import operation_printer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

_SAME = f"force=false {FILES}{PRINT}"
FLAGS = {"certificate approve": _SAME, "certificate deny": _SAME}


def run(session: Session) -> int:
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        raise CommandError("one or more CSRs must be specified as <name> or -f <filename>")
    approve = session.command.endswith("approve")
    if "" in session.args:
        raise CommandError("resource name may not be empty")
    args = [name if "/" in name else f"certificatesigningrequests/{name}" for name in session.args]
    if any(resource.namespaced for resource, _ in arguments.parse(session, args).pairs):
        raise CommandError("namespace may not be empty when retrieving a resource by name")
    found = collect(session, args, latest=True)
    if not found.items and not found.errors:
        session.print("No resources found")
    printer = operation_printer(session, "approved" if approve else "denied")
    for item in found.items:
        for attempt in range(5):
            obj = item.get()
            if not _decided(obj, approve=approve, force=session.flags.on("force")):
                break
            try:
                item.replace(obj, "approval")
                break
            except StatusFailure as error:
                if error.reason != "Conflict" or attempt == 4:
                    raise
        printer.print(item.obj)
    found.raise_errors()
    return 0


def _decided(obj: dict[str, Any], *, approve: bool, force: bool) -> bool:
    """Put the decision into the object; false when it is there already. CommandError."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    mine, other = ("Approved", "Denied") if approve else ("Denied", "Approved")
    if any(condition["type"] == other for condition in conditions):
        raise CommandError(f'certificate signing request "{obj["metadata"]["name"]}" is already {other.lower()}')
    known = [condition for condition in conditions if condition["type"] == mine]
    if known and not force:
        return False
    for condition in known:
        conditions.remove(condition)
    reason = "KubectlApprove" if approve else "KubectlDeny"
    verb = "approve" if approve else "deny"
    conditions.append(
        {
            "type": mine,
            "status": "True",
            "reason": reason,
            "message": f"This CSR was {mine.lower()} by kubectl certificate {verb}.",
            "lastUpdateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
    )
    return True
