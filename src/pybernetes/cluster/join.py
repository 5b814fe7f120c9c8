"""Joining a cluster (kubeadm's token-based discovery and TLS bootstrap, KEP-130 and KEP-20):

    1. kube-public/cluster-info, read anonymously from a server we do not trust yet
    2. a CA in it has the public key whose hash we were given  ─▶ from now on only that CA is trusted
    3. a request for a client certificate, made with the bootstrap token; the controllers approve and sign it
    4. kubelet.kubeconfig (0600): the node is known by it from now on and needs no token again

What must be the same on all nodes (networks, cluster domain) stands in cluster-info too, and is remembered here in
joined.json for a start while the server is away.
"""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .. import GIT_VERSION
from ..api.core import ConfigMap
from ..api.status import StatusError
from ..base.http.client_connection import TransportError
from ..base.x509 import CertificateError, KeyPair, public_key_fingerprint, write_file
from ..client import config as rest
from ..client import kubeconfig
from ..client.client import Client
from ..reconcile.certificate_requests import KUBELET_CLIENT
from . import leaf
from .addons.joining import SETTINGS, SharedSettings
from .config import ClusterConfig, ConfigError, fitted
from .node_certificates import NodeCertificates, RequestRefused, Wanted, request_certificate, write_credentials

_CONNECT_SECONDS = 30.0
_RETRY_SECONDS = 0.5


class JoinError(Exception):
    """The node cannot join; the message is one line with the next step."""


class Joined(msgspec.Struct, frozen=True):
    """A node's way into the cluster, and its settings with those of the cluster."""

    config: ClusterConfig
    certificates: NodeCertificates


async def join(config: ClusterConfig, path: Path, server: str, token: str, ca_cert_hash: str) -> Joined:
    """The credentials of this node: those in `path`, else new ones by means of the token. JoinError."""
    connection = _known(config, path, server)
    if connection is None:
        await _bootstrap(config, path, server, token, ca_cert_hash)
        connection = _known(config, path, server)
        assert connection is not None
    try:
        settings = msgspec.json.decode(_settings_file(config).read_bytes(), type=SharedSettings)
        config = fitted(msgspec.structs.replace(config, **msgspec.structs.asdict(settings)))
    except FileNotFoundError:
        pass
    except ConfigError as error:
        raise JoinError(str(error)) from None
    except msgspec.MsgspecError as error:
        raise JoinError(f"{_settings_file(config)} is damaged ({error}); remove it and join again") from None
    try:
        certificates = NodeCertificates(config, connection, path)
    except (CertificateError, OSError) as error:
        raise JoinError(f"{path} cannot be used ({error}); remove it and join again") from None
    return Joined(config, certificates)


def _settings_file(config: ClusterConfig) -> Path:
    return config.data_dir / "joined.json"


def _known(config: ClusterConfig, path: Path, server: str) -> rest.RestConfig | None:
    """The connection of a node that has joined already; the address given now wins over the one remembered."""
    try:
        found = kubeconfig.resolve(kubeconfig.read(path))
        pair = KeyPair(found.client_certificate, found.client_key)
    except FileNotFoundError:
        return None
    except (OSError, kubeconfig.KubeconfigError, CertificateError) as error:
        raise JoinError(f"{path} cannot be used ({error}); remove it and join again with a token") from None
    if pair.expires <= datetime.now(UTC):
        return None
    known = leaf.common_name(pair).removeprefix("system:node:")
    if known != config.node_name:
        raise JoinError(f"this machine joined as {known}; start with --node-name {known}, or purge {config.data_dir}")
    if server and server.rstrip("/") != found.server:
        found = msgspec.structs.replace(found, server=server.rstrip("/"))
        write_credentials(path, found.server, found.ca_data, pair)
    return found


async def _bootstrap(config: ClusterConfig, path: Path, server: str, token: str, ca_cert_hash: str) -> None:
    """Steps 1 to 4."""
    if not (server and token and ca_cert_hash):
        flags = "--server, --token and --ca-cert-hash"
        raise JoinError(f"joining needs {flags}; a cluster prints them with: pybernetes token create")
    trusted, information = await trusted_connection(server, ca_cert_hash)
    server = trusted.server
    client = rest.client(msgspec.structs.replace(trusted, token=token), user_agent=f"kubelet/{GIT_VERSION}")
    try:
        pair = await request_certificate(client, Wanted(KUBELET_CLIENT, config.node_name))
    except StatusError as error:
        if error.code in (401, 403):
            raise JoinError(f"{server} refuses the token; make a new one there with: pybernetes token create") from None
        raise JoinError(f"{server} refuses the request for a certificate: {error}") from None
    except RequestRefused as error:
        raise JoinError(str(error)) from None
    except TimeoutError:
        raise JoinError("nobody approved this node's certificate; see there: kubectl get csr") from None
    if information.get(SETTINGS):
        write_file(_settings_file(config), information[SETTINGS].encode(), mode=0o644)
    write_credentials(path, server, trusted.ca_data, pair)


async def trusted_connection(server: str, ca_cert_hash: str) -> tuple[rest.RestConfig, dict[str, str]]:
    """Steps 1 and 2: the connection that trusts the pinned CA, and what the cluster tells everybody. JoinError."""
    server = server.rstrip("/")
    if not server.startswith("https://"):
        raise JoinError(f"{server} is not an https:// address such as https://10.0.0.1:6443")
    untrusted = await _cluster_info(rest.RestConfig(server=server, insecure=True))
    ca_data = pinned(certificates_of(untrusted), ca_cert_hash)
    if not ca_data:
        raise JoinError(f"{server} has another CA than {ca_cert_hash}; check both, somebody may be listening in")
    trusted = rest.RestConfig(server=server, ca_data=ca_data)
    return trusted, await _cluster_info(trusted)


async def _cluster_info(connection: rest.RestConfig) -> dict[str, str]:
    """The data of cluster-info, asked for until the server answers. JoinError."""
    client: Client = rest.client(connection, user_agent=f"pybernetes-join/{GIT_VERSION}")
    reason = "silence"
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            while True:
                try:
                    return (await client.get(ConfigMap, "cluster-info", "kube-public")).data or {}
                except (TransportError, OSError) as error:
                    reason = str(error)
                    if "not yet valid" in reason or "has expired" in reason:
                        hint = "set this machine's clock by that one's"
                        raise JoinError(f"{connection.server}: {reason}; {hint}") from None
                    await asyncio.sleep(_RETRY_SECONDS)
    except TimeoutError:
        raise JoinError(f"{connection.server} does not answer ({reason}); check --server and the network") from None
    except StatusError as error:
        raise JoinError(f"{connection.server} does not tell about its cluster: {error}") from None


def certificates_of(information: dict[str, str]) -> list[bytes]:
    """The CAs (PEM) in the kubeconfig of cluster-info; [] when there is none to be read."""
    try:
        document: Any = yaml.safe_load(information.get("kubeconfig", ""))
        bundle = b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])
        return [part.public_bytes(Encoding.PEM) for part in x509.load_pem_x509_certificates(bundle)]
    except (yaml.YAMLError, ValueError, TypeError, LookupError):
        return []


def pinned(certificates: list[bytes], ca_cert_hash: str) -> bytes:
    """The certificate whose public key has that hash; b"" when there is none."""
    for certificate in certificates:
        if public_key_fingerprint(x509.load_pem_x509_certificate(certificate)) == ca_cert_hash.lower():
            return certificate
    return b""
