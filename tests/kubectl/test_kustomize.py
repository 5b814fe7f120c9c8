"""Every kustomization of `kustomizations/*.txt` builds to what the stock client builds, errors and warnings included.

A file holds the files of a directory, each after a line `-- NAME --`, and after `-- code --`, `-- stdout --` and
`-- stderr --` what `kubectl kustomize` says of it. Where a stock client is installed, it is asked as well.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.kubectl.differential import Outcome, environment, in_directory, without_log
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run

CASES = sorted(Path(__file__).with_name("kustomizations").glob("*.txt"))
_FILE = re.compile(r"^-- (\S+) --\n", re.MULTILINE)


def _parts(text: str) -> dict[str, str]:
    pieces = _FILE.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _written(path: Path, directory: Path) -> Outcome:
    """Lay out the files of a case; what is to be said of them."""
    parts = _parts(path.read_text())
    wanted = Outcome(parts.pop("stdout"), parts.pop("stderr"), int(parts.pop("code")))
    for name, content in parts.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return wanted


def _ours(directory: Path, *words: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with in_directory(directory, environment(directory, directory / "none", directory / "cache")):
        code = run(["kustomize", *words, "."], out, err)
    return _comparable(out.getvalue(), err.getvalue(), code, directory)


def _comparable(out: str, err: str, code: int, directory: Path) -> Outcome:
    """Without this run's paths, addresses of Go and log lines."""
    err = without_log(err)
    err = re.sub(r"0xc[0-9a-f]{9}", "0xc000000000", err).replace(str(directory.parent), "DIR")
    return Outcome(out, err.rstrip("\n") + "\n" if err else "", code)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_builds_as_written_down(path: Path, tmp_path: Path) -> None:
    directory = tmp_path / path.stem
    wanted = _written(path, directory)
    assert _ours(directory) == wanted


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_stock_client_says_what_is_written_down(path: Path, tmp_path: Path) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    directory = tmp_path / path.stem
    wanted = _written(path, directory)
    binary = list(stock.values())[-1]
    done = subprocess.run([binary, "kustomize", "."], cwd=directory, capture_output=True, text=True, check=False)
    err = done.stderr.replace(Path(binary).name, "kubectl")
    assert _comparable(done.stdout, err, done.returncode, directory) == wanted


OURS = [sys.executable, "-m", "pybernetes", "kubectl"]
HELM = """#!/bin/sh
echo "$@" >> "$LOG"
case "$1" in
version) echo "${HELM_SAYS:-v3.14.0}";;
pull) mkdir -p "$4/app"; printf 'a: 1\\nkept: {x: z}\\n' > "$4/app/values.yaml";;
template) for word in "$@"; do case "$word" in *-kustomize-values.yaml) cat "$word" >> "$LOG";; esac; done
  printf '# told by helm\\n---\\napiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: inflated}\\n';;
esac
"""
CHART = """namePrefix: x-
helmCharts:
- {name: app, repo: "https://charts.example.com", version: 1.2.3, releaseName: rel, namespace: ns, includeCRDs: true,
   skipTests: true, valuesInline: {a: 2}, apiVersions: [foo/v1], kubeVersion: 1.30.0}
"""


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kustomization with a chart, and a `helm` that writes down how it is called."""
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    helm.write_text(HELM)
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helm.parent}:{os.environ['PATH']}")
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "kustomization.yaml").write_text(CHART)
    return directory


def _build(binary: list[str], chart: Path, log: Path) -> tuple[str, str, str]:
    shutil.rmtree(chart / "charts", ignore_errors=True)
    done = subprocess.run(
        [*binary, "kustomize", "--enable-helm", "."],
        cwd=chart,
        env={**os.environ, "LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    called = re.sub(r"/\S*/kustomize-helm-\w+", "SCRATCH", log.read_text() if log.exists() else "")
    return done.stdout, re.sub(r"kustomize-helm-\w+", "SCRATCH", done.stderr), called


def test_helm_is_called_as_the_stock_client_calls_it(chart: Path, tmp_path: Path) -> None:
    ours = _build(OURS, chart, tmp_path / "ours")
    assert ours[0] == "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x-inflated\n", ours
    assert f"template rel {chart}/charts/app-1.2.3/app --namespace ns -f SCRATCH/app-kustomize-values.yaml" in ours[2]
    assert ours[2].endswith("a: 2\nkept:\n  x: z\n")
    stock = installed()
    if stock:
        assert _build([list(stock.values())[-1]], chart, tmp_path / "stock") == ours


def test_helm_that_is_missing_or_too_old(chart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_SAYS", "v2.9.1")
    assert _build(OURS, chart, tmp_path / "log")[1] == ("error: this plugin requires helm V3 but got v2.9.1\n")
    (tmp_path / "bin" / "helm").unlink()
    said = _build(OURS, chart, tmp_path / "log")[1]
    assert said.endswith("(is 'helm' installed?): exec: \"helm\": executable file not found in $PATH\n")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_base_in_a_repository(tmp_path: Path) -> None:
    repository, overlay = tmp_path / "repository", tmp_path / "overlay"
    (repository / "base").mkdir(parents=True)
    overlay.mkdir()
    (repository / "base" / "kustomization.yaml").write_text("configMapGenerator: [{name: g, literals: [a=b]}]\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-qm", "base"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    (overlay / "kustomization.yaml").write_text(f"namePrefix: o-\nresources: ['file://{repository}//base?ref=main']\n")
    assert "name: o-g-4h2mbtbbt6\n" in _ours(overlay).out
    (overlay / "kustomization.yaml").write_text(f"resources: ['file://{repository}//base?ref=nope']\n")
    failed = _ours(overlay)
    assert failed.code == 1
    assert "fetch --depth=1 file://DIR/repository nope': " in failed.err
    assert failed.err.endswith(": exit status 128\n")


def test_a_directory_outside_needs_leave(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("x")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "kustomization.yaml").write_text("configMapGenerator: [{name: g, files: [../f.txt]}]\n")
    assert "security; file" in _ours(inner).err
    assert "f.txt: x\n" in _ours(inner, "--load-restrictor=LoadRestrictionsNone").out
