"""`kubectl delete`: by files, names or selectors, and wait until the objects are gone."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import DRY_RUN, FILES
from ..objects.builder import collect, file_flags
from ..objects.deletion import CASCADES, delete_options, wait_until_gone
from ..objects.mutation import dry_run_of, suffix_of
from ..objects.raw import send_raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "all=false -A,all-namespaces=false cascade='background' field-selector='' force=false grace-period=-1 "
    "ignore-not-found=false -i,interactive=false now=false -o,output='' raw='' -l,selector='' timeout=0s wait=true "
    f"{DRY_RUN}{FILES}"
)


def cascade_of(session: Session) -> str:
    """The cascade, its old boolean values included. CommandError."""
    flags = session.flags
    given = flags.text("cascade")
    if old := {"true": "background", "false": "orphan"}.get(given):
        session.tell(
            f"warning: --cascade={given} is deprecated (boolean value) and can be replaced with --cascade={old}."
        )
        flags.set("cascade", old)
        given = old
    if given not in CASCADES:
        raise CommandError(f'invalid cascade value ({given}). Must be "background", "foreground", or "orphan"')
    return given


def run(session: Session) -> int:
    flags = session.flags
    if flags.text("raw"):
        return send_raw(session, "DELETE")
    cascade = cascade_of(session)
    dry_run = dry_run_of(session)
    selecting = flags.text("selector") or flags.text("field-selector")
    if flags.on("all") and selecting:
        raise CommandError("setting 'all' parameter but found a non empty selector. ")
    files, kustomize = file_flags(session)
    named = len(session.args) > 1 or "/" in "".join(session.args)
    if flags.on("all-namespaces") and named and not (flags.on("all") or selecting):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    if files or kustomize or flags.on("all") or selecting:
        if flags.on("all") and len(session.args) > 1 and "/" not in session.args[0]:
            raise CommandError("name cannot be provided when a selector is specified")
        grace, ignore_not_found = _grace(session)
        found = collect(
            session,
            selector=flags.text("selector"),
            field_selector=flags.text("field-selector"),
            all_=flags.on("all"),
            all_namespaces=flags.on("all-namespaces"),
        )
    else:
        found = _by_name(session)
        grace, ignore_not_found = _grace(session)
    output = flags.text("output")
    if output not in ("", "name"):
        untold = [error for error in found.errors if not isinstance(error, StatusFailure)]
        wrong = CommandError(f"unexpected -o output mode: {output}. We only support '-o name'")
        raise untold[0] if untold else wrong
    if flags.on("interactive") and not _agreed(session, found.items):
        return 0
    deleted: list[tuple[Item, str]] = []
    for item in found.items:
        if not item.name:
            found.errors.append(CommandError("resource name may not be empty"))
            continue
        try:
            if dry_run != "client":
                answer = _delete(item, delete_options(grace, cascade), dry_run)
                deleted.append((item, _uid(answer)))
        except StatusFailure as error:
            if not (ignore_not_found and error.reason == "NotFound"):
                from .create import from_file

                found.errors.append(from_file(error, "deleting", item.source))
            continue
        _tell(session, item, dry_run)
    if ignore_not_found:
        found.errors = [error for error in found.errors if getattr(error, "reason", "") != "NotFound"]
    if not found.items and not found.errors:
        session.print("No resources found")
    if flags.on("wait") and dry_run == "none":
        session.out.flush()
        for item, uid in deleted:
            wait_until_gone(session, item, uid, flags.seconds("timeout"))
    found.raise_errors()
    return 0


def _by_name(session: Session) -> Any:
    """Named objects are deleted without being fetched first."""
    from ..objects import arguments
    from ..objects.builder import NOTHING, Collected
    from ..objects.item import Item

    named = arguments.parse(session, session.args)
    if not named.resources and not named.pairs:
        raise CommandError(NOTHING)
    if not named.pairs and not named.names:
        raise CommandError("resource(s) were provided, but no name was specified")
    pairs = named.pairs or [(resource, name) for resource in named.resources for name in named.names]
    found = Collected()
    found.items = [Item(session.client, resource, session.scope(resource), name) for resource, name in pairs]
    return found


def _grace(session: Session) -> tuple[int, bool]:
    flags = session.flags
    grace = flags.number("grace-period")
    ignore = flags.on("ignore-not-found")
    if flags.on("all") and not flags.changed("ignore-not-found"):
        ignore = True
    if flags.on("now"):
        if grace != -1:
            raise CommandError("--now and --grace-period cannot be specified together")
        grace = 1
    if flags.on("force"):
        if grace == -1:
            grace = 0
        elif grace > 0:
            raise CommandError("--force and --grace-period greater than 0 cannot be specified together")
        session.tell(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
            "The resource may continue to run on the cluster indefinitely."
        )
    elif grace == 0:
        # Without --force the shortest period is used, and the object is awaited.
        grace = 1
    return grace, ignore


def _delete(item: Item, options: dict[str, Any], dry_run: str) -> dict[str, Any]:
    if dry_run == "server":
        options["dryRun"] = ["All"]
    return item.delete(options)


def _uid(answer: dict[str, Any]) -> str:
    if answer.get("kind") == "Status":
        return str((answer.get("details") or {}).get("uid") or "")
    return str((answer.get("metadata") or {}).get("uid") or "")


def _tell(session: Session, item: Item, dry_run: str) -> None:
    if session.flags.text("output") == "name":
        session.print(item.label())
        return
    operation = "force deleted" if session.flags.number("grace-period") == 0 or session.flags.on("force") else "deleted"
    session.print(f'{item.resource.kind_name} "{item.name}" {operation}{suffix_of(dry_run)}')


def _agreed(session: Session, items: list[Item]) -> bool:
    """Ask before anything is deleted."""
    session.print(f"You are about to delete the following {len(items)} resource(s):")
    session.print(*(item.label() for item in items))
    session.out.write("Do you want to continue? (y/n): ")
    session.out.flush()
    answer = session.stdin.readline().strip()
    if answer not in ("y", "Y", "yes"):
        session.print("deletion is cancelled")
        return False
    return True
