"""Every form of the cheat sheet is shown: by a line of a case, or by a test that docs/kubectl-forms.md names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TABLE = (ROOT / "docs" / "kubectl-forms.md").read_text()
FORMS = [
    line for line in (HERE / "forms" / "cheatsheet.txt").read_text().splitlines() if line and not line.startswith("# ")
]
COUNTS = {"Cheat sheet": 178, "Claims about kubectl": 25, "sig-cli": 17}


def shown_by_cases() -> set[str]:
    """Forms that are a line of a case as they stand, and those that a `form:` comment of one names."""
    found = set()
    for path in (HERE / "cases").glob("*.txt"):
        for line in path.read_text().splitlines():
            found.add(line.removeprefix("# form: ") if line.startswith("# form: ") else f"kubectl {line}")
            if line.startswith("@bash "):
                found.add(line.removeprefix("@bash "))
    return found


def rows(section: str) -> dict[str, list[str]]:
    """Name -> tests of a table of the page."""
    part = TABLE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| (?!form |claim |name |--)(.+?) \| (`tests/.+`) \|$", part, flags=re.MULTILINE)
    return {name.replace("\\|", "|").strip("`"): re.findall(r"`([^`]+)`", tests) for name, tests in found}


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("section", COUNTS)
def test_every_named_test_is_there(section: str) -> None:
    missing = []
    for tests in rows(section).values():
        for test in tests:
            path, _, name = test.partition("::")
            if path.endswith(".txt"):
                if name not in (ROOT / path).read_text().splitlines():
                    missing.append(test)
            elif name not in functions(path):
                missing.append(test)
    assert missing == []


def test_every_form_is_shown_once() -> None:
    assert len(FORMS) == COUNTS["Cheat sheet"]
    by_cases, by_tests = shown_by_cases(), set(rows("Cheat sheet"))
    assert [form for form in FORMS if form not in by_cases | by_tests] == []
    assert [form for form in by_tests if form not in FORMS or form in by_cases] == []


@pytest.mark.parametrize("section", ["Claims about kubectl", "sig-cli"])
def test_every_name_has_a_row(section: str) -> None:
    assert len(rows(section)) == COUNTS[section]
