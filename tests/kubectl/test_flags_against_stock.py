"""Every flag of the stock client, with its letter and its default, is a flag of ours."""

import re
import subprocess

import pytest
from tests.support.kubectl import installed

from pybernetes.kubectl.flags import parse_table
from pybernetes.kubectl.main import module_of
from pybernetes.kubectl.tree import COMMANDS

_FLAG = re.compile(r"^    (?:-(\w), )?--([\w-]+)=(.*):$", re.MULTILINE)
_OWN_DEFAULT = {("debug", "profile")}
"""The stock client's has been deprecated since 1.33."""


@pytest.mark.parametrize("path", [path for path in COMMANDS if COMMANDS[path][0] and not path.startswith("__")])
def test_flags_letters_and_defaults(path: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    done = subprocess.run(
        [list(stock.values())[-1], *path.split(), "--help"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("the stock client here has no such command")
    ours = parse_table(module_of(path)[1])
    for letter, name, default in _FLAG.findall(done.stdout):
        assert name in ours, f"no flag --{name}"
        if letter:
            assert ours[name].letter == letter
        if (path, name) not in _OWN_DEFAULT:
            assert ours[name].default == default.strip("'[]"), name
