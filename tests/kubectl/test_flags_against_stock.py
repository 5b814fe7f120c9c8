"""The help of every command: usage, aliases, commands below, flags with letters and defaults, as the stock client's."""

import functools
import io
import re
import subprocess

import pytest
from tests.support.kubectl import installed

from pybernetes.kubectl.flags import parse_table
from pybernetes.kubectl.help import write_help
from pybernetes.kubectl.main import module_of
from pybernetes.kubectl.tree import ALIASES, COMMANDS

_FLAG = re.compile(r"^    (?:-(\w), )?--([\w-]+)=(.*):$", re.MULTILINE)
_NEWER = {
    "get": {"at"},
    "top node": {"show-swap"},
    "top pod": {"show-swap"},
    "diff": {"show-secrets"},
    "attach": {"detach-keys"},
    "run": {"detach-keys"},
    "autoscale": {"cpu", "memory"},
    "apply": {"applyset"},
    "api-resources": {"show-managed-fields"},
}
"""Flags that the stock client of 1.33 has not, shows only when asked by the environment, or that are our own."""
_SHORT = {("config set-context", "namespace")}
"""Has a letter since 1.35."""
_OWN_DEFAULT = {("debug", "profile"), ("explain", "output"), ("explain", "recursive"), ("wait", "for"), *_SHORT}
"""`general` since 1.36; letters since 1.34 and 1.36; a list since 1.36."""
PATHS = [path for path in COMMANDS if not path.startswith("__") and path not in ("options", "help")]


@functools.cache
def stock_help(path: str) -> str:
    """Skips the test where there is no such client or command."""
    stock = installed()
    version, client = list(stock.items())[-1] if stock else ("", "")
    if version != "1.33":
        pytest.skip("no stock kubectl 1.33 here to compare with")
    done = subprocess.run([client, *path.split(), "--help"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("the stock client here has no such command")
    return done.stdout.replace(client.rpartition("/")[2], "kubectl")


def our_help(path: str) -> str:
    out = io.StringIO()
    write_help(path, out)
    return out.getvalue()


def part(text: str, title: str) -> list[str]:
    """The lines of a part of a help text."""
    return text.partition(f"{title}:\n")[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("path", PATHS)
def test_flags_letters_and_defaults(path: str) -> None:
    theirs = {name: (letter, default) for letter, name, default in _FLAG.findall(stock_help(path))}
    ours = {name: (letter, default) for letter, name, default in _FLAG.findall(our_help(path))}
    assert set(ours) - _NEWER.get(path, set()) == set(theirs)
    different = {name: (theirs[name], ours[name]) for name in theirs if ours[name] != theirs[name]}
    assert not {name: both for name, both in different.items() if (path, name) not in _OWN_DEFAULT}
    if COMMANDS[path][0]:
        table = parse_table(module_of(path)[1])
        given = {name: letter for name, (letter, _) in theirs.items() if (path, name) not in _OWN_DEFAULT}
        assert all(table[name].letter == letter for name, letter in given.items())


@pytest.mark.parametrize("path", PATHS)
def test_usage_aliases_and_commands_below(path: str) -> None:
    theirs, ours = stock_help(path), our_help(path)
    for title in ("Usage", "Aliases"):
        assert [line.replace("|kyaml", "") for line in part(ours, title)] == part(theirs, title)
    title = "Available Commands"
    assert [line.split()[0] for line in part(ours, title)] == [line.split()[0] for line in part(theirs, title)]


@pytest.mark.parametrize("path", PATHS)
def test_examples_are_there_and_name_the_command(path: str) -> None:
    theirs = part(stock_help(path), "Examples")
    ours = part(our_help(path), "Examples")
    assert ours or not theirs
    known = [f"kubectl {path}", *(f"kubectl {alias}" for alias, target in ALIASES.items() if target == path)]
    assert not ours or any(word in line for word in known for line in ours)
