"""What stands in the way of a start: one clear line, exit code 1, and nothing is damaged.

The clusters here are hollow, which start in a second; what needs a real node is refused before anything is started.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import PYBERNETES, Cluster
from tests.support.machine import Machine, machine
from tests.support.network import Namespace

HOLLOW = ("--hollow-nodes", "1", "--no-sample")


@pytest.fixture(scope="module")
def host() -> Iterator[Machine]:
    with machine("m1") as found:
        yield found


@pytest.fixture
def stopped(host: Machine, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with one object in it, stopped."""
    found = Cluster(host, tmp_path / "data")
    found.pybernetes("up", *HOLLOW)
    found.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    found.pybernetes("down")
    yield found
    found.pybernetes("down", "--purge")


def contents(directory: Path) -> dict[str, str]:
    """A hash of every file but the log and locks."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix not in (".log", ".lock")
    }


def refused(host: Machine, *words: str) -> str:
    """The one line of a command that must fail."""
    done = host.run(PYBERNETES, *words, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def refused_and_unharmed(cluster: Cluster, *words: str) -> str:
    before = contents(cluster.data_dir)
    line = refused(cluster.machine, *(words or ("up",)), "--data-dir", str(cluster.data_dir))
    assert contents(cluster.data_dir) == before
    return line


def works_again(cluster: Cluster) -> None:
    cluster.pybernetes("up")
    assert cluster.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"


def test_a_port_in_use(stopped: Cluster) -> None:
    with Namespace(Path(f"/proc/{stopped.machine.init}/ns/net")).socket() as other:
        other.bind(("127.0.0.1", 6443))
        other.listen()
        line = refused_and_unharmed(stopped)
    assert line == "127.0.0.1:6443 is in use by another program; choose another port with --api-port"
    works_again(stopped)


def _cut(path: Path, size: int = 40) -> Callable[[], None]:
    kept = path.read_bytes()
    path.write_bytes(kept[:size])
    return lambda: path.write_bytes(kept) and None


def _remove(path: Path) -> Callable[[], None]:
    kept = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(kept) and None


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("cluster.json", _cut, "cluster.json is damaged (Input data was truncated); remove that file"),
        ("pki/ca.crt", _cut, "ca.crt and ca.key are damaged or incomplete; put both back from a copy"),
        ("pki/ca.key", _remove, "ca.crt and ca.key are damaged or incomplete; put both back from a copy"),
        ("pki/sa.key", _cut, "sa.key is damaged; put it back from a copy, or remove it"),
        ("store/state.db", _cut, "state.db is damaged (database disk image is malformed); move it away"),
    ],
)
def test_a_damaged_file(stopped: Cluster, file: str, damage: Callable[[Path], Callable[[], None]], said: str) -> None:
    mend = damage(stopped.data_dir / file)
    assert said in refused_and_unharmed(stopped)
    mend()
    works_again(stopped)


@pytest.mark.parametrize("file", ["pki/apiserver.crt", "pki/apiserver.key", "admin.kubeconfig", "pki/kubelet.crt"])
def test_what_can_be_made_again_is(stopped: Cluster, file: str) -> None:
    _cut(stopped.data_dir / file)
    works_again(stopped)


def test_a_second_one_on_the_same_directory(stopped: Cluster) -> None:
    works_again(stopped)
    before = stopped.machine.processes("pybernetes server")
    line = refused(stopped.machine, "server", "--data-dir", str(stopped.data_dir))
    assert "is in use by process" in line
    assert "is running already; nothing to do" in stopped.pybernetes("up")
    assert stopped.machine.processes("pybernetes server") == before


def test_another_cluster_on_the_same_ports_and_one_beside_it(stopped: Cluster, tmp_path: Path) -> None:
    works_again(stopped)
    line = refused(stopped.machine, "up", *HOLLOW, "--data-dir", str(tmp_path / "other"))
    assert line == "127.0.0.1:6443 is in use by another program; choose another port with --api-port"
    other = Cluster(stopped.machine, tmp_path / "other")
    other.pybernetes("up", *HOLLOW, "--api-port", "7443")
    assert other.kubectl("get", "configmaps", "-o", "name") == "configmap/kube-root-ca.crt"
    other.pybernetes("down", "--purge")
    assert stopped.kubectl("get", "nodes", "--no-headers")


def test_settings_are_remembered_and_networks_cannot_change(stopped: Cluster) -> None:
    line = refused_and_unharmed(stopped, "up", "--pod-cidr", "10.9.0.0/16")
    assert line.startswith(f"--pod-cidr 10.9.0.0/16 is not that of the cluster in {stopped.data_dir} (10.244.0.0/16)")
    works_again(stopped)
    assert len(stopped.kubectl("get", "nodes", "-o", "name").split()) == 1


def test_a_missing_tool(host: Machine, tmp_path: Path) -> None:
    nft = host.run("which", "nft").stdout.strip()
    host.run("mount", "--bind", "/dev/null", nft)
    try:
        line = refused(host, "up", "--data-dir", str(tmp_path / "data"))
    finally:
        host.run("umount", nft)
    assert line == "missing Debian packages; install them with: apt-get install nftables"
    assert not (tmp_path / "data").exists()


def test_a_missing_kernel_feature(host: Machine, tmp_path: Path) -> None:
    other = tmp_path / "filesystems"
    other.write_text("nodev\tproc\n\text4\n")
    host.run("mount", "--bind", str(other), "/proc/filesystems")
    try:
        line = refused(host, "up", "--data-dir", str(tmp_path / "data"))
    finally:
        host.run("umount", "/proc/filesystems")
    assert line == "the kernel has no overlay file system; load it with: modprobe overlay"
    assert not (tmp_path / "data").exists()


def test_a_full_disk(host: Machine, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    host.run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small))
    try:
        line = refused(host, "up", *HOLLOW, "--data-dir", str(small / "data"))
        assert line.startswith("only 8 MiB are free below")
        assert "free 200 MiB or choose --data-dir" in line
    finally:
        host.run("umount", str(small))


def test_a_disk_that_fills_up_keeps_every_acknowledged_write(host: Machine, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    host.run("mount", "-t", "tmpfs", "-o", "size=240m", "tmpfs", str(small))
    found = Cluster(host, small / "data")
    try:
        found.pybernetes("up", *HOLLOW)
        k = found.kubectl
        k("create", "configmap", "kept", "--from-literal=a=b")
        host.run("sh", "-c", f"cat /dev/zero > {small}/filler", check=False)
        done = k.run("create", "configmap", "late", f"--from-literal=a={'x' * 100_000}", check=False)
        assert done.returncode == 1
        assert k("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"
        host.run("rm", f"{small}/filler")
        k("create", "configmap", "later", "--from-literal=a=b")
        found.pybernetes("down")
        found.pybernetes("up")
        assert k("get", "configmaps", "kept", "later", "-o", "name").split() == ["configmap/kept", "configmap/later"]
    finally:
        found.pybernetes("down", "--purge", check=False)
        host.run("umount", "-l", str(small))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bogus",), "unrecognized arguments: --bogus; see: pybernetes --help"),
        (("--api-port", "x"), "--api-port: invalid int value: 'x'; see: pybernetes up --help"),
        (("--api-port", "99999"), "--api-port 99999 is not a port; choose one from 1 to 65535"),
        (("--hollow-nodes", "-3"), "--hollow-nodes -3 is negative; give how many nodes to simulate"),
        (("--pod-cidr", "10.0.0.0/99"), "'10.0.0.0/99' does not appear to be an IPv4 or IPv6 network; give it as"),
        (("--pod-cidr", "10.0.0.0/8"), "the pod network 10.0.0.0/8 and the service network 10.96.0.0/16 overlap"),
        (("--node-name", "Bad_Name"), "the node name 'bad_name' is not a DNS name (a-z, 0-9, -, .)"),
        (("--node-ip", "192.0.2.77"), "192.0.2.77:6443 cannot be used: this machine does not have that address"),
    ],
)
def test_bad_flags(host: Machine, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    line = refused(host, "up", *words, "--data-dir", str(tmp_path / "data"))
    assert line.startswith(said)
    assert not (tmp_path / "data" / "cluster.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("frob",), "there is no command 'frob'; see: pybernetes --help"),
        (("image", "frob"), "there is no command 'frob'; see: pybernetes image --help"),
        (("image", "import"), "the following arguments are required: FILE; see: pybernetes image import --help"),
        (
            ("token", "create", "--data-dir", "/nowhere"),
            "there is no cluster in /nowhere; start one with: pybernetes up",
        ),
        (("image", "list", "--data-dir", "/nowhere"), "no containerd answers at /nowhere/containerd/containerd.sock"),
    ],
)
def test_bad_commands(host: Machine, words: tuple[str, ...], said: str) -> None:
    assert refused(host, *words).startswith(said)


def test_a_data_directory_that_cannot_be_one(host: Machine, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    line = refused(host, "up", *HOLLOW, "--data-dir", str(file))
    assert line == f"cannot write to {file}: File exists; choose another directory with --data-dir"
    assert file.read_text() == "mine"


def test_a_machine_without_a_network_runs_a_hollow_cluster_on_loopback(tmp_path: Path) -> None:
    with machine("alone") as host:
        host.run("ip", "link", "set", "eth0", "down")
        found = Cluster(host, tmp_path / "data")
        found.pybernetes("up", *HOLLOW)
        assert "Ready" in found.kubectl("get", "nodes")
        found.pybernetes("down", "--purge")
