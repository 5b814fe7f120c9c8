"""What the API says about the CSI drivers of a node: the CSINode object, and on the Node an annotation and labels.

`with_driver` and `without_driver` are pure; `CsiNodeWriter` reads the object, applies one and writes the result with
the version it read, again and again until nobody was faster. The CSINode exists from the node's start on, empty.
"""

import json
from collections.abc import Callable, Mapping

import msgspec

from pybernetes.api.core import Node
from pybernetes.api.meta import ObjectMeta, OwnerReference
from pybernetes.api.status import StatusError, is_already_exists, is_conflict, is_not_found
from pybernetes.api.storage import CSINode, CSINodeDriver, CSINodeSpec, VolumeNodeResources
from pybernetes.client.client import MERGE_PATCH, Client

from . import messages as m

NODE_ID_ANNOTATION = "csi.volume.kubernetes.io/nodeid"


class TopologyCollision(Exception):
    """The driver says the node is somewhere else than its labels do."""


def driver_entry(name: str, info: m.NodeGetInfoResponse) -> CSINodeDriver:
    """A driver's entry in CSINode."""
    segments = info.accessible_topology.segments if info.accessible_topology is not None else {}
    limit = info.max_volumes_per_node
    return CSINodeDriver(
        name=name,
        node_id=info.node_id,
        topology_keys=sorted(segments) or None,
        allocatable=VolumeNodeResources(count=min(limit, 2**31 - 1)) if limit > 0 else None,
    )


def with_driver(drivers: list[CSINodeDriver], entry: CSINodeDriver) -> list[CSINodeDriver]:
    """The drivers with this one, in the place of an earlier entry of its name."""
    return [*(driver for driver in drivers if driver.name != entry.name), entry]


def without_driver(drivers: list[CSINodeDriver], name: str) -> list[CSINodeDriver]:
    """The drivers without that of this name."""
    return [driver for driver in drivers if driver.name != name]


def node_ids(annotation: str, name: str, node_id: str | None) -> str | None:
    """The node's annotation with the driver's id for it (None: without); None when no driver is left.

    What cannot be read is begun anew."""
    try:
        known = json.loads(annotation) if annotation else {}
    except ValueError:
        known = {}
    if not isinstance(known, dict):
        known = {}
    if node_id is None:
        known.pop(name, None)
    else:
        known[name] = node_id
    return json.dumps(known, sort_keys=True, separators=(",", ":")) if known else None


def topology_labels(labels: Mapping[str, str], segments: Mapping[str, str]) -> dict[str, str]:
    """The labels to add to the node. TopologyCollision when one says something else."""
    for key, value in segments.items():
        known = labels.get(key, value)
        if known != value:
            raise TopologyCollision(
                f'detected topology value collision: driver reported "{key}":"{value}" but existing label is '
                f'"{key}":"{known}"'
            )
    return {key: value for key, value in segments.items() if key not in labels}


class CsiNodeWriter:
    """Keeps the CSINode, and the CSI part of the Node, of one node."""

    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node_name = node_name

    async def ensure(self) -> None:
        """Make the CSINode, owned by the node. StatusError, OSError."""
        try:
            await self._client.get(CSINode, self._node_name)
            return
        except StatusError as error:
            if not is_not_found(error):
                raise
        await self._create([])

    async def add(self, name: str, info: m.NodeGetInfoResponse) -> None:
        """The driver is there. StatusError, OSError, TopologyCollision."""
        node = await self._client.get(Node, self._node_name)
        segments = info.accessible_topology.segments if info.accessible_topology is not None else {}
        labels = topology_labels(node.metadata.labels or {}, segments)
        await self._annotate(node, name, info.node_id, labels)
        await self._change(lambda drivers: with_driver(drivers, driver_entry(name, info)))

    async def remove(self, name: str) -> None:
        """The driver is gone; its topology labels stay, since volumes may be bound to them. StatusError, OSError."""
        await self._change(lambda drivers: without_driver(drivers, name))
        await self._annotate(await self._client.get(Node, self._node_name), name, None, {})

    async def _annotate(self, node: Node, name: str, node_id: str | None, labels: Mapping[str, str]) -> None:
        known = (node.metadata.annotations or {}).get(NODE_ID_ANNOTATION, "")
        wanted = node_ids(known, name, node_id)
        if (known or None) == wanted and not labels:
            return
        metadata = {"annotations": {NODE_ID_ANNOTATION: wanted}, **({"labels": dict(labels)} if labels else {})}
        await self._client.patch(Node, self._node_name, body={"metadata": metadata}, content_type=MERGE_PATCH)

    async def _change(self, change: Callable[[list[CSINodeDriver]], list[CSINodeDriver]]) -> None:
        while True:
            try:
                found = await self._client.get(CSINode, self._node_name)
                before = found.spec.drivers or []
                after = change(before)
                if after != before:
                    spec = msgspec.structs.replace(found.spec, drivers=after)
                    await self._client.update(msgspec.structs.replace(found, spec=spec))
                return
            except StatusError as error:
                if is_conflict(error):
                    continue
                if not is_not_found(error):
                    raise
            if await self._create(change([])):
                return

    async def _create(self, drivers: list[CSINodeDriver]) -> bool:
        """False when somebody else made it meanwhile."""
        node = await self._client.get(Node, self._node_name)
        owner = OwnerReference(api_version="v1", kind="Node", name=self._node_name, uid=node.metadata.uid or "")
        metadata = ObjectMeta(name=self._node_name, owner_references=[owner])
        try:
            await self._client.create(CSINode(metadata=metadata, spec=CSINodeSpec(drivers=drivers)))
        except StatusError as error:
            if not is_already_exists(error):
                raise
            return False
        return True
