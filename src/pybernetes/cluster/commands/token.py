"""`token create | list | delete`: what a new node, or a new control plane, needs to join."""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta

from ...api.status import StatusError
from ...base.http.client_connection import TransportError
from ...base.x509 import load_certificate, public_key_fingerprint
from ...client.client import Client
from ...store.store import StoreError
from .. import bootstrap_tokens, clients, endpoint, state
from ..config import ClusterConfig, ConfigError
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    try:
        asyncio.run(_run(arguments))
    except (StatusError, TransportError, clients.ClientError, ConfigError, OSError) as error:
        raise CommandError(str(error)) from None
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    directory = data_dir(arguments)
    config = state.load(directory)
    if config is None:
        raise CommandError(f"there is no cluster in {directory}; start one with: pybernetes up")
    client = clients.local_admin(config, "token")
    match arguments.action:
        case "create":
            fingerprint = public_key_fingerprint(load_certificate((config.pki / "ca.crt").read_bytes()))
            server = endpoint.server(config)
            now = datetime.now(UTC)
            if arguments.control_plane:
                print(await _control_plane_line(client, config, server, fingerprint, arguments.ttl or 2.0, now))
                return
            token = await bootstrap_tokens.create(client, timedelta(hours=arguments.ttl or 24.0), now)
            print(f"pybernetes agent --server {server} --token {token} --ca-cert-hash {fingerprint}")
        case "list":
            print(f"{'TOKEN':<24}EXPIRES")
            for token in await bootstrap_tokens.listed(client):
                print(f"{token!s:<24}{token.expires or '<never>'}")
        case "delete":
            await bootstrap_tokens.delete(client, arguments.id)
            print(f'bootstrap token "{arguments.id}" deleted')


async def _control_plane_line(
    client: Client, config: ClusterConfig, server: str, fingerprint: str, hours: float, now: datetime
) -> str:
    """The line for a new control plane, which finds the keys waiting."""
    if not config.etcd:
        later = "or later with: pybernetes snapshot restore FILE --etcd"
        raise CommandError(
            f"further control planes need etcd; a cluster gets it when it is made (pybernetes up --etcd), {later}"
        )
    from .. import shared_keys
    from ..etcd.membership import known
    from ..invitation import invite

    try:
        servers = (await known(config)).all
    except StoreError as error:
        raise CommandError(f"{error}; see: pybernetes status") from None
    shared = shared_keys.of_this_machine(config, servers)
    invitation = await invite(client, shared, timedelta(hours=hours), now)
    return (
        f"pybernetes up --join {server} --token {invitation.token} --ca-cert-hash {fingerprint}"
        f" --certificate-key {invitation.certificate_key}"
    )
