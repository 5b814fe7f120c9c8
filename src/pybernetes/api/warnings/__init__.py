"""What clients are warned of: objects that are sound, and yet probably not what was meant, or built on what goes away.

    advice_of("pods")(pod, None)     # ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use ...']

Pure functions from wire dicts to texts, which travel as Warning headers. `MODULES` names the module of each kind; it
holds `on_create(obj)`, and `on_update(new, old)` where updates are looked at too (of pods they are not). Texts and
paths are upstream's (pkg/api/*/warnings.go and the strategies), since people search for them.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

Object = dict[str, Any]
Advice = Callable[[Object, Object | None], list[str]]

MODULES = {
    "pods": "pod",
    "podtemplates": "workloads",
    "replicationcontrollers": "workloads",
    "deployments.apps": "workloads",
    "replicasets.apps": "workloads",
    "statefulsets.apps": "workloads",
    "daemonsets.apps": "workloads",
    "jobs.batch": "workloads",
    "cronjobs.batch": "workloads",
    "services": "network",
    "endpoints": "network",
    "endpointslices.discovery.k8s.io": "network",
    "ingresses.networking.k8s.io": "network",
    "networkpolicies.networking.k8s.io": "network",
    "persistentvolumes": "storage",
    "persistentvolumeclaims": "storage",
    "storageclasses.storage.k8s.io": "storage",
    "csistoragecapacities.storage.k8s.io": "storage",
    "nodes": "nodes",
    "runtimeclasses.node.k8s.io": "nodes",
}
"""group resource -> module of this package."""


@cache
def advice_of(group_resource: str) -> Advice | None:
    """The advice about a kind; None where there is none."""
    name = MODULES.get(group_resource)
    if name is None:
        return None
    found: dict[str, Advice] = import_module(f"{__name__}.{name}").ADVICE
    return found[group_resource]
