"""Transcripts: command lines with all that they say, to the byte.

$ kubectl get pods          a command line, as typed
| NAME   READY              a line of standard output, with every blank
|~ x                        one without a line end
! error: ...                the same of standard error (`!~` without a line end)
= 1                         the exit code, if it is not 0
# text                      a comment, kept by the recorder; so are empty lines
"""

import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.kubectl.differential import Outcome, environment, in_directory

from pybernetes.kubectl.main import run

_PROMPT = "$ kubectl "
_VERSION = re.compile(r'((?:resourceVersion"?: ?"?|resourceVersion:|Resource Version: +))\d+')


@dataclass
class Entry:
    """One command line. `before` are the comments above it, `text` is what it says, as in the file."""

    line: str
    before: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def read(path: Path) -> list[Entry]:
    """The entries of a transcript."""
    entries: list[Entry] = []
    before: list[str] = []
    for line in path.read_text().split("\n")[:-1]:
        if line.startswith(_PROMPT):
            entries.append(Entry(line[len(_PROMPT) :], before))
            before = []
        elif not line or line.startswith("#"):
            before.append(line)
        else:
            entries[-1].text.append(line)
    return entries


def written(entries: list[Entry]) -> str:
    lines = [line for entry in entries for line in (*entry.before, _PROMPT + entry.line, *entry.text)]
    return "\n".join(lines) + "\n"


def shown(outcome: Outcome) -> list[str]:
    """The lines of a transcript for what a client said."""
    lines = [*_marked("|", outcome.out), *_marked("!", outcome.err)]
    return [*lines, f"= {outcome.code}"] if outcome.code else lines


def _marked(mark: str, text: str) -> Iterator[str]:
    *whole, rest = _VERSION.sub(r"\1N", text).split("\n")
    for line in whole:
        yield f"{mark} {line}"
    if rest:
        yield f"{mark}~ {rest}"


def ours(line: str, home: Path, kubeconfig: Path) -> Outcome:
    """What our client says, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with in_directory(home, environment(home, kubeconfig, home / "cache")):
        code = run(shlex.split(line), out, err, io.StringIO())
    return Outcome(out.getvalue(), err.getvalue(), code)


def stock(binary: str, line: str, home: Path, kubeconfig: Path) -> Outcome:
    """What the stock client says."""
    done = subprocess.run(
        [binary, *shlex.split(line)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home, kubeconfig, home / "cache"),
        check=False,
        timeout=120,
    )
    name = Path(binary).name
    return Outcome(done.stdout.replace(name, "kubectl"), done.stderr.replace(name, "kubectl"), done.returncode)
