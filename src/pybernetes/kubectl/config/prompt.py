"""A name and a password from the terminal, for a server of https of whose user nothing is known."""

from __future__ import annotations

from ..errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from .target import Target


def ask(target: Target, out: TextIO, stdin: Any) -> None:
    """Fill the name and the password. CommandError at the end of the input, and where a password would be seen."""
    words: list[str] = []
    _say(out, "Please enter Username: ")
    while not words:
        line = stdin.readline()
        if not line:
            raise CommandError("EOF")
        words = line.split()
    target.username = words[0]
    if not stdin.isatty():
        _say(out, "Please enter Password: ")
        raise CommandError("error reading input for Password")
    import termios

    descriptor = stdin.fileno()
    before = termios.tcgetattr(descriptor)
    unseen = [*before]
    unseen[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, unseen)
        _say(out, "Please enter Password: ")
        target.password = stdin.readline().rstrip("\r\n")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _say(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()
