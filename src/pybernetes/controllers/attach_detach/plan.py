"""Which volumes a node should have attached: pure.

    pods on the node ─▶ their claims ─▶ bound volumes ─▶ those of CSI drivers that attach

A volume that only one node may write to is not attached to a second one before the first has let go of it.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

import msgspec

from ...api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod
from ...api.meta import ObjectMeta
from ...api.storage import CSIDriver, VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec
from ...reconcile.pod_claims import claims_of
from ...reconcile.pods import is_terminal
from ...reconcile.taints import OUT_OF_SERVICE

SHARED_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})
FORCE_DETACH_SECONDS = 360.0
"""How long an unhealthy node may say that a volume is in use before it is detached anyway."""


class Wanted(msgspec.Struct):
    """One volume a node should have, and the pods that use it."""

    volume: PersistentVolume
    pods: list[Pod]


def device_of(volume: PersistentVolume) -> str:
    """The name of a CSI volume in node statuses."""
    csi = volume.spec.csi
    return f"kubernetes.io/csi/{csi.driver}^{csi.volume_handle}" if csi is not None else ""


def attachment_name(volume: PersistentVolume, node: str) -> str:
    """The name of a volume's attachment to a node; the same whoever makes it."""
    csi = volume.spec.csi
    text = f"{csi.volume_handle}{csi.driver}{node}" if csi is not None else ""
    return f"csi-{sha256(text.encode()).hexdigest()}"


def attachment_of(volume: PersistentVolume, node: str) -> VolumeAttachment:
    """The attachment of a volume to a node."""
    csi = volume.spec.csi
    return VolumeAttachment(
        metadata=ObjectMeta(name=attachment_name(volume, node)),
        spec=VolumeAttachmentSpec(
            attacher=csi.driver if csi is not None else "",
            node_name=node,
            source=VolumeAttachmentSource(persistent_volume_name=volume.metadata.name),
        ),
    )


def attaches(volume: PersistentVolume, drivers: Mapping[str, CSIDriver]) -> bool:
    """Whether the volume has to be attached: it is a driver's that does not say it needs no attaching."""
    if volume.spec.csi is None:
        return False
    driver = drivers.get(volume.spec.csi.driver)
    return driver is None or driver.spec.attach_required is not False


def wanted_on(
    pods: Iterable[Pod],
    claim_of: Callable[[str, str], PersistentVolumeClaim | None],
    volume_of: Callable[[str], PersistentVolume | None],
    drivers: Mapping[str, CSIDriver],
) -> dict[str, Wanted]:
    """The volumes these pods (all of one node) need attached, by volume name."""
    found: dict[str, Wanted] = {}
    for pod in pods:
        if is_terminal(pod):
            continue
        for name in claims_of(pod):
            claim = claim_of(name, pod.metadata.namespace or "")
            volume = volume_of(claim.spec.volume_name or "") if claim is not None else None
            if volume is not None and attaches(volume, drivers):
                wanted = found.setdefault(volume.metadata.name or "", Wanted(volume, []))
                wanted.pods.append(pod)
    return found


def is_exclusive(volume: PersistentVolume) -> bool:
    """Whether only one node may have the volume."""
    return not SHARED_MODES & set(volume.spec.access_modes or ())


def may_detach(attachment: VolumeAttachment, device: str, node: Node | None, waited_seconds: float) -> bool:
    """Whether nobody on the node uses the volume any more, or the node cannot say so for too long."""
    if node is None or device not in (node.status.volumes_in_use or ()):
        return True
    if any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints or ()):
        return True
    ready = next((found for found in node.status.conditions or () if found.type == "Ready"), None)
    is_healthy = ready is not None and ready.status == "True"
    return not is_healthy and waited_seconds >= FORCE_DETACH_SECONDS


def multi_attach_message(volume: PersistentVolume, users: Iterable[str]) -> str:
    """What to tell the pods that wait for a volume another node has."""
    start = f'Multi-Attach error for volume "{volume.metadata.name}" '
    names = sorted(users)
    if not names:
        return start + "Volume is already exclusively attached to one node and can't be attached to another"
    return start + f"Volume is already used by pod(s) {', '.join(names)}"
