"""How much a CSI driver can still provision near a node (KEP-1472): CSIStorageCapacity objects.

Only drivers whose CSIDriver says `storageCapacity: true` are asked. They publish one object for each storage class
and part of the topology; where none reaches the node and is large enough, no volume can be made.
"""

from pybernetes.api.core import PersistentVolumeClaim
from pybernetes.api.quantity import value
from pybernetes.api.selectors import from_label_selector
from pybernetes.api.storage import CSIDriver, CSIStorageCapacity, StorageClass
from pybernetes.client.informer import Informer
from pybernetes.client.informers import Informers
from pybernetes.scheduler.node_info import NodeInfo


class StorageCapacity:
    """What the informers know of drivers and their capacities."""

    def __init__(self, informers: Informers) -> None:
        self._drivers: Informer[CSIDriver] = informers.of(CSIDriver)
        self._capacities: Informer[CSIStorageCapacity] = informers.of(CSIStorageCapacity)

    def suffices(self, claim: PersistentVolumeClaim, storage_class: StorageClass, node: NodeInfo) -> bool:
        """Whether the class's driver can make a volume of the claim's size for the node."""
        asked = (claim.spec.resources.requests or {}).get("storage")
        driver = self._drivers.get(storage_class.provisioner)
        if asked is None or driver is None or not driver.spec.storage_capacity:
            return True
        size, name = value(asked), storage_class.metadata.name
        return any(
            one.storage_class_name == name and _limit(one) >= size and _reaches(one, node)
            for one in self._capacities.list()
        )


def _limit(one: CSIStorageCapacity) -> int:
    """The largest volume in bytes; -1 when the object does not say."""
    limit = one.maximum_volume_size or one.capacity
    return value(limit) if limit else -1


def _reaches(one: CSIStorageCapacity, node: NodeInfo) -> bool:
    return one.node_topology is not None and from_label_selector(one.node_topology).matches(node.labels)
