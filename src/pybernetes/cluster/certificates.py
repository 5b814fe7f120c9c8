"""How long the certificates of a machine are valid, and new ones in their place (`kubeadm certs`).

A control plane has leaf certificates, kubeconfigs with a certificate inside, and CAs. Leaf certificates and kubeconfigs
can be made anew at any time, since the CAs stay: who holds an old one is believed until that ends. A machine that only
joined has the two that its kubelet renews by itself (node_certificates.py).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ..base.x509 import CertificateAuthority, CertificateError, load_certificate
from ..client import kubeconfig
from . import pki
from .config import ClusterConfig
from .pki import Identity, Leaf

LIVE = frozenset(
    (
        "apiserver",
        "apiserver-etcd-client",
        "apiserver-kubelet-client",
        "etcd/healthcheck-client",
        "etcd/peer",
        "etcd/server",
        "front-proxy-client",
        "kubelet",
    )
)
"""Read again as soon as the files change (API server, kubelet), with each connection (etcd) or by each command. The
others are read at the start of who uses them."""


class RenewError(Exception):
    """A certificate that cannot be made anew; the message is one line with the next step."""


class Validity(msgspec.Struct, frozen=True):
    """A certificate by name. expires None: it is missing or damaged; authority: the CA by name, "" for a CA itself."""

    name: str
    expires: datetime | None
    authority: str = ""


def _leaves(config: ClusterConfig) -> list[Leaf]:
    if not config.etcd:
        return list(pki.leaves(config))
    from .etcd.certificates import leaves

    return [*pki.leaves(config), *leaves(config)]


def is_control_plane(config: ClusterConfig) -> bool:
    """Whether this machine signs its own certificates."""
    return (config.pki / "ca.key").exists()


def leaf_validities(config: ClusterConfig) -> list[Validity]:
    """Every certificate of this machine but the CAs, by name."""
    if not is_control_plane(config):
        return [
            Validity("kubelet", _end_of(config.pki / "kubelet.crt"), "ca"),
            Validity("kubelet.kubeconfig", _end_inside(config.node_kubeconfig), "ca"),
        ]
    found = [Validity(leaf.name, _end_of(leaf.files(config)[0]), leaf.authority) for leaf in _leaves(config)]
    for identity in pki.identities(config):
        name = f"{identity.file}.kubeconfig"
        found.append(Validity(name, _end_inside(config.data_dir / name), pki.CA))
    return sorted(found, key=lambda validity: validity.name)


def authority_validities(config: ClusterConfig) -> list[Validity]:
    """The CAs of this machine."""
    if not is_control_plane(config):
        return []
    names = sorted({leaf.authority for leaf in _leaves(config)})
    return [Validity(name, _end_of(config.pki / f"{name}.crt")) for name in names]


def _end_of(path: Path) -> datetime | None:
    try:
        return load_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, CertificateError):
        return None


def _end_inside(path: Path) -> datetime | None:
    try:
        found = kubeconfig.resolve(kubeconfig.read(path))
        return load_certificate(found.client_certificate).not_valid_after_utc
    except (OSError, kubeconfig.KubeconfigError, CertificateError):
        return None


def residual(left: timedelta) -> str:
    """Time that is left as kubeadm shows it: `364d`, `9y`, `<invalid>` when it is over."""
    seconds = int(left.total_seconds())
    if seconds < -1:
        return "<invalid>"
    for size, unit, least in ((365 * 86400, "y", 365 * 86400), (86400, "d", 86400), (3600, "h", 3600), (60, "m", 60)):
        if seconds >= least:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def renew(config: ClusterConfig, names: Sequence[str]) -> list[str]:
    """Make these anew, all when there are none; their names. RenewError, OSError."""
    if not is_control_plane(config):
        raise RenewError(
            f"the certificates in {config.data_dir} are renewed by this node itself after 80 % of their life"
        )
    known: dict[str, Leaf | Identity] = {leaf.name: leaf for leaf in _leaves(config)}
    known |= {f"{identity.file}.kubeconfig": identity for identity in pki.identities(config)}
    wanted = list(dict.fromkeys(names)) or sorted(known)
    strange = [name for name in wanted if name not in known]
    if strange:
        raise RenewError(f"there is no certificate {strange[0]}; see them with: pybernetes certificates check")
    for name in wanted:
        what = known[name]
        if isinstance(what, Leaf):
            pki.issue(config, _authority(config, what.authority), what)
        else:
            pki.issue_kubeconfig(config, _authority(config, pki.CA), what)
    return wanted


def _authority(config: ClusterConfig, name: str) -> CertificateAuthority:
    certificate, key = config.pki / f"{name}.crt", config.pki / f"{name}.key"
    try:
        return CertificateAuthority.load(certificate, key)
    except (OSError, CertificateError):
        raise RenewError(f"{certificate} and {key.name} are damaged or incomplete; put both back from a copy") from None
