"""What all control planes have in common, handed to a new one: the CAs, the key of service-account tokens, settings.

    token create --control-plane ─▶ Secret control-plane-keys-ID  (each entry sealed with the certificate key)
                                    Role, RoleBinding: only the user of that token may read it
    up --join ─▶ reads it with the token, opens it with the certificate key ─▶ D/pki

As with kubeadm's `upload-certs` the cluster stores no clear text and never sees the certificate key: it is printed once
and typed in on the new machine. All three objects belong to the token's Secret, so they go when it is deleted or
expires (token cleaner, garbage collector).
"""

import re
import secrets
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..base.x509 import write_file
from .addons.objects import RBAC, Object, user
from .config import ClusterConfig

NAMESPACE = "kube-system"
_FILES = (
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
    "etcd/ca.crt",
    "etcd/ca.key",
)
_SETTINGS = "settings"
_NONCE_BYTES = 12
_KEY = re.compile(r"[0-9a-f]{64}")


class WrongKey(ValueError):
    """The certificate key does not open the Secret, or is none."""


class CommonSettings(msgspec.Struct, frozen=True):
    """Fields of `ClusterConfig` that are the same on all control planes: what objects in the store depend on, the ports
    behind the Services that lead to all of them, and what whoever leads must agree on."""

    pod_cidr: str
    service_cidr: str
    cluster_domain: str
    node_port_range: str
    api_port: int
    dns_port: int
    kubelet_port: int
    cloud_provider: str
    node_monitor_grace_period: float
    history_hours: float
    history_megabytes: int
    feature_gates: dict[str, bool]
    runtime_config: dict[str, bool]
    etcd_servers: tuple[str, ...]
    control_plane_endpoint: str = ""
    apiserver_cert_extra_sans: tuple[str, ...] = ()


class Shared(msgspec.Struct, frozen=True):
    """Everything a new control plane gets. files: content by path below pki/."""

    files: dict[str, bytes]
    settings: CommonSettings

    def applied_to(self, config: ClusterConfig) -> ClusterConfig:
        """The settings of a control plane of that cluster; the sample is the first one's business."""
        return msgspec.structs.replace(config, etcd=True, sample=False, **msgspec.structs.asdict(self.settings))

    def write(self, config: ClusterConfig) -> None:
        """Put the files into place, keys readable by their owner only. OSError."""
        config.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in sorted(self.files, key=lambda name: name.endswith(".crt")):  # keys first: pki.authority
            write_file(config.pki / name, self.files[name], mode=0o600 if name.endswith(".key") else 0o644)


def of_this_machine(config: ClusterConfig, etcd_servers: tuple[str, ...]) -> Shared:
    """What this control plane can hand on. OSError."""
    names = set(CommonSettings.__struct_fields__) - {"etcd_servers"}
    settings = CommonSettings(**{name: getattr(config, name) for name in names}, etcd_servers=etcd_servers)
    return Shared({name: (config.pki / name).read_bytes() for name in _FILES}, settings)


def new_certificate_key() -> str:
    """32 random bytes as hexadecimal text, as `kubeadm certs certificate-key` prints them."""
    return secrets.token_hex(32)


def seal(shared: Shared, certificate_key: str) -> dict[str, bytes]:
    """The Secret's data: per entry a nonce and AES-256-GCM's output, bound to the entry's name."""
    cipher = _cipher(certificate_key)
    entries = {_entry(name): content for name, content in shared.files.items()}
    entries[_SETTINGS] = msgspec.json.encode(shared.settings)
    sealed = {}
    for name, content in entries.items():
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed[name] = nonce + cipher.encrypt(nonce, content, name.encode())
    return sealed


def unseal(data: dict[str, bytes], certificate_key: str) -> Shared:
    """What `seal` was given. WrongKey; LookupError or ValueError when it is something else."""
    cipher = _cipher(certificate_key)

    def opened(name: str) -> bytes:
        entry = data[name]
        try:
            return cipher.decrypt(entry[:_NONCE_BYTES], entry[_NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise WrongKey("the certificate key does not open it") from None

    settings = msgspec.json.decode(opened(_SETTINGS), type=CommonSettings)
    return Shared({name: opened(_entry(name)) for name in _FILES}, settings)


def _cipher(certificate_key: str) -> AESGCM:
    if not _KEY.fullmatch(certificate_key):
        raise WrongKey("a certificate key has 64 hexadecimal digits")
    return AESGCM(bytes.fromhex(certificate_key))


def _entry(name: str) -> str:
    return name.replace("/", "-")


def secret_name(token_id: str) -> str:
    """The Secret of a token, and its Role and RoleBinding."""
    return f"control-plane-keys-{token_id}"


def access_objects(token_id: str, owner: dict[str, Any]) -> list[Object]:
    """Who may read the Secret: the user that the token authenticates. owner: reference to the token's Secret."""
    name = secret_name(token_id)
    meta = {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner]}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": [user(f"system:bootstrap:{token_id}")],
        },
    ]
