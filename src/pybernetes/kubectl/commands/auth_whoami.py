"""`kubectl auth whoami`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import PRINT
from ..output.go_json import compact
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = PRINT


def run(session: Session) -> int:
    body = compact({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}).encode()
    try:
        answer = session.client.object("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
    except StatusFailure as error:
        if error.code == 404:
            raise CommandError(
                "the selfsubjectreviews API is not enabled in the cluster\n"
                "enable APISelfSubjectReview feature gate and authentication.k8s.io/v1alpha1, "
                "authentication.k8s.io/v1beta1 or authentication.k8s.io/v1 API"
            ) from None
        if error.code == 403:
            raise CommandError(
                "the selfsubjectreviews API is not enabled in the cluster or you do not have permission to call it"
            ) from None
        raise
    if session.flags.text("output"):
        from ..output.printers import printer_for

        answer["metadata"] = {"creationTimestamp": None, **(answer.get("metadata") or {})}
        printer_for(session).print({"kind": answer.pop("kind", ""), **answer}, True)
        return 0
    user = (answer.get("status") or {}).get("userInfo") or {}
    columns = Columns(session.out.write)
    columns.add(["ATTRIBUTE", "VALUE"])
    if user.get("username"):
        columns.add(["Username", user["username"]])
    if user.get("uid"):
        columns.add(["UID", user["uid"]])
    if user.get("groups"):
        columns.add(["Groups", f"[{' '.join(user['groups'])}]"])
    for key, values in sorted((user.get("extra") or {}).items()):
        columns.add([f"Extra: {key}", f"[{' '.join(values)}]"])
    columns.flush()
    return 0
