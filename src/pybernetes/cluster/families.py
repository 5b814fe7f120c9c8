"""The address families of a cluster: IPv4, IPv6, or both (KEP-563).

    --pod-cidr 10.244.0.0/16,fd00:10:244::/56 --service-cidr 10.96.0.0/16,fd00:10:96::/112 [--node-ip A,B]

The pod network decides; the service network and every node's addresses have the same families in the same order, the
primary one first. An address that is not given is looked up on the machine.
"""

import ipaddress
import json
import socket
import subprocess
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}
_FAR = {4: "192.0.2.1", 6: "2001:db8::1"}
_LOOPBACK = "127.0.0.1"
_POD_PREFIXES = {4: (0, 24), 6: (48, 64)}
"""How long the prefix of a pod network may be: nodes get a /24 or a /64 of it."""
_SERVICE_PREFIXES = {4: (0, 27), 6: (64, 123)}


class ConfigError(ValueError):
    """A setting that cannot work; the message is one line that says what to do."""


def networks(text: str) -> list[Network]:
    """Ranges with a comma between. ConfigError."""
    try:
        return [ipaddress.ip_network(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"{error}; give it as 10.0.0.0/16 (networks) or 10.0.0.1 (addresses)") from None


def node_addresses(text: str) -> list[str]:
    """Addresses of one machine with a comma between, in their canonical form. ConfigError."""
    try:
        found = [ipaddress.ip_address(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(f"{error}; give it as 10.0.0.0/16 (networks) or 10.0.0.1 (addresses)") from None
    if len(found) > 2 or len({address.version for address in found}) < len(found):
        raise ConfigError(f"--node-ip {text}: give one address, or one of each family (IPv4 and IPv6)")
    return [str(address) for address in found]


def shown(versions: Sequence[int]) -> str:
    """`IPv4 and IPv6`"""
    return " and ".join(f"IPv{version}" for version in versions)


def check_networks(pod_cidr: str, service_cidr: str) -> None:
    """Whether the two can be those of one cluster. ConfigError."""
    pods, services = networks(pod_cidr), networks(service_cidr)
    for flag, found in (("--pod-cidr", pods), ("--service-cidr", services)):
        if len(found) > 2 or len({network.version for network in found}) < len(found):
            raise ConfigError(f"{flag} {','.join(map(str, found))}: give one network, or one of each family")
    if [network.version for network in pods] != [network.version for network in services]:
        kinds = (shown([network.version for network in found]) for found in (pods, services))
        raise ConfigError(
            "--pod-cidr is {}, --service-cidr {}; give both the same families in one order".format(*kinds)
        )
    for pod, service in zip(pods, services, strict=True):
        _check_sizes(pod, service)
        if pod.overlaps(service):
            raise ConfigError(f"the pod network {pod} and the service network {service} overlap; choose another")


def _check_sizes(pods: Network, services: Network) -> None:
    (shortest, longest), (least, most) = _POD_PREFIXES[pods.version], _SERVICE_PREFIXES[pods.version]
    if pods.version == 4 and (pods.prefixlen > longest or services.prefixlen > most):
        raise ConfigError("the pod network must be a /24 or larger, the service network a /27 or larger")
    if not shortest <= pods.prefixlen <= longest:
        raise ConfigError(f"the pod network {pods} must be from /{shortest} to /{longest}: every node gets a /64 of it")
    if not least <= services.prefixlen <= most:
        raise ConfigError(f"the service network {services} must be from /{least} to /{most}")


def fitted(addresses: Sequence[str], pod_cidr: str) -> list[str]:
    """A node's addresses in the cluster's families and order; what is missing is looked up. ConfigError."""
    versions = [network.version for network in networks(pod_cidr)]
    by_version = {ipaddress.ip_address(address).version: address for address in addresses}
    foreign = [address for version, address in by_version.items() if version not in versions]
    if foreign:
        raise ConfigError(f"--node-ip {foreign[0]} is not of the cluster's networks, which are {shown(versions)}")
    return [by_version.get(version) or detected(version) for version in versions]


def detected(version: int) -> str:
    """The address this machine is reached at: that of the default route, else the first global one, else loopback (for
    IPv6: ConfigError).

    Connecting a UDP socket sends nothing; it only makes the kernel choose the source address.
    """
    try:
        with socket.socket(_KINDS[version], socket.SOCK_DGRAM) as probe:
            probe.connect((_FAR[version], 9))
            return str(probe.getsockname()[0])
    except OSError:
        pass
    try:
        shown = subprocess.run(["ip", "-j", f"-{version}", "address"], capture_output=True, check=True).stdout
        links = json.loads(shown or b"[]")
    except (OSError, subprocess.CalledProcessError, ValueError):
        links = []
    for link in links:
        for address in link.get("addr_info", ()):
            if address.get("scope") == "global":
                return str(address["local"])
    if version == 6:
        raise ConfigError("this machine has no address of IPv6; give it one, and name it with --node-ip")
    return _LOOPBACK
