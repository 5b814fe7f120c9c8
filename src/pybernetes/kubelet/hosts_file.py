"""The /etc/hosts of a pod, which the kubelet writes and mounts into every container of the pod.

A pod of its own network gets the loopback names, its own address and name; a pod on the host network gets the node's
file. Both end with the pod's hostAliases (page "Adding entries to Pod /etc/hosts with HostAliases").
"""

import os
from collections.abc import Sequence

from pybernetes.api.core import Pod

HEADER = "# Kubernetes-managed hosts file.\n"
HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n"
LOOPBACK = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)
MAXIMUM_HOSTNAME = 63


def pod_hostname(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """(hostname, domain) of a pod: its hostname or name, cut to what DNS takes, and with a subdomain
    `sub.namespace.svc.cluster.local`; or hostnameOverride (KEP-4762) alone."""
    if pod.spec.hostname_override:
        return pod.spec.hostname_override, ""
    hostname = pod.spec.hostname or (pod.metadata.name or "")[:MAXIMUM_HOSTNAME].rstrip("-.")
    if not pod.spec.subdomain:
        return hostname, ""
    return hostname, f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"


def render(pod: Pod, pod_ips: Sequence[str], cluster_domain: str, host_hosts: str) -> str:
    """The text of the file. host_hosts is the node's own /etc/hosts, used for pods on the host network."""
    if pod.spec.host_network:
        text = HOST_NETWORK_HEADER + host_hosts
    else:
        hostname, domain = pod_hostname(pod, cluster_domain)
        names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
        text = HEADER + LOOPBACK + "".join(f"{ip}\t{names}\n" for ip in pod_ips)
    if pod.spec.host_aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join(f"{alias.ip}\t" + "\t".join(alias.hostnames or ()) + "\n" for alias in pod.spec.host_aliases)
    return text


def write(pod: Pod, pod_ips: Sequence[str], path: str, *, cluster_domain: str = "cluster.local") -> None:
    """Write the pod's file. Written in place: a container's bind mount shows the same inode."""
    host_hosts = ""
    if pod.spec.host_network:
        try:
            with open("/etc/hosts", encoding="utf-8", errors="surrogateescape") as source:
                host_hosts = source.read()
        except FileNotFoundError:
            pass
    text = render(pod, pod_ips, cluster_domain, host_hosts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as target:
        target.write(text)
    os.chmod(path, 0o644)
