"""The order of the result: as added (`fifo`), or by kind with what others need first (`legacy`)."""

from __future__ import annotations

from .resource import gvk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .resource import Resource

FIRST = (
    "Namespace ResourceQuota StorageClass CustomResourceDefinition ServiceAccount PodSecurityPolicy Role ClusterRole "
    "RoleBinding ClusterRoleBinding ConfigMap Secret Endpoints Service LimitRange PriorityClass PersistentVolume "
    "PersistentVolumeClaim Deployment StatefulSet CronJob PodDisruptionBudget"
).split()
LAST = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]


def ordered(resources: list[Resource], options: dict[str, Any] | None) -> list[Resource]:
    """`options` are a kustomization's `sortOptions`."""
    options = options or {}
    if options.get("order") == "fifo":
        return resources
    legacy = options.get("legacySortOptions") or {}
    first, last = list(legacy.get("orderFirst") or FIRST), list(legacy.get("orderLast") or LAST)
    if legacy:
        first, last = list(legacy.get("orderFirst") or ()), list(legacy.get("orderLast") or ())

    def place(resource: Resource) -> tuple[Any, ...]:
        kind = resource.kind
        if kind in first:
            rank = first.index(kind) - len(first)
        else:
            rank = 1 + last.index(kind) if kind in last else 0
        group, version, _ = gvk(resource.obj)
        # What is empty comes last, as "~" does.
        return rank, group or "~", version or "~", kind, resource.namespace or "~", resource.name

    return sorted(resources, key=place)
