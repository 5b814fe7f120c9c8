"""Lines that need no cluster: each runs in a new home with the stock client and in another with ours, and all that
they say, their exit codes and the files they leave (names, modes, contents) are compared.

A case file has sections. `== TEXT` starts one with no files; `== TEXT +` starts one with those of the section before.
`@write NAME` up to `@end` writes a file into each home, `@write NAME MODE` with that mode (octal); `@directory NAME`
makes a directory. Any other line is what is typed after `kubectl`, with variables before it (`KUBECONFIG=a:b config
view`); `HOME` in a variable's value or in a file is the home. `!` before a line leaves out what it prints, which is a
help of our own; ` ;; ` joins lines that run one after the other in one home; ` <<< TEXT` is what the standard input
has. `# text` is a comment. Where the stock client breaks down (a Go panic), ours must refuse.
"""

import io
import os
import re
import shlex
import shutil
import stat
import subprocess
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import count
from pathlib import Path

from tests.kubectl.differential import in_directory, without_log

from pybernetes.kubectl.main import run

_ADDRESS = re.compile(r"0x[0-9a-f]+")
"""Go shows where things are in memory. (`kyaml` came after the stock client.)"""
_PARALLEL = 3
_PATH = os.environ["PATH"]


@dataclass(frozen=True)
class Files:
    """What a home has before a line is run: {name: (mode, content)}; no content for a directory."""

    entries: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def write(self, home: Path) -> None:
        for name, (mode, content) in self.entries.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_text(content.replace("HOME", str(home)))
            path.chmod(mode)


@dataclass(frozen=True)
class Line:
    """One line of a case file with the files of its section."""

    text: str
    files: Files


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a case file."""
    files = Files()
    rest = iter(text.splitlines())
    for line in rest:
        if line.startswith("== "):
            files = Files(dict(files.entries) if line.endswith(" +") else {})
        elif line.startswith("@write "):
            _, name, *mode = line.split()
            content = "".join(f"{one}\n" for one in iter(lambda: next(rest), "@end"))
            files = replace(files, entries={**files.entries, name: (int(mode[0], 8) if mode else 0o600, content)})
        elif line.startswith("@directory "):
            files = replace(files, entries={**files.entries, line.split()[1]: (0o755, None)})
        elif line.strip() and not line.startswith("#"):
            yield Line(line, files)


@dataclass
class Told:
    """All that is seen of one client: what it said, line by line, and what is in the home afterwards."""

    said: str
    files: dict[str, str]

    def shown(self) -> list[str]:
        found = self.said.splitlines()
        for name, content in self.files.items():
            found += [f"== {name}", *content.splitlines()]
        return found


class Homes:
    """Both clients, each with homes of its own."""

    def __init__(self, stock: str, directory: Path) -> None:
        self._stock = stock
        self._directory = directory
        self._numbers = count()

    def differences(self, lines: list[Line]) -> list[str]:
        """Where they disagree, as texts to read."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            theirs = pool.map(self._by_stock, lines)
            found = [_difference(line, stock, self._by_us(line)) for line, stock in zip(lines, theirs, strict=True)]
        return [one for one in found if one]

    def _by_stock(self, line: Line) -> Told:
        home = self._home(line, "stock")
        said = []
        for variables, words, given in _steps(line, home):
            done = subprocess.run(
                [self._stock, *words],
                input=given,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=home,
                env=variables,
                check=False,
                timeout=180,
            )
            name = Path(self._stock).name
            out, err = (text.replace(name, "kubectl") for text in (done.stdout, done.stderr))
            said.append(f"{out}---\n{without_log(err)}--- {done.returncode}")
        return self._told(said, home)

    def _by_us(self, line: Line) -> Told:
        home = self._home(line, "ours")
        said = []
        for variables, words, given in _steps(line, home):
            out, err = io.StringIO(), io.StringIO()
            with in_directory(home, variables):
                try:
                    code = run(words, out, err, io.StringIO(given))
                except Exception:
                    code = -1
                    err.write(traceback.format_exc())
            said.append(f"{out.getvalue()}---\n{err.getvalue()}--- {code}")
        return self._told(said, home)

    def _home(self, line: Line, side: str) -> Path:
        home = self._directory / f"{side}-{next(self._numbers)}" / "home"
        home.mkdir(parents=True)
        line.files.write(home)
        return home

    def _told(self, said: list[str], home: Path) -> Told:
        files = {}
        for path in sorted(home.rglob("*")):
            name = str(path.relative_to(home))
            mode = stat.S_IMODE(path.lstat().st_mode)
            content = "" if path.is_dir() else _read(path)
            files[f"{name} {mode:o}"] = content.replace(str(home.parent), "DIRECTORY")
        shutil.rmtree(home.parent, ignore_errors=True)
        return Told("\n".join(said).replace(str(home.parent), "DIRECTORY"), files)


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if os.access(path, os.R_OK) else "(unreadable)"


def _steps(line: Line, home: Path) -> Iterator[tuple[dict[str, str], list[str], str]]:
    for step in line.text.removeprefix("!").split(" ;; "):
        command, _, given = step.partition(" <<< ")
        words = shlex.split(command)
        variables = {"HOME": str(home), "PATH": _PATH, "TZ": "UTC", "GOGC": "off"}
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value.replace("HOME", str(home))
        yield variables, [word.replace("HOME/", f"{home}/") for word in words], given.encode().decode("unicode_escape")


def _normal(line: Line, said: str) -> str:
    if line.text.startswith("!"):
        said = said.rpartition("---\n")[2]
    return _ADDRESS.sub("0xN", said).replace(",kyaml,", ",")


def _difference(line: Line, stock: Told, ours: Told) -> str:
    refused = ours.said.startswith("---\nerror: ") and ours.said.endswith("--- 1")
    if "\npanic: " in stock.said and refused and stock.files == ours.files:
        return ""
    if (_normal(line, stock.said), stock.files) == (_normal(line, ours.said), ours.files):
        return ""
    return "\n".join(
        [f"kubectl {line.text}", *unified_diff(stock.shown(), ours.shown(), "stock", "ours", n=2, lineterm="")]
    )
