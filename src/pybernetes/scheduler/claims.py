"""The claims of a pod's volumes: what several volume plugins look up."""

from collections.abc import Iterator

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.client.informer import Informer
from pybernetes.scheduler.pod_info import PodInfo


def claim_names(pod: PodInfo) -> Iterator[str]:
    """The names of the claims that the pod's volumes use."""
    for volume in pod.pod.spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield f"{pod.name}-{volume.name}"


def has_claims(pod: PodInfo) -> bool:
    """Whether it has any."""
    return next(claim_names(pod), None) is not None


class Claims:
    """Claims and volumes as the informers know them."""

    def __init__(self, claims: Informer[PersistentVolumeClaim], volumes: Informer[PersistentVolume]) -> None:
        self._claims = claims
        self._volumes = volumes

    def of(self, pod: PodInfo) -> list[PersistentVolumeClaim]:
        """Those that exist."""
        found = (self._claims.get(name, pod.namespace) for name in claim_names(pod))
        return [claim for claim in found if claim is not None]

    def volume(self, claim: PersistentVolumeClaim) -> PersistentVolume | None:
        """The volume the claim is bound to."""
        return self._volumes.get(claim.spec.volume_name) if claim.spec.volume_name else None

    def volume_named(self, name: str) -> PersistentVolume | None:
        """A volume by its name."""
        return self._volumes.get(name) if name else None
