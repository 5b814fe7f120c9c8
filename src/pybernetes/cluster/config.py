"""The one configuration of a cluster on this machine, and where its files are.

Everything below `data_dir` (default /var/lib/pybernetes) belongs to the cluster; removing the directory after `down`
removes all of it. Nothing durable in it contains the machine's address but certificates, which are reissued when it
changes.
"""

import hashlib
import ipaddress
import socket
from pathlib import Path

import msgspec

from ..api import names
from . import families
from .families import ConfigError as ConfigError

DEFAULT_DATA_DIR = Path("/var/lib/pybernetes")
DEFAULT_API_PORT = 6443


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `up`, `server` and `agent`. Addresses are text; ports 0 mean "do not listen"."""

    data_dir: Path = DEFAULT_DATA_DIR
    api_port: int = DEFAULT_API_PORT
    node_name: str = ""
    node_ip: str = ""
    other_node_ip: str = ""
    """This machine's address of the second family, "" in a cluster of one."""
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    """Like `pod_cidr` one network, or one of each family with a comma between (families.py)."""
    cluster_domain: str = "cluster.local"
    node_port_range: str = "30000-32767"
    hollow_nodes: int = 0
    sample: bool = True
    taint_control_plane: bool | None = None
    """Whether applications stay off this machine; None: when there are, or will be, others for them (`etcd`)."""
    kubelet_port: int = 10250
    dns_port: int = 10053
    cloud_provider: str = "local"
    """Who makes load balancers: `local` the nodes themselves, `external` another process, "" nobody."""
    node_monitor_grace_period: float = 50.0
    """Seconds of silence after which a node is not ready."""
    history_hours: float = 1.0
    """How long the past of every object is kept."""
    history_megabytes: int = 256
    """A data file larger than this forgets earlier."""
    feature_gates: dict[str, bool] = {}
    runtime_config: dict[str, bool] = {}
    """What the API server serves beside the defaults, or not."""
    kube_apiserver_args: tuple[str, ...] = ()
    """Flags of this machine's API server, NAME=VALUE (commands/server_args.py)."""
    kubelet_args: tuple[str, ...] = ()
    """Flags of this machine's kubelet, NAME=VALUE (commands/kubelet_args.py)."""
    control_plane_endpoint: str = ""
    """HOST or HOST:PORT by which all control planes are reached; "" for each one's own address (endpoint.py)."""
    apiserver_cert_extra_sans: tuple[str, ...] = ()
    """Further names and addresses in the serving certificates of the API servers."""
    etcd: bool = False
    """The state is in etcd, with a member of it on this machine, and not in SQLite: others can join."""
    etcd_port: int = 2379
    etcd_peer_port: int = 2380
    etcd_servers: tuple[str, ...] = ()
    """Client URLs of the members, by which this machine's own becomes one; () before the first start of the first."""
    log_level: str = "info"

    @property
    def keeps_applications_off(self) -> bool:
        """Whether this machine's node, as a control plane, has the taint."""
        return self.etcd if self.taint_control_plane is None else self.taint_control_plane

    @property
    def etcd_dir(self) -> Path:
        return self.data_dir / "etcd"

    @property
    def pki(self) -> Path:
        return self.data_dir / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.data_dir / "admin.kubeconfig"

    @property
    def database(self) -> Path:
        return self.data_dir / "store" / "state.db"

    @property
    def kubelet_dir(self) -> Path:
        return self.data_dir / "kubelet"

    @property
    def containerd_dir(self) -> Path:
        return self.data_dir / "containerd"

    @property
    def images_dir(self) -> Path:
        return self.data_dir / "images"

    @property
    def log_file(self) -> Path:
        return self.data_dir / "pybernetes.log"

    @property
    def last_run_file(self) -> Path:
        """How the last process ended that was asked to."""
        return self.data_dir / "last-run"

    @property
    def state_file(self) -> Path:
        """The settings of the last start."""
        return self.data_dir / "cluster.json"

    @property
    def node_kubeconfig(self) -> Path:
        """The credentials of this machine's node."""
        return self.data_dir / "kubelet.kubeconfig"

    @property
    def healthz_port(self) -> int:
        """Where the kubelet tells that it is well, on loopback: two below its port, as upstream's 10248 and 10250."""
        return self.kubelet_port - 2

    @property
    def suffix(self) -> str:
        """Tells the clusters of one machine apart in names that are not below a data directory; "" for the default."""
        if self.data_dir == DEFAULT_DATA_DIR:
            return ""
        return "-" + hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:8]

    @property
    def cgroup(self) -> str:
        """The name of our part of the cgroup tree."""
        return f"kpods{self.suffix}"

    @property
    def nftables_table(self) -> str:
        """The tables of our packet rules for services, one for each address family."""
        return f"pybernetes{self.suffix}"

    @property
    def nftables_policy_table(self) -> str:
        """The tables of our packet rules for network policies."""
        return f"pybernetes-policies{self.suffix}"

    @property
    def proxy_health_port(self) -> int:
        """Where the proxy tells that it is well: six above the kubelet's port, as upstream's 10256 and 10250."""
        return self.kubelet_port + 6

    @property
    def proxy_metrics_port(self) -> int:
        """Where the proxy shows its metrics, on loopback: one below the kubelet's port, as upstream's 10249."""
        return self.kubelet_port - 1

    @property
    def metrics_port(self) -> int:
        """Where the metrics server listens: three above the kubelet's port."""
        return self.kubelet_port + 3

    @property
    def scheduler_port(self) -> int:
        """Where the scheduler shows its health and metrics, on loopback: nine above the kubelet's port, as upstream's
        10259 and 10250."""
        return self.kubelet_port + 9

    @property
    def controller_manager_port(self) -> int:
        """Where the controller manager does, seven above the kubelet's port, as upstream's 10257 and 10250."""
        return self.kubelet_port + 7

    @property
    def dns_ip(self) -> str:
        """The tenth address of the service network, as kubeadm has it."""
        return str(ipaddress.ip_network(self.service_cidr.split(",")[0])[10])

    @property
    def service_ip(self) -> str:
        """The address of the `kubernetes` service: the first of the service network."""
        return str(ipaddress.ip_network(self.service_cidr.split(",")[0])[1])

    @property
    def node_ips(self) -> tuple[str, ...]:
        """This machine's address of each family, the primary one first."""
        return (self.node_ip, self.other_node_ip) if self.other_node_ip else (self.node_ip,)

    @property
    def has_containers(self) -> bool:
        """Whether this machine is a real node; hollow clusters need neither root nor containerd."""
        return self.hollow_nodes == 0


def completed(config: ClusterConfig, *, fit: bool = True) -> ClusterConfig:
    """The settings with what was left open filled in from the machine. ConfigError when they contradict. fit: whether
    the networks are known to be the cluster's, and the machine's addresses have to be of their families."""
    if fit:
        families.check_networks(config.pod_cidr, config.service_cidr)
    else:
        families.networks(f"{config.pod_cidr},{config.service_cidr}")
    addresses = families.node_addresses(",".join(filter(None, (config.node_ip, config.other_node_ip))))
    if config.hollow_nodes:  # the machine is no node: whatever the networks are, loopback will do
        addresses = addresses or ["127.0.0.1"]
    elif fit:
        addresses = families.fitted(addresses, config.pod_cidr)
    node_ip, other = [*(addresses or [families.detected(4)]), ""][:2]
    node_name = (config.node_name or socket.gethostname()).lower()
    ports = {"api": config.api_port, "kubelet": config.kubelet_port, "dns": config.dns_port}
    for flag, port in {**ports, "etcd": config.etcd_port, "etcd-peer": config.etcd_peer_port}.items():
        if not 0 < port < 65536:
            raise ConfigError(f"--{flag}-port {port} is not a port; choose one from 1 to 65535")
    if names.dns1123_subdomain(node_name):
        raise ConfigError(f"the node name {node_name!r} is not a DNS name (a-z, 0-9, -, .); give one with --node-name")
    if config.cloud_provider not in ("", "local", "external"):
        raise ConfigError(
            f"--cloud-provider {config.cloud_provider} is not known here; give external, and run: "
            f"pybernetes cloud-controller-manager --cloud-provider {config.cloud_provider}"
        )
    if config.hollow_nodes < 0:
        raise ConfigError(f"--hollow-nodes {config.hollow_nodes} is negative; give how many nodes to simulate")
    directory = config.data_dir.expanduser().absolute()
    return msgspec.structs.replace(
        config, node_ip=node_ip, other_node_ip=other, node_name=node_name, data_dir=directory
    )


def fitted(config: ClusterConfig) -> ClusterConfig:
    """A machine that joins, with its addresses in the families of the cluster. ConfigError."""
    versions = {network.version for network in families.networks(config.pod_cidr)}
    own = [address for address in config.node_ips if ipaddress.ip_address(address).version in versions]
    node_ip, other = [*families.fitted(own, config.pod_cidr), ""][:2]
    return msgspec.structs.replace(config, node_ip=node_ip, other_node_ip=other)
