"""A machine of its own for a test: network, mount, PID, UTS and IPC namespaces, with an "outside" host beyond a veth.

    outside 172.30.0.1 ──veth── 172.30.0.10 machine (default route to outside)

`neighbour(m1, "m2", 11)` gives another machine on the same network, 172.30.0.11, joined through the outside host. The
same network is fd30::/64 too, with the same last numbers, where the kernel has IPv6.

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
ADDRESS6 = "fd30::10"
OUTSIDE_ADDRESS6 = "fd30::1"
HAS_IPV6 = Path("/proc/sys/net/ipv6").exists()

_SETUP = """
mount --make-rshared /
hostname {name}
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip link set lo up
{wiring}
echo ready
exec catatonit -P
"""

_WIRING = f"""
ip netns add outside
ip link add eth0 type veth peer name ext0 netns outside
ip addr add {ADDRESS}/24 dev eth0
ip link set eth0 up
ip -n outside link set lo up
ip -n outside link add lan type bridge
ip -n outside link set ext0 master lan
ip -n outside addr add {OUTSIDE_ADDRESS}/24 dev lan
ip -n outside link set lan up
ip -n outside link set ext0 up
ip route add default via {OUTSIDE_ADDRESS}
"""
if HAS_IPV6:
    _WIRING += f"""
ip addr add {ADDRESS6}/64 dev eth0 nodad
ip -n outside addr add {OUTSIDE_ADDRESS6}/64 dev lan nodad
ip -6 route add default via {OUTSIDE_ADDRESS6}
"""


class Machine:
    """A running machine; `run` executes commands on it, `outside` on the host beyond its network."""

    def __init__(self, name: str, directory: Path, *, wiring: str = _WIRING, address: str = ADDRESS) -> None:
        self.name = name
        self.directory = directory
        self.address = address
        self._started: list[subprocess.Popen[str]] = []
        script = _SETUP.format(name=name, wiring=wiring)
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
        """Start a command and leave it running; it ends with the machine at the latest."""
        defaults: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "start_new_session": True,
        }
        process = subprocess.Popen(self.command(arguments), **{**defaults, **options})  # type: ignore[call-overload]
        self._started.append(process)
        return process  # type: ignore[no-any-return]

    @staticmethod
    def send(process: subprocess.Popen[str], number: int) -> None:
        """Signal a started command and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    @staticmethod
    def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
        """What Ctrl-C does: signal the command and its children; what it still printed."""
        Machine.send(process, number)
        return process.communicate(timeout=60)[0] or ""

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
        for process in self._started:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
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


@contextlib.contextmanager
def neighbour(first: Machine, name: str, number: int) -> Iterator[Machine]:
    """A machine with the address 172.30.0.`number` beside the first one; the first one must outlive it."""
    scratch = Path(tempfile.mkdtemp(prefix=f"pybernetes-{name}-"))
    address = f"172.30.0.{number}"
    found = Machine(name, scratch, wiring="", address=address)
    try:
        # Without the PID namespace, so that the process id of the new machine means the same to the kernel as to us.
        enter = ["nsenter", "-t", str(first.init), "-n", "-m", "ip"]
        port = f"lan{number}"
        cable = ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(found.init)]
        subprocess.run([*enter, "netns", "exec", "outside", "ip", *cable], check=True)
        subprocess.run([*enter, "-n", "outside", "link", "set", port, "master", "lan", "up"], check=True)
        for words in (
            f"addr add {address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {OUTSIDE_ADDRESS}",
            *((f"addr add fd30::{number}/64 dev eth0 nodad",) if HAS_IPV6 else ()),
        ):
            found.run("ip", *words.split())
        yield found
    finally:
        found.close()
        _remove(scratch)


def _remove(scratch: Path) -> None:
    """The machine's mounts vanish with its last process, which may take the kernel a moment."""
    deadline = time.monotonic() + 60
    while True:
        try:
            shutil.rmtree(scratch)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
