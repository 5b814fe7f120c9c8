"""Making sure a container's image is on the node.

    ensure(pod, container) ──▶ policy says pull? ──▶ back-off over? ──▶ credentials ──▶ pull (one at a time) ──▶ image
                                            └──▶ there, and the pod may use it (`pulled_images.py`) ──▶ image

Failures are `ImageError`s with the waiting reason to show: ErrImagePull, then ImagePullBackOff until the delay of this
pod and image is over; ErrImageNeverPull; InvalidImageName. Events and wording follow upstream's image manager.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from ..api.core import Container, EphemeralContainer, Pod
from ..base.clock import Clock
from .cri.messages import AuthConfig, Image, PodSandboxConfig
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .image_names import ImageNameError, default_pull_policy, keyring_lookup, normalized
from .pulled_images import PulledImages
from .restart_back_off import RestartBackOff

Keyrings = Callable[[Pod], Awaitable[Sequence[dict[str, AuthConfig]]]]
"""Reads the pull secrets of a pod and its service account."""


class ImageError(Exception):
    """The image cannot be had now. `retry_at` is when it is worth another try."""

    def __init__(self, reason: str, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_at = retry_at


class ContainerEvents(Protocol):
    """Records an event about one container of a pod."""

    def __call__(self, pod: Pod, container_name: str, type_: str, reason: str, message: str) -> None: ...


class PullTimes(msgspec.Struct):
    """How long a pull took, with and without waiting for others, in seconds."""

    pulling: float
    waiting: float


NEVER_PULL_RETRY_SECONDS = 10.0


class ImageManager:
    """Pulls images; `serialize` lets one pull at a time through, as serializeImagePulls does."""

    def __init__(
        self,
        runtime: ContainerRuntime,
        keyrings: Keyrings,
        event: ContainerEvents,
        clock: Clock,
        *,
        pulled: PulledImages,
        serialize: bool = True,
        max_parallel: int = 0,
    ) -> None:
        self.pulled = pulled
        self._runtime = runtime
        self._keyrings = keyrings
        self._event = event
        self._clock = clock
        self._back_off = RestartBackOff()
        self._failures: dict[str, tuple[datetime, str]] = {}
        limit = 1 if serialize else max_parallel
        self._slots = asyncio.Semaphore(limit) if limit else None
        self.used_at: dict[str, datetime] = {}
        """Image id -> when a container last needed it: what image garbage collection goes by."""

    async def ensure(self, pod: Pod, container: Container | EphemeralContainer, sandbox: PodSandboxConfig) -> Image:
        """The image, pulled if its policy wants that. Raises ImageError."""
        now = self._clock.now()
        try:
            name = normalized(container.image or "")
        except ImageNameError as error:
            self._event(pod, container.name, "Warning", "InspectFailed", str(error))
            raise ImageError("InvalidImageName", str(error), now + timedelta(seconds=300)) from None
        policy = container.image_pull_policy or default_pull_policy(name)
        image = await self._present(name, now)
        if image is not None and policy != "Always" and await self._may_use(pod, image, name):
            message = f'Container image "{container.image}" already present on machine and can be accessed by the pod'
            self._event(pod, container.name, "Normal", "Pulled", message)
            return image
        if policy == "Never":
            what = "is not present with pull policy of Never"
            if image is not None:
                what = (
                    "is present with pull policy of Never but does not have the proper credentials to access the image"
                )
            message = f'Container image "{container.image}" {what}'
            self._event(pod, container.name, "Warning", "ErrImageNeverPull", message)
            raise ImageError("ErrImageNeverPull", message, now + timedelta(seconds=NEVER_PULL_RETRY_SECONDS))
        self._check_back_off(pod, container, name)
        return await self._pull(pod, container, name, sandbox)

    async def _may_use(self, pod: Pod, image: Image, name: str) -> bool:
        if not self.pulled.needs_credentials(image.id, name):
            return True
        return self.pulled.accessible(image.id, name, keyring_lookup(name, await self._keyrings(pod)))

    def waiting(self, pod: Pod, container: Container | EphemeralContainer) -> ImageError | None:
        """The ImagePullBackOff a container is in now, if any."""
        try:
            key = f"{pod.metadata.uid}/{normalized(container.image or '')}"
        except ImageNameError:
            return None
        failure = self._failures.get(key)
        if failure is None:
            return None
        until = self._back_off.until(key, failure[0])
        if until is None or until <= self._clock.now():
            return None
        message = f'Back-off pulling image "{container.image}": ErrImagePull: {failure[1]}'
        return ImageError("ImagePullBackOff", message, until)

    def _check_back_off(self, pod: Pod, container: Container | EphemeralContainer, name: str) -> None:
        waiting = self.waiting(pod, container)
        if waiting is not None:
            self._event(pod, container.name, "Normal", "BackOff", f'Back-off pulling image "{container.image}"')
            raise waiting

    async def _present(self, name: str, now: datetime) -> Image | None:
        try:
            image = await self._runtime.image_status(name)
        except RuntimeServiceError as error:
            message = f'Failed to inspect image "{name}": {error}'
            raise ImageError("ImageInspectError", message, now + timedelta(seconds=10)) from None
        if image is not None:
            self.used_at[image.id] = now
        return image

    async def _pull(
        self, pod: Pod, container: Container | EphemeralContainer, name: str, sandbox: PodSandboxConfig
    ) -> Image:
        key = f"{pod.metadata.uid}/{name}"
        self._event(pod, container.name, "Normal", "Pulling", f'Pulling image "{container.image}"')
        asked = self._clock.monotonic()
        keyrings = await self._keyrings(pod)
        async with self._turn():
            began = self._clock.monotonic()
            try:
                image = await self._try_credentials(name, keyring_lookup(name, keyrings), sandbox)
            except RuntimeServiceError as error:
                now = self._clock.now()
                self._event(
                    pod, container.name, "Warning", "Failed", f'Failed to pull image "{container.image}": {error}'
                )
                delay = self._back_off.next(key, now, now)
                self._failures[key] = (now, str(error))
                raise ImageError("ErrImagePull", str(error), now + timedelta(seconds=delay)) from None
        ended = self._clock.monotonic()
        self._failures.pop(key, None)
        self.used_at[image.id] = self._clock.now()
        message = (
            f'Successfully pulled image "{container.image}" in {seconds_text(ended - began)} '
            f"({seconds_text(ended - asked)} including waiting). Image size: {image.size} bytes."
        )
        self._event(pod, container.name, "Normal", "Pulled", message)
        return image

    async def _try_credentials(self, name: str, found: list[AuthConfig], sandbox: PodSandboxConfig) -> Image:
        """Pull with each fitting credential in turn, or anonymously if there is none; the last failure is raised."""
        for index, credentials in enumerate([*found] or [None]):
            try:
                reference = await self._runtime.pull_image(name, credentials, sandbox)
                used = credentials
                break
            except RuntimeServiceError:
                if index + 1 >= len(found):
                    raise
        image = await self._runtime.image_status(reference) or await self._runtime.image_status(name)
        if image is None:
            raise RuntimeServiceError("NOT_FOUND", f'image "{name}" is not there after it was pulled')
        self.pulled.pulled(image.id, name, used)
        return image

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._slots is None:
            yield
            return
        async with self._slots:
            yield

    def forget(self, pod_uid: str) -> None:
        """Drop the back-off of a pod that is gone."""
        self._back_off.forget(pod_uid + "/")
        for key in [k for k in self._failures if k.startswith(pod_uid + "/")]:
            del self._failures[key]


def seconds_text(seconds: float) -> str:
    """A short duration as Go prints it, to the millisecond: `12ms`, `1.234s`, `1m2.5s`."""
    millis = round(seconds * 1000)
    if millis < 1000:
        return f"{millis}ms"
    minutes, rest = divmod(millis, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{text}s" if minutes else f"{text}s"
