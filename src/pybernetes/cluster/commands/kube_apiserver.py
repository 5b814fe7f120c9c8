"""`pybernetes apiserver` started as upstream's `kube-apiserver` is: by flags alone, over etcd, no data directory.

    flags ─▶ parse ─▶ ApiServerConfig + EtcdAddress ─▶ store ─▶ API server      until SIGTERM

A serving certificate that is not given is made, self-signed by nobody's CA, in `--cert-dir`, as upstream does.
"""

import argparse
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from ...apiserver import flags as api_flags
from ...apiserver.config import ApiServerConfig, TlsFiles
from ...apiserver.server import ApiServer
from ...base.tasks import running
from ...base.x509 import CertificateAuthority, CertificateError, KeyPair
from ...store.etcd import EtcdAddress, EtcdStore
from .. import identity_flags, kube_flags
from ..families import detected
from ..progress import Progress
from .flag_values import values
from .settings import CommandError


def is_meant(arguments: argparse.Namespace) -> bool:
    """Whether the command line speaks upstream's language: etcd is named, or where certificates are."""
    return bool(arguments.etcd_servers or arguments.cert_dir)


def parsed(arguments: argparse.Namespace) -> dict[str, Any]:
    """The given flags by name, each as its kind says. CommandError names the flag and what it should look like."""
    return values(
        {name: getattr(arguments, name.replace("-", "_")) or () for name in kube_flags.FLAGS}, kube_flags.FLAGS
    )


def etcd_address(flags: Mapping[str, Any]) -> EtcdAddress:
    """Where the store is. CommandError when no server is named."""
    servers = flags.get("etcd-servers", ())
    if not servers:
        raise CommandError("--etcd-servers must be specified, such as --etcd-servers=http://127.0.0.1:2379")
    for server in servers:
        if not server.startswith(("http://", "https://", "unix://")):
            raise CommandError(f"--etcd-servers {server} is not a URL such as http://127.0.0.1:2379")
    return EtcdAddress(
        servers=servers,
        ca_file=_path(flags, "etcd-cafile"),
        cert_file=_path(flags, "etcd-certfile"),
        key_file=_path(flags, "etcd-keyfile"),
    )


def _path(flags: Mapping[str, Any], name: str) -> Path | None:
    if name not in flags:
        return None
    path = Path(flags[name])
    if not path.is_file():
        raise CommandError(f"--{name} {path}: no such file")
    return path


def _bytes(flags: Mapping[str, Any], name: str) -> bytes:
    path = _path(flags, name)
    return path.read_bytes() if path is not None else b""


def _text(flags: Mapping[str, Any], name: str) -> str:
    path = _path(flags, name)
    return str(path) if path is not None else ""


_DECIDED = frozenset({"advertise-address", "bind-address", "requestheader-client-ca-file", "service-cluster-ip-range"})
_UPSTREAM_DEFAULTS: dict[str, Any] = {
    "listen_host": "0.0.0.0",
    "authorization_modes": ("AlwaysAllow",),
    "bootstrap_tokens": False,
    "service_cidr": "10.0.0.0/24",
}


def api_server_config(flags: Mapping[str, Any]) -> ApiServerConfig:
    """The API server's settings as upstream's flags say, with upstream's defaults. CommandError."""
    fields = {**_UPSTREAM_DEFAULTS, **_settings(flags)}
    if "authorization-config" not in flags and "AlwaysAllow" in fields["authorization_modes"]:
        fields["anonymous"] = False  # else everybody would be allowed everything
    host, port = fields["listen_host"], flags.get("secure-port", 6443)
    if "advertise_address" not in fields:
        fields["advertise_address"] = detected(4) if host in ("0.0.0.0", "::") else host
    signing_key = _bytes(flags, "service-account-signing-key-file")
    if not signing_key:
        raise CommandError("--service-account-signing-key-file must be specified: the key that signs tokens")
    issuers = flags.get("service-account-issuer", ())
    if not issuers:
        raise CommandError("--service-account-issuer must be specified, such as https://kubernetes.default.svc")
    keys = [_bytes({"service-account-key-file": name}, "service-account-key-file")
            for name in flags.get("service-account-key-file", ())]  # fmt: skip
    return ApiServerConfig(
        **fields,
        listen_port=port,
        advertise_port=port,
        tls=_serving(flags, fields["advertise_address"]),
        service_account_signing_key=signing_key,
        service_account_keys=tuple(keys),
        service_account_issuer=issuers[0],
        shared_store=True,
    )


def _settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of ApiServerConfig that are a flag's value, file or switches."""
    try:
        identity_flags.check(flags)
    except ValueError as error:
        raise CommandError(str(error)) from None
    fields: dict[str, Any] = {
        api_flags.VALUES[name]: value for name, value in flags.items() if name in api_flags.VALUES
    }
    fields |= {field: str(_path(flags, name)) for name, field in api_flags.FILES.items() if name in flags}
    _path(flags, "oidc-ca-file")
    fields |= identity_flags.oidc(flags)
    return fields | {field: _switches(name, flags[name]) for name, field in api_flags.SWITCHES.items() if name in flags}


def adjusted(config: ApiServerConfig, flags: Mapping[str, Any]) -> ApiServerConfig:
    """A cluster's own API server, with what these flags say differently. CommandError for a flag that its data
    directory decides."""
    fields = _settings(flags)
    free = {*api_flags.VALUES, *api_flags.FILES, *api_flags.SWITCHES, *identity_flags.OIDC}
    decided = [name for name in flags if name not in free or name in _DECIDED]
    if decided:
        raise CommandError(
            f"--{decided[0]} is decided by the data directory; it goes with --etcd-servers and --cert-dir"
        )
    return msgspec.structs.replace(config, **fields)


def _switches(name: str, given: dict[str, str]) -> dict[str, bool]:
    for switch, value in given.items():
        if value not in ("", "true", "false"):
            raise CommandError(f"--{name} {switch}={value}: neither true nor false")
    return {switch: value != "false" for switch, value in given.items()}


def _serving(flags: Mapping[str, Any], address: str) -> TlsFiles:
    """The serving certificate: given, found in --cert-dir, or made there."""
    certificate, key = _text(flags, "tls-cert-file"), _text(flags, "tls-private-key-file")
    if bool(certificate) != bool(key):
        raise CommandError("--tls-cert-file and --tls-private-key-file go together")
    if not certificate:
        directory = Path(flags.get("cert-dir", "/var/run/kubernetes"))
        certificate, key = str(directory / "apiserver.crt"), str(directory / "apiserver.key")
        if not Path(certificate).is_file():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1", address)
            authority = CertificateAuthority.create("apiserver-ca")
            pair = authority.issue("apiserver", names=tuple(dict.fromkeys(names)))
            KeyPair(pair.certificate_pem + authority.certificate_pem, pair.key_pem).save(certificate, key)
    return TlsFiles(certificate=certificate, key=key, client_ca=_text(flags, "client-ca-file"))


def make_server(flags: Mapping[str, Any], store: EtcdStore) -> ApiServer:
    """The API server, with the way to the kubelets when their credentials are given. CommandError."""
    from ...apiserver.reload.pairs import FollowedPair
    from ...apiserver.streams.handlers import build_streams
    from ...apiserver.streams.kubelet_dialer import KubeletDialer
    from ...base.x509 import client_context

    try:
        server = ApiServer(api_server_config(flags), store)
        certificate = _path(flags, "kubelet-client-certificate")
        key = _path(flags, "kubelet-client-key")
        pair = FollowedPair("kubelet client certificate", str(certificate), str(key)) if certificate and key else None
    except (CertificateError, ValueError, OSError) as error:
        raise CommandError(str(error)) from None
    authority = _bytes(flags, "kubelet-certificate-authority") or None
    context = pair.client_context if pair is not None else client_context
    dialer = KubeletDialer(server.cache, tls=context(authority), insecure_tls=lambda: context(None))
    if pair is not None:
        server.followed.append(pair.files)
    server.dispatcher.connect.update(build_streams(server.cache, dialer, server.authorizer))
    return server


async def serve(arguments: argparse.Namespace, progress: Progress, stack: AsyncExitStack) -> None:
    """Start store and server on the stack; both run until it is closed."""
    flags = parsed(arguments)
    store = EtcdStore(etcd_address(flags))
    server = make_server(flags, store)
    await stack.enter_async_context(running("store", store.serve))
    await stack.enter_async_context(running("apiserver", server.serve))
    progress.tell("apiserver")
