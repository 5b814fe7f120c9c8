"""Runs the admission plugins of a request in order, and nothing at all for shapes that concern none of them."""

import time
from collections.abc import Sequence

from ...api.resource import ResourceInfo
from ...base.metrics import Histogram
from .plugin import AdmissionPlugin, AdmissionRequest

_REMEMBERED = 4096
_STEP_SECONDS = (0.005, 0.025, 0.1, 0.5, 1, 2.5)


class AdmissionChain:
    """The plugins in their order; which of them handle a shape of request is asked once and remembered."""

    def __init__(self, plugins: Sequence[AdmissionPlugin] = ()) -> None:
        self.steps = Histogram(
            "apiserver_admission_step_admission_duration_seconds",
            "Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step "
            "type (validate or admit).",
            ("type", "operation", "rejected"),
            _STEP_SECONDS,
        )
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
            if len(self._concerned) >= _REMEMBERED:  # definitions come and go
                self._concerned.clear()
            self._concerned[shape] = found
        return found

    async def admit(self, request: AdmissionRequest) -> None:
        """Let every plugin change request.object, a second time if one asks for it; StatusError when one refuses."""
        plugins = self.concerned(request.operation, request.resource, request.subresource)
        if not plugins:
            return
        begun, rejected = time.perf_counter(), "true"
        try:
            for plugin in plugins:
                await plugin.admit(request)
            if request.reinvoke:
                request.round = 1
                for plugin in plugins:
                    await plugin.admit(request)
            rejected = "false"
        finally:
            self.steps.observe(time.perf_counter() - begun, ("admit", request.operation, rejected))

    async def validate(self, request: AdmissionRequest) -> None:
        """Let every plugin refuse."""
        plugins = self.concerned(request.operation, request.resource, request.subresource)
        if not plugins:
            return
        begun, rejected = time.perf_counter(), "true"
        try:
            for plugin in plugins:
                await plugin.validate(request)
            rejected = "false"
        finally:
            self.steps.observe(time.perf_counter() - begun, ("validate", request.operation, rejected))
