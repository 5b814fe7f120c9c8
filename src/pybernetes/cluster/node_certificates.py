"""The certificates of a node that joined: asked for through the API, renewed before they run out.

    new key ─▶ CertificateSigningRequest ─▶ approved and signed by the controllers ─▶ file, and the live TLS contexts

Two of them: the client certificate (`kubelet.kubeconfig`), by which the node is known, and the serving certificate
(`pki/kubelet.crt`) of its port 10250. The serving one can only be approved once the Node object tells the addresses it
is for, so a new node serves with a self-signed one during its first second. Both contexts are changed in place: open
connections go on, new ones use the new certificate. The clients go to whichever API server lives (api_servers.py).
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from .. import GIT_VERSION
from ..api.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from ..api.meta import ObjectMeta
from ..api.status import StatusError
from ..base.http.client_connection import TransportError
from ..base.log import logger
from ..base.tasks import running
from ..base.x509 import (
    CertificateAuthority,
    CertificateError,
    KeyPair,
    create_request,
    key_pem,
    load_pair,
    new_key,
    server_context,
)
from ..client import config as rest
from ..client import kubeconfig
from ..client.client import Client
from ..client.request_metrics import RequestMetrics
from ..reconcile.certificate_requests import KUBELET_CLIENT, KUBELET_SERVING, condition_of
from . import leaf
from .api_servers import ApiServers
from .config import ClusterConfig
from .waiting import wait_for

log = logger(__name__)

_RETRY_SECONDS = 30.0
_REQUEST_SECONDS = 120.0
_LONGEST_SLEEP_SECONDS = 24 * 3600.0


class RequestRefused(Exception):
    """The request was denied or could not be signed; the message is one line."""


class Wanted(msgspec.Struct, frozen=True):
    """What a certificate is for."""

    signer: str
    node_name: str
    names: Sequence[str] = ()

    @property
    def usages(self) -> list[str]:
        return ["digital signature", "client auth" if self.signer == KUBELET_CLIENT else "server auth"]


async def request_certificate(client: Client, wanted: Wanted) -> KeyPair:
    """A signed certificate with its new key. RequestRefused, StatusError; TimeoutError when nobody decides."""
    key = new_key()
    request = create_request(
        key, f"system:node:{wanted.node_name}", organizations=("system:nodes",), names=wanted.names
    )
    created = await client.create(
        CertificateSigningRequest(
            metadata=ObjectMeta(generate_name="csr-"),
            spec=CertificateSigningRequestSpec(request=request, signer_name=wanted.signer, usages=wanted.usages),
        )
    )
    name = created.metadata.name or ""
    async with asyncio.timeout(_REQUEST_SECONDS):
        decided = await wait_for(client, CertificateSigningRequest, name, "", _is_over)
    for kind in ("Denied", "Failed"):
        condition = condition_of(decided, kind)
        if condition is not None:
            raise RequestRefused(f"the request {name} was {kind.lower()}: {condition.message or condition.reason}")
    return KeyPair(decided.status.certificate or b"", key_pem(key))


def _is_over(request: CertificateSigningRequest) -> bool:
    refused = condition_of(request, "Denied") or condition_of(request, "Failed")
    return bool(request.status.certificate or refused)


def write_credentials(path: Path, server: str, ca_data: bytes, pair: KeyPair) -> None:
    """A node's kubeconfig, readable by its owner only."""
    document = kubeconfig.make(
        server=server,
        ca_data=ca_data,
        client_certificate=pair.certificate_pem,
        client_key=pair.key_pem,
        user=leaf.common_name(pair),
    )
    kubeconfig.write(path, document)


class NodeCertificates:
    """`client`, `proxy_client` and `server_tls` for the node's parts; `serve` keeps the certificates behind them."""

    def __init__(self, config: ClusterConfig, connection: rest.RestConfig, path: Path) -> None:
        """`connection` is what the kubeconfig at `path` says. CertificateError when its credentials are of no use."""
        self._config = config
        self._path = path
        self._connection = connection
        self._client_pair = KeyPair(connection.client_certificate, connection.client_key)
        context = rest.tls_context(connection)
        if context is None:
            raise CertificateError(f"{connection.server} is not an https:// address")
        self._client_tls = context
        agent = ("user-agent", f"kubelet/{GIT_VERSION}")
        self._servers = ApiServers(connection.server, context, config.data_dir / "api-servers.json")
        self.client = Client(self._servers, headers=[agent], metrics=RequestMetrics(rest.host_of(connection)))
        as_proxy = [("user-agent", f"kube-proxy/{GIT_VERSION}"), ("impersonate-user", "system:kube-proxy")]
        self.proxy_client = Client(self._servers, headers=as_proxy)
        self._names = [config.node_name, *config.node_ips]
        stored = self._stored()
        self._is_signed = stored is not None
        self._serving = stored or CertificateAuthority.create(f"{config.node_name}-until-signed")
        self.server_tls = server_context(self._serving, client_ca=connection.ca_data)

    def _stored(self) -> KeyPair | None:
        """The serving certificate on disk, if it is signed by the cluster and for our present addresses."""
        files = self._config.pki / "kubelet.crt", self._config.pki / "kubelet.key"
        with contextlib.suppress(OSError, CertificateError):
            pair = KeyPair.load(*files)
            if leaf.covers(pair, self._names) and leaf.is_signed_by(pair, self._connection.ca_data):
                return pair
        return None

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready when the way to the API is known; runs until cancelled."""
        async with running("api-servers", partial(self._servers.serve, self.proxy_client)):
            ready.set()
            await self._keep_valid()

    async def _keep_valid(self) -> None:
        while True:
            try:
                delay = await self._renew_due()
            except (StatusError, TransportError, OSError, TimeoutError, RequestRefused) as error:
                log.warning("Certificate could not be renewed; trying again", node=self._config.node_name, err=error)
                delay = _RETRY_SECONDS
            await asyncio.sleep(delay)

    async def _renew_due(self) -> float:
        """Renew what is due; seconds until something is again."""
        now = datetime.now(UTC)
        node = self._config.node_name
        if not self._is_signed or leaf.renewal_time(self._serving) <= now:
            self._serving = await request_certificate(self.client, Wanted(KUBELET_SERVING, node, self._names))
            self._is_signed = True
            self._config.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._serving.save(self._config.pki / "kubelet.crt", self._config.pki / "kubelet.key")
            load_pair(self.server_tls, self._serving)
            log.info("Serving certificate signed", node=node, expires=self._serving.expires.isoformat())
        if leaf.renewal_time(self._client_pair) <= now:
            self._client_pair = await request_certificate(self.client, Wanted(KUBELET_CLIENT, node))
            connection = self._connection
            write_credentials(self._path, connection.server, connection.ca_data, self._client_pair)
            load_pair(self._client_tls, self._client_pair)
            log.info("Client certificate renewed", node=node, expires=self._client_pair.expires.isoformat())
        due = min(leaf.renewal_time(self._serving), leaf.renewal_time(self._client_pair))
        return min(max((due - datetime.now(UTC)).total_seconds(), 1.0), _LONGEST_SLEEP_SECONDS)
