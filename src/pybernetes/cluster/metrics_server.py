"""The metrics server of a cluster: brought up when the cluster has a ready node, and registered by its administrator.

    first ready node ──▶ roles, Service, APIService (addons/metrics.py) ──▶ MetricsServer.serve

Before that there is nothing to measure, and the start of a cluster has better things to do. Its certificates are made
anew with each start, by the cluster's CA: one for the Service's name, and one by which the kubelets know it.
"""

import asyncio
from typing import TYPE_CHECKING

from .. import GIT_VERSION
from ..api.core import Node
from ..base.tasks import Serve
from ..base.x509 import CLIENT, SERVER, client_context
from ..client import config as rest
from ..client.client import Client
from .addons import metrics
from .addons.apply import apply
from .config import ClusterConfig
from .host_components import TellHealth, no_health
from .pki import Pki
from .waiting import is_node_ready, wait_for

if TYPE_CHECKING:
    from ..metrics import MetricsServer


def after_the_start(
    config: ClusterConfig, pki: Pki, admin: Client, own: Client, tell_health: TellHealth = no_health
) -> Serve:
    """The whole way shown above; `admin` registers, `own` is the server's client of the API. Ready when it listens."""

    async def serve(ready: asyncio.Event) -> None:
        await wait_for(admin, Node, "", "", is_node_ready)
        await apply(admin, metrics.objects(pki.ca.certificate_pem))
        server = metrics_server(config, pki, own)
        tell_health(server.trouble)
        await server.serve(ready)

    return serve


def metrics_server(config: ClusterConfig, pki: Pki, client: Client) -> "MetricsServer":
    """The server itself, on the node's address."""
    from ..metrics import MetricsConfig, MetricsServer
    from ..metrics.kubelets import Kubelets

    serving = pki.ca.issue(metrics.NAME, names=[metrics.SERVER_NAME, config.node_ip], usages=SERVER)
    known = pki.ca.issue(metrics.USER, usages=CLIENT)
    source = Kubelets(client_context(pki.ca.certificate_pem, known))
    settings = MetricsConfig(host=config.node_ip, port=config.metrics_port)
    return MetricsServer(settings, client, source, serving)


def own_connection(config: ClusterConfig, pki: Pki) -> Client:
    """The server's client when it is a process of its own."""
    pair = pki.ca.issue(metrics.USER, usages=CLIENT)
    connection = rest.RestConfig(
        server=f"https://127.0.0.1:{config.api_port}",
        ca_data=pki.ca.certificate_pem,
        client_certificate=pair.certificate_pem,
        client_key=pair.key_pem,
    )
    return rest.client(connection, user_agent=f"{metrics.NAME}/{GIT_VERSION}")
