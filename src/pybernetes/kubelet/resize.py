"""In-place resize of a pod (KEP-1287, KEP-5419): what it asks for, what is granted, what its containers run with. Pure.

    spec.containers[*].resources ──verdict──▶ allocated ──steps──▶ actuated ──▶ status.containerStatuses[*].resources
          the user's wish              │                     │
          Deferred, Infeasible ◀───────┘                     └──▶ update in place, or restart (resizePolicy)

The node grants a wish as a whole or not at all. Until it does, everything goes on with the allocation of before: the
pod's cgroup, its containers' restarts and what counts as used when other pods ask. `pod_resources.py` keeps both lists.
What the pod asks for as a whole (spec.resources) is granted and kept beside its containers', under the name "".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from ..api import quantity
from ..api.core import Container, Pod, ResourceRequirements
from .admission import COUNTED, allocatable_amount, lacking, requested
from .kernel.resources import GUARANTEED, is_critical, qos_class
from .restart_policy import is_sidecar
from .static_pods import is_static

WHOLE = ""
"""Stands for the pod itself among the names of its containers."""

Allocation = Mapping[str, ResourceRequirements]
"""Container name, or WHOLE, -> its resources."""


class Pending(msgspec.Struct, frozen=True):
    """A wish that is not granted: the reason and message of the condition PodResizePending."""

    reason: Literal["Deferred", "Infeasible"]
    message: str


class InProgress(msgspec.Struct, frozen=True):
    """A granted wish that is not carried out yet: the condition PodResizeInProgress; `message` says what went wrong."""

    message: str = ""

    @property
    def reason(self) -> str:
        return "Error" if self.message else ""


def resizable(pod: Pod) -> list[Container]:
    """The containers whose resources may change: regular ones and sidecars."""
    return [*(c for c in pod.spec.init_containers or () if is_sidecar(c)), *(pod.spec.containers or ())]


def wanted(pod: Pod) -> dict[str, ResourceRequirements]:
    """What the pod's spec asks for."""
    of_containers = {container.name: container.resources for container in resizable(pod)}
    return of_containers if pod.spec.resources is None else {WHOLE: pod.spec.resources, **of_containers}


def with_allocation(pod: Pod, allocation: Allocation) -> Pod:
    """The pod as if its spec asked for what is allocated; the same object where nothing differs."""
    asked = wanted(pod)
    if all(same(asked[name], allocation[name]) for name in asked if name in allocation):
        return pod

    def changed(containers: Sequence[Container] | None) -> list[Container] | None:
        if containers is None:
            return None
        return [
            msgspec.structs.replace(c, resources=allocation[c.name])
            if c.name in allocation and any(c is one for one in resizable(pod))
            else c
            for c in containers
        ]

    spec = pod.spec
    return msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(
            spec,
            containers=changed(spec.containers),
            init_containers=changed(spec.init_containers),
            resources=spec.resources and allocation.get(WHOLE, spec.resources),
        ),
    )


def same(one: ResourceRequirements, other: ResourceRequirements) -> bool:
    """The same amounts, however they are written (`1000m` and `1`)."""
    return one is other or (_amounts(one.requests), _amounts(one.limits)) == (
        _amounts(other.requests),
        _amounts(other.limits),
    )


def _amounts(amounts: Mapping[str, str] | None) -> dict[str, int]:
    return {
        name: quantity.milli(text) if name == "cpu" else quantity.value(text) for name, text in (amounts or {}).items()
    }


def verdict(
    pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str], pinned: Pod | None = None
) -> Pending | None:
    """Whether the node grants what the pod's spec asks for: None, or why it does not (now, or ever).

    `others` are the pods that count already, with what they are allocated. pinned: the pod as allocated, where CPUs are
    given to containers alone."""
    if is_static(pod):
        return Pending("Infeasible", "In-place resize of static-pods is not supported")
    if pinned is not None and qos_class(pod) == GUARANTEED and requested(pod, "cpu") != requested(pinned, "cpu"):
        message = 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"'
        return Pending("Infeasible", message)
    for resource in reversed(COUNTED):
        asked, capacity = requested(pod, resource), allocatable_amount(resource, allocatable)
        if asked > capacity:
            message = f"Node didn't have enough capacity: {resource}, requested: {asked}, capacity: {capacity}"
            return Pending("Infeasible", message)
    problem = None if is_critical(pod) else lacking(pod, others, allocatable)
    return Pending("Deferred", problem.message) if problem is not None else None


Step = Literal["update", "restart"]


def step(container: Container, actuated: ResourceRequirements, *, policy_of_pod: str) -> Step | None:
    """How a running container gets what it is allocated (container.resources): in place, by a restart, or not at all.

    A resource whose resizePolicy is RestartContainer restarts it when its request or limit changes, unless the pod
    never restarts anything."""
    if same(container.resources, actuated):
        return None
    policies = {policy.resource_name: policy.restart_policy for policy in container.resize_policy or ()}
    for name in COUNTED:
        before = [_amounts(side).get(name) for side in (actuated.requests, actuated.limits)]
        after = [_amounts(side).get(name) for side in (container.resources.requests, container.resources.limits)]
        if before != after and policies.get(name) == "RestartContainer" and policy_of_pod != "Never":
            return "restart"
    return "update"


def event_message(pod: Pod, prefix: str, error: str = "") -> str:
    """`Pod resize started: {"containers":[...],"generation":2}`, as upstream's events about a resize read."""
    summary: dict[str, Any] = {}
    init = [c for c in pod.spec.init_containers or () if is_sidecar(c)]
    for key, containers in (("initContainers", init), ("containers", pod.spec.containers or ())):
        if containers:
            summary[key] = [{"name": c.name, "resources": c.resources} for c in containers]
    summary["generation"] = pod.metadata.generation or 0
    if error:
        summary["error"] = error
    return f"{prefix}: {msgspec.json.encode(summary).decode()}"
