"""`kubectl options`, and `kubectl help COMMAND`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {"options": "", "help": ""}


def run(session: Session) -> int:
    from ..help import global_flags, root_usage, write_help

    if session.command == "help":
        from ..tree import find

        path, rest = find(session.args)
        if rest and not path:
            topic = " ".join(f"`{word}`" for word in rest)
            session.err.write(f"Unknown help topic [{topic}]\n\n\n{root_usage()}")
            return 0
        write_help(path, session.out)
        return 0
    session.print("The following options can be passed to any command:", "", *global_flags())
    return 0
