"""postStart and preStop of a container, with what becomes of it when they fail or take too long.

Events have upstream's reasons and messages (concept page "Container Lifecycle Hooks").
"""

import asyncio
from collections.abc import Callable, Sequence

from ..api.core import Container, Pod
from ..base.clock import Clock
from ..base.log import logger
from .cri.protocol import ContainerRuntime
from .parts import HookError, RunHook
from .pod_worker import KillContainer, default_grace_seconds, pod_id

log = logger(__name__)

MINIMUM_STOP_SECONDS = 2
"""What a container has left to end by itself, however long its hook took."""


class ContainerHooks:
    """Runs hooks for all pods of a node; remembers nothing about them."""

    def __init__(
        self,
        runtime: ContainerRuntime,
        run_hook: RunHook,
        event: Callable[[Pod, str, str, str, str], None],
        clock: Clock,
    ) -> None:
        self._runtime = runtime
        self._run_hook = run_hook
        self._event = event
        self._clock = clock

    async def post_start(self, pod: Pod, container: Container, container_id: str, pod_ip: str) -> str:
        """Run the hook; when it fails the container is stopped, after its preStop hook, and the message is returned."""
        handler = container.lifecycle.post_start if container.lifecycle is not None else None
        if handler is None:
            return ""
        try:
            await self._run_hook(handler, pod, container, container_id, pod_ip, 0, self._exec)
        except HookError as error:
            message = f"PostStartHook failed: {error}"
            self._event(pod, container.name, "Warning", "FailedPostStartHook", message)
            self._event(pod, container.name, "Normal", "Killing", "FailedPostStartHook")
            grace_seconds = default_grace_seconds(pod)
            kill = KillContainer(container_id, container.name, grace_seconds, message)
            await self._runtime.stop_container(container_id, await self.pre_stop(pod, container, kill, pod_ip))
            return message
        return ""

    async def pre_stop(self, pod: Pod, container: Container, action: KillContainer, pod_ip: str) -> int:
        """Run the hook; the seconds of the grace period that are left, at least two."""
        handler = container.lifecycle.pre_stop if container.lifecycle is not None else None
        if handler is None:
            return action.grace_seconds
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(action.grace_seconds):
                await self._run_hook(handler, pod, container, action.id, pod_ip, action.grace_seconds, self._exec)
        except TimeoutError:
            log.info("preStop hook outlived the grace period", pod=pod_id(pod), container=container.name)
        except HookError as error:
            self._event(pod, container.name, "Warning", "FailedPreStopHook", f"PreStopHook failed: {error}")
        spent = int(self._clock.monotonic() - began)
        return max(action.grace_seconds - spent, MINIMUM_STOP_SECONDS)

    async def _exec(self, container_id: str, command: Sequence[str], timeout_seconds: int) -> tuple[int, bytes]:
        answer = await self._runtime.exec_sync(container_id, command, timeout_seconds)
        return answer.exit_code, answer.stdout + answer.stderr
