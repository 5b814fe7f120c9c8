"""Deploy the sample application once per cluster; who deleted it does not get it back at the next start."""

import json

from ..api.apps import Deployment
from ..api.core import Service
from ..base.x509 import write_file
from ..client.client import Client
from .addons import apply, sample
from .config import ClusterConfig
from .progress import Progress
from .waiting import is_deployment_available, wait_for


async def deploy_once(config: ClusterConfig, client: Client, progress: Progress) -> None:
    """Create the sample's objects if this cluster never had them and wait until all replicas are available.

    Where nothing can answer (hollow nodes) the application is deployed too, but has no address to visit."""
    marker = config.data_dir / "sample.json"
    if marker.exists():
        return
    await apply.apply(client, sample.objects())
    await wait_for(client, Deployment, sample.NAME, "default", is_deployment_available)
    service = await client.get(Service, sample.NAME, "default")
    ports = service.spec.ports if service.spec else None
    facts = {"nodePort": ports[0].node_port} if ports and config.has_containers else {}
    write_file(marker, json.dumps(facts).encode(), mode=0o644)
    progress.tell("sample")
