"""DefaultBinder: bind through the `binding` subresource of the pod."""

from pybernetes.api.core import Binding, ObjectReference, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.resource import resource_for_kind
from pybernetes.client.client import Client
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pods = resource_for_kind(Pod.API_VERSION, Pod.KIND)

    async def bind(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """StatusError when the server refuses: the pod is gone, bound already, or another one by now (uid)."""
        binding = Binding(
            metadata=ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.pod.metadata.uid),
            target=ObjectReference(kind="Node", name=node_name),
        )
        await self._client.create(binding, subresource="binding", resource=self._pods)
