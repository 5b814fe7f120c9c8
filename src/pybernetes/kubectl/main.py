"""`kubectl`: from the words of a command line to an exit code.

Find the command, read its flags, run it, and print what went wrong in one line. Only the module of that one command is
imported. `kuberc` preferences and plugins are asked only where they can matter.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

from .ending import BROKEN_PIPE, INTERRUPT, complain, die_of, flushed, open_missing_streams, silence
from .errors import CommandError, Several, StatusFailure, UsageError, code_of, reason_of, text_of
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
    open_missing_streams()
    out, err = sys.stdout, sys.stderr
    for stream in (out, err):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(encoding="utf-8", errors="replace")  # as Go writes, whatever the locale
    try:
        code = run(words, out, err)
        out.flush()
    except KeyboardInterrupt:
        return die_of(INTERRUPT)
    except BrokenPipeError:
        return die_of(BROKEN_PIPE)
    except SystemExit:
        flushed()
        raise
    except OSError as error:
        # Standard output: errors of anything else became a message already.
        silence()
        complain(err, f"error: write /dev/stdout: {reason_of(error)}")
        return 1
    except Exception as error:
        # A defect of ours, or a server that answers nonsense: still one line, unless more is asked for.
        if any(word in ("-v=9", "--v=9", "-v9") for word in words):
            raise
        complain(err, f"error: unexpected {type(error).__name__}: {error} (-v=9 shows where)")
        code = 1
    if not flushed():
        silence()
    return code


def run(words: list[str], out: TextIO, err: TextIO, stdin: Any = None) -> int:
    """The same with given streams: for tests, and for commands that run others."""
    try:
        code = _run(words, out, err, stdin)
    except (CommandError, StatusFailure, Several) as error:
        code = code_of(error)
        message = text_of(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno == _NO_SPACE and error.filename is None:
            raise
        code, message = 1, text_of(error)
    else:
        return code
    out.flush()
    if message:
        complain(err, message)
    return code


_NO_SPACE = 28


def _run(words: list[str], out: TextIO, err: TextIO, stdin: Any) -> int:
    if words and words[0] in ("__complete", "__completeNoDesc"):
        return _command(words[0], ["--", *words[1:]], words, out, err, stdin)
    from .kuberc import expand

    expanded, alias = expand(words, lambda text: print(text, file=err))
    path, rest = find(expanded)
    try:
        return _command(path, rest, words, out, err, stdin, alias=alias)
    except CommandError as error:
        if alias:
            # Where to look is told by the name that was given.
            error.message = error.message.replace(f"\nSee 'kubectl {path} -", f"\nSee 'kubectl {alias} -")
        raise


def _command(
    path: str, rest: list[str], words: list[str], out: TextIO, err: TextIO, stdin: Any, *, alias: str = ""
) -> int:
    if not path and rest and rest[0][:1] != "-":
        return _unknown(rest, out, err)
    if path == "create" and rest and rest[0][:1] != "-":
        from .plugins import run_plugin

        run_plugin([path, *rest], least=2)
    module, flags_text = module_of(path)
    table = parse_table(f"{GLOBAL} {flags_text}{' record=false' if path in _RECORDING else ''}")
    try:
        flags = parse(rest, table)
    except CommandError as error:
        if not path and len(words) > 2 and error.message.startswith("unknown"):
            raise CommandError(f"flags cannot be placed before plugin name: {words[0]}", prefix="Error: ") from None
        raise _flag_error(path, error.message) from None
    if (
        "template" in table
        and flags.changed("output")
        and flags.text("output").lower() in ("json", "kyaml", "name", "yaml")
    ):
        flags.set("output", flags.text("output").lower())
    if flags.changed("record"):
        err.write("Flag --record has been deprecated, --record will be removed in the future\n")
    if flags.on("help"):
        from .help import write_help

        write_help(path, out, alias)
        return 0
    if not path and flags.args:
        return _unknown(words, out, err)
    if module is None:
        return _group(path, flags.args, out, err, alias)
    if table["profile"].default == "none" and flags.text("profile") not in _PROFILES:
        raise CommandError(f"unknown profile '{flags.text('profile')}'")
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


def _group(path: str, args: list[str], out: TextIO, err: TextIO, alias: str) -> int:
    """`kubectl rollout` alone shows its help; with a word that is no command it fails."""
    from .help import write_help

    if args and path and path != "certificate":
        raise CommandError(f"unknown command \"{' '.join(args)}\"\nSee 'kubectl {path} -h' for help and examples")
    write_help(path, err if path in _HELP_TO_ERROR else out, alias)
    return 1 if path in _FAIL_ALONE else 0


_RECORDING = (
    "annotate", "apply", "autoscale", "create", "edit", "expose", "label", "patch", "run", "scale", "set image",
    "set resources", "set selector", "set serviceaccount",
)  # fmt: skip
"""Commands that still take `--record`, which no help tells of."""
_PROFILES = ("none", "cpu", "heap", "goroutine", "threadcreate", "block", "mutex", "trace")
"""What `--profile` may ask of the stock client; here nothing is captured."""
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
