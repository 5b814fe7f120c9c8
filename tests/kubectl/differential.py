"""Runs command lines with the stock kubectl and with ours, each in a namespace of its own, and compares all they say.

A case file holds one command line per line, as typed after `kubectl`. `# text` is a comment; `@write NAME` up to a line
`@end` writes a file (`NAMESPACE` in it is the client's namespace); `!` before a line runs it with both but compares
only the exit code; `@unordered LINE` is for what the stock client takes from a Go map, in another order each time: the
lines of the output are compared, not their order; `@sleep-until LINE` repeats a line with both until its output is not
empty (for what controllers do). What differs by nature — uids, versions, times, generated names, addresses — is
replaced by a word on both sides.
"""

import io
import os
import re
import shlex
import subprocess
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pybernetes.kubectl.main import run

SUBSTITUTIONS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "DATE"),
    (re.compile(r'(resourceVersion"?: ?"?)\d+'), r"\1N"),
    (re.compile(r"(Resource Version: +)\d+"), r"\1N"),
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), "-HASH-ID"),
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b"), "-HASH"),
    (re.compile(r"([a-z])-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), r"\1-ID"),
    (re.compile(r"pod-template-hash(=|: ?\"?|\":\")\w+"), r"pod-template-hash\1HASH"),
    (re.compile(r"\.[0-9a-f]{16}\b"), ".EVENT"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"(?<![\w.:/-])(\d+(s|m|h|d))+(?![\w:])"), "AGE"),
    (re.compile(r"\b3[0-2]\d{3}\b"), "NODEPORT"),
    (re.compile(r"hollow-\d"), "NODE"),
    (re.compile(r"applyset-[\w-]+-v1"), "APPLYSET"),
    (re.compile(r"kubectl/v1\.[\w.+]+"), "kubectl/VERSION"),
)
_UNORDERED = "@unordered "
_DROPPED = re.compile(r"^[EIW]\d{4} .*\n", re.MULTILINE)


@dataclass
class Outcome:
    """What one client said."""

    out: str
    err: str
    code: int


@dataclass
class Difference:
    """One line on which the clients do not agree."""

    line: str
    stock: Outcome
    ours: Outcome

    def __str__(self) -> str:
        shown = [f"kubectl {self.line}"]
        for name in ("code", "out", "err"):
            left, right = getattr(self.stock, name), getattr(self.ours, name)
            if left != right:
                shown += [f"--- stock {name}", str(left)[-1500:], f"--- ours {name}", str(right)[-1500:]]
        return "\n".join(shown)


@dataclass
class Pair:
    """Both clients against one server."""

    stock: str
    kubeconfig: Path
    directory: Path
    differences: list[Difference] = field(default_factory=list)
    count: int = 0

    def kubeconfigs(self, case: str) -> dict[str, Path]:
        """One context each, with a namespace of its own."""
        found = {}
        for side in ("stock", "ours"):
            home = self.directory / case / side
            home.mkdir(parents=True, exist_ok=True)
            path = home / "kubeconfig"
            path.write_text(self.kubeconfig.read_text())
            namespace = f"{case}-{side}"
            self._stock(["create", "namespace", namespace], home, path)
            self._stock(["config", "set-context", "--current", f"--namespace={namespace}"], home, path)
            found[side] = path
        return found

    def _environment(self, home: Path, kubeconfig: Path) -> dict[str, str]:
        return environment(home, kubeconfig, self.directory / f"cache-{home.name}")

    def _stock(self, words: list[str], home: Path, kubeconfig: Path, given: str = "") -> Outcome:
        done = subprocess.run(
            [self.stock, *words],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=home,
            env=self._environment(home, kubeconfig),
            check=False,
            timeout=150,
        )
        err = _DROPPED.sub("", done.stderr.replace(Path(self.stock).name, "kubectl"))
        return Outcome(done.stdout.replace(Path(self.stock).name, "kubectl"), err, done.returncode)

    def _ours(self, words: list[str], home: Path, kubeconfig: Path, given: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with in_directory(home, self._environment(home, kubeconfig)):
            try:
                code = run(words, out, err, io.StringIO(given))
            except Exception:
                code = -1
                err.write(traceback.format_exc())
        return Outcome(out.getvalue(), _DROPPED.sub("", err.getvalue()), code)

    def run_case(self, case: str, text: str) -> list[Difference]:
        """All lines of a case; the differences."""
        configs = self.kubeconfigs(case)
        found: list[Difference] = []
        lines = iter(text.splitlines())
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@write "):
                content = "\n".join(iter(lambda: next(lines), "@end")) + "\n"
                for side, path in configs.items():
                    path.with_name(line.split()[1]).write_text(content.replace("NAMESPACE", f"{case}-{side}"))
                continue
            self.count += 1
            if line.startswith("@sleep-until "):
                self._until(line.partition(" ")[2], configs)
                continue
            lax = line.startswith("!")
            command = line.removeprefix("!").removeprefix(_UNORDERED)
            stock, ours = (_normal(outcome, f"{case}-{side}") for side, outcome in self._both(command, configs).items())
            if line.startswith(_UNORDERED):
                stock.out, ours.out = ("".join(sorted(one.out.splitlines(keepends=True))) for one in (stock, ours))
            if stock.code != ours.code or (not lax and stock != ours):
                found.append(Difference(line, stock, ours))
        self.differences += found
        for side, path in configs.items():
            self._stock(["delete", "namespace", f"{case}-{side}", "--wait=false"], path.parent, path)
        return found

    def _both(self, line: str, configs: dict[str, Path]) -> dict[str, Outcome]:
        command, _, given = line.partition(" <<< ")
        words = shlex.split(command)
        given = given.encode().decode("unicode_escape")
        outcomes = {}
        for side, runner in (("stock", self._stock), ("ours", self._ours)):
            path = configs[side]
            mine = [word.replace("NAMESPACE", f"{path.parent.parent.name}-{side}") for word in words]
            mine = [word.replace("NODENAME", "hollow-0" if side == "stock" else "hollow-1") for word in mine]
            outcomes[side] = runner(mine, path.parent, path, given)
        return outcomes

    def _until(self, line: str, configs: dict[str, Path]) -> None:
        deadline = time.monotonic() + 30
        for side, path in configs.items():
            runner = self._stock if side == "stock" else self._ours
            while not runner(shlex.split(line), path.parent, path).out.strip():
                assert time.monotonic() < deadline, f"{line}: still nothing"
                time.sleep(0.05)


def environment(home: Path, kubeconfig: Path, cache: Path) -> dict[str, str]:
    """What both clients see of the world."""
    return {
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.environ["PATH"],
        "KUBECACHEDIR": str(cache),
        "TZ": "UTC",
        "KUBECTL_APPLYSET": "true",
    }


def _normal(outcome: Outcome, namespace: str) -> Outcome:
    def cleaned(text: str) -> str:
        text = re.sub(r"/[\w./-]*/(stock|ours)/", "HOMEDIR/", text)
        text = text.replace(namespace, "NAMESPACE")
        for pattern, word in SUBSTITUTIONS:
            text = pattern.sub(word, text)
        return re.sub(r" +", " ", text)

    return Outcome(cleaned(outcome.out), cleaned(outcome.err), outcome.code)


@contextmanager
def in_directory(directory: Path, environment: dict[str, str]) -> Iterator[None]:
    """Our client runs in this process: give it the directory and the environment for a while."""
    before, where = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.chdir(where)


if __name__ == "__main__":
    import sys
    import tempfile

    pair = Pair(sys.argv[1], Path(sys.argv[2]), Path(tempfile.mkdtemp()))
    for name in sys.argv[3:]:
        case = re.sub("[^a-z0-9]", "", Path(name).stem) + str(int(time.time() * 10) % 100000)
        for difference in pair.run_case(case, Path(name).read_text()):
            print(difference, end="\n\n")
    print(f"{pair.count} lines, {len(pair.differences)} differences")
