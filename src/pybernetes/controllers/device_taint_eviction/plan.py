"""When a pod has to leave its devices: pure.

    taints of the devices a claim was given ─┐
    tolerations in the claim's allocation ───┴▶ the earliest instant of all, or never

A toleration without seconds is for ever; of several with seconds the shortest counts, from when the taint was added.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ...api.core import Pod
from ...api.dynamic_resource import ResourceClaim, ResourceSlice
from ...api.dynamic_resource.resource_claim import DeviceRequestAllocationResult, DeviceToleration
from ...api.dynamic_resource.resource_slice import DeviceTaint
from ...base.clock import after
from ...reconcile.ownership import is_controlled_by

NO_EXECUTE = "NoExecute"
AT_ONCE = datetime.min.replace(tzinfo=UTC)

Taints = dict[str, list[DeviceTaint]]


def evicting_taints(slices: Sequence[ResourceSlice]) -> Taints:
    """The NoExecute taints by device of one pool; slices of an older generation than the newest do not count."""
    newest = max((found.spec.pool.generation for found in slices), default=0)
    return {
        device.name: taints
        for found in slices
        if found.spec.pool.generation == newest
        for device in found.spec.devices or ()
        if (taints := [taint for taint in device.taints or () if taint.effect == NO_EXECUTE])
    }


def tolerates(toleration: DeviceToleration, taint: DeviceTaint) -> bool:
    """Whether a toleration is about that NoExecute taint."""
    if toleration.effect != NO_EXECUTE or (toleration.key and toleration.key != taint.key):
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in (None, "", "Equal") and (toleration.value or "") == (taint.value or "")


def leaves_at(taint: DeviceTaint, tolerations: Iterable[DeviceToleration]) -> datetime | None:
    """Until when a taint is tolerated; None for ever. A taint that does not tell since when is one of long ago."""
    added = taint.time_added or AT_ONCE
    granted: list[int] = []
    for toleration in tolerations:
        if tolerates(toleration, taint):
            if toleration.toleration_seconds is None:
                return None
            granted.append(max(0, toleration.toleration_seconds))
    return after(added, min(granted)) if granted else added


def devices_of(claim: ResourceClaim) -> Sequence[DeviceRequestAllocationResult]:
    """The devices a claim was given; none while it is not allocated."""
    allocation = claim.status.allocation
    return (allocation.devices.results or ()) if allocation is not None and allocation.devices is not None else ()


def is_reserved_for(claim: ResourceClaim, pod: Pod) -> bool:
    """Whether this very pod may use the claim."""
    return any(
        user.resource == "pods" and not user.api_group and user.uid == pod.metadata.uid
        for user in claim.status.reserved_for or ()
    )


def claim_names(pod: Pod) -> Iterable[tuple[str, bool]]:
    """The names of the claims a pod uses, each with whether the claim was generated for it."""
    generated = {status.name: status.resource_claim_name for status in pod.status.resource_claim_statuses or ()}
    for wanted in pod.spec.resource_claims or ():
        if wanted.resource_claim_name:
            yield wanted.resource_claim_name, False
        elif name := generated.get(wanted.name):
            yield name, True


def uses(pod: Pod, claim: ResourceClaim, *, generated: bool) -> bool:
    """Whether a claim of the right name is really the pod's: reserved for it and, a generated one, owned by it."""
    return is_reserved_for(claim, pod) and (not generated or is_controlled_by(claim, pod))
