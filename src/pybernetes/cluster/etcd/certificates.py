"""etcd's certificates, laid out as kubeadm does:

pki/etcd/ca.{crt,key}                   signs what follows, and nothing else
pki/etcd/server.{crt,key}               serves clients; names: localhost, the node, its address
pki/etcd/peer.{crt,key}                 between members
pki/etcd/healthcheck-client.{crt,key}   for `etcdctl`
pki/apiserver-etcd-client.{crt,key}     the API server, `status` and whoever changes the membership
"""

import msgspec

from ...base.http.net import join_host_port
from ...store.etcd import EtcdAddress
from ..config import ClusterConfig
from ..pki import Leaf, authority, leaf_pair

CA_NAME = "etcd/ca"
_CLIENT = "apiserver-etcd-client"


def ensure(config: ClusterConfig) -> None:
    """Make what is missing and renew what has become useless. OSError, CertificateError."""
    ca = authority(config, CA_NAME, "etcd-ca")
    (config.pki / "etcd").chmod(0o700)
    for leaf in leaves(config):
        leaf_pair(config, ca, leaf)


def leaves(config: ClusterConfig) -> list[Leaf]:
    """The certificates that this machine has for etcd."""
    names = (config.node_name, "localhost", *dict.fromkeys((*config.node_ips, "127.0.0.1")))
    return [
        Leaf(name="etcd/server", authority=CA_NAME, common_name=config.node_name, names=names),
        Leaf(name="etcd/peer", authority=CA_NAME, common_name=config.node_name, names=names),
        Leaf(name="etcd/healthcheck-client", authority=CA_NAME, common_name="kube-etcd-healthcheck-client"),
        Leaf(name=_CLIENT, authority=CA_NAME, common_name="kube-apiserver-etcd-client"),
    ]


def address(config: ClusterConfig, servers: tuple[str, ...] = ()) -> EtcdAddress:
    """How to reach these members as their client; without any, this machine's own."""
    return EtcdAddress(
        servers=servers or (f"https://127.0.0.1:{config.etcd_port}",),
        ca_file=config.pki / f"{CA_NAME}.crt",
        cert_file=config.pki / f"{_CLIENT}.crt",
        key_file=config.pki / f"{_CLIENT}.key",
    )


class Urls(msgspec.Struct, frozen=True):
    """Where a machine's member is reached by clients and by the other members."""

    client: str
    peer: str


def urls(config: ClusterConfig) -> Urls:
    """Those of this machine."""
    client, peer = (join_host_port(config.node_ip, port) for port in (config.etcd_port, config.etcd_peer_port))
    return Urls(f"https://{client}", f"https://{peer}")
