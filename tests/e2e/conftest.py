"""One real cluster for all end-to-end tests: started by `pybernetes up` on a machine made of namespaces.

Tests use a namespace of their own (`namespace` fixture), so they may run in any order; a test that breaks the cluster
on purpose (kills, `down`) makes its own with `cluster_on`.
"""

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cluster_report import report
from tests.support.kubectl import Kubectl, installed
from tests.support.machine import Machine, machine
from tests.support.pods import Pods

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")
_NEEDED = ("containerd", "runc", "nft", "ip", "unshare", "nsenter", "catatonit", "busybox")


def _missing() -> str:
    if os.geteuid() != 0:
        return "needs root"
    absent = [tool for tool in _NEEDED if not shutil.which(tool)]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return "" if installed() else "no kubectl"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    reason = _missing()
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


class Cluster:
    """A cluster on a machine."""

    def __init__(self, host: Machine, data_dir: Path) -> None:
        self.machine = host
        self.data_dir = data_dir
        self.kubectl = Kubectl(host, data_dir / "admin.kubeconfig")

    def pybernetes(self, *words: str, check: bool = True, timeout: float = 120.0) -> str:
        """Run a pybernetes command on the machine with this cluster's data directory; both outputs. Containers that do
        not heed SIGTERM, as shells, hold `down` up for a second only."""
        if words[0] == "down":
            words += ("--grace-period", "1")
        done = self.machine.run(PYBERNETES, *words, "--data-dir", str(self.data_dir), check=check, timeout=timeout)
        return done.stdout + done.stderr

    def log(self) -> str:
        return (self.data_dir / "pybernetes.log").read_text(errors="replace")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """A failure shows what the clusters it used say."""
    found: pytest.TestReport = yield
    if found.failed:
        used = getattr(item, "funcargs", {}).values()
        for cluster in [value for value in used if isinstance(value, Cluster)]:
            found.sections.append(("the cluster", report(cluster.kubectl, cluster.data_dir / "pybernetes.log")))
    return found


# How full the disk of the machine is has nothing to do with what is tested.
_ANY_DISK = ("--kubelet-arg=eviction-hard=memory.available<100Mi", "--kubelet-arg=image-gc-high-threshold=100")


@contextlib.contextmanager
def cluster_on(host: Machine, *flags: str) -> Iterator[Cluster]:
    """`up` on a machine; whatever it left is ended with the machine."""
    found = Cluster(host, host.directory / "data")
    found.pybernetes("up", *_ANY_DISK, *flags)
    yield found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with machine("m1") as host, cluster_on(host) as found:
        yield found


@pytest.fixture
def kubectl(cluster: Cluster) -> Kubectl:
    return cluster.kubectl


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace; deleted without waiting."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def pods(kubectl: Kubectl, namespace: str) -> Pods:
    """The pods of the test's namespace."""
    return Pods(kubectl, namespace)
