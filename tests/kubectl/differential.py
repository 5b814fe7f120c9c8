"""Runs command lines with the stock kubectl and with ours, each in a namespace of its own, and compares all they say.

A case file holds one command line per line, as typed after `kubectl`. `# text` is a comment; `@write NAME` up to a line
`@end` writes a file (`NAMESPACE` in it is the client's namespace); `!` before a line runs it with both but compares
only the exit code; `@unordered LINE` is for what the stock client takes from a Go map, in another order each time: the
lines of the output are compared, not their order; `?` before a line says that it changes nothing though its words do
not tell; `@bash LINE` (or `@zsh`, where it is installed) is a line of that
shell, with the client as `kubectl` and the programs of `bin` before all others; `@newer LINE` says what clients from
1.36 on say, so that of an older one the exit code alone is compared. `# form: FORM` says that the next line
shows that form of `forms/*.txt`. What differs by nature — uids, versions, times, generated names, addresses — is
replaced by a word on both sides.

Lines that change nothing (`reads`) and stand together run at the same time. What they show may be on its way, since
controllers work on: such a line is asked again while the clients disagree, as two namespaces that were told the same
come to the same state; so are `wait` and `rollout status`, each on its own. A line that changes something runs once,
with one client after the other. `@reads` says that all lines from there on change nothing, since they fail.

A stock client that is newer than the words we keep (docs/kubectl.md, "Versions") is compared without those: they are
taken out of what both say (`OLDER_WORDS`). STOCK_KUBECTL=PATH runs the cases with it.

COMPARE_PAUSE=1.1 in the environment lets so many seconds pass between asking the one client and the other: what moves
with time and is not set aside shows as a difference.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from functools import cached_property
from pathlib import Path

from tests.support.kubectl import version_of

from pybernetes.kubectl.main import run

Substitutions = tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]
SUBSTITUTIONS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} UTC"), "TIME"),
    (re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "DATE"),
    (re.compile(r'(resourceVersion"?: ?"?)\d+'), r"\1N"),
    (re.compile(r"(Resource Version: +)\d+"), r"\1N"),
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), "-HASH-ID"),
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b"), "-HASH"),
    (re.compile(r"([a-z0-9])-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), r"\1-ID"),
    (re.compile(r"pod-template-hash(=|: ?\"?|\":\")\w+"), r"pod-template-hash\1HASH"),
    (re.compile(r"\.[0-9a-f]{16}\b"), ".EVENT"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"(?<![\w.:/-])(\d+(s|m|h|d|y))+(?![\w:])"), "AGE"),
    (re.compile(r"AGE \(x\d+ over AGE\)"), "AGE"),
    (re.compile(r"\b3[0-2]\d{3}\b"), "NODEPORT"),
    (re.compile(r"hollow-\d"), "NODE"),
    (re.compile(r"applyset-[\w-]+-v1"), "APPLYSET"),
    (re.compile(r"(?<=,)kyaml,"), ""),
    (re.compile(r"kubectl/v1\.[\w.+]+"), "kubectl/VERSION"),
)
OLDER_WORDS: Substitutions = tuple(
    (re.compile(pattern, re.MULTILINE), word)
    for pattern, word in (
        (r"( deleted) from \S+ namespace", r"\1"),
        (r"^( *)metadata:\n\1  creationTimestamp: null\n(?!\1  )", r"\1metadata: {}\n"),
        (r"^( *metadata: )\{\n *creationTimestamp: null,\n *\},$", r"\1{},"),
        (r'"metadata": \{\n *"creationTimestamp": null\n *\}', '"metadata": {}'),
        (r'^ *"?creationTimestamp"?: null,?\n', ""),
        (r',(\n *"creationTimestamp": null)(?=\n)', ""),
        (r'\{"creationTimestamp":null\}', "{}"),
        (r',"creationTimestamp":null|"creationTimestamp":null,', ""),
        (r"creationTimestamp:<nil> |metadata:map\[creationTimestamp:<nil>\]", ""),
        (r'"creationTimestamp":interface \{\}\(nil\)(, )?', ""),
        (r'^ *"?preferences"?: \{\},?\n|"preferences":\{\},|preferences:map\[\] ', ""),
        (r'"preferences":map\[string\]interface \{\}\{\}, ', ""),
        (r"^Events: <none>\n|^Events:\n(  .*\n)+", ""),
        (r"^( *(?:Host )?Ports?: .*/.*)$", lambda found: re.sub(r" \([\w-]+\)", "", found[1])),
        (r"^ *(Kube-Proxy Version|Mountable secrets|Tokens): .*\n", ""),
        (r"^(Image pull secrets: .*) \(not found\)$", r"\1"),
        (r"\bspec\.(init|ephemeral)?[cC]ontainers\{\S+\}: ", ""),
        (r"^Flag --cpu-percent has been deprecated, .*\n", ""),
        (r"^All commands and output from this session will be recorded .*\n", ""),
        (r"^warning: couldn't fetch pre-attach logs: .*\n", ""),
        (r"\bunable to upgrade connection: ", ""),
        (r"^Error from server: (?=error dialing)", "error: "),
        (
            r"^(error: failed to create autoscaling/v2 HPA|.* \(AlreadyExists\): horizontalpodautoscalers).*",
            "there is one",
        ),
        (r"^error: unrecognized condition: \[\]", 'error: unrecognized condition: ""'),
        (r"\(y/N\): ", "(y/n): "),
    )
)
"""What changed after 1.33 in words only. No events in `describe` are compared: 1.36 shows a single object's only."""
_UNORDERED = "@unordered "
_NEWER = "@newer "
_LOG_LINE = re.compile(r"^[EIW]\d{4} .*?(err=<\n(\t.*\n)* >\n|\n)", re.MULTILINE)
_READING = (
    "get", "describe", "explain", "events", "logs", "top", "api-resources", "api-versions", "version", "cluster-info",
    "options", "plugin", "kustomize", "diff", "auth can-i", "auth whoami", "rollout history", "__complete",
)  # fmt: skip
_WAITING = ("wait ", "rollout status ")
_PATH = os.environ["PATH"]
_PAUSE_SECONDS = float(os.environ.get("COMPARE_PAUSE", "0"))
_PARALLEL = 3


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
            left, right = (str(getattr(one, name)).splitlines() for one in (self.stock, self.ours))
            shown += unified_diff(left, right, f"stock {name}", f"ours {name}", n=2, lineterm="")
        return "\n".join(shown)[:4000]


@dataclass
class Pair:
    """Both clients against one server."""

    stock: str
    kubeconfig: Path
    directory: Path
    settling_seconds: float = 120.0
    """How long all of a case may wait for controllers."""
    differences: list[Difference] = field(default_factory=list)
    count: int = 0

    @cached_property
    def _newer(self) -> bool:
        """Is it a client whose words changed?"""
        return version_of(self.stock) > (1, 33)

    def kubeconfigs(self, case: str) -> dict[str, Path]:
        """One context each, with a namespace of its own."""
        found = {}
        for side in ("stock", "ours"):
            home = self.directory / case / side
            home.mkdir(parents=True, exist_ok=True)
            path = home / "kubeconfig"
            path.write_text(self.kubeconfig.read_text())
            start = self.stock if side == "stock" else f"{sys.executable} -m pybernetes kubectl"
            _write(home / "bin" / "kubectl", f'#!/bin/sh\nexec {start} "$@"\n')
            namespace = _namespace(case, side)
            given = ["sa/default", "cm/kube-root-ca.crt", "--for=create", "--timeout=180s"]
            for words in (
                ["create", "namespace", namespace],
                ["config", "set-context", "--current", f"--namespace={namespace}"],
                ["wait", *given, f"--namespace={namespace}"],
            ):
                # With ours, which costs a tenth of the stock client's processor time, and nothing is compared here.
                done = self._ours(words, home, path)
                assert done.code == 0, (words, done)
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
            timeout=300,
        )
        err = without_log(done.stderr.replace(Path(self.stock).name, "kubectl"))
        return Outcome(done.stdout.replace(Path(self.stock).name, "kubectl"), err, done.returncode)

    def _in_shell(self, shell: str, line: str, home: Path, kubeconfig: Path) -> Outcome:
        """A line of a shell to which either client is `kubectl`."""
        programs = home / "bin"
        environment = self._environment(home, kubeconfig)
        done = subprocess.run(
            [shell, "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=home,
            env={**environment, "PATH": f"{programs}:{environment['PATH']}"},
            check=False,
            timeout=300,
        )
        name = Path(self.stock).name
        return Outcome(done.stdout.replace(name, "kubectl"), done.stderr.replace(name, "kubectl"), done.returncode)

    def _ours(self, words: list[str], home: Path, kubeconfig: Path, given: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with in_directory(home, self._environment(home, kubeconfig)):
            try:
                code = run(words, out, err, io.StringIO(given))
            except Exception:
                code = -1
                err.write(traceback.format_exc())
        return Outcome(out.getvalue(), without_log(err.getvalue()), code)

    def run_case(self, case: str, text: str) -> list[Difference]:
        """All lines of a case; the differences."""
        configs = self.kubeconfigs(case)
        found: list[Difference] = []
        together: list[str] = []
        failing = False
        lines = iter(text.splitlines())
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            if line == "@reads":
                failing = True
                continue
            if not failing and not reads(line):
                found += self.compared(together, configs)
                together = []
            if line.startswith("@write "):
                content = "\n".join(iter(lambda: next(lines), "@end")) + "\n"
                for side, path in configs.items():
                    _write(path.parent / line.split()[1], content.replace("NAMESPACE", _namespace(case, side)))
                continue
            if (shell := _shell(line)) and not shutil.which(shell):
                continue
            self.count += 1
            if failing or reads(line):
                together.append(line)
            elif _bare(line).startswith(_WAITING):
                found += self.compared([line], configs)
            else:
                found += self._asked(line, configs)
        found += self.compared(together, configs)
        self.differences += found
        for side, path in configs.items():
            self._ours(["delete", "namespace", _namespace(case, side), "--wait=false"], path.parent, path)
        return found

    def compared(self, lines: list[str], configs: dict[str, Path]) -> list[Difference]:
        """Lines that change nothing: the stock client's processes side by side, ours meanwhile in this one."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            theirs = [pool.submit(self._run, "stock", line, configs) for line in lines]
            if _PAUSE_SECONDS:
                wait(theirs)
                time.sleep(_PAUSE_SECONDS)
            ours = [self._run("ours", line, configs) for line in lines]
        found: list[Difference] = []
        deadline = time.monotonic() + self.settling_seconds
        for line, stock, own in zip(lines, theirs, ours, strict=True):
            differences = self._difference(line, stock.result(), own)
            while differences and time.monotonic() < deadline:
                time.sleep(0.2)
                differences = self._asked(line, configs)
            found += differences
        return found

    def _asked(self, line: str, configs: dict[str, Path]) -> list[Difference]:
        """One client after the other."""
        stock = self._run("stock", line, configs)
        if re.search(r"\d|AGE|TIME", stock.out + stock.err):
            time.sleep(_PAUSE_SECONDS)
        return self._difference(line, stock, self._run("ours", line, configs))

    def _run(self, side: str, line: str, configs: dict[str, Path]) -> Outcome:
        """What a client says to a line, without what differs by nature."""
        command, _, given = _bare(line).partition(" <<< ")
        path = configs[side]
        namespace = _namespace(path.parent.parent.name, side)
        node = "hollow-0" if side == "stock" else "hollow-1"
        command = command.replace("NAMESPACE", namespace).replace("NODENAME", node)
        given = given.encode().decode("unicode_escape")
        if shell := _shell(line):
            outcome = self._in_shell(shell, command.partition(" ")[2], path.parent, path)
        else:
            runner = self._stock if side == "stock" else self._ours
            outcome = runner(shlex.split(command), path.parent, path, given)
        outcome = _normal(outcome, namespace, without=OLDER_WORDS if self._newer else ())
        if line.startswith(_UNORDERED):
            outcome.out = "".join(sorted(outcome.out.splitlines(keepends=True)))
        return outcome

    def _difference(self, line: str, stock: Outcome, ours: Outcome) -> list[Difference]:
        codes_only = line.startswith("!") or (line.startswith(_NEWER) and not self._newer)
        same = stock.code == ours.code if codes_only else stock == ours
        return [] if same else [Difference(line, stock, ours)]


def without_log(text: str) -> str:
    """What a client says, without the lines that its libraries log."""
    return _LOG_LINE.sub("", text)


def reads(line: str) -> bool:
    """Whether a line of a case changes nothing, neither in the cluster nor here, and may be asked again."""
    command = _bare(line)
    return (
        line.removeprefix(_NEWER).startswith("?")
        or command.startswith(_READING)
        or " --dry-run" in command.partition(" <<< ")[0]
    )


def _namespace(case: str, side: str) -> str:
    """As long for one client as for the other, since long lines of YAML are folded."""
    return f"{case}-{side[0]}"


def _bare(line: str) -> str:
    return line.removeprefix(_NEWER).removeprefix("!").removeprefix("?").removeprefix(_UNORDERED)


def _shell(line: str) -> str:
    """ "bash" of `@bash LINE`; nothing for a command line of kubectl."""
    first = _bare(line).partition(" ")[0]
    return first[1:] if first in ("@bash", "@zsh") else ""


def _write(path: Path, content: str) -> None:
    """A file, with its directories; programs can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    if path.parent.name == "bin":
        path.chmod(0o755)


def environment(home: Path, kubeconfig: Path, cache: Path) -> dict[str, str]:
    """What both clients see of the world. Without collecting garbage, a stock client takes half the processor time."""
    return {
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PATH": _PATH,
        "KUBECACHEDIR": str(cache),
        "TZ": "UTC",
        "KUBECTL_APPLYSET": "true",
        "GOGC": "off",
    }


def _normal(outcome: Outcome, namespace: str, without: Substitutions = ()) -> Outcome:
    def cleaned(text: str) -> str:
        text = re.sub(r"/[\w./-]*/(stock|ours)/", "HOMEDIR/", text)
        text = text.replace(namespace, "NAMESPACE")
        for pattern, word in SUBSTITUTIONS:
            text = pattern.sub(word, text)
        text = re.sub(r"(?<=[^ \n]) +", " ", text)
        for pattern, word in without:
            text = pattern.sub(word, text)
        return text

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
    import tempfile

    settling = float(os.environ.get("SETTLE", "30"))
    pair = Pair(sys.argv[1], Path(sys.argv[2]), Path(tempfile.mkdtemp()), settling_seconds=settling)
    for name in sys.argv[3:]:
        case = re.sub("[^a-z0-9]", "", Path(name).stem) + str(int(time.time() * 10) % 100000)
        for difference in pair.run_case(case, Path(name).read_text()):
            print(difference, end="\n\n")
    print(f"{pair.count} lines, {len(pair.differences)} differences")
