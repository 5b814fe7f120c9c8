"""Where the parts of the control planes serve: the EndpointSlices of kube-dns and metrics-server.

    one machine     its own address
    with etcd       EndpointSlice default/kubernetes ─▶ the same addresses, by every control plane
    mirror pods of those parts ─▶ which pod and which node an address is

The API servers already agree on who of them lives (apiserver/peers.py). Each control plane writes the same from it, so
that nobody has to lead, and a write that changes nothing is none. An address counts whether or not a pod shows the part
that serves there: a control plane may be no node, and a pod of a machine that is gone stays for a while. Endpoints are
written too, since `kubectl get endpoints kube-dns` is what guides say.
"""

import asyncio

from ...api.core import Pod
from ...api.discovery import EndpointSlice
from ...base.log import logger
from ...base.tasks import running
from ...client.client import Client
from ...client.informers import Informers
from ..config import ClusterConfig
from . import dns, metrics
from .apply import apply
from .objects import Object, legacy_endpoints, pod_at, with_pods

log = logger(__name__)

KUBERNETES = "kubernetes"
"""The EndpointSlice of the API servers, in the namespace default."""
_PART = "k8s-app"
_PARTS = {"kube-dns": dns.NAME, metrics.NAME: metrics.NAME}
"""The Service by the label of the pods."""


def slices(config: ClusterConfig, addresses: list[str]) -> list[Object]:
    """The EndpointSlices of what the control planes at these addresses serve besides the API."""
    return [dns.endpoints(config, addresses), metrics.endpoints(config, addresses)]


def addresses_of(found: EndpointSlice) -> list[str]:
    """The addresses in a slice, sorted."""
    return sorted(address for endpoint in found.endpoints or () for address in endpoint.addresses or ())


def pods_of(service: str, pods: list[Pod]) -> dict[str, Object]:
    """The pods that show the part behind a Service, by address."""
    return {
        pod.status.pod_ip: pod_at(pod.metadata.name or "", pod.metadata.uid or "", pod.spec.node_name or "")
        for pod in sorted(pods, key=lambda pod: pod.metadata.name or "")
        if pod.status.pod_ip and _PARTS.get((pod.metadata.labels or {}).get(_PART, "")) == service
    }


class FollowControlPlanes:
    """Keeps the slices equal to the living control planes, and to the pods that show their parts."""

    def __init__(self, config: ClusterConfig, client: Client) -> None:
        self._config = config
        self._client = client

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; ready at once, since nobody waits for it. StatusError when the API refuses."""
        ready.set()
        informers = Informers(self._client)
        changed = asyncio.Event()
        changed.set()
        pods = informers.of(Pod, namespace="kube-system", label_selector=f"{_PART} in ({','.join(sorted(_PARTS))})")
        pods.add_handler(lambda old, new: changed.set())
        found = None
        if self._config.etcd:
            found = informers.of(EndpointSlice, namespace="default", field_selector=f"metadata.name={KUBERNETES}")
            found.add_handler(lambda old, new: changed.set())
        written: list[Object] = []
        told: list[str] = []
        async with running("control-planes", informers.serve):
            while True:
                await changed.wait()
                changed.clear()
                addresses = [self._config.node_ip]
                if found is not None:
                    current = found.get(KUBERNETES, "default")
                    addresses = addresses_of(current) if current is not None else []
                wanted = self._wanted(addresses, pods.list())
                if addresses and wanted != written:
                    await apply(self._client, [obj for obj in wanted if obj not in written])
                    written = wanted
                    if addresses != told:
                        log.info("Control planes", addresses=addresses)
                        told = addresses

    def _wanted(self, addresses: list[str], pods: list[Pod]) -> list[Object]:
        named = [
            with_pods(found, pods_of(found["metadata"]["name"], pods)) for found in slices(self._config, addresses)
        ]
        return [*named, *(legacy_endpoints(found) for found in named)]
