"""The cluster's certificates and keys, laid out as kubeadm does (PKI certificates and requirements).

    pki/ca.{crt,key}                     signs everything below, and the nodes' certificates
    pki/apiserver.{crt,key}              serves the API; names: localhost, the node, kubernetes.default..., service IP
    pki/apiserver-kubelet-client.{crt,key}
    pki/front-proxy-ca.{crt,key}  pki/front-proxy-client.{crt,key}
    pki/kubelet.{crt,key}                serves 10250 of this machine's node
    pki/sa.{key,pub}                     service-account tokens
    pki/etcd/*, pki/apiserver-etcd-client.{crt,key}     where there is etcd: etcd/certificates.py
    *.kubeconfig                         admin, (cloud-)controller-manager, scheduler, kubelet, proxy, dns

`ensure` makes what is missing and renews what has under 30 days left or the wrong addresses; the CAs stay.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization

from ..apiserver.service_account_keys import generate_signing_key, load_private_key
from ..base.x509 import CertificateAuthority, CertificateError, KeyPair, write_file
from ..client import kubeconfig
from . import endpoint
from . import leaf as leaf_contents
from .config import ClusterConfig


class Pki(msgspec.Struct, frozen=True):
    """What the processes of this machine need in memory."""

    ca: CertificateAuthority
    front_proxy_ca: CertificateAuthority
    apiserver: KeyPair
    kubelet_client: KeyPair
    kubelet_serving: KeyPair
    front_proxy_client: KeyPair
    service_account_key: bytes


class Identity(msgspec.Struct, frozen=True):
    """A client of the API server that gets a kubeconfig: file name, user name and groups."""

    file: str
    user: str
    groups: tuple[str, ...] = ()

    def is_shared(self, config: ClusterConfig) -> bool:
        """Whether its kubeconfig leads to all control planes, being taken to other machines; the rest are for here."""
        return self.file == "admin" and bool(config.control_plane_endpoint)


def identities(config: ClusterConfig) -> tuple[Identity, ...]:
    """The users of this machine's kubeconfig files."""
    return (
        Identity("admin", "kubernetes-admin", ("system:masters",)),
        Identity("controller-manager", "system:kube-controller-manager"),
        Identity("cloud-controller-manager", "system:cloud-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
        Identity("kubelet", f"system:node:{config.node_name}", ("system:nodes",)),
        Identity("proxy", "system:kube-proxy"),
        Identity("dns", "system:coredns"),
    )


def serving_names(config: ClusterConfig) -> list[str]:
    """The names and addresses the API server is reached by."""
    kubernetes = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    return [
        "localhost",
        config.node_name,
        *kubernetes,
        f"kubernetes.default.svc.{config.cluster_domain}",
        *dict.fromkeys(("127.0.0.1", *config.node_ips, config.service_ip)),
        *endpoint.serving_names(config),
    ]


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate in pki/ that a CA of ours signs: its file's name, and what it says."""

    name: str
    authority: str
    """The CA by the name of its file."""
    common_name: str
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def files(self, config: ClusterConfig) -> tuple[Path, Path]:
        """Certificate and key."""
        return config.pki / f"{self.name}.crt", config.pki / f"{self.name}.key"


CA, FRONT_PROXY_CA = "ca", "front-proxy-ca"


def leaves(config: ClusterConfig) -> tuple[Leaf, Leaf, Leaf, Leaf]:
    """The certificates of a control plane, without those for etcd."""
    node_names = (config.node_name, "localhost", *dict.fromkeys((*config.node_ips, "127.0.0.1")))
    return (
        Leaf(name="apiserver", authority=CA, common_name="kube-apiserver", names=tuple(serving_names(config))),
        Leaf(
            name="apiserver-kubelet-client",
            authority=CA,
            common_name="kube-apiserver-kubelet-client",
            organizations=("kubeadm:cluster-admins",),
        ),
        Leaf(
            name="kubelet",
            authority=CA,
            common_name=f"system:node:{config.node_name}",
            organizations=("system:nodes",),
            names=node_names,
        ),
        Leaf(name="front-proxy-client", authority=FRONT_PROXY_CA, common_name="front-proxy-client"),
    )


def authority(config: ClusterConfig, name: str, common_name: str) -> CertificateAuthority:
    """The CA of that name, made at the first start. A CA that all others trust is never replaced by a new one; a key
    alone is what a start that was cut short left behind, since the key is written first."""
    certificate, key = config.pki / f"{name}.crt", config.pki / f"{name}.key"
    if certificate.exists():
        try:
            return CertificateAuthority.load(certificate, key)
        except (OSError, CertificateError):
            raise CertificateError(
                f"{certificate} and {key.name} are damaged or incomplete; put both back from a copy, "
                "or give this cluster up with: pybernetes down --purge"
            ) from None
    made = CertificateAuthority.create(common_name)
    made.save(certificate, key)
    return made


def _usable(pair: KeyPair, authority: CertificateAuthority, names: Sequence[str]) -> bool:
    signed = leaf_contents.is_signed_by(pair, authority.certificate_pem)
    is_for_these = leaf_contents.names_in(pair) == leaf_contents.canonical(names)
    return signed and is_for_these and leaf_contents.is_fresh(pair, datetime.now(UTC))


def leaf_pair(config: ClusterConfig, authority: CertificateAuthority, leaf: Leaf) -> KeyPair:
    """The certificate for client and server, signed by the CA: the one there is, while it is of use."""
    certificate, key = leaf.files(config)
    if certificate.exists() and key.exists():
        try:
            pair = KeyPair.load(certificate, key)
            if _usable(pair, authority, leaf.names):
                return pair
        except CertificateError:
            pass
    return issue(config, authority, leaf)


def issue(config: ClusterConfig, authority: CertificateAuthority, leaf: Leaf) -> KeyPair:
    """Make the certificate anew, on a new key. OSError."""
    pair = authority.issue(leaf.common_name, organizations=leaf.organizations, names=leaf.names)
    pair.save(*leaf.files(config))
    return pair


def _service_account_key(config: ClusterConfig) -> bytes:
    private, public = config.pki / "sa.key", config.pki / "sa.pub"
    if private.exists():
        return _known_key(private)
    pem = generate_signing_key()
    write_file(private, pem, mode=0o600)
    key = serialization.load_pem_private_key(pem, password=None).public_key()
    encoded = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_file(public, encoded, mode=0o644)
    load_private_key(pem)
    return pem


def _known_key(path: Path) -> bytes:
    pem = path.read_bytes()
    try:
        load_private_key(pem)
    except (ValueError, TypeError):
        hint = "put it back from a copy, or remove it: every service-account token is made anew then"
        raise CertificateError(f"{path} is damaged; {hint}") from None
    return pem


def _kubeconfig_usable(config: ClusterConfig, identity: Identity, server: str, authority: CertificateAuthority) -> bool:
    path = config.data_dir / f"{identity.file}.kubeconfig"
    try:
        found = kubeconfig.resolve(kubeconfig.read(path))
        pair = KeyPair(found.client_certificate, found.client_key)
    except (OSError, kubeconfig.KubeconfigError, CertificateError):
        return False
    return found.server == server and found.ca_data == authority.certificate_pem and _usable(pair, authority, [])


def write_kubeconfigs(config: ClusterConfig, authority: CertificateAuthority) -> None:
    """A kubeconfig for each identity, readable by its owner only."""
    for identity in identities(config):
        if not _kubeconfig_usable(config, identity, server_of(config, identity), authority):
            issue_kubeconfig(config, authority, identity)


def server_of(config: ClusterConfig, identity: Identity) -> str:
    """The URL in its kubeconfig."""
    return endpoint.server(config) if identity.is_shared(config) else endpoint.local_server(config)


def issue_kubeconfig(config: ClusterConfig, authority: CertificateAuthority, identity: Identity) -> None:
    """Make the kubeconfig anew, with a new certificate. OSError."""
    pair = authority.issue(identity.user, organizations=identity.groups)
    document = kubeconfig.make(
        server=server_of(config, identity),
        ca_data=authority.certificate_pem,
        client_certificate=pair.certificate_pem,
        client_key=pair.key_pem,
        user=identity.user,
        cluster="pybernetes",
    )
    kubeconfig.write(config.data_dir / f"{identity.file}.kubeconfig", document)


def ensure(config: ClusterConfig) -> Pki:
    """Make or renew everything; return what the processes need. OSError, CertificateError."""
    config.pki.mkdir(parents=True, exist_ok=True)
    config.pki.chmod(0o700)
    ca = authority(config, CA, "kubernetes")
    front_proxy_ca = authority(config, FRONT_PROXY_CA, "front-proxy-ca")
    apiserver, kubelet_client, kubelet_serving, front_proxy_client = leaves(config)
    pki = Pki(
        ca=ca,
        front_proxy_ca=front_proxy_ca,
        apiserver=leaf_pair(config, ca, apiserver),
        kubelet_client=leaf_pair(config, ca, kubelet_client),
        kubelet_serving=leaf_pair(config, ca, kubelet_serving),
        front_proxy_client=leaf_pair(config, front_proxy_ca, front_proxy_client),
        service_account_key=_service_account_key(config),
    )
    write_kubeconfigs(config, ca)
    return pki
