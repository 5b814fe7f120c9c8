"""`kubectl wait` with more than one `--for`: one after the other, `create` before all (as clients do since v1.36)."""

import io
from pathlib import Path

from tests.kubectl.differential import environment, in_directory

from pybernetes.kubectl.main import run


def said(kubeconfig: Path, home: Path, *words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with in_directory(home, environment(home, kubeconfig, home / "cache")):
        code = run(list(words), out, err, io.StringIO(""))
    return code, out.getvalue(), err.getvalue()


def test_each_condition_is_told(kubeconfig: Path, tmp_path: Path) -> None:
    conditions = ("--for=condition=Ready", "--for=jsonpath={.metadata.name}=hollow-0", "--for=Create")
    for count in (1, 2, 3):
        code, out, err = said(kubeconfig, tmp_path, "wait", "node/hollow-0", "--timeout=60s", *conditions[:count])
        assert (code, out, err) == (0, "node/hollow-0 condition met\n" * count, "")


def test_the_first_that_does_not_hold_ends_it(kubeconfig: Path, tmp_path: Path) -> None:
    conditions = ("--for=jsonpath={.metadata.name}=x", "--for=condition=Ready", "--for=create")
    code, out, err = said(kubeconfig, tmp_path, "wait", "node/hollow-0", "--timeout=0", *conditions)
    assert (code, out) == (1, "node/hollow-0 condition met\n")
    assert err == "error: condition not met for nodes/hollow-0\n"


def test_all_are_understood_before_any_is_awaited(kubeconfig: Path, tmp_path: Path) -> None:
    code, out, err = said(kubeconfig, tmp_path, "wait", "node/nope", "--for=create", "--for=nonsense")
    assert (code, out, err) == (1, "", 'error: unrecognized condition: "nonsense"\n')
