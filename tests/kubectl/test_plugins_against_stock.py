"""Plugins: what `plugin list` says of a PATH, and which program a command line runs with which words, as stock does."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.kubectl import installed

_TELL = """\
#!/bin/sh
echo "$(basename "$0")|$#|$*|$FOO"
exit 7
"""
PROGRAMS = {
    "one/kubectl-foo": 0o755,
    "one/kubectl-foo-bar": 0o755,
    "one/kubectl-foo-bar_baz": 0o755,
    "one/kubectl-create-thing": 0o755,
    "one/kubectl-create-deployment": 0o755,
    "one/kubectl-get": 0o755,
    "one/kubectl-get-foo": 0o755,
    "one/kubectl-get_all": 0o755,
    "one/kubectl-create": 0o755,
    "one/kubectl-config": 0o755,
    "one/kubectl-idle": 0o644,
    "one/kubectl.exe": 0o755,
    "one/other": 0o755,
    "two/kubectl-foo": 0o755,
    "two/kubectl-idle": 0o755,
    "two/kubectl-two": 0o755,
    "three/nothing": 0o755,
    "here/kubectl-here": 0o755,
    "one/kubectl_complete-foo": 0o755,
    "one/kubectl_complete-foo-bar": 0o755,
    "one/kubectl_complete-get_all": 0o755,
}
HELPERS = {
    "kubectl_complete-foo": 'printf "%s\\n" "words: $*" "tabbed\\tand described" "" other :6',
    "kubectl_complete-foo-bar": "echo w; echo x; exit 3",
    "kubectl_complete-get_all": "echo without a directive",
}
"""What complete the words of plugins."""
COMPLETED = """\
__complete fo
__complete two
__complete foo ""
__complete foo a b w
__complete foo -
__complete foo --x t
__complete foo bar ""
__complete foo bar-baz x
__complete get-all w
__complete get_all w
__complete nope ""
__complete nope a ""
__completeNoDesc foo t
-n x foo
"""
LISTS = {
    "one": ("one",),
    "both": ("one", "two"),
    "the other way round": ("two", "one"),
    "twice": ("two", "two"),
    "none": ("three",),
    "nowhere": ("nope",),
    "nowhere and somewhere": ("nope", "two", "one/other"),
    "nothing at all": (),
    "empty parts": ("", "two", " "),
    "relative": ("./here",),
}
LINES = """\
foo
foo a b
foo bar
foo bar a --flag -x
foo bar-baz a
foo bar baz
foo-bar
foo --flag bar
foo -- bar
nope
nope a
nope --flag
fo
idle
two
-n x foo
--namespace=x foo
-x foo
--bogus foo
create thing
create thing a --flag
create thing-a
create nothing
create nothing --flag
create deployment
create -n x thing
-n x create thing
create --flag thing
get foo --kubeconfig=/nope
get_all
get-all
config bogus
here
foo "a b" c
help foo
"""


@dataclass
class Told:
    code: int
    out: str
    err: str


def run(client: list[str], home: Path, parts: tuple[str, ...], words: list[str]) -> Told:
    path = ":".join(str(home / part) if part.strip() and not part.startswith(".") else part for part in parts)
    variables = {"HOME": str(home), "PATH": path, "FOO": "said", "KUBECONFIG": str(home / "no")}
    done = subprocess.run([*client, *words], capture_output=True, text=True, cwd=home, env=variables, check=False)
    name = Path(client[0]).name
    return Told(done.returncode, done.stdout, done.stderr.replace(name, "kubectl"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("plugins")
    for name, mode in PROGRAMS.items():
        (found / name).parent.mkdir(exist_ok=True)
        helper = HELPERS.get(Path(name).name)
        (found / name).write_text(f"#!/bin/sh\n{helper}\n" if helper else _TELL)
        (found / name).chmod(mode)
    (found / "two" / "kubectl-directory").mkdir()
    (found / "two" / "kubectl-link").symlink_to("kubectl-foo")
    (found / "two" / "kubectl-lost").symlink_to("nowhere")
    return found


def _both(home: Path, parts: tuple[str, ...], words: list[str]) -> tuple[Told, Told]:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    ours = [sys.executable, "-m", "pybernetes", "kubectl"]
    return run(ours, home, parts, words), run([list(stock.values())[-1]], home, parts, words)


@pytest.mark.parametrize("flag", [[], ["--name-only"]], ids=["paths", "names"])
@pytest.mark.parametrize("parts", LISTS)
def test_plugin_list(home: Path, parts: str, flag: list[str]) -> None:
    ours, stock = _both(home, LISTS[parts], ["plugin", "list", *flag])
    assert ours == stock


@pytest.mark.parametrize("line", [*LINES.splitlines(), *COMPLETED.splitlines()])
def test_what_is_run(home: Path, line: str) -> None:
    parts = ("one", "two", "./here", *os.environ["PATH"].split(":"))
    ours, stock = _both(home, parts, shlex.split(line))
    if "help" in line:
        assert ours.code == stock.code
    else:
        assert ours == stock
