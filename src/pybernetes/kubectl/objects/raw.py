"""`--raw` of commands that change things: one file, as it is, to one path of the server."""

from __future__ import annotations

from ..client import JSON
from ..errors import CommandError, Unreachable, UsageError, quoted, reason_of
from ..session import write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session


def check_path(path: str) -> None:
    """CommandError for what begins with no slash."""
    if path[:1] != "/":
        raise CommandError(f"--raw must be a valid URL path: parse {quoted(path)}: invalid URI for request")


def send_raw(session: Session, verb: str) -> int:
    """Send the file of `-f` (none for a DELETE without one) and show the answer."""
    flags = session.flags
    path, files = flags.text("raw"), flags.many("filename")
    _check(session, files, 1 if verb != "DELETE" else 0)
    body = b""
    if files:
        body = session.read_stdin().encode() if files[0] == "-" else _content(files[0])
    write_bytes(session.out, session.client.call(verb, path, body=body, content_type=JSON))
    return 0


def _check(session: Session, files: list[str], needed: int) -> None:
    """CommandError, with the usage where the command tells it."""
    flags = session.flags
    wrong = ""
    if "edit" in flags.table and flags.on("edit"):
        wrong = "--raw and --edit are mutually exclusive"
    elif not needed <= len(files) <= 1:
        wrong = "--raw can only use a single local file or stdin"
    elif files and files[0].startswith(("http://", "https://")):
        wrong = "--raw cannot read from a url"
    elif flags.on("recursive"):
        wrong = "--raw and --recursive are mutually exclusive"
    elif needed and "selector" in flags.table and flags.text("selector"):
        wrong = "--raw and --selector (-l) are mutually exclusive"
    elif flags.text("output"):
        wrong = "--raw and --output are mutually exclusive"
    if wrong:
        raise UsageError(wrong, "replace") if session.command == "replace" else CommandError(wrong)
    check_path(flags.text("raw"))


def _content(path: str) -> bytes:
    """What a file holds. CommandError, and Unreachable for a directory."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError as error:
        raise Unreachable(f"read {path}: {reason_of(error)}") from None
    except OSError as error:
        raise CommandError(f"open {path}: {reason_of(error)}") from None
