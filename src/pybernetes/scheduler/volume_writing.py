"""Having a pod's volumes bound: what VolumeBinding decided is written, and waited for.

    existing volume ── claimRef ──────────┐
    volume to come ── selected-node ──────┴──▶ the claims are bound, or: taken back, gone, too late ──▶ VolumeError

A provisioner that cannot make the volume takes the annotation `volume.kubernetes.io/selected-node` away, which sends
the pod back to the scheduler.
"""

import asyncio
from collections.abc import Mapping

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.scheduler.pod_info import PodInfo

SELECTED_NODE = "volume.kubernetes.io/selected-node"


class VolumeError(Exception):
    """The pod's volumes did not become bound; the pod is tried again."""


class VolumeWriter:
    """See the module docstring."""

    def __init__(
        self,
        client: Client,
        claims: Informer[PersistentVolumeClaim],
        volumes: Informer[PersistentVolume],
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._claims = claims
        self._volumes = volumes
        self._timeout = timeout_seconds

    async def bind(self, pod: PodInfo, node_name: str, chosen: Mapping[str, str]) -> None:
        """chosen: claim name -> the volume to bind, "" to have one provisioned. VolumeError, StatusError."""
        written: dict[str, int] = {}
        for name, volume in chosen.items():
            claim = self._claims.get(name, pod.namespace)
            if claim is None:
                raise VolumeError(f'persistentvolumeclaim "{name}" not found')
            if volume:
                reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "name": name}
                reference |= {"namespace": pod.namespace, "uid": claim.metadata.uid or ""}
                await self._client.patch(PersistentVolume, volume, body={"spec": {"claimRef": reference}})
            else:
                body = {"metadata": {"annotations": {SELECTED_NODE: node_name}}}
                found = await self._client.patch(PersistentVolumeClaim, name, pod.namespace, body=body)
                written[name] = int(found.metadata.resource_version or 0)

        def are_bound() -> bool:
            """Each claim is looked at every time: what became of any may end the waiting."""
            found = [self._is_bound(name, pod.namespace, node_name, written.get(name)) for name in chosen]
            return all(found)

        try:
            async with asyncio.timeout(self._timeout):
                await self._claims.until(are_bound)
        except TimeoutError:
            raise VolumeError("binding volumes: context deadline exceeded") from None

    def _is_bound(self, name: str, namespace: str, node_name: str, written: int | None) -> bool:
        """written: the version of the claim that names the node, None when it has an existing volume. VolumeError."""
        claim = self._claims.get(name, namespace)
        if claim is None:
            raise VolumeError(f'binding volumes: persistentvolumeclaim "{name}" not found')
        if claim.status.phase == "Bound":
            return True
        if written is None or int(claim.metadata.resource_version or 0) < written:
            return False
        annotations = claim.metadata.annotations
        if not annotations:
            raise VolumeError(f'binding volumes: selectedNode annotation reset for PVC "{name}"')
        if annotations.get(SELECTED_NODE) != node_name:
            raise VolumeError(f'binding volumes: provisioning failed for PVC "{name}"')
        return False
