"""PodGroups stay while pods of them are active (finalizer `scheduling.k8s.io/podgroup-protection`, KEP-4671).

Admission adds the finalizer. A pod is of a group by `spec.schedulingGroup`, and active until it succeeded or failed.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from ..api.core import Pod
from ..api.resource import resource
from ..api.status import StatusError, is_not_found
from ..client.informer import Informer
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

FINALIZER = "scheduling.k8s.io/podgroup-protection"
_GROUPS = resource("podgroups", "scheduling.k8s.io", "v1alpha2")
_GROUP = "pod group"


def group_of(pod: Pod) -> Iterable[str]:
    """The key of the group that a pod is an active member of."""
    group = pod.spec.scheduling_group
    if group is not None and group.pod_group_name and pod.status.phase not in ("Succeeded", "Failed"):
        yield f"{pod.metadata.namespace}/{group.pod_group_name}"


class PodGroupProtection:
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._groups: Informer[dict[str, Any]] = context.informers.of(_GROUPS)
        self._pods = context.informers.of(Pod)
        self._pods.add_index(_GROUP, group_of)
        self._controller = context.controller("podgroupprotection", self._reconcile)
        source(self._groups, self._controller.enqueue, when=lambda old, new: new is not None)
        source(self._pods, self._controller.enqueue, keys=group_of)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        group = self._groups.get(name, namespace)
        if group is None or not group["metadata"].get("deletionTimestamp") or self._pods.by_index(_GROUP, key):
            return None
        finalizers = group["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return None
        metadata = {**group["metadata"], "finalizers": [one for one in finalizers if one != FINALIZER]}
        try:
            await self._client.update({**group, "metadata": metadata}, resource=_GROUPS)
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None
