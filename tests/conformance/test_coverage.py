"""docs/conformance.md names a test for every conformance test, and the tests are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "conformance.md").read_text()
SECTIONS = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", TABLE, flags=re.MULTILINE)[1:]}
COUNTS = {
    "sig-api-machinery": 99,
    "sig-auth": 10,
    "sig-apps": 60,
    "sig-scheduling": 11,
    "sig-network: endpoints": 10,
    "sig-instrumentation": 4,
}
"""How many conformance tests v1.36 has under these."""


def rows(section: str) -> dict[str, list[str]]:
    """Name -> tests."""
    found = re.findall(r"^\| (?!name )(.+?) \| (`.+) \|$", SECTIONS[section], flags=re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", tests) for name, tests in found}


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("section", list(SECTIONS))
def test_every_named_test_is_there(section: str) -> None:
    missing = [
        test
        for tests in rows(section).values()
        for test in tests
        if test.partition("::")[2] not in functions(test.partition("::")[0])
    ]
    assert missing == []


@pytest.mark.parametrize(("section", "count"), COUNTS.items())
def test_every_name_has_a_row(section: str, count: int) -> None:
    assert len(rows(section)) == count
