"""What changing commands share: `--dry-run`, `--field-manager`, `--validate`, the last-applied annotation, printing."""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..output.printers import Printer
    from ..session import Session

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def dry_run_of(session: Session) -> str:
    """`none`, `client` or `server`; a value of old is warned of once. CommandError."""
    given = session.flags.text("dry-run")
    if given in ("none", "client", "server") or not session.flags.changed("dry-run"):
        return given or "none"
    if given == "unchanged":
        found, source = "client", "helpers.go:703"
        words = "--dry-run is deprecated and can be replaced with --dry-run=client."
    elif given in _TRUE + _FALSE:
        found, source = ("client", "helpers.go:717") if given in _TRUE else ("none", "helpers.go:720")
        words = f"--dry-run={given} is deprecated (boolean value) and can be replaced with --dry-run={found}."
    else:
        raise CommandError(f'Invalid dry-run value ({given}). Must be "none", "server", or "client".')
    from ..wire_log import line

    session.tell(line(source, words, "W"))
    session.flags.set("dry-run", found)
    return found


def suffix_of(dry_run: str) -> str:
    """What follows the operation on the printed line."""
    return {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")


def validation_of(session: Session) -> str:
    """`Strict`, `Warn` or `Ignore`. CommandError."""
    given = session.flags.text("validate").lower()
    found = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore", "": "Ignore"}
    if given not in found:
        raise CommandError(
            f"invalid - validate option {quoted(session.flags.text('validate'))}; must be one of: strict (or true), "
            "warn, ignore (or false)"
        )
    return found[given]


def parameters(session: Session, dry_run: str = "none", *, validate: bool = True) -> dict[str, str]:
    """Query parameters of a write."""
    found = {"fieldManager": session.flags.text("field-manager")} if session.flags.text("field-manager") else {}
    if validate and "validate" in session.flags.table:
        found["fieldValidation"] = validation_of(session)
    if dry_run == "server":
        found["dryRun"] = "All"
    return found


def operation_printer(session: Session, operation: str, dry_run: str = "none") -> Printer:
    from ..output.printers import printer_for

    return printer_for(session, operation, suffix_of(dry_run))


def last_applied_text(obj: dict[str, Any], *, bare: bool = False) -> str:
    """The annotation's value for an object: itself, without that annotation; `bare`, without adding any."""
    metadata = dict(obj.get("metadata") or {})
    if "annotations" in metadata or not bare:
        metadata["annotations"] = {
            key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED
        }
    return compact({**obj, "metadata": metadata}) + "\n"


def with_last_applied(obj: dict[str, Any]) -> dict[str, Any]:
    """A copy that carries its own configuration."""
    metadata = dict(obj.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), LAST_APPLIED: last_applied_text(obj)}
    return {**obj, "metadata": metadata}


def has_last_applied(obj: dict[str, Any]) -> bool:
    return LAST_APPLIED in ((obj.get("metadata") or {}).get("annotations") or {})


def refreshed_last_applied(obj: dict[str, Any], *, create: bool) -> dict[str, Any]:
    """The annotation brought up to date where there is one, or where one is asked for (`--save-config`)."""
    return with_last_applied(obj) if create or has_last_applied(obj) else obj
