"""Which services and which workload a pod belongs to: what the built-in spreading spreads.

Services select pods; a pod's controlling ReplicationController, ReplicaSet or StatefulSet has a selector of its own.
"""

from pybernetes.api.apps import ReplicaSet, StatefulSet
from pybernetes.api.core import ReplicationController, Service
from pybernetes.api.selectors import Labels, from_label_selector, from_labels
from pybernetes.client.informers import Informers
from pybernetes.scheduler.pod_info import PodInfo


class Owners:
    """Finds the selectors; selectors are parsed once per version of their object."""

    def __init__(self, informers: Informers) -> None:
        self._services = informers.of(Service)
        self._controllers = informers.of(ReplicationController)
        self._replica_sets = informers.of(ReplicaSet)
        self._stateful_sets = informers.of(StatefulSet)
        self._parsed: dict[tuple[str, str], Labels] = {}
        self._by_namespace: dict[str, dict[str, Labels]] = {}
        self._services.add_handler(self._service_changed)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        service = new if new is not None else old
        assert service is not None
        name, namespace = service.metadata.name or "", service.metadata.namespace or ""
        group = self._by_namespace.setdefault(namespace, {})
        if new is not None and new.spec.selector:
            group[name] = from_labels(new.spec.selector)
        else:
            group.pop(name, None)
            if not group:
                del self._by_namespace[namespace]

    def close(self) -> None:
        """Stop following the services."""
        self._services.remove_handler(self._service_changed)

    def selectors(self, pod: PodInfo) -> tuple[Labels, ...]:
        """Of the pod's services and of its workload; empty when it has neither."""
        services = self._by_namespace.get(pod.namespace)
        found = [selector for selector in services.values() if selector.matches(pod.labels)] if services else []
        workload = self._workload(pod)
        if workload is not None and not workload.empty:
            found.append(workload)
        return tuple(found)

    def _workload(self, pod: PodInfo) -> Labels | None:
        for owner in pod.pod.metadata.owner_references or ():
            if not owner.controller:
                continue
            if owner.kind == "ReplicationController":
                controller = self._controllers.get(owner.name, pod.namespace)
                return from_labels(controller.spec.selector) if controller is not None else None
            if owner.kind not in ("ReplicaSet", "StatefulSet"):
                return None
            known = self._parsed.get((owner.kind, owner.uid))
            if known is not None:
                return known
            source = self._replica_sets if owner.kind == "ReplicaSet" else self._stateful_sets
            workload = source.get(owner.name, pod.namespace)
            if workload is None or workload.metadata.uid != owner.uid:
                return None
            if len(self._parsed) > 4096:
                self._parsed.clear()
            parsed = self._parsed[owner.kind, owner.uid] = from_label_selector(workload.spec.selector)
            return parsed
        return None
