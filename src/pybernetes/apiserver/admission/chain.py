"""Runs the admission plugins of a request in order, and nothing at all for shapes that concern none of them."""

from collections.abc import Sequence

from ...api.resource import ResourceInfo
from .plugin import AdmissionPlugin, AdmissionRequest


class AdmissionChain:
    """The plugins in their order; which of them handle a shape of request is asked once and remembered."""

    def __init__(self, plugins: Sequence[AdmissionPlugin] = ()) -> None:
        self._plugins = tuple(plugins)
        self._concerned: dict[tuple[str, str, str], tuple[AdmissionPlugin, ...]] = {}

    def use(self, plugins: Sequence[AdmissionPlugin]) -> None:
        """These plugins from now on."""
        self._plugins = tuple(plugins)
        self._concerned.clear()

    def concerned(self, operation: str, resource: ResourceInfo, subresource: str) -> tuple[AdmissionPlugin, ...]:
        """The plugins that handle this shape, in order."""
        shape = (operation, resource.group_resource, subresource)
        found = self._concerned.get(shape)
        if found is None:
            found = tuple(p for p in self._plugins if p.handles(operation, resource, subresource))
            self._concerned[shape] = found
        return found

    async def admit(self, request: AdmissionRequest) -> None:
        """Let every plugin change request.object, a second time if one asks for it; StatusError when one refuses."""
        plugins = self.concerned(request.operation, request.resource, request.subresource)
        for plugin in plugins:
            await plugin.admit(request)
        if request.reinvoke:
            request.round = 1
            for plugin in plugins:
                await plugin.admit(request)

    async def validate(self, request: AdmissionRequest) -> None:
        """Let every plugin refuse."""
        for plugin in self.concerned(request.operation, request.resource, request.subresource):
            await plugin.validate(request)
