"""`kubectl cp` with a pod whose `tar` really runs: what both clients say, run and leave, here and there."""

import io
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.kubectl.differential import environment, in_directory, without_log
from tests.kubectl.local_pod import LocalPod, local_pod
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run

FILES: dict[str, str | tuple[int, str] | None] = {
    "file": "data",
    "exe": (0o755, "run"),
    "ro": (0o400, "ro"),
    "zero": "",
    "big": "z" * 300_000,
    "sp ace": "s",
    "st*r": "s",
    "star": "s",
    "dir/a": "a",
    "dir/sub/b": "b",
    "dir/empty": None,
    "dir/link": "-> a",
    "dir/dangling": "-> nowhere",
    "dir/abs": "-> /etc",
    f"long/{'l' * 90}/{'m' * 90}": "long",
    "empty": None,
    "link": "-> file",
    "dirlink": "-> dir",
    "dangling": "-> nope",
}
"""Here and in the pod; None is a directory."""
TO_POD = """\
file new
file dir
file nodir/x
file file
file new/
file .
file ../inside/x
file dir/../q
dir newdir
dir empty
dir/ newdir
empty new
link new
dirlink new
dangling new
nope new
sp ace|sp ace 2
st*r new
exe new
big new
long new
dir/../file new
. all
file new -c c
file new -c other
exe new --no-preserve
dir new --no-preserve
file ROOT/new
dir ROOT/dir
file ro/x
"""
FROM_POD = """\
file new
./file new
file dir
file dir/
file nodir/x
file file
file .
dir new
dir dir
dir empty
dir/. new
dir/sub/.. new
dir/.. new
dir/../../inside/file new
empty new
link new
dangling new
sp ace|new
exe new --no-preserve
ro new
big new
zero new
long new
dir/link new
file ro/x
file ro
dir file
file dirlink
dir dirlink
file dangling
dir link
file new -c c
file new --retries=2
"""
WHOLE = """\
file default/web:new
file other/web:new
other/web:file new
file nopod:new
nopod:file new
file a/b/c:x
./file:x web:y
:x y
file web:
web: x
web:x|
file /:x
file web:new extra
web:a web:b
a b
"""
_ARCHIVE = """\
#!/usr/bin/env python3
import io, sys, tarfile
archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.{})
def add(name, data=b"x", **more):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data) * ("type" not in more), 0o644
    for key, value in more.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(data))
{}
archive.close()
"""


def archive(*lines: str, form: str = "GNU_FORMAT") -> str:
    return _ARCHIVE.format(form, "\n".join(lines))


TARS = {
    "members outside": archive('add("d/../../evil")', 'add("d/ok")'),
    "members beside": archive('add("d/../x")', 'add("d/./y")', 'add("d//z")'),
    "an absolute member": archive('add("/d/abs")', 'add("d/ok")'),
    "another member": archive('add("other")', 'add("d/ok")'),
    "a member that only begins so": archive('add("dx")', 'add("d/ok")'),
    "links": archive(
        'add("d/l", type=tarfile.SYMTYPE, linkname="/etc")', 'add("d/l/x")', 'add("d/m", type=tarfile.SYMTYPE)'
    ),
    "a hard link": archive('add("d/h", type=tarfile.LNKTYPE, linkname="d/ok")', 'add("d/ok")'),
    "devices": archive('add("d/dev", type=tarfile.CHRTYPE)', 'add("d/fifo", type=tarfile.FIFOTYPE)'),
    "a file that is a directory": archive('add("d/x")', 'add("d/x/y")'),
    "modes": archive('add("d/x", mode=0o4755)', 'add("d/y", mode=0)'),
    "backslashes": archive(r'add("d\\x\\y")'),
    "long names": archive('add("d/" + "x" * 200)', form="PAX_FORMAT"),
    "names that are no ASCII": archive('add("d/é")', form="PAX_FORMAT"),
    "nothing": archive(),
    "no end": archive('add("d/x")').replace("archive.close()", "archive.fileobj.close()"),
    "no archive": "#!/bin/sh\necho no archive at all\n",
    "a block that is no archive": "#!/bin/sh\nhead -c 1024 /dev/zero | tr '\\0' x\n",
    "silence": "#!/bin/sh\nexit 0\n",
    "a failure": "#!/bin/sh\necho hm >&2\nexit 2\n",
    "half of it": '#!/bin/sh\n/bin/tar "$@" | head -c 100000\n',
    "half of it and a failure": '#!/bin/sh\n/bin/tar "$@" | head -c 100000; exit 1\n',
}
"""What `tar` may be in a pod that is asked for `d`."""
TAKING_TARS = {
    "a failure": "#!/bin/sh\necho complaint >&2\nexit 3\n",
    "words": "#!/bin/sh\ncat >/dev/null\necho complaint >&2\necho out\n",
}


_STOCK_ATTEMPTS = 20
_REMOVING = re.compile(r"^tar: Removing leading .*\n", re.MULTILINE)


@dataclass
class Told:
    """All that is seen of one client."""

    said: tuple[int, str, str]
    ran: list[str]
    here: dict[str, str] = field(default_factory=dict)
    there: dict[str, str] = field(default_factory=dict)


class Copying:
    """Both clients in the same places, one after the other."""

    def __init__(self, pod: LocalPod, directory: Path, stock: str) -> None:
        self.pod = pod
        self._directory = directory
        self._stock = stock

    def compare(self, words: list[str], tar: str = "") -> None:
        """Ours is asked once; the stock client again when it says otherwise: it may miss how a program ended that did
        so at once, and then takes for a directory what is none."""
        ours = self.by("", words, tar)
        for _ in range(_STOCK_ATTEMPTS):
            theirs = self.by(self._stock, words, tar)
            if theirs == ours:
                break
        assert ours == theirs

    def by(self, stock: str, words: list[str], tar: str = "") -> Told:
        """What the stock client at that path, or ours, makes of it."""
        shutil.rmtree(self._directory, ignore_errors=True)
        home, inside = self._directory / "home", self._directory / "inside"
        for root in (home, inside):
            _fill(root)
        if tar:
            (inside / "bin").mkdir()
            (inside / "bin" / "tar").write_text(tar)
            (inside / "bin" / "tar").chmod(0o755)
        document = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.pod.port}"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}],
            "current-context": "x",
        }
        path = self._directory / "kubeconfig"
        path.write_text(json.dumps(document))
        self.pod.directory = inside
        self.pod.ran.clear()
        variables = environment(home, path, self._directory / "cache")
        words = ["cp", *(word.replace("ROOT", str(inside)) for word in words)]
        if stock:
            done = subprocess.run(
                [stock, *words], capture_output=True, text=True, cwd=home, env=variables, check=False, timeout=180
            )
            said = (done.returncode, done.stdout, done.stderr.replace(Path(stock).name, "kubectl"))
        else:
            out, err = io.StringIO(), io.StringIO()
            with in_directory(home, variables):
                said = (run(words, out, err, io.StringIO()), out.getvalue(), err.getvalue())
        # The stock client may end before it hears what tar has to say of names.
        said = (said[0], _REMOVING.sub("", said[1]), without_log(said[2]))
        found = Told(said, list(self.pod.ran), _tree(home), _tree(inside))
        assert {one.name for one in self._directory.iterdir()} <= {"home", "inside", "kubeconfig", "cache"}
        return found


def _fill(root: Path) -> None:
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif isinstance(content, tuple):
            path.write_text(content[1])
            path.chmod(content[0])
        elif content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_text(content)


def _tree(root: Path) -> dict[str, str]:
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            shown = f"-> {os.readlink(path)}"
        elif path.is_dir():
            shown = "directory"
        else:
            shown = path.read_text() if status.st_size < 1000 else f"{status.st_size} bytes"
        found[str(path.relative_to(root))] = f"{stat.S_IMODE(status.st_mode):o} {shown}"
    return found


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copying]:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    with local_pod() as pod:
        yield Copying(pod, tmp_path_factory.mktemp("copying") / "all", list(stock.values())[-1])


def _words(line: str) -> list[str]:
    """Of a line; a bar parts words where one has a blank."""
    first, bar, rest = line.partition("|")
    return [first, *rest.split(" --", 1)[:1], *(f"--{flag}" for flag in rest.split(" --")[1:])] if bar else line.split()


@pytest.mark.parametrize("line", TO_POD.splitlines())
def test_to_a_pod(copying: Copying, line: str) -> None:
    source, target, *flags = _words(line)
    copying.compare([source, f"web:{target}", *flags])


@pytest.mark.parametrize("line", FROM_POD.splitlines())
def test_from_a_pod(copying: Copying, line: str) -> None:
    source, target, *flags = _words(line)
    copying.compare([f"web:{source}", target, *flags])


@pytest.mark.parametrize("line", WHOLE.splitlines())
def test_forms(copying: Copying, line: str) -> None:
    copying.compare(_words(line))


@pytest.mark.parametrize("tar", TARS)
def test_what_tar_may_give(copying: Copying, tar: str) -> None:
    copying.compare(["web:big" if "half" in tar else "web:d", "new"], TARS[tar])


@pytest.mark.parametrize("tar", TAKING_TARS)
@pytest.mark.parametrize("source", ["file", "big"])
def test_what_tar_may_say(copying: Copying, source: str, tar: str) -> None:
    copying.compare([source, "web:new"], TAKING_TARS[tar])


@pytest.mark.parametrize("words", [["file", "web:new"], ["web:file", "new"], ["web:file", "new", "--retries=1"]])
def test_a_pod_without_tar(copying: Copying, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying.pod, "missing", {"tar", "sh"})
    copying.compare(words)


def test_a_copy_is_resumed(copying: Copying) -> None:
    copying.compare(["web:big", "new", "--retries=2"], TARS["half of it"])


def test_what_is_not_there_is_told(copying: Copying) -> None:
    """The stock client may end before it hears of it."""
    told = copying.by("", ["web:nope", "new"])
    assert told.said[0] == 2
    assert "tar: nope: Cannot stat: No such file or directory\n" in told.said[1]
    assert told.said[2] == "command terminated with exit code 2\n"
