"""The one configuration of a cluster on this machine, and where its files are.

Everything below `data_dir` (default /var/lib/pybernetes) belongs to the cluster; removing the directory after `down`
removes all of it. Nothing durable in it contains the machine's address but certificates, which are reissued when it
changes.
"""

import hashlib
import ipaddress
import json
import socket
import subprocess
from pathlib import Path

import msgspec

from ..api import names

DEFAULT_DATA_DIR = Path("/var/lib/pybernetes")
DEFAULT_API_PORT = 6443


class ConfigError(ValueError):
    """A setting that cannot work; the message is one line that says what to do."""


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `up`, `server` and `agent`. Addresses are text; ports 0 mean "do not listen"."""

    data_dir: Path = DEFAULT_DATA_DIR
    api_port: int = DEFAULT_API_PORT
    node_name: str = ""
    node_ip: str = ""
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    cluster_domain: str = "cluster.local"
    node_port_range: str = "30000-32767"
    hollow_nodes: int = 0
    sample: bool = True
    taint_control_plane: bool = False
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
    log_level: str = "info"

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
        """Our packet rules for services."""
        return f"ip pybernetes{self.suffix}"

    @property
    def nftables_policy_table(self) -> str:
        """Our packet rules for network policies."""
        return f"ip pybernetes-policies{self.suffix}"

    @property
    def proxy_health_port(self) -> int:
        """Where the proxy tells that it is well: six above the kubelet's port, as upstream's 10256 and 10250."""
        return self.kubelet_port + 6

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
        return str(ipaddress.ip_network(self.service_cidr)[10])

    @property
    def service_ip(self) -> str:
        """The address of the `kubernetes` service: the first of the service network."""
        return str(ipaddress.ip_network(self.service_cidr)[1])

    @property
    def has_containers(self) -> bool:
        """Whether this machine is a real node; hollow clusters need neither root nor containerd."""
        return self.hollow_nodes == 0


def detect_node_ip() -> str:
    """The address this machine is reached at: that of the default route, else the first global one, else loopback.

    Connecting a UDP socket sends nothing; it only makes the kernel choose the source address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            pass
    try:
        shown = subprocess.run(["ip", "-j", "-4", "address"], capture_output=True, check=True).stdout
        links = json.loads(shown or b"[]")
    except (OSError, subprocess.CalledProcessError, ValueError):
        links = []
    for link in links:
        for address in link.get("addr_info", ()):
            if address.get("scope") == "global":
                return str(address["local"])
    return "127.0.0.1"


def completed(config: ClusterConfig) -> ClusterConfig:
    """The settings with what was left open filled in from the machine. ConfigError when they contradict."""
    node_ip = config.node_ip or ("127.0.0.1" if config.hollow_nodes else detect_node_ip())
    node_name = (config.node_name or socket.gethostname()).lower()
    try:
        pods, services = ipaddress.ip_network(config.pod_cidr), ipaddress.ip_network(config.service_cidr)
        ipaddress.ip_address(node_ip)
    except ValueError as error:
        raise ConfigError(f"{error}; give it as 10.0.0.0/16 (networks) or 10.0.0.1 (addresses)") from None
    if pods.prefixlen > 24 or services.prefixlen > 27:
        raise ConfigError("the pod network must be a /24 or larger, the service network a /27 or larger")
    if pods.overlaps(services):
        raise ConfigError(f"the pod network {pods} and the service network {services} overlap; choose another")
    for flag, port in (("api", config.api_port), ("kubelet", config.kubelet_port), ("dns", config.dns_port)):
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
    return msgspec.structs.replace(
        config, node_ip=node_ip, node_name=node_name, data_dir=config.data_dir.expanduser().absolute()
    )
