"""The resource claims of a pod: pure."""

from collections.abc import Iterator

from pybernetes.api.core import Container, Pod
from pybernetes.api.dynamic_resource import ResourceClaim


class ClaimError(Exception):
    """The pod cannot have (or give back) what a claim stands for, in upstream's words."""


def claims_of(pod: Pod) -> Iterator[tuple[str, str, bool]]:
    """(name in the pod, name of the claim, generated for the pod); "" for the claim of extended resources.

    An entry whose claim was not needed is left out. ClaimError when one was not made yet."""
    statuses = {status.name: status.resource_claim_name for status in pod.status.resource_claim_statuses or ()}
    for wanted in pod.spec.resource_claims or ():
        if wanted.resource_claim_name:
            yield wanted.name, wanted.resource_claim_name, False
        elif wanted.name not in statuses:
            text = f'pod "{pod.metadata.namespace}/{pod.metadata.name}": ResourceClaim not created yet'
            raise ClaimError(text)
        elif name := statuses[wanted.name]:
            yield wanted.name, name, True
    extended = pod.status.extended_resource_claim_status
    if extended is not None:
        yield "", extended.resource_claim_name, False


def check(pod: Pod, claim: ResourceClaim, *, generated: bool) -> None:
    """ClaimError unless the claim is the pod's to use."""
    name, uid = pod.metadata.name, pod.metadata.uid
    owners = claim.metadata.owner_references or ()
    if generated and not any(owner.controller and owner.uid == uid for owner in owners):
        raise ClaimError(
            f"ResourceClaim {claim.metadata.namespace}/{claim.metadata.name} was not created for pod "
            f"{pod.metadata.namespace}/{name} (pod is not owner)"
        )
    if not any(consumer.uid == uid for consumer in claim.status.reserved_for or ()):
        raise ClaimError(
            f"pod {name} ({uid}) is not allowed to use ResourceClaim {claim.metadata.name} ({claim.metadata.uid})"
        )


def drivers_of(claim: ResourceClaim) -> list[str]:
    """Whose devices the claim was allocated. ClaimError when it was not."""
    if claim.status.allocation is None:
        raise ClaimError(f"ResourceClaim {claim.metadata.name}: claim has no allocation")
    results = claim.status.allocation.devices.results or ()
    return sorted({result.driver for result in results})


def requests_of(pod: Pod, container: Container) -> dict[str, list[str]]:
    """What a container asks for, by the claim's name in the pod ("" for extended resources): requests, "" for all."""
    found: dict[str, list[str]] = {}
    for claim in container.resources.claims or ():
        found.setdefault(claim.name, []).append(claim.request or "")
    extended = pod.status.extended_resource_claim_status
    for mapping in (extended.request_mappings if extended is not None else None) or ():
        if mapping.container_name == container.name:
            found.setdefault("", []).append(mapping.request_name)
    return found
