"""`kubectl __complete WORDS…`: what may stand for the last word, one a line, then the directive for the shell.

Commands, flags and their values; what a command's arguments may be is in `complete_arguments.py`, plugins are in
`complete_plugins.py`. Directive 4: no file names; 2: no space; 8: only files of these types; 0: as the shell likes.
"""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import GLOBAL, Flag, Values, parse, parse_table
from ..tree import COMMANDS, children, find
from .complete_plugins import UNFILTERED, commands, of_plugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

    Found = tuple[list[tuple[str, str]], int]
    """Candidates with what they are, and the directive."""

FLAGS = {"__complete": "", "__completeNoDesc": ""}
NO_FILES, NO_SPACE, FILTER = 4, 2, 8
_NAMES = {1: "Error", NO_SPACE: "NoSpace", NO_FILES: "NoFileComp", FILTER: "FilterFileExt", 16: "FilterDirs"}
_REQUIRED = {
    "scale": ("replicas",), "autoscale": ("max",), "run": ("image",), "create deployment": ("image",),
    "create cronjob": ("image", "schedule"), "create clusterrolebinding": ("clusterrole",),
    "create service externalname": ("external-name",),
}  # fmt: skip
_OUTPUTS = (
    "json yaml kyaml name go-template go-template-file template templatefile jsonpath jsonpath-as-json jsonpath-file "
    "custom-columns custom-columns-file wide"
).split()
_SUBRESOURCES = ("status", "scale", "resize")


def run(session: Session) -> int:
    if not session.args:
        raise CommandError("requires at least 1 arg(s), only received 0")
    *given, word = session.args
    opened: list[Session] = []
    try:
        found, directive = _candidates(session, given, word, opened)
    except (CommandError, StatusFailure, OSError):
        found, directive = [], NO_FILES
    finally:
        for one in opened:
            one.close()
    if word.startswith("--") and "=" in word:
        # The shell has the name of the flag already.
        word = word.partition("=")[2]
    for name, text in found:
        if name.startswith(word) or directive & (FILTER | UNFILTERED):
            plain = session.command.endswith("NoDesc") or not text
            session.print(name if plain else f"{name}\t{text}")
    directive &= ~UNFILTERED
    session.print(f":{directive}")
    shown = ", ".join(f"ShellCompDirective{name}" for bit, name in _NAMES.items() if directive & bit)
    session.tell(f"Completion ended with directive: {shown or 'ShellCompDirectiveDefault'}")
    return 0


def _candidates(session: Session, given: list[str], word: str, opened: list[Session]) -> Found:
    path, rest = find(given)
    if not path and given and given[0][:1] != "-":
        return of_plugin(session, given, word)
    table = _table(path)
    if "--" not in given:
        if word.startswith("-") and "=" not in word:
            return _flags(path, rest, table, word), NO_FILES
        if word.startswith("--"):
            name = word[2:].partition("=")[0]
            if name not in table:
                return [], 0
            opened.append(_with(session, parse(rest, table)))
            return _values(opened[-1], path, table[name])
        pending = _pending(given, table)
        if pending is not None:
            opened.append(_with(session, parse(rest[:-1], table)))
            return _values(opened[-1], path, pending)
    below = commands_below(path)
    if below and not rest:
        plugins = [] if path or given else commands()
        return sorted(below + plugins) if plugins else below, NO_FILES
    try:
        values = parse(rest, table)
    except CommandError as error:
        session.tell(f"[Debug] [Error] Error while parsing flags from args [{' '.join(rest)}]: {error.message}")
        return [], 0
    opened.append(_with(session, values))
    missing = [name for name in _REQUIRED.get(path, ()) if not values.changed(name)]
    from ..help_text import FLAGS as TEXTS
    from .complete_arguments import arguments

    try:
        found, directive = arguments(opened[-1], path, values.args, word)
    except (CommandError, StatusFailure, OSError):
        found, directive = [], NO_FILES
    return [(f"--{name}", TEXTS.get(name, "")) for name in missing] + found, directive


def commands_below(path: str) -> list[tuple[str, str]]:
    """The commands below one, by name, with what they do."""
    names = sorted(name for name in children(path) if not name.startswith("__"))
    return [(name, COMMANDS[f"{path} {name}".strip()][2]) for name in names]


def _flags(path: str, rest: list[str], table: dict[str, Flag], word: str) -> list[tuple[str, str]]:
    """Flags that have to be given yet; else that may be: those of all commands, then the command's own, letters behind
    their names.
    """
    from ..help_text import FLAGS as TEXTS

    try:
        given = parse(rest, table)
    except CommandError:
        given = Values(table)
    missing = [name for name in _REQUIRED.get(path, ()) if not given.changed(name) and f"--{name}".startswith(word)]
    if missing:
        return [(f"--{name}", TEXTS.get(name, "")) for name in missing]
    own = {"help", *(parse_table(_own(path)) if path else table)}
    if path == "config":
        own.add("kubeconfig")
    found: list[tuple[str, str]] = []
    for shared in (True, False):
        for name in sorted(name for name in table if not name.startswith("-")):
            flag = table[name]
            if (name not in own) == shared and (not given.changed(name) or flag.kind in ("array", "slice")):
                text = TEXTS.get(name, "")
                found.append((f"--{name}", text))
                if flag.letter:
                    found.append((f"-{flag.letter}", text))
    return found


def _own(path: str) -> str:
    """The flags that a command adds to those of all."""
    from ..main import module_of

    try:
        return module_of(path)[1] if path and COMMANDS[path][0] else ""
    except ImportError:
        return ""


def _table(path: str) -> dict[str, Flag]:
    return parse_table(f"{GLOBAL} {_own(path)}")


def _pending(given: list[str], table: dict[str, Flag]) -> Flag | None:
    """The flag whose value comes next."""
    if not given or not given[-1].startswith("-") or "=" in given[-1]:
        return None
    last = given[-1]
    flag = table.get(last[2:]) if last.startswith("--") else table.get("-" + last[-1])
    return flag if flag is not None and flag.without_value() is None else None


def _with(session: Session, values: Values) -> Session:
    """A session for the flags typed so far."""
    from ..session import Session

    return Session("get", values, session.out, session.err, session.stdin)


def _values(session: Session, path: str, flag: Flag) -> Found:
    """What may stand for a flag's value."""
    from .complete_arguments import containers, names

    own = flag.name in parse_table(_own(path))
    if flag.name == "namespace":
        return [(name, "") for name in names(session, "namespaces")], NO_FILES
    if flag.name in ("context", "cluster", "user") and not own:
        from ..config.files import load

        config = load(session.flags.text("kubeconfig"))
        return [(name, "") for name in sorted(config.section(flag.name + "s"))], NO_FILES
    if flag.name == "output" and path == "get":
        return [(name, "") for name in _OUTPUTS], NO_FILES
    if flag.name == "filename":
        return [("json", ""), ("yaml", ""), ("yml", "")], FILTER
    if flag.name == "container" and path == "exec":
        return containers(session), NO_FILES
    if flag.name == "subresource" and path != "auth can-i":
        return [(name, "") for name in _SUBRESOURCES], NO_FILES
    if flag.name == "load-restrictor":
        return [("LoadRestrictionsNone", ""), ("LoadRestrictionsRootOnly", "")], NO_FILES
    if flag.name == "clusterrole" and path == "create clusterrolebinding":
        return [(name, "") for name in names(session, "clusterroles")], NO_FILES
    return [], 0
