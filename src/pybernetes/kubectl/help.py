"""Help texts: made from the tree of commands and their tables of flags, with a few words from `help_text`."""

from __future__ import annotations

from .flags import GLOBAL, Flag, parse_table
from .tree import ALIASES, COMMANDS, GROUPS, children, is_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def write_help(path: str, out: TextIO, alias: str = "") -> None:
    """The help of a command, by the name of an alias where that was asked for; of kubectl itself for the empty path."""
    out.write(_root() if not path else _command(path, alias))


def _root() -> str:
    about = [
        "kubectl controls the Kubernetes cluster manager.",
        "",
        " Find more information at: https://kubernetes.io/docs/reference/kubectl/",
        "",
    ]
    return "\n".join(about) + "\n" + root_usage()


def root_usage() -> str:
    """All commands by group, and where to learn more."""
    lines: list[str] = []
    for title, names in GROUPS:
        lines.append(title)
        lines += [f"  {name:<15} {COMMANDS[name][2]}" for name in names.split()]
        lines.append("")
    lines += [
        "Usage:",
        "  kubectl [flags] [options]",
        "",
        'Use "kubectl <command> --help" for more information about a given command.',
        'Use "kubectl options" for a list of global command-line options (applies to all commands).',
        "",
    ]
    return "\n".join(lines)


def _command(path: str, alias: str) -> str:
    from .help_examples import EXAMPLES
    from .help_text import LONG

    lines = [*LONG.get(path, COMMANDS[path][2] + ".").split("\n"), ""]
    names = [other.rpartition(" ")[2] for other, target in ALIASES.items() if target == path]
    if names and not alias:
        lines += ["Aliases:", ", ".join([path.rpartition(" ")[2], *names]), ""]
    if path in EXAMPLES:
        lines += ["Examples:", *(f"  {line}" if line else "" for line in EXAMPLES[path].split("\n")), ""]
    below = children(path)
    if below:
        width = max(11, *(len(name) for name in below))
        lines.append("Available Commands:")
        lines += [f"  {name:<{width}}   {COMMANDS[f'{path} {name}'][2]}" for name in below]
        lines.append("")
    flags = _flags_text(path)
    if flags:
        lines += ["Options:", *flags]
    words = COMMANDS[path][1].split(" ") if COMMANDS[path][1] and not alias else []
    if "[options]" not in words:
        words.append("[options]")
    lines += ["Usage:", " ".join(["  kubectl", alias or path, *words]), ""]
    if is_parent(path):
        lines.append(f'Use "kubectl {alias or path} <command> --help" for more information about a given command.')
    lines += ['Use "kubectl options" for a list of global command-line options (applies to all commands).', ""]
    return "\n".join(lines)


def _flags_text(path: str) -> list[str]:
    from .main import module_of

    module, table = module_of(path)
    return flag_lines(parse_table(table)) if module is not None else []


def flag_lines(table: dict[str, Flag]) -> list[str]:
    """Two lines and a blank one for each flag, in the order of their names."""
    from .help_text import FLAGS

    lines: list[str] = []
    for name in sorted(name for name in table if not name.startswith("-")):
        flag = table[name]
        letter = f"-{flag.letter}, " if flag.letter else ""
        lines += [f"    {letter}--{name}={_default(flag)}:", f"\t{FLAGS.get(name, '')}".rstrip(), ""]
    return lines


def _default(flag: Flag) -> str:
    if flag.name == "aggregation-rule":
        return ""
    if flag.kind == "text":
        return f"'{flag.default}'"
    return f"[{flag.default}]" if flag.kind in ("slice", "array") else flag.default


def global_flags() -> list[str]:
    """What `kubectl options` lists."""
    table = parse_table(GLOBAL)
    return flag_lines({name: flag for name, flag in table.items() if name not in ("help", "-h")})
