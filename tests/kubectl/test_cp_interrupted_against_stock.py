"""A copy that is broken off in its middle: by a signal, by the end of the pod, of the connection or of the disk.

`tar` in the pod stops halfway, tells so by a file, and waits.
"""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.kubectl.differential import environment, without_log
from tests.kubectl.local_pod import LocalPod, local_pod
from tests.support.kubectl import installed
from tests.support.waiting import until

OURS = [sys.executable, "-m", "pybernetes", "kubectl"]
_SIZE = 400_000
_GIVING = f"""#!{sys.executable}
import io, sys, tarfile, time
from pathlib import Path
whole = io.BytesIO()
with tarfile.open(fileobj=whole, mode="w") as archive:
    member = tarfile.TarInfo("big")
    member.size = {_SIZE}
    archive.addfile(member, io.BytesIO(b"x" * {_SIZE}))
sys.stdout.buffer.write(whole.getvalue()[:{_SIZE} // 2])
sys.stdout.buffer.flush()
HALFWAY
"""
_TAKING = f"""#!{sys.executable}
import sys, time
from pathlib import Path
sys.stdin.buffer.read({_SIZE} // 4)
HALFWAY
"""
_WAITS = "Path('halfway').touch()\nwhile not Path('go').exists(): time.sleep(0.01)\nsys.exit(137)"


class Relay:
    """Passes connections on until they are cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._serve)

    def _start(self, target: Callable[..., None], *words: socket.socket) -> None:
        thread = threading.Thread(target=target, args=words)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._to))
            self._open += [here, there]
            self._start(_pump, here, there)
            self._start(_pump, there, here)

    def cut(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):  # it is at its end already
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(30)
        self.cut()
        for thread in self._threads[1:]:
            thread.join(30)
        for one in (self._listener, *self._open):
            one.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def pod() -> Iterator[LocalPod]:
    with local_pod() as found:
        yield found


@pytest.fixture
def clients() -> list[list[str]]:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    return [[list(stock.values())[-1]], OURS]


def _copied(pod: LocalPod, directory: Path, client: list[str], words: str, how: str) -> tuple[int, str, dict[str, str]]:
    """Its exit code, what it said, and whether the files that it leaves are whole."""
    home, inside = directory / "home", directory / "inside"
    (inside / "bin").mkdir(parents=True)
    home.mkdir()
    (home / "source").write_bytes(b"y" * 20_000_000)
    (home / "full").symlink_to("/dev/full")
    tar = inside / "bin" / "tar"
    tar.write_text((_TAKING if "there" in words else _GIVING).replace("HALFWAY", _WAITS))
    tar.chmod(0o755)
    pod.directory = inside
    relay = Relay(pod.port)
    document = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{relay.port}"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(document))
    process = subprocess.Popen(
        [*client, *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env=environment(home, path, directory / "cache"),
    )
    try:
        if how != "full":  # the client ends by itself
            until((inside / "halfway").exists)
            until(lambda: "got" not in words or _size(home / "got") > _SIZE // 4)
        if how == "cut":
            relay.cut()
        elif how == "ended":
            (inside / "go").touch()
        elif how != "full":
            process.send_signal(getattr(signal, how))
        out, err = process.communicate(timeout=180)
    finally:
        process.kill()
        process.communicate()
        (inside / "go").touch()
        relay.close()
    said = without_log(err) + ("" if words.startswith("exec") else out).replace(str(directory), "DIRECTORY").replace(
        Path(client[0]).name, "kubectl"
    )
    said = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", said)
    left = {one.name for one in home.iterdir()} - {"full", "source", "cache"}
    return process.returncode, said, {name: "a part" if _size(home / name) < _SIZE else "whole" for name in left}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ("cp web:big got", "SIGINT"),
        ("cp web:big got", "ended"),
        ("cp web:big got", "cut"),
        ("cp source web:there", "SIGINT"),
        ("cp source web:there", "cut"),
        ("cp web:big full", "full"),
        ("exec web -- tar big", "cut"),
    ],
)
def test_both_clients_end_alike(pod: LocalPod, clients: list[list[str]], tmp_path: Path, words: str, how: str) -> None:
    theirs, ours = (_copied(pod, tmp_path / str(n), client, words, how) for n, client in enumerate(clients))
    assert ours == theirs
    assert ours[0] != 0
