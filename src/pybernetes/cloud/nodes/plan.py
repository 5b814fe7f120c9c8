"""What a cloud's knowledge of an instance means for its Node. Pure.

The node's own word wins where it gave one: of the cloud's addresses of one type only the one the kubelet was told to
use counts (annotation `alpha.kubernetes.io/provided-node-ip`), and labels that the node has already stay.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ...api.core import Node, NodeAddress, Taint
from ..provider import InstanceMetadata, ProviderError

UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"
SHUTDOWN = "node.cloudprovider.kubernetes.io/shutdown"
PROVIDED_IP = "alpha.kubernetes.io/provided-node-ip"

TYPE_LABELS = ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type")
ZONE_LABELS = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")
REGION_LABELS = ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region")
_RESERVED = re.compile(r"(^|\.)(kubernetes|k8s)\.io/")


def is_uninitialized(node: Node) -> bool:
    """Whether nothing may run there before the cloud has spoken."""
    return any(taint.key == UNINITIALIZED for taint in node.spec.taints or ())


def without(node: Node, key: str) -> list[Taint]:
    """The node's taints but those of that key."""
    return [taint for taint in node.spec.taints or () if taint.key != key]


def instance_labels(found: InstanceMetadata, present: Mapping[str, str]) -> dict[str, str]:
    """The labels of a node that is initialised: type, zone and region, each also under its former name, and the cloud's
    own where the node has none of that key."""
    labels: dict[str, str] = {}
    for names, value in (
        (TYPE_LABELS, found.instance_type),
        (ZONE_LABELS, found.zone),
        (REGION_LABELS, found.region),
    ):
        labels.update(dict.fromkeys(names, value) if value else {})
    own = {key: value for key, value in found.additional_labels.items() if not _RESERVED.search(key)}
    labels.update({key: value for key, value in own.items() if key not in present})
    return labels


def refreshed_labels(found: InstanceMetadata | None, present: Mapping[str, str]) -> dict[str, str]:
    """What is to change on a node that was initialised long ago: the cloud's own labels as they are now, and today's
    names of type, zone and region as the former ones have it."""
    own = found.additional_labels.items() if found else ()
    wanted = {key: value for key, value in own if not _RESERVED.search(key)}
    for former, today in (ZONE_LABELS, REGION_LABELS, TYPE_LABELS):
        if former in present:
            wanted[today] = present[former]
    return {key: value for key, value in wanted.items() if present.get(key) != value}


def addresses_of(node: Node, found: InstanceMetadata) -> list[NodeAddress] | None:
    """The node's addresses as the cloud has them, with the kubelet's host name where the cloud has none; None when
    nothing changes. ProviderError when the address the kubelet insists on is not the instance's."""
    if not found.addresses:
        return None
    present = list(node.status.addresses or ())
    wanted = list(found.addresses)
    if not any(address.type == "Hostname" for address in wanted):
        wanted += [address for address in present if address.type == "Hostname"]
    for text in ((node.metadata.annotations or {}).get(PROVIDED_IP) or "").split(","):
        if text.strip():
            wanted = _preferring(text.strip(), wanted)
    return wanted if wanted != present else None


def _preferring(text: str, addresses: Sequence[NodeAddress]) -> list[NodeAddress]:
    """That address before all, as the only one of its type."""
    try:
        insisted = ip_address(text)
    except ValueError:
        raise ProviderError(f"failed to parse node IP {text!r}") from None
    chosen = [address for address in addresses if _is_ip(address.address, insisted)]
    if not chosen:
        raise ProviderError(f"failed to get node address from cloud provider that matches ip: {text}")
    types = {address.type for address in chosen}
    return [*chosen, *(address for address in addresses if address.type not in types)]


def _is_ip(text: str, wanted: object) -> bool:
    try:
        return ip_address(text) == wanted
    except ValueError:
        return False


def initialisation(node: Node, found: InstanceMetadata) -> dict[str, Any]:
    """The patch that makes a node usable. ProviderError when the cloud does not know what to call it."""
    provider_id = node.spec.provider_id or found.provider_id
    if not provider_id:
        raise ProviderError(f"cloud provider does not set node provider ID for node {node.metadata.name}")
    labels = instance_labels(found, node.metadata.labels or {})
    return {"metadata": {"labels": labels}, "spec": {"providerID": provider_id}}
