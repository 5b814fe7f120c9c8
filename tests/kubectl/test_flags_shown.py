"""Every flag of every command is shown by its effect: on a line of a case, or by a test that a list names.

`forms/flags_by_tests.txt` has a line `COMMAND --FLAG: FILE::TEST` for each flag that a line of a case cannot show,
since it needs a terminal, a server of its own or two clients at once. What every command takes is shown by
`test_connecting.py` and others.
"""

import shlex
from functools import cache

from tests.kubectl.test_forms import HERE, functions

from pybernetes.kubectl.errors import CommandError
from pybernetes.kubectl.flags import GLOBAL, parse, parse_table
from pybernetes.kubectl.main import module_of
from pybernetes.kubectl.tree import COMMANDS, find

PATHS = [path for path in COMMANDS if COMMANDS[path][0] and not path.startswith("__")]
_SHELL = {";", "|", "||", "&", "&&", "(", ")"}
_GLOBAL = set(parse_table(GLOBAL))


def own_flags() -> set[str]:
    """`COMMAND --FLAG` of every flag that belongs to a command."""
    tables = {path: parse_table(module_of(path)[1]) for path in PATHS}
    return {f"{path} --{flag.name}" for path, table in tables.items() for flag in table.values()} - {
        f"{path} --{name}" for path in PATHS for name in _GLOBAL if name not in tables[path]
    }


def command_lines(line: str) -> list[list[str]]:
    """The words of each kubectl command on a line of a case whose output is compared."""
    line = line.removeprefix("@newer ").removeprefix("?").removeprefix("@unordered ")
    if line.startswith(("#", "!", "@write ", "@reads")):
        return []
    if not line.startswith(("@bash ", "@zsh ")):
        return [_words(line.partition(" <<< ")[0])]
    found: list[list[str]] = []
    current: list[str] | None = None
    lexer = shlex.shlex(line.partition(" ")[2], posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split = True
    for word in lexer:
        if word in _SHELL:
            current = None
        elif current is not None:
            current.append(word)
        elif word.endswith("kubectl"):
            current = []
            found.append(current)
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def given(words: list[str]) -> set[str]:
    """`COMMAND --FLAG` of the flags on a command line; none when the flags cannot be read."""
    path, rest = find(words)
    if path not in PATHS:
        return set()
    try:
        values = parse(rest, parse_table(f"{GLOBAL} {module_of(path)[1]}"))
    except CommandError:
        return set()
    return {f"{path} --{name}" for name, _ in values.order}


@cache
def shown_by_cases() -> frozenset[str]:
    found: set[str] = set()
    for path in [*(HERE / "cases").glob("*.txt"), *(HERE / "kubeconfig_cases").glob("*.txt")]:
        inside = False
        for line in path.read_text().splitlines():
            inside = line.startswith("@write ") or (inside and line != "@end")
            if not inside and line.strip() not in ("", "@end"):
                for words in command_lines(line):
                    found |= given(words)
    return frozenset(found)


def listed() -> list[str]:
    text = (HERE / "forms" / "flags_by_tests.txt").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def by_tests() -> dict[str, str]:
    return {flag: test for flag, _, test in (line.partition(": ") for line in listed())}


def test_every_flag_is_shown() -> None:
    assert sorted(own_flags() - shown_by_cases() - set(by_tests())) == []


def test_the_list_names_flags_that_no_case_shows() -> None:
    assert sorted(set(by_tests()) - own_flags()) == []
    assert sorted(set(by_tests()) & shown_by_cases()) == []
    assert len(by_tests()) == len(listed())


def test_every_named_test_is_there() -> None:
    for flag, test in by_tests().items():
        path, _, name = test.partition("::")
        assert name in functions(path), flag


def test_how_lines_are_read() -> None:
    assert given(["get", "pods", "-Aojson", "--watch"]) == {"get --all-namespaces", "get --output", "get --watch"}
    assert given(["create", "deploy", "x", "--image=y"]) == {"create deployment --image"}
    assert command_lines("@bash A=1 kubectl get x | sed s/a/b/ && kubectl delete -f y; echo kubectl") == [
        ["get", "x"], ["delete", "-f", "y"], []
    ]  # fmt: skip
    assert command_lines("apply -f - <<< a: b") == [["apply", "-f", "-"]]
    assert command_lines("!get x") == []
