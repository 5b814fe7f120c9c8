"""`kubectl create token`: a token of a service account."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, Unreachable
from ..flags import PRINT
from ..objects.generated import name_of
from ..objects.item import Item
from ..objects.struct_order import in_struct_order
from ..output.go_json import compact
from ..output.printers import printer_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"audience=[+] bound-object-kind='' bound-object-name='' bound-object-uid='' duration=0s {PRINT}"
_KINDS = {"Pod": "v1", "Secret": "v1", "Node": "v1"}


def run(session: Session) -> int:
    flags = session.flags
    name = name_of(session)
    if not name:
        raise CommandError("service account name is required")
    spec: dict[str, Any] = {
        "audiences": flags.many("audience") or None,
        "expirationSeconds": None,
        "boundObjectRef": None,
    }
    if flags.changed("duration"):
        seconds = flags.seconds("duration")
        if seconds < 0:
            raise CommandError("--duration must be greater than or equal to 0")
        if seconds != int(seconds):
            raise CommandError("duration cannot be expressed in units less than seconds")
        spec["expirationSeconds"] = int(seconds) or None
    kind = flags.text("bound-object-kind")
    if kind:
        if kind not in _KINDS:
            raise CommandError(f"supported --bound-object-kind values are {', '.join(sorted(_KINDS))}")
        if not flags.text("bound-object-name"):
            raise CommandError("--bound-object-name is required if --bound-object-kind is provided")
        spec["boundObjectRef"] = {
            "kind": kind,
            "apiVersion": _KINDS[kind],
            "name": flags.text("bound-object-name"),
            "uid": flags.text("bound-object-uid"),
        }
    else:
        for flag in ("bound-object-name", "bound-object-uid"):
            if flags.text(flag):
                raise CommandError(f"--{flag} can only be set if --bound-object-kind is provided")
    account = Item(session.client, session.mapper.builtin("v1", "ServiceAccount"), session.namespace, name)
    body = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": _present(spec)}
    try:
        answer = session.client.object("POST", account.path("token"), body=compact(body).encode())
    except (StatusFailure, Unreachable) as error:
        raise CommandError(f"failed to create token: {getattr(error, 'detail', '') or error.message}") from None
    if flags.text("output") in ("", "token"):
        session.print(str((answer.get("status") or {}).get("token") or ""))
    else:
        printer_for(session, "created").print(in_struct_order(answer), ordered=True)
    return 0


def _present(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if value is not None}
