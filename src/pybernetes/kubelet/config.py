"""How one kubelet runs: where its files are, whom it serves and how much it may use. Read once, passed down whole."""

from collections.abc import Mapping, Sequence

import msgspec

from .cpu_manager.cpu_set import parse
from .eviction_thresholds import EVICTION_HARD


class KubeletConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One node's settings. Sizes are bytes, times seconds, percentages whole numbers."""

    node_name: str
    root_directory: str = "/var/lib/kubelet"
    logs_directory: str = "/var/log/pods"
    container_runtime_socket: str = "/run/containerd/containerd.sock"
    runtime_handler: str = ""
    """The runtime's name for pods without a runtime class, "" for its default."""
    static_pod_directory: str = ""
    node_ips: Sequence[str] = ()
    hostname: str = ""
    """The Hostname address and label kubernetes.io/hostname; the node's name if empty."""
    labels: Mapping[str, str] = {}
    taints: Sequence[tuple[str, str, str]] = ()
    """(key, value, effect) given at registration."""
    register_node: bool = True
    external_cloud_provider: bool = False
    """A cloud controller manager tells the node's addresses; ours are its first ones."""
    cluster_dns: Sequence[str] = ()
    cluster_domain: str = "cluster.local"
    host_resolv_conf: str = "/etc/resolv.conf"
    cni_config_directory: str = ""
    """Where the pod network is written once the node has its range; "" leaves CNI to somebody else."""
    cni_data_directory: str = "/var/lib/cni/networks"
    cni_mtu: int = 1500
    port: int = 10250
    max_pods: int = 110
    pod_pids_limit: int = 0
    """How many processes one pod may have; 0 leaves it to the machine."""
    capacity: Mapping[str, str] = {}
    """Overrides what the machine reports: a node that shares a machine has only its part."""
    system_reserved: Mapping[str, str] = {}
    """Taken off the capacity to give what pods may use."""
    allowed_unsafe_sysctls: Sequence[str] = ()
    """Kernel parameters beyond the safe ones that pods may set; a name, or a prefix that ends with `*`."""
    seccomp_default: bool = False
    """Containers that name no seccomp profile get the runtime's."""
    eviction_hard: Mapping[str, str] = EVICTION_HARD
    """What must be left by signal, an amount or a percentage, or pods are evicted; those of memory.available and
    nodefs.available are taken off what pods may request too."""
    eviction_soft: Mapping[str, str] = {}
    """The same, for what has to hold for a while."""
    eviction_soft_grace_seconds: Mapping[str, float] = {}
    """For how long, by signal."""
    eviction_maximum_pod_grace_seconds: int = 0
    """How long pods have to end that a soft threshold evicts."""
    eviction_minimum_reclaim: Mapping[str, str] = {}
    """By signal, how much more than its threshold must be left again."""
    eviction_transition_seconds: float = 300.0
    """A pressure condition goes so long after it held for the last time."""
    kube_reserved: Mapping[str, str] = {}
    """As system_reserved, and beside it."""
    reserved_system_cpus: str = ""
    """These CPUs instead of the two amounts, such as `0,4-5`: no container has one of them alone."""
    cpu_manager_policy: str = "none"
    """`static`: containers of Guaranteed pods that ask for whole CPUs have them alone."""
    cpu_manager_policy_options: Mapping[str, str] = {}
    cpu_manager_reconcile_seconds: float = 10.0
    topology_manager_policy: str = "none"
    """How close such CPUs have to be."""
    topology_manager_scope: str = "container"
    log_maximum_bytes: int = 10 << 20
    log_maximum_files: int = 5
    """A container's log is rotated at that size; so many files of it are kept."""
    crash_loop_maximum_seconds: float = 300.0
    """A crashing container waits no longer than this."""
    shutdown_grace_seconds: float = 0.0
    """How long pods have to end when the machine goes down, all of them together; 0 leaves them alone."""
    shutdown_critical_seconds: float = 0.0
    """The part of it that is kept for critical pods, which end last."""
    shutdown_by_priority: Sequence[tuple[int, int]] = ()
    """(priority, seconds) in place of the two."""
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int = 0
    image_credentials_policy: str = "NeverVerifyPreloadedImages"
    """Which images on the node a pod needs the credentials for, with which they were pulled."""
    image_credentials_allowlist: Sequence[str] = ()
    image_gc_high_percent: int = 85
    image_gc_low_percent: int = 80
    image_minimum_age_seconds: float = 120.0
    images_kept: Sequence[str] = ()
    """Names of images that are never collected, above all that of the sandboxes."""
    node_status_update_seconds: float = 10.0
    node_status_report_seconds: float = 300.0
    lease_renew_seconds: float = 10.0
    lease_duration_seconds: int = 40
    relist_seconds: float = 45.0
    housekeeping_seconds: float = 60.0

    @property
    def reservations(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What is taken off the capacity for the system and for Kubernetes."""
        if not self.reserved_system_cpus:
            return self.system_reserved, self.kube_reserved
        named = {**self.system_reserved, "cpu": str(len(parse(self.reserved_system_cpus)))}
        return named, {name: amount for name, amount in self.kube_reserved.items() if name != "cpu"}
