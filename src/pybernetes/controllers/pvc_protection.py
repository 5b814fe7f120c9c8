"""PersistentVolumeClaims stay while a scheduled pod names them (finalizer `kubernetes.io/pvc-protection`).

Pods that no node was chosen for do not count: a kubelet starts no pod whose claim is being deleted.
"""

from ..api.core import PersistentVolumeClaim, Pod
from ..client.view import key_of
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_claims import CLAIMS, claims_of, index_claims
from ..reconcile.pods import node_of
from ..reconcile.protection import ProtectionController
from ..reconcile.sources import source

FINALIZER = "kubernetes.io/pvc-protection"


class PVCProtection(ProtectionController[PersistentVolumeClaim]):
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context, PersistentVolumeClaim, FINALIZER, "pvcprotection")
        self._pods = context.informers.of(Pod)
        index_claims(self._pods)
        source(self._pods, self._wake, keys=_claim_keys, when=lambda old, new: new is None or not node_of(new))

    def _wake(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        claim = self._objects.get(name, namespace)
        if claim is not None and claim.metadata.deletion_timestamp is not None:
            self._controller.enqueue(key)

    async def is_used(self, obj: PersistentVolumeClaim) -> bool:
        """By the cache, and when that says no by the API: a pod may be younger than the cache."""
        if any(map(node_of, self._pods.by_index(CLAIMS, key_of(obj)))):
            return True
        listed = await self._client.list(Pod, obj.metadata.namespace or "")
        return any(node_of(pod) and (obj.metadata.name or "") in claims_of(pod) for pod in listed)


def _claim_keys(pod: Pod) -> list[str]:
    return [f"{pod.metadata.namespace}/{name}" for name in claims_of(pod)]
