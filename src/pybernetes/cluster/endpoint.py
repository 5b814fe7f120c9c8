"""The name by which all control planes together are reached: a load balancer, or a name in the DNS (kubeadm's
`--control-plane-endpoint` and `--apiserver-cert-extra-sans`).

Who is told where the cluster is gets the endpoint: the administrator's kubeconfig, machines that join, `cluster-info`.
Components beside an API server keep to that one, and nodes know all of them (api_servers.py). Every control plane's
serving certificate is for the endpoint's name and for the further names.
"""

import ipaddress

from ..api import names
from ..base.http.net import join_host_port
from .config import ClusterConfig, ConfigError


def local_server(config: ClusterConfig) -> str:
    """The URL of this machine's API server, for this machine."""
    return f"https://127.0.0.1:{config.api_port}"


def server(config: ClusterConfig) -> str:
    """The URL at which others find the cluster."""
    if not config.control_plane_endpoint:
        return f"https://{join_host_port(config.node_ip, config.api_port)}"
    return f"https://{join_host_port(*_parsed(config.control_plane_endpoint, config.api_port))}"


def serving_names(config: ClusterConfig) -> list[str]:
    """Names and addresses that the serving certificates of all control planes have in common."""
    endpoint = config.control_plane_endpoint
    own = [_parsed(endpoint, config.api_port)[0]] if endpoint else []
    return list(dict.fromkeys([*own, *config.apiserver_cert_extra_sans]))


def check(config: ClusterConfig) -> None:
    """ConfigError when the endpoint or one of the names cannot be used."""
    if config.control_plane_endpoint:
        _parsed(config.control_plane_endpoint, config.api_port)
    for name in config.apiserver_cert_extra_sans:
        if not _is_address(name) and names.dns1123_subdomain(name) and names.wildcard_subdomain(name):
            raise ConfigError(
                f"--apiserver-cert-extra-sans {name} is neither an address nor a DNS name; "
                "give them as api.example.com,10.0.0.1"
            )


def _parsed(endpoint: str, default_port: int) -> tuple[str, int]:
    """Host and port. ConfigError."""
    host, port = endpoint, str(default_port)
    if endpoint.startswith("["):
        host, closed, rest = endpoint[1:].partition("]")
        port = rest[1:] if closed and rest.startswith(":") else port if closed and not rest else ""
    elif endpoint.count(":") == 1:
        host, _, port = endpoint.partition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _unusable(endpoint, "has no port from 1 to 65535")
    if not _is_address(host) and names.dns1123_subdomain(host):
        raise _unusable(endpoint, "is neither an address nor a DNS name")
    return host, int(port)


def _unusable(endpoint: str, reason: str) -> ConfigError:
    return ConfigError(f"--control-plane-endpoint {endpoint} {reason}; give it as api.example.com:6443")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
