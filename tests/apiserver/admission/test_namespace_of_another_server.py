"""Two servers on one store: a namespace that the other one made just now is there, though our cache is behind."""

from typing import Any

import pytest

from pybernetes.api.resource import ResourceInfo, resource
from pybernetes.api.status import StatusError
from pybernetes.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from pybernetes.apiserver.admission.namespaces import NamespaceExists
from pybernetes.apiserver.admission.plugin import AdmissionRequest
from pybernetes.testing import ADMIN


class Cache:
    """Shows what is stored once somebody has waited for it."""

    def __init__(self, *stored: str) -> None:
        self._stored = stored
        self._shown: tuple[str, ...] = ()
        self.waited = 0

    async def refresh(self) -> None:
        self.waited += 1
        self._shown = self._stored

    def get(self, info: ResourceInfo, namespace: str, name: str) -> Any:
        return {"metadata": {"name": name}} if name in self._shown else None


def creation(namespace: str) -> AdmissionRequest:
    return AdmissionRequest(
        operation="CREATE",
        resource=resource("configmaps"),
        subresource="",
        namespace=namespace,
        name="a",
        object={"metadata": {"name": "a", "namespace": namespace}},
        user=ADMIN,
    )


@pytest.mark.parametrize("kind", [NamespaceLifecycle, NamespaceExists])
async def test_the_store_is_waited_for_before_a_namespace_is_refused(kind: Any) -> None:
    cache = Cache("new")
    plugin = kind(cache, cache.refresh)

    async def judged(namespace: str) -> None:
        await plugin.admit(creation(namespace))
        await plugin.validate(creation(namespace))

    await judged("new")
    await judged("new")
    assert cache.waited == 1
    with pytest.raises(StatusError, match='namespaces "none" not found') as refused:
        await judged("none")
    assert refused.value.code == 404
