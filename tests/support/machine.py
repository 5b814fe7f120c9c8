"""A machine of its own for a test: network, mount, PID, UTS and IPC namespaces, with an "outside" host beyond a veth.

    outside 172.30.0.1 ──veth── 172.30.0.10 machine (default route to outside)

Nothing of it is left when it is closed: killing the first process of the PID namespace ends everything inside.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ADDRESS = "172.30.0.10"
OUTSIDE_ADDRESS = "172.30.0.1"

_SETUP = """
mount --make-rshared /
hostname {name}
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip link set lo up
ip netns add outside
ip link add eth0 type veth peer name ext0 netns outside
ip addr add {address}/24 dev eth0
ip link set eth0 up
ip -n outside link set lo up
ip -n outside addr add {outside}/24 dev ext0
ip -n outside link set ext0 up
ip route add default via {outside}
echo ready
exec catatonit -P
"""


class Machine:
    """A running machine; `run` executes commands on it, `outside` on the host beyond its network."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        script = _SETUP.format(name=name, address=ADDRESS, outside=OUTSIDE_ADDRESS)
        self._process = subprocess.Popen(
            [
                "unshare", "-n", "-m", "-u", "-i", "-p", "--fork", "--kill-child=SIGKILL",
                "--propagation", "private", "--mount-proc", "sh", "-ec", script,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        output = self._process.stdout.readline()
        if output.strip() != "ready":
            rest = self._process.stdout.read()
            raise RuntimeError(f"the machine did not start: {output}{rest}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self.init = int(children[0])

    def command(self, arguments: Sequence[str], *, outside: bool = False) -> list[str]:
        """The command line that runs these arguments on the machine."""
        inside = ["ip", "netns", "exec", "outside", *arguments] if outside else list(arguments)
        return ["nsenter", "-t", str(self.init), "-n", "-m", "-u", "-i", "-p", f"--wd={os.getcwd()}", *inside]

    def run(
        self,
        *arguments: str,
        check: bool = True,
        timeout: float = 60.0,
        given: str | None = None,
        outside: bool = False,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. AssertionError with its output when it fails and `check` is set."""
        done = subprocess.run(
            self.command(arguments, outside=outside),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(environment or {})},
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start a command and leave it running; the caller ends it."""
        defaults: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "start_new_session": True,
        }
        return subprocess.Popen(self.command(arguments), **{**defaults, **options})  # type: ignore[call-overload,no-any-return]

    @staticmethod
    def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
        """What Ctrl-C does: signal the command and its children; what it still printed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        return process.communicate(timeout=10)[0] or ""

    def processes(self, pattern: str) -> list[int]:
        """Ids, as the machine sees them, of processes whose command line contains the pattern."""
        found = self.run("pgrep", "-f", "--", pattern, check=False)
        return [int(word) for word in found.stdout.split()]

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Signal one of the machine's processes."""
        self.run("kill", f"-{number}", str(pid))

    def close(self) -> None:
        """End everything on it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def machine(name: str = "m1", *, directory: Path | None = None) -> Iterator[Machine]:
    """A machine with a scratch directory of its own."""
    scratch = directory or Path(tempfile.mkdtemp(prefix=f"pybernetes-{name}-"))
    found = Machine(name, scratch)
    try:
        yield found
    finally:
        found.close()
        if directory is None:
            _remove(scratch)


def _remove(scratch: Path) -> None:
    """The machine's mounts vanish with its last process, which may take the kernel a moment."""
    deadline = time.monotonic() + 10
    while True:
        try:
            shutil.rmtree(scratch)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
