"""What the generators of `create`, `run`, `expose` and `autoscale` share: check the name, make, send, print."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, Unreachable, UsageError
from ..flags import DRY_RUN, PRINT
from ..output.go_json import compact
from .item import Item
from .mutation import LAST_APPLIED, dry_run_of, operation_printer, parameters, validation_of
from .recording import recorded
from .struct_order import in_struct_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

GENERATOR = f"field-manager='kubectl-create' save-config=false validate='strict' {DRY_RUN}{PRINT}"
"""Flags of every generator."""


def name_of(session: Session) -> str:
    """The one NAME argument. UsageError."""
    args = session.args if session.flags.dash < 0 else session.args[: session.flags.dash]
    if len(args) != 1:
        raise UsageError(f"exactly one NAME is required, got {len(args)}", session.command)
    operation_printer(session, "created", dry_run_of(session))
    validation_of(session)
    if not args[0] and session.command in _NAMED:
        raise CommandError("name must be specified")
    return args[0]


_NAMED = {f"create {kind}" for kind in ("configmap", "secret generic", "secret docker-registry", "namespace")} | {
    f"create {kind}"
    for kind in (
        "serviceaccount",
        "quota",
        "poddisruptionbudget",
        "role",
        "clusterrole",
        "rolebinding",
        "clusterrolebinding",
    )
}
"""Generators that refuse an empty name themselves; the others leave that to the server."""


def require(session: Session, *names: str) -> None:
    """Flags that must be given. CommandError."""
    missing = [name for name in names if not session.flags.changed(name)]
    if missing:
        shown = ", ".join(f'"{name}"' for name in missing)
        raise CommandError(f"required flag(s) {shown} not set")


def metadata(session: Session, name: str, **more: Any) -> dict[str, Any]:
    """The metadata of something made here, in the order of Go's struct."""
    found: dict[str, Any] = {"name": name} if name else {}
    target = session.target
    if target.namespace_given and more.pop("namespaced", True):
        found["namespace"] = target.namespace
    more.pop("namespaced", None)
    found["creationTimestamp"] = None
    return found | {key: value for key, value in more.items() if value}


def finish(session: Session, obj: dict[str, Any], operation: str = "created", printer: Any = None) -> dict[str, Any]:
    """Send it, unless this is a dry run of the client, and print it."""
    dry_run = dry_run_of(session)
    validation_of(session)
    obj = recorded(session, obj)
    if session.flags.on("save-config") and not session.command.startswith("create service "):
        text = compact(obj, ordered=True) + "\n"
        annotations = {**(obj["metadata"].get("annotations") or {}), LAST_APPLIED: text}
        obj = {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
    printer = printer or operation_printer(session, operation, dry_run)
    if dry_run != "client":
        resource = session.mapper.builtin(obj["apiVersion"], obj["kind"])
        item = Item(session.client, resource, session.scope(resource), obj["metadata"].get("name", ""))
        try:
            item.create(obj, **parameters(session, dry_run))
        except (StatusFailure, CommandError) as error:
            raise failed(session, error, resource.singular) from None
        printer.print(in_struct_order(item.obj), ordered=True)
        return item.obj
    printer.print(obj, ordered=True)
    return obj


_NOUNS = {"resourcequota": "quota:", "poddisruptionbudget": "poddisruptionbudgets:", "secret": "secret"}
_PLAIN = ("create namespace", "create role", "create clusterrole")


def failed(session: Session, error: StatusFailure | CommandError, what: str) -> Exception:
    """`failed to create …`, in the words of each generator."""
    command = session.command
    plain = isinstance(error, Unreachable) and not error.detail
    if plain or not command.startswith("create") or command in _PLAIN:
        return error
    noun = _NOUNS.get(what, f"{what}:")
    if what == "service":
        kinds = {"clusterip": "ClusterIP", "nodeport": "NodePort", "loadbalancer": "LoadBalancer"}
        noun = f"{kinds.get(command.rpartition(' ')[2], 'ExternalName')} service:"
    why = error.detail if isinstance(error, Unreachable) else error.message
    return CommandError(f"failed to create {noun} {why}")


def pairs_of(texts: list[str], what: str) -> dict[str, str]:
    """`key=value` texts. CommandError."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CommandError(f"unexpected {what} {text!r}")
        found[key] = value
    return found
