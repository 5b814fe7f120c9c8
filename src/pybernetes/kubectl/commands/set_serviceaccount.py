"""`kubectl set serviceaccount`: the account of a pod template."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, pod_spec, prepared, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = SET.replace("-l,selector='' ", "")


def run(session: Session) -> int:
    prepared(session, "serviceaccount updated")
    if not session.args:
        raise CommandError("serviceaccount is required")
    *names, account = session.args
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        spec = pod_spec(obj)
        spec["serviceAccountName"] = account

    change_each(session, found, change, "serviceaccount updated", what="ServiceAccountName", always=True)
    return 0
