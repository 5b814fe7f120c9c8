"""The service account controller: every namespace has the ServiceAccount `default`.

A namespace that appears, or whose `default` account is deleted, gets one. Namespaces that are being deleted do not.
"""

import asyncio

from ..api.core import Namespace, ServiceAccount
from ..api.meta import ObjectMeta
from ..api.status import is_already_exists, is_not_found
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_control import is_namespace_terminating
from ..reconcile.sources import source

REQUIRED = ("default",)


class ServiceAccountController:
    """See the module docstring. Keys are namespace names."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._namespaces = context.informers.of(Namespace)
        self._accounts = context.informers.of(ServiceAccount)
        self._controller = context.controller("serviceaccount", self._reconcile)
        source(self._namespaces, self._controller.enqueue, when=lambda old, new: new is not None)
        source(
            self._accounts,
            self._controller.enqueue,
            keys=lambda account: [account.metadata.namespace],
            when=lambda old, new: new is None,
        )

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.status.phase == "Terminating":
            return None
        for name in REQUIRED:
            if self._accounts.get(name, key) is not None:
                continue
            try:
                await self._client.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=key)))
            except Exception as error:
                if not (is_already_exists(error) or is_namespace_terminating(error) or is_not_found(error)):
                    raise
        return None
