"""From credentials to a transport: `RestConfig` holds what is needed to reach one API server over HTTPS.

    RestConfig ──tls_context──▶ ssl.SSLContext ──▶ HttpTransport ──token──▶ App ──▶ Client

Sources: a kubeconfig (kubeconfig.resolve) or the service account of the pod we run in (`in_cluster`).
"""

import os
import ssl
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ..base.http.message import App, Request, Response
from .client import Client
from .request_metrics import RequestMetrics

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_REREAD_SECONDS = 60.0


class RestConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach and trust a server, and who we are to it. Certificates and keys are PEM."""

    server: str
    ca_data: bytes = b""
    insecure: bool = False
    server_name: str = ""
    client_certificate: bytes = b""
    client_key: bytes = b""
    token: str = ""
    token_file: str = ""
    namespace: str = "default"


def tls_context(config: RestConfig) -> ssl.SSLContext | None:
    """The client's TLS settings; None for a plain http:// server."""
    if not config.server.startswith("https:"):
        return None
    context = ssl.create_default_context(cadata=config.ca_data.decode() if config.ca_data else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_certificate:
        load_certificate(context, config.client_certificate, config.client_key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Put a certificate chain and its key (PEM, in memory) into a context; the ssl module reads files only."""
    with tempfile.NamedTemporaryFile(prefix="pybernetes-") as file:
        file.write(certificate.rstrip(b"\n") + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


class BearerToken:
    """An App that adds `authorization: Bearer …`; a token file is read again every minute, since tokens rotate."""

    def __init__(self, app: App, token: str = "", token_file: str = "") -> None:
        self._app = app
        self._token = token
        self._token_file = token_file
        self._read_at = float("-inf")

    async def __call__(self, request: Request) -> Response:
        if self._token_file and time.monotonic() - self._read_at > TOKEN_REREAD_SECONDS:
            self._token = Path(self._token_file).read_text().strip()
            self._read_at = time.monotonic()
        request.headers.append(("authorization", f"Bearer {self._token}"))
        return await self._app(request)


def transport(config: RestConfig) -> App:
    """An App that talks to that server."""
    from ..base.http.client import HttpTransport

    app: App = HttpTransport(config.server, tls=tls_context(config), server_name=config.server_name or None)
    if config.token or config.token_file:
        app = BearerToken(app, config.token, config.token_file)
    return app


def client(config: RestConfig, *, user_agent: str = "") -> Client:
    """A client over HTTPS."""
    headers = [("user-agent", user_agent)] if user_agent else None
    return Client(transport(config), headers=headers, metrics=RequestMetrics(host_of(config)))


def host_of(config: RestConfig) -> str:
    """The server's `host:port`."""
    return urlsplit(config.server).netloc


def in_cluster(directory: Path = SERVICE_ACCOUNT, environ: dict[str, str] | None = None) -> RestConfig:
    """The configuration of a pod: its service account's token and CA. FileNotFoundError outside of a pod."""
    environ = dict(os.environ) if environ is None else environ
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise FileNotFoundError("KUBERNETES_SERVICE_HOST is not set: not inside a pod")
    if ":" in host:
        host = f"[{host}]"
    namespace = directory / "namespace"
    return RestConfig(
        server=f"https://{host}:{port}",
        ca_data=(directory / "ca.crt").read_bytes(),
        token_file=str(directory / "token"),
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )
