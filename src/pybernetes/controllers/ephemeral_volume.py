"""The claims of generic ephemeral volumes: made for a pod, owned by it, gone with it (KEP-1698).

Pod with `volumes[].ephemeral.volumeClaimTemplate` ─▶ PersistentVolumeClaim POD-VOLUME, controlled by the pod
"""

import asyncio

from ..api.core import PersistentVolumeClaim, Pod, Volume
from ..api.meta import ObjectMeta
from ..api.status import StatusError
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_reference, is_controlled_by
from ..reconcile.pod_claims import CLAIMS, ephemeral_claim_name, index_claims
from ..reconcile.sources import source


def claim_for(pod: Pod, volume: Volume) -> PersistentVolumeClaim:
    """The claim of one ephemeral volume."""
    template = volume.ephemeral.volume_claim_template if volume.ephemeral is not None else None
    assert template is not None
    meta = template.metadata
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=ephemeral_claim_name(pod, volume),
            namespace=pod.metadata.namespace,
            labels=dict(meta.labels or {}) or None,
            annotations=dict(meta.annotations or {}) or None,
            owner_references=[controller_reference(pod)],
        ),
        spec=template.spec,
    )


class EphemeralVolume:
    """See the module docstring. Keys are those of pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._recorder = context.recorder("ephemeral_volume")
        self._pods = context.informers.of(Pod)
        index_claims(self._pods)
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._controller = context.controller("ephemeral_volume", self._reconcile)
        source(self._pods, self._controller.enqueue, when=lambda old, new: old is None and _has_ephemeral(new))
        self._claims.add_handler(self._claim_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        """A claim that is gone is made again while its pod is there."""
        if new is None and old is not None:
            for pod in self._pods.by_index(CLAIMS, f"{old.metadata.namespace}/{old.metadata.name}"):
                if _has_ephemeral(pod):
                    self._controller.enqueue(f"{pod.metadata.namespace}/{pod.metadata.name}")

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return None
        for volume in pod.spec.volumes or ():
            if volume.ephemeral is not None:
                await self._provide(pod, volume)
        return None

    async def _provide(self, pod: Pod, volume: Volume) -> None:
        claim_name, namespace = ephemeral_claim_name(pod, volume), pod.metadata.namespace or ""
        existing = self._claims.get(claim_name, namespace)
        if existing is not None:
            if not is_controlled_by(existing, pod):
                message = (
                    f"PVC {namespace}/{claim_name} was not created for pod {namespace}/{pod.metadata.name} "
                    "(pod is not owner)"
                )
                self._recorder.warning(pod, "FailedBinding", f"ephemeral volume {volume.name}: {message}")
                raise StatusError(409, "", message)
            return
        try:
            await self._client.create(claim_for(pod, volume))
        except StatusError as error:
            message = f"create PVC {claim_name}: {error.message}"
            self._recorder.warning(pod, "FailedBinding", f"ephemeral volume {volume.name}: {message}")
            raise


def _has_ephemeral(pod: Pod | None) -> bool:
    return pod is not None and any(volume.ephemeral is not None for volume in pod.spec.volumes or ())
