"""How one kubelet runs: where its files are, whom it serves and how much it may use. Read once, passed down whole."""

from collections.abc import Mapping, Sequence

import msgspec


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
    eviction_memory_bytes: int = 100 << 20
    """memory.available below which pods are evicted; taken off the allocatable memory too."""
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int = 0
    image_gc_high_percent: int = 85
    image_gc_low_percent: int = 80
    image_minimum_age_seconds: float = 120.0
    node_status_update_seconds: float = 10.0
    node_status_report_seconds: float = 300.0
    lease_renew_seconds: float = 10.0
    lease_duration_seconds: int = 40
    relist_seconds: float = 45.0
    housekeeping_seconds: float = 60.0
