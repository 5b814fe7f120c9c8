"""What the containers of a pod have, as the pod resources API tells it. No I/O."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from pybernetes.api.core import Container, Pod

from ..dynamic_resources.claims import ClaimError
from ..kernel.resources import is_sidecar
from . import messages as m


class HeldDevice(msgspec.Struct, frozen=True):
    """One device that a claim stands for."""

    driver: str
    pool: str
    name: str
    cdi_names: Sequence[str]


class HeldClaim(msgspec.Struct, frozen=True):
    """A claim of a container, with those of its devices that the container has."""

    name: str
    namespace: str
    devices: Sequence[HeldDevice]


class Plugins(Protocol):
    """The device manager: (resource, id) of what there is and of what a container has."""

    def usable(self) -> Iterable[tuple[str, str]]: ...

    def held(self, pod_uid: str, container: str) -> Iterable[tuple[str, str]]: ...


class Claims(Protocol):
    """The claim manager."""

    def held(self, pod: Pod, container: Container) -> Iterable[HeldClaim]:
        """Raises ClaimError."""


class Cpus(Protocol):
    """The CPU manager."""

    @property
    def allocatable(self) -> frozenset[int]: ...

    def of(self, pod_uid: str, container: str) -> frozenset[int]: ...


class Listing:
    """`cpus`: None where no container has CPUs alone."""

    def __init__(self, plugins: Plugins, claims: Claims, cpus: Cpus | None) -> None:
        self._plugins = plugins
        self._claims = claims
        self._cpus = cpus

    def allocatable(self) -> m.AllocatableResponse:
        """What containers of this node can have together."""
        cpus = self._cpus.allocatable if self._cpus is not None else ()
        return m.AllocatableResponse(devices=_devices(self._plugins.usable()), cpu_ids=sorted(cpus))

    def pod(self, pod: Pod, *, only_devices: bool = False) -> m.PodResources:
        """What a pod's containers have: sidecars and regular ones. only_devices: as v1alpha1."""
        sidecars = [container for container in pod.spec.init_containers or () if is_sidecar(container)]
        containers = [self._container(pod, one, only_devices) for one in (*sidecars, *(pod.spec.containers or ()))]
        return m.PodResources(
            name=pod.metadata.name or "", namespace=pod.metadata.namespace or "", containers=containers
        )

    def _container(self, pod: Pod, container: Container, only_devices: bool) -> m.ContainerResources:
        uid = pod.metadata.uid or ""
        found = m.ContainerResources(name=container.name, devices=_devices(self._plugins.held(uid, container.name)))
        if not only_devices:
            found.cpu_ids = sorted(self._cpus.of(uid, container.name)) if self._cpus is not None else []
            with suppress(ClaimError):  # not made yet: there is nothing to tell
                found.dynamic_resources = [_claim(claim) for claim in self._claims.held(pod, container)]
        return found


def _devices(found: Iterable[tuple[str, str]]) -> list[m.ContainerDevices]:
    """One entry a device, as upstream's."""
    return [m.ContainerDevices(resource_name=resource, device_ids=[id_]) for resource, id_ in sorted(found)]


def _claim(claim: HeldClaim) -> m.DynamicResource:
    resources = [
        m.ClaimResource(
            cdi_devices=[m.CdiDevice(name=name) for name in device.cdi_names],
            driver_name=device.driver,
            pool_name=device.pool,
            device_name=device.name,
        )
        for device in claim.devices
    ]
    return m.DynamicResource(claim_name=claim.name, claim_namespace=claim.namespace, claim_resources=resources)
