"""Which PersistentVolumeClaims a pod names: by its volumes, or generated for its ephemeral ones."""

from collections.abc import Iterable

from ..api.core import Pod, Volume
from ..client.informer import Informer

CLAIMS = "persistent volume claims"


def ephemeral_claim_name(pod: Pod, volume: Volume) -> str:
    """The name of the claim behind a pod's generic ephemeral volume (KEP-1698)."""
    return f"{pod.metadata.name}-{volume.name}"


def claims_of(pod: Pod) -> Iterable[str]:
    """The names of the claims in the pod's namespace that its volumes refer to."""
    for volume in pod.spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield ephemeral_claim_name(pod, volume)


def index_claims(pods: Informer[Pod]) -> None:
    """Index pods by `namespace/claim` of every claim they name."""
    pods.add_index(CLAIMS, lambda pod: {f"{pod.metadata.namespace}/{name}" for name in claims_of(pod)})
