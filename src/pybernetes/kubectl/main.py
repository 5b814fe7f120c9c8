"""`kubectl`: from the words of a command line to an exit code.

Find the command, read its flags, run it, and print what went wrong in one line. Only the module of that one command is
imported. `kuberc` preferences and plugins are asked only where they can matter.
"""

from __future__ import annotations

import os
import sys

from .errors import CommandError, Several, StatusFailure, UsageError, code_of, text_of
from .flags import GLOBAL, parse, parse_table
from .tree import COMMANDS, find, similar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from .session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit code. Standard streams are the process's own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    out, err = sys.stdout, sys.stderr
    try:
        return run(words, out, err)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # A defect of ours, or a server that answers nonsense: still one line, unless more is asked for.
        if any(word in ("-v=9", "--v=9", "-v9") for word in words):
            raise
        err.write(f"error: unexpected {type(error).__name__}: {error} (-v=9 shows where)\n")
        return 1
    finally:
        try:
            out.flush()
        except BrokenPipeError:
            # The reader has gone; nothing more can be said, and the interpreter must not try.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run(words: list[str], out: TextIO, err: TextIO, stdin: Any = None) -> int:
    """The same with given streams: for tests, and for commands that run others."""
    try:
        code = _run(words, out, err, stdin)
    except (CommandError, StatusFailure, Several) as error:
        code = code_of(error)
        message = text_of(error)
    except BrokenPipeError:
        return 141
    except OSError as error:
        code, message = 1, text_of(error)
    else:
        return code
    out.flush()
    if message:
        err.write(message + "\n")
        err.flush()
    return code


def _run(words: list[str], out: TextIO, err: TextIO, stdin: Any) -> int:
    if words and words[0] in ("__complete", "__completeNoDesc"):
        path, rest = words[0], ["--", *words[1:]]
    else:
        from .kuberc import expand

        path, rest = find(expand(words, lambda text: print(text, file=err)))
    if not path and rest and rest[0][:1] != "-":
        return _unknown(rest, out, err)
    module, flags_text = module_of(path)
    table = parse_table(f"{GLOBAL} {flags_text}{' record=false' if path in _RECORDING else ''}")
    try:
        flags = parse(rest, table)
    except CommandError as error:
        if not path and len(words) > 2 and error.message.startswith("unknown"):
            raise CommandError(f"flags cannot be placed before plugin name: {words[0]}", prefix="Error: ") from None
        raise _flag_error(path, error.message) from None
    if "template" in table and flags.text("output").lower() in ("json", "yaml", "name"):
        flags.set("output", flags.text("output").lower())
    if flags.changed("record"):
        err.write("Flag --record has been deprecated, --record will be removed in the future\n")
    if flags.on("help"):
        from .help import write_help

        write_help(path, out)
        return 0
    if module is None:
        return _group(path, flags.args, out, err)
    from .session import Session

    session = Session(path, flags, out, err, stdin)
    try:
        result = module.run(session)
    finally:
        session.close()
    return _checked(session, int(result or 0))


def _checked(session: Session, code: int) -> int:
    """The exit code, unless warnings count as errors."""
    if session.warning_count and session.flags.on("warnings-as-errors"):
        noun = "warning" if session.warning_count == 1 else "warnings"
        raise CommandError(f"{session.warning_count} {noun} received")
    return code


def _flag_error(path: str, message: str) -> CommandError:
    """Where to look, in the words of each command; `diff` keeps 1 for "there are differences"."""
    if path == "diff":
        return UsageError(message, path, code=2)
    if path == "options":
        return CommandError(f"{message}\nRun 'kubectl options' without flags.")
    shown = f"kubectl {path}" if path else "kubectl"
    return CommandError(f"{message}\nSee '{shown} --help' for usage.")


def module_of(path: str) -> tuple[Any, str]:
    """The module of a command and its table of flags; no module for a group of commands."""
    name = COMMANDS[path][0] if path else ""
    if not name:
        return None, ""
    full = f"{__package__}.commands.{name}"
    __import__(full)
    module = sys.modules[full]
    flags = module.FLAGS
    return module, flags if isinstance(flags, str) else flags[path]


def _group(path: str, args: list[str], out: TextIO, err: TextIO) -> int:
    """`kubectl rollout` alone shows its help; with a word that is no command it fails."""
    from .help import write_help

    if args and path and path != "certificate":
        raise CommandError(f"unknown command \"{' '.join(args)}\"\nSee 'kubectl {path} -h' for help and examples")
    write_help(path, err if path in _HELP_TO_ERROR else out)
    return 1 if path in _FAIL_ALONE else 0


_RECORDING = (
    "annotate", "apply", "autoscale", "create", "edit", "expose", "label", "patch", "run", "scale", "set image",
    "set resources", "set selector", "set serviceaccount",
)  # fmt: skip
"""Commands that still take `--record`, which no help tells of."""
_HELP_TO_ERROR = ("create secret", "create service", "set", "config", "auth", "top", "plugin", "kuberc")
_FAIL_ALONE = (*_HELP_TO_ERROR, "rollout")


def _unknown(words: list[str], out: TextIO, err: TextIO) -> int:
    """A plugin by that name, or an error with what may have been meant."""
    from .plugins import run_plugin

    run_plugin(words)
    message = f'unknown command "{words[0]}" for "kubectl"'
    names = similar(words[0], "")
    if names:
        message += "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in names)
        message = message.removesuffix("\n")
    raise CommandError(message)
