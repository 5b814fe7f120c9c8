"""`--kubelet-arg`: kept with the cluster, refused in one line, in force in the kubelet's settings."""

from pathlib import Path

import pytest

from pybernetes.cli import _parser
from pybernetes.cluster import state
from pybernetes.cluster.commands.kubelet_args import adjusted, eviction_hard, shutdown_seconds
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.kubelet_flags import EVICTION_HARD, FLAGS
from pybernetes.kubelet.config import KubeletConfig

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
OWN = KubeletConfig(node_name="n1", labels={"a": "1"})


def configured(directory: Path, *words: str) -> ClusterConfig:
    arguments = _parser().parse_args(["up", "--data-dir", str(directory), "--node-ip", "127.0.0.1", *words])
    return cluster_config(arguments)


def test_they_are_kept_until_they_are_taken_back(tmp_path: Path) -> None:
    words = ("--kubelet-arg=--max-pods=30", "--kubelet-arg=eviction-hard=nodefs.available<1Gi")
    config = configured(tmp_path / "d", *words)
    assert config.kubelet_args == ("max-pods=30", "eviction-hard=nodefs.available<1Gi")
    assert dict(eviction_hard(config)) == {"nodefs.available": "1Gi"}
    (tmp_path / "d").mkdir()
    state.save(config)
    assert configured(tmp_path / "d") == config
    again = configured(tmp_path / "d", "--kubelet-arg=")
    assert (again.kubelet_args, eviction_hard(again)) == ((), EVICTION_HARD)


def test_what_they_become(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(f"{HEAD}maxPods: 9\ncontainerLogMaxFiles: 3\n")
    words = (
        "allowed-unsafe-sysctls=net.core.*,kernel.msg*", "image-gc-high-threshold=100", "image-gc-low-threshold=70",
        "max-parallel-image-pulls=3", "max-pods=5", "minimum-image-ttl-duration=1h", "node-labels=b=2,c=3",
        "node-status-update-frequency=4s", "pod-max-pids=64", "resolv-conf=/etc/other", "serialize-image-pulls=false",
        "system-reserved=cpu=100m,memory=1Gi",
        "eviction-hard=memory.available<5%, imagefs.available<2Gi",
        "eviction-soft=memory.available<10%", "eviction-soft-grace-period=memory.available=1m30s",
        "eviction-max-pod-grace-period=20", "eviction-minimum-reclaim=memory.available=500Mi",
        "eviction-pressure-transition-period=1m", f"config={file}",
        "seccomp-default", "shutdown-grace-period=30s", "shutdown-grace-period-critical-pods=10s",
        f"root-dir={tmp_path / 'link'}", "cpu-manager-policy=static", "cpu-manager-policy-options=full-pcpus-only=true",
        "reserved-cpus=0,4-5", "topology-manager-policy=restricted", "topology-manager-scope=pod",
    )  # fmt: skip
    assert {word.partition("=")[0] for word in words} == set(FLAGS)
    assert adjusted(OWN, words) == KubeletConfig(
        node_name="n1",
        labels={"a": "1", "b": "2", "c": "3"},
        allowed_unsafe_sysctls=("net.core.*", "kernel.msg*"),
        image_gc_high_percent=100,
        image_gc_low_percent=70,
        max_parallel_image_pulls=3,
        max_pods=5,
        root_directory=str(tmp_path / "link"),
        image_minimum_age_seconds=3600.0,
        node_status_update_seconds=4.0,
        pod_pids_limit=64,
        host_resolv_conf="/etc/other",
        serialize_image_pulls=False,
        system_reserved={"cpu": "100m", "memory": "1Gi"},
        eviction_hard={"memory.available": "5%", "imagefs.available": "2Gi"},
        eviction_soft={"memory.available": "10%"},
        eviction_soft_grace_seconds={"memory.available": 90.0},
        eviction_maximum_pod_grace_seconds=20,
        eviction_minimum_reclaim={"memory.available": "500Mi"},
        eviction_transition_seconds=60.0,
        shutdown_grace_seconds=30.0,
        shutdown_critical_seconds=10.0,
        log_maximum_files=3,
        seccomp_default=True,
        cpu_manager_policy="static",
        cpu_manager_policy_options={"full-pcpus-only": "true"},
        reserved_system_cpus="0,4-5",
        topology_manager_policy="restricted",
        topology_manager_scope="pod",
    )
    assert adjusted(OWN, ()) == OWN


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("pods=3", "--kubelet-arg pods=3: there is no such flag; see docs/cluster.md"),
        ("max-pods=many", "--max-pods many is not a number"),
        ("max-pods=0", "--max-pods 0: a node without pods is none; cordon it instead"),
        ("image-gc-high-threshold=101", "--image-gc-high-threshold 101, --image-gc-low-threshold 80: at most 100"),
        (
            "image-gc-high-threshold=60",
            "--image-gc-low-threshold 80 must be below --image-gc-high-threshold 60",
        ),
        (
            "eviction-hard=memory.available=1Gi",
            "--eviction-hard memory.available=1Gi: give it as SIGNAL<AMOUNT, such as memory.available<100Mi",
        ),
        (
            "eviction-hard=disk<1Gi",
            "--eviction-hard there is no eviction signal disk; there are: memory.available, nodefs.available, "
            "nodefs.inodesFree, imagefs.available, pid.available",
        ),
        (
            "eviction-hard=memory.available<lots",
            "--eviction-hard memory.available: lots is neither an amount such as 1Gi nor a percentage such as 10%",
        ),
        (
            "eviction-hard=nodefs.available<101%",
            "--eviction-hard nodefs.available: 101% is not between 0% and 100%",
        ),
        (
            "eviction-hard=memory.available<1Gi,memory.available<2Gi",
            "--eviction-hard: memory.available is there twice",
        ),
        (
            "eviction-soft=memory.available<1Gi",
            "invalid configuration: grace period must be specified for the soft eviction threshold memory.available",
        ),
        (
            "shutdown-grace-period-critical-pods=10s",
            "invalid configuration: shutdownGracePeriodCriticalPods 10s must be <= shutdownGracePeriod 0s",
        ),
        ("config=/no/such/file", "--config /no/such/file cannot be read: No such file or directory"),
        ("system-reserved=gpu=1", "--system-reserved gpu: there are cpu, memory, ephemeral-storage"),
        ("root-dir=/tmp", "--root-dir /tmp: name an absolute path where nothing is; a link is made there"),
        ("minimum-image-ttl-duration=soon", "--minimum-image-ttl-duration soon is not a duration such as 1m30s"),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(tmp_path: Path, word: str, message: str) -> None:
    with pytest.raises(CommandError) as told:
        configured(tmp_path / "d", f"--kubelet-arg={word}")
    assert str(told.value) == message


def test_a_file_is_read_at_each_start_and_its_errors_are_told_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(f"{HEAD}shutdownGracePeriod: 20s\n")
    monkeypatch.chdir(tmp_path)
    config = configured(tmp_path / "d", "--kubelet-arg=config=kubelet.yaml")
    assert config.kubelet_args == (f"config={file}",)
    assert shutdown_seconds(config) == 20
    file.write_text(f"{HEAD}maxpods: 3\n")
    with pytest.raises(CommandError) as told:
        adjusted(OWN, config.kubelet_args)
    assert str(told.value) == f'--config {file}: line 3: unknown field "maxpods"'


def test_the_page_has_each_flag() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cluster.md").read_text()
    assert [name for name, (_, told) in FLAGS.items() if f"| `{name}` | {told} |" not in page] == []
