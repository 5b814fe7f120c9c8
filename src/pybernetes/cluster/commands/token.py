"""`token create | list | delete`: what a new node needs to join."""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta

from ...api.status import StatusError
from ...base.http.client_connection import TransportError
from ...base.x509 import load_certificate, public_key_fingerprint
from .. import bootstrap_tokens, clients, state
from ..config import ConfigError
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
    client = clients.from_kubeconfig(config.admin_kubeconfig, "token")
    match arguments.action:
        case "create":
            token = await bootstrap_tokens.create(client, timedelta(hours=arguments.ttl), datetime.now(UTC))
            fingerprint = public_key_fingerprint(load_certificate((config.pki / "ca.crt").read_bytes()))
            server = f"https://{config.node_ip}:{config.api_port}"
            print(f"pybernetes agent --server {server} --token {token} --ca-cert-hash {fingerprint}")
        case "list":
            print(f"{'TOKEN':<24}EXPIRES")
            for token in await bootstrap_tokens.listed(client):
                print(f"{token!s:<24}{token.expires or '<never>'}")
        case "delete":
            await bootstrap_tokens.delete(client, arguments.id)
            print(f'bootstrap token "{arguments.id}" deleted')
