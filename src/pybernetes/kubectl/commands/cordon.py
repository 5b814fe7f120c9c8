"""`kubectl cordon` and `uncordon`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, UsageError
from ..objects.builder import Collected, collect
from ..objects.item import Item
from ..objects.mutation import dry_run_of, suffix_of
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

_SAME = "dry-run='none' -l,selector=''"
FLAGS = {"cordon": _SAME, "uncordon": _SAME}


def run(session: Session) -> int:
    dry_run = dry_run_of(session)
    found = nodes(session)
    if found.errors:
        raise found.errors[0]
    for item in found.items:
        try:
            cordon(session, item, wanted=session.command == "cordon", dry_run=dry_run)
        except StatusFailure as error:
            found.errors.append(CommandError(f'unable to {session.command} node "{item.name}": {error.message}'))
    found.raise_errors()
    return 0


def nodes(session: Session) -> Collected:
    """The nodes of the arguments or the selector. UsageError."""
    selector = session.flags.text("selector")
    if session.args and selector:
        raise UsageError("cannot specify both a node name and a --selector option", session.command)
    if not session.args and not session.flags.changed("selector"):
        raise UsageError(f"USAGE: {session.command} NODE [flags]", session.command)
    pods = session.flags.text("pod-selector") if session.command == "drain" else ""
    if pods:
        from ..objects.selectors import parsed

        try:
            parsed(pods)
        except ValueError:
            raise CommandError("--pod-selector=<pod_selector> must be a valid label selector") from None
    if "" in session.args:
        raise CommandError("resource name may not be empty")
    args = ["nodes"] if selector else [word if "/" in word else f"nodes/{word}" for word in session.args]
    found = collect(session, args, selector=selector, latest=True)
    served = {item.resource.full_name: item.resource for item in found.items}
    if len(served) > 1:
        raise CommandError("you may only specify a single resource type")
    for resource in served.values():
        if resource.kind != "Node":
            told = f"{resource.group}/{resource.version}, Resource={resource.name}"
            raise CommandError(f'expected resource of type node, got "{told}"')
    return found


def cordon(session: Session, item: Item, *, wanted: bool, dry_run: str = "none") -> None:
    """Set `spec.unschedulable` and tell what was done."""
    words = ("already cordoned", "cordoned") if wanted else ("already uncordoned", "uncordoned")
    if bool((item.obj.get("spec") or {}).get("unschedulable")) == wanted:
        session.print(f"node/{item.name} {words[0]}{suffix_of(dry_run)}")
        return
    if dry_run != "client":
        patch = {"spec": {"unschedulable": True if wanted else None}}
        query = {"dryRun": "All"} if dry_run == "server" else {}
        item.patch("strategic", compact(patch).encode(), **query)
    session.print(f"node/{item.name} {words[1]}{suffix_of(dry_run)}")
