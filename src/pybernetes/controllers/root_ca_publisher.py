"""The root CA publisher: every namespace has the ConfigMap `kube-root-ca.crt` with the CA that pods trust.

A ConfigMap that is deleted is made again, one that is changed is set right.
"""

import asyncio

import msgspec

from ..api.core import ConfigMap, Namespace
from ..api.meta import ObjectMeta
from ..api.status import is_already_exists, is_not_found
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_control import is_namespace_terminating
from ..reconcile.sources import source

NAME = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class RootCAPublisher:
    """See the module docstring. Keys are namespace names."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._data = {"ca.crt": context.config.root_ca.decode()}
        self._annotations = {"kubernetes.io/description": DESCRIPTION}
        self._namespaces = context.informers.of(Namespace)
        # Only these ConfigMaps are watched: the others are of no interest and may be many.
        self._maps = context.informers.of(ConfigMap, field_selector=f"metadata.name={NAME}")
        self._controller = context.controller("root_ca_cert_publisher", self._reconcile)
        source(self._namespaces, self._controller.enqueue, when=lambda old, new: new is not None)
        source(self._maps, self._controller.enqueue, keys=lambda found: [found.metadata.namespace])

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.status.phase == "Terminating" or not self._data["ca.crt"]:
            return None
        current = self._maps.get(NAME, key)
        try:
            if current is None:
                metadata = ObjectMeta(name=NAME, namespace=key, annotations=self._annotations)
                await self._client.create(ConfigMap(metadata=metadata, data=self._data))
            elif current.data != self._data or not self._is_described(current):
                annotations = {**(current.metadata.annotations or {}), **self._annotations}
                metadata = msgspec.structs.replace(current.metadata, annotations=annotations)
                await self._client.update(
                    msgspec.structs.replace(current, metadata=metadata, data=self._data, binary_data=None)
                )
        except Exception as error:
            if not (is_already_exists(error) or is_namespace_terminating(error) or is_not_found(error)):
                raise
        return None

    def _is_described(self, current: ConfigMap) -> bool:
        return self._annotations.items() <= (current.metadata.annotations or {}).items()
