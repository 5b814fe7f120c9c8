"""Which evaluator belongs to which resource, and which resources a quota makes one look at."""

from collections.abc import Iterable
from functools import lru_cache

from .evaluator import COUNT_PREFIX, Evaluator, ObjectCount
from .persistent_volume_claims import PersistentVolumeClaims
from .pods import Pods
from .resource_claims import ResourceClaims
from .services import Services

OWN: tuple[Evaluator, ...] = (Pods(), Services(), PersistentVolumeClaims(), ResourceClaims())
_COUNTED = ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")


@lru_cache(512)
def evaluator(group_resource: str) -> Evaluator:
    """The evaluator of a resource such as `pods` or `deployments.apps`."""
    for found in OWN:
        if found.group_resource == group_resource:
            return found
    return ObjectCount(group_resource)


def sources(hard: Iterable[str]) -> set[str]:
    """The resources (`pods`, `deployments.apps`) whose objects the limits of a quota are about."""
    names = list(hard)
    found = {own.group_resource for own in OWN if own.matching(names)}
    for name in names:
        if name in _COUNTED:
            found.add(name)
        elif name.startswith(COUNT_PREFIX):
            found.add(name.removeprefix(COUNT_PREFIX))
    return found
