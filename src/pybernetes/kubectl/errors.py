"""What goes wrong, in kubectl's words: exceptions of the package and the one-line messages they become.

CommandError            a message of our own and an exit code
  UsageError            the same, with a hint at the command's help
  Unreachable           the server cannot be reached
StatusFailure           the server answered with a Status
Several                 more than one of these
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class CommandError(Exception):
    """Ends the command with a message (after `prefix`) and an exit code; an empty message prints nothing."""

    def __init__(self, message: str, code: int = 1, *, prefix: str = "error: ") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.prefix = prefix

    def text(self) -> str:
        """What is printed, without the newline."""
        if self.prefix == "error: " and self.message.startswith("error: "):
            # Some say so themselves, and end their line.
            return self.message.removesuffix("\n")
        return f"{self.prefix}{self.message}" if self.message else ""


class UsageError(CommandError):
    """A wrong use of a command; points to its help."""

    def __init__(self, message: str, command: str, code: int = 1) -> None:
        hint = (
            f"See 'kubectl {command} -h' for help and examples" if command else "See 'kubectl -h' for help and examples"
        )
        super().__init__(f"{message}\n{hint}", code)


class Unreachable(CommandError):
    """The connection failed; the message says how, as Go's net package does."""

    def __init__(self, message: str, *, refused: bool = False, detail: str = "") -> None:
        super().__init__(message, prefix="" if refused else "Unable to connect to the server: ")
        self.refused = refused
        self.detail = detail
        """What the network said, where the message is about the server alone; the client puts the request before it."""


class StatusFailure(Exception):
    """The server's `Status` of a request that failed."""

    def __init__(self, code: int, status: dict[str, Any]) -> None:
        super().__init__(status.get("message") or "")
        self.code = code
        self.status = status

    @property
    def reason(self) -> str:
        return str(self.status.get("reason") or "")

    @property
    def message(self) -> str:
        return str(self.status.get("message") or "")

    def text(self) -> str:
        """The whole of what is printed, without the last newline."""
        if self.reason == "Unauthorized":
            message = self.message
            shown = f"You must be logged in to the server ({message})" if message else "You must be logged in"
            return f"error: {shown}"
        if self.reason == "Invalid":
            return _invalid(self.status)
        if self.reason:
            return f"Error from server ({self.reason}): {self.message}"
        return f"Error from server: {self.message}"


class Several(Exception):
    """More than one thing went wrong; each is printed on a line of its own."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = list(errors)

    def text(self) -> str:
        """All messages; of several, none says that it is an error unless its message does."""
        if len(self.errors) == 1:
            return text_of(self.errors[0])
        return "\n".join(map(_of_several, self.errors))


def _of_several(error: Exception) -> str:
    if isinstance(error, Several):
        return nested(error.errors)
    if isinstance(error, CommandError) and error.prefix == "error: ":
        return error.message
    if isinstance(error, StatusFailure) and error.reason == "Invalid":
        return f"Error from server (Invalid): {error.message}"
    return text_of(error).removeprefix("error: ")


def nested(errors: Sequence[Exception]) -> str:
    """Errors that stand together within one other, in Go's words: `[a, b]`, each once, without what they are."""
    texts = dict.fromkeys(str(getattr(error, "message", error)) for error in errors)
    return next(iter(texts), "") if len(texts) == 1 else f"[{', '.join(texts)}]"


def _invalid(status: dict[str, Any]) -> str:
    details = status.get("details") or {}
    shown = "The request is invalid"
    causes = details.get("causes") or []
    if details.get("kind") or details.get("name"):
        shown = f"The {details.get('kind', '')} {quoted(details.get('name', ''))} is invalid"
    elif status.get("message") and not causes:
        shown = f"{shown}: {status['message']}"
    if not causes:
        return shown
    lines = list(dict.fromkeys(_cause(cause) for cause in causes))
    if len(lines) == 1:
        return f"{shown}: {lines[0]}"
    return f"{shown}: \n" + "\n".join(f"* {line}" for line in lines)


def _cause(cause: dict[str, Any]) -> str:
    return f"{cause.get('field', '')}: {cause.get('message', '')}"


def text_of(error: BaseException) -> str:
    """The message of any error that may end a command."""
    if isinstance(error, CommandError | StatusFailure | Several):
        return error.text()
    return f"error: {os_text(error)}" if isinstance(error, OSError) else f"error: {error}"


def code_of(error: BaseException) -> int:
    """The exit code of an error."""
    return error.code if isinstance(error, CommandError) else 1


_REASONS = {
    1: "operation not permitted",
    2: "no such file or directory",
    28: "no space left on device",
    13: "permission denied",
    17: "file exists",
    20: "not a directory",
    21: "is a directory",
    32: "broken pipe",
    98: "address already in use",
    104: "connection reset by peer",
    110: "connection timed out",
    111: "connection refused",
    113: "no route to host",
}


def reason_of(error: OSError) -> str:
    """The words Go has for an errno."""
    return _REASONS.get(error.errno or 0) or (error.strerror.lower() if error.strerror else str(error))


def os_text(error: OSError, verb: str = "open") -> str:
    """An error about a file as Go prints it: `open x: no such file or directory`."""
    return f"{verb} {error.filename}: {reason_of(error)}" if error.filename else reason_of(error)


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPES |= {"\\": "\\\\", '"': '\\"'}


def quoted(text: object) -> str:
    """Go's %q of a text."""
    shown = str(text)
    if shown.isprintable() and '"' not in shown and "\\" not in shown:
        return f'"{shown}"'
    parts = []
    for letter in shown:
        if letter in _ESCAPES:
            parts.append(_ESCAPES[letter])
        elif letter.isprintable():
            parts.append(letter)
        else:
            number = ord(letter)
            parts.append(
                f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
            )
    return '"' + "".join(parts) + '"'
