"""Stopping a cluster, and leaving no trace of it; images without a registry; a hollow cluster without root."""

import gzip
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import PYBERNETES, Cluster
from tests.e2e.objects import pod, shell
from tests.support.machine import Machine, machine
from tests.support.pods import Pods
from tests.support.waiting import until

from pybernetes.cluster.config import ClusterConfig


@pytest.fixture(scope="module")
def host() -> Iterator[Machine]:
    with machine("m1") as found:
        yield found


def traces(host: Machine, data_dir: Path) -> dict[str, str]:
    """Everything on the machine that a cluster could have left; all empty on a clean one."""
    config = ClusterConfig(data_dir=data_dir)

    def shown(*words: str) -> str:
        return host.run(*words, check=False).stdout

    links = [line.split()[1].rstrip(":").split("@")[0] for line in shown("ip", "-o", "link").splitlines()]
    return {
        "processes": "\n".join(line for line in shown("ps", "-eo", "args").splitlines() if str(data_dir) in line),
        "mounts": "\n".join(line for line in shown("cat", "/proc/self/mounts").splitlines() if str(data_dir) in line),
        "links": " ".join(name for name in links if name not in ("lo", "eth0")),
        "tables": "\n".join(line for line in shown("nft", "list", "tables").splitlines() if "pybernetes" in line),
        "cgroups": " ".join(map(str, Path("/sys/fs/cgroup").glob(f"*/{config.cgroup}"))),
        "routes": "\n".join(line for line in shown("ip", "route").splitlines() if "10.244." in line),
    }


def running_containers(host: Machine) -> int:
    return len(host.processes("httpd -f -p 8080"))


def test_down_stops_up_continues_purge_leaves_no_trace_and_a_snapshot_brings_all_back(host: Machine) -> None:
    found = Cluster(host, host.directory / "data")
    before = traces(host, found.data_dir)
    assert not any(before.values()), before
    found.pybernetes("up")
    k = found.kubectl
    k("create", "configmap", "kept", "--from-literal=a=b")
    k.apply(pod("busy", "default", shell("c", "while true; do sleep 0.2; done")))
    k.wait("pod/busy", "condition=Ready")
    assert all(traces(host, found.data_dir).values())
    assert running_containers(host) == 3

    found.pybernetes("image", "remove", "localhost/pybernetes/pause:1")  # the next start brings it back
    assert "The cluster is down." in found.pybernetes("down")
    assert running_containers(host) == 0
    assert not any(traces(host, found.data_dir).values()), traces(host, found.data_dir)
    assert "is down already; nothing to do" in found.pybernetes("down")
    assert "No cluster is running" in found.pybernetes("status", check=False)

    found.pybernetes("up")
    assert k("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"
    k.wait("pod/busy", "condition=Ready")

    saved = host.directory / "snapshot.tar"
    assert f"saved at {saved}" in found.pybernetes("snapshot", "save", str(saved))
    uid = k("get", "pod", "busy", "-o", "jsonpath={.metadata.uid}")
    seen = k("create", "configmap", "too-late", "-o", "jsonpath={.metadata.resourceVersion}")

    assert "Removed" in found.pybernetes("down", "--purge")
    assert not any(traces(host, found.data_dir).values()), traces(host, found.data_dir)
    assert not found.data_dir.exists()
    assert "There is no cluster" in found.pybernetes("down", "--purge")

    restored_from(saved, found, uid, seen)
    found.pybernetes("down", "--purge")


def restored_from(saved: Path, found: Cluster, uid: str, seen: str) -> None:
    """The cluster is there again as it was saved, and its pods run: the same ones, on the same node. Who had seen a
    later resource version lists again."""
    found.pybernetes("snapshot", "restore", str(saved))
    assert "Sample application runs" not in found.pybernetes("up"), "it is among what was restored"
    k = found.kubectl
    k.wait("pod/busy", "condition=Ready")
    k("rollout", "status", "deployment/hello", "--timeout=120s")
    assert k("get", "pod", "busy", "-o", "jsonpath={.metadata.uid}") == uid
    until(lambda: running_containers(found.machine) == 3)
    assert k("get", "configmaps", "--field-selector=metadata.name=too-late", "-o", "name") == ""
    watched = k("get", "--raw", f"/api/v1/configmaps?watch=1&resourceVersion={seen}&timeoutSeconds=30")
    assert "too old resource version" in watched
    names = ("apiserver", "apiserver-kubelet-client", "kubelet")
    before = [serving_certificate(found, port) for port in (6443, 10250)]
    assert found.pybernetes("certificates", "renew", *names) == "".join(f"{name} renewed\n" for name in names)
    for old, port in zip(before, (6443, 10250), strict=True):
        until(lambda old=old, port=port: serving_certificate(found, port) != old)  # type: ignore[misc]
    assert k("exec", "busy", "--", "echo", "still served") == "still served"


def serving_certificate(found: Cluster, port: int) -> str:
    """What the API server, or the kubelet, shows to its clients."""
    script = f"import ssl; print(ssl.get_server_certificate(('{found.machine.address}', {port})))"
    return found.machine.run(sys.executable, "-c", script).stdout


def test_purge_cleans_up_after_everything_was_killed_and_the_files_are_damaged(host: Machine) -> None:
    found = Cluster(host, host.directory / "other")
    found.pybernetes("up")
    for number in host.processes(str(found.data_dir)):
        host.run("kill", "-9", str(number), check=False)
    (found.data_dir / "cluster.json").write_text("{")
    assert running_containers(host) == 3, "containers outlive us"
    found.pybernetes("down", "--purge")
    assert running_containers(host) == 0
    assert not any(traces(host, found.data_dir).values()), traces(host, found.data_dir)
    assert not found.data_dir.exists()


def _docker_archive(oci: Path, name: str) -> Path:
    """The same image as `docker save` writes it: manifest.json, a config and plain layers."""
    target = oci.with_name("docker.tar")
    with tarfile.open(oci) as source, tarfile.open(target, "w") as out, tempfile.TemporaryDirectory() as directory:
        source.extractall(directory, filter="data")
        blobs = Path(directory) / "blobs" / "sha256"
        index = json.loads((Path(directory) / "index.json").read_bytes())
        manifest = json.loads((blobs / index["manifests"][0]["digest"].removeprefix("sha256:")).read_bytes())
        layer = blobs / manifest["layers"][0]["digest"].removeprefix("sha256:")
        plain = Path(directory) / "layer.tar"
        data = layer.read_bytes()
        plain.write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        config = blobs / manifest["config"]["digest"].removeprefix("sha256:")
        listed = Path(directory) / "manifest.json"
        listed.write_text(json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]))
        for path, inside in ((config, "config.json"), (plain, "layer.tar"), (listed, "manifest.json")):
            out.add(path, inside)
    return target


def test_images_are_built_listed_imported_and_run(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    (root / "bin" / "sh").symlink_to("busybox")
    words = ["--entrypoint", "/bin/sh", "--cmd=-c", "--cmd", "echo $GREETING; exec busybox sleep 1000"]
    said = cluster.pybernetes("image", "build", str(root), "built:1", *words, "--env", "GREETING=built")
    assert said.strip() == "built docker.io/library/built:1"

    archive = tmp_path / "oci.tar"
    for name in ("oci:1", "docker:1"):
        greeting = f"GREETING={name}"
        more = [*words, "--env", greeting, "--output", str(archive)]
        assert f"docker.io/library/{name}" in cluster.pybernetes("image", "build", str(root), name, *more)
        file = archive if name == "oci:1" else _docker_archive(archive, f"docker.io/library/{name}")
        assert cluster.pybernetes("image", "import", str(file)).strip() == f"imported docker.io/library/{name}"
    names = cluster.pybernetes("image", "list", "--quiet").splitlines()
    assert {f"docker.io/library/{name}:1" for name in ("built", "oci", "docker")} <= set(names)

    cluster.pybernetes("image", "save", "oci:1", "built:1", "--output", str(archive))
    assert cluster.pybernetes("image", "remove", "oci:1").strip() == "removed docker.io/library/oci:1"
    assert "docker.io/library/oci:1" not in cluster.pybernetes("image", "list")
    assert "imported docker.io/library/oci:1" in cluster.pybernetes("image", "import", str(archive)).splitlines()

    k = cluster.kubectl
    for name in ("built", "oci", "docker"):
        containers = [{"name": "c", "image": f"{name}:1", "imagePullPolicy": "Never"}]
        k.apply(pod(name, namespace, *containers))
        k.wait(f"pod/{name}", "condition=Ready", "-n", namespace)
        Pods(k, namespace).said(name, "built" if name == "built" else f"{name}:1")
    shown = [line.split() for line in cluster.pybernetes("ps").splitlines()]
    assert ["Running", "c", "0", "oci", namespace] in [words[3:] for words in shown]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is not a file; give an OCI or docker archive (a tar)"), (b"no tar at all", "")],
)
def test_what_is_no_archive_is_one_line(cluster: Cluster, tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    done = cluster.machine.run(
        PYBERNETES, "image", "import", str(file), "--data-dir", str(cluster.data_dir), check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def _open_to_everybody(host: Machine, path: Path) -> None:
    """Let other users reach a file below a directory that is its owner's only, as this machine sees it."""
    for place in reversed(path.parents):
        if not place.stat().st_mode & 0o001:
            inner = place / path.relative_to(place).parts[0]
            script = f"mkdir -p /run/kept; mount --bind {inner} /run/kept; mount -t tmpfs -o mode=755 tmpfs {place}; "
            host.run("sh", "-ec", f"{script} mkdir {inner}; mount --bind /run/kept {inner}")
            return


def test_a_hollow_cluster_needs_neither_root_nor_containerd(host: Machine) -> None:
    directory = host.directory / "hollow"
    directory.mkdir()
    os.chown(directory, 65534, 65534)
    host.directory.chmod(0o755)
    _open_to_everybody(host, Path(sys.executable).resolve())
    found = Cluster(host, directory / "data")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    environment = {"HOME": str(directory), "PATH": "/usr/bin:/bin"}

    def pybernetes(*words: str) -> str:
        line = [*as_nobody, PYBERNETES, *words, "--data-dir", str(found.data_dir)]
        return host.run(*line, environment=environment).stdout

    shown = pybernetes("up", "--hollow-nodes", "5")
    assert "Nodes are Ready" in shown
    k = found.kubectl
    assert len(k("get", "nodes", "--no-headers").splitlines()) == 5
    k("create", "deployment", "web", "--image=web", "--replicas=20")
    k("rollout", "status", "deployment/web", "--timeout=120s")
    nodes = {p["spec"]["nodeName"] for p in k.json("get", "pods", "-l", "app=web")["items"]}
    assert len(nodes) == 5
    assert "5 of 5 ready" in pybernetes("status")
    assert not host.processes(f"containerd --config {found.data_dir}")
    pybernetes("down", "--purge")
    assert not found.data_dir.exists()
