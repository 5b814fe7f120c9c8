"""What pods are told about where to run: ExtendedResourceToleration, LimitPodHardAntiAffinityTopology, PodNodeSelector,
PodTolerationRestriction, PodTopologyLabels."""

from typing import Any

import orjson

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .plugin import AdmissionRequest

Object = dict[str, Any]

_HOSTNAME = "kubernetes.io/hostname"
_NODE_SELECTOR = "scheduler.alpha.kubernetes.io/node-selector"
_DEFAULTS = "scheduler.alpha.kubernetes.io/defaultTolerations"
_ALLOWED = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
_TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_MEMORY_PRESSURE = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}


class PodPlugin:
    """A plugin about pods as they are made."""

    name = ""
    operations: tuple[str, ...] = ("CREATE",)

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.group_resource == "pods" and operation in self.operations and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing, unless the plugin says otherwise."""

    async def validate(self, request: AdmissionRequest) -> None:
        """Refuses nothing, unless the plugin says otherwise."""


class NamespacePodPlugin(PodPlugin):
    """A plugin that follows annotations of the pod's namespace."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._namespaces = resource("namespaces")

    def annotations(self, namespace: str) -> dict[str, str]:
        """Of the namespace. StatusError 404."""
        found = self._reader.get(self._namespaces, "", namespace)
        if found is None:
            raise status.not_found("", "namespaces", namespace)
        return found["metadata"].get("annotations") or {}


class ExtendedResourceToleration(PodPlugin):
    """A pod that uses an extended resource tolerates the taint of that name, so that nodes can be kept for it."""

    name = "ExtendedResourceToleration"
    operations = ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Adds the tolerations."""
        spec = (request.object or {}).get("spec") or {}
        names: set[str] = set()
        for kind in ("containers", "initContainers"):
            for container in spec.get(kind) or ():
                requests = (container.get("resources") or {}).get("requests") or {}
                names |= {name for name in requests if _is_extended(name)}
        for name in sorted(names):
            _tolerate(spec, {"key": name, "operator": "Exists"})


class LimitPodHardAntiAffinityTopology(PodPlugin):
    """Nobody keeps others away from more than a node."""

    name = "LimitPodHardAntiAffinityTopology"

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403."""
        spec = (request.object or {}).get("spec") or {}
        rules = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
        for term in rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
            key = term.get("topologyKey")
            if key != _HOSTNAME:
                why = (
                    "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey "
                    f"{key} but only key {_HOSTNAME} is allowed"
                )
                raise status.forbidden("", "pods", request.name, why)


class PodNodeSelector(NamespacePodPlugin):
    """Pods run where their namespace's node selector says."""

    name = "PodNodeSelector"

    def __init__(self, reader: ObjectReader, configuration: Object) -> None:
        super().__init__(reader)
        found = configuration.get("podNodeSelectorPluginConfig") or configuration
        self._by_namespace: dict[str, str] = {key: str(text) for key, text in found.items()}

    async def admit(self, request: AdmissionRequest) -> None:
        """Merges the selectors."""
        selector = self._of_namespace(request)
        if not selector or request.object is None:
            return
        self._check(request, selector)
        spec = request.object.setdefault("spec", {})
        spec["nodeSelector"] = {**selector, **(spec.get("nodeSelector") or {})}

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 when the pod asks for something else than its namespace allows."""
        self._check(request, self._of_namespace(request))
        allowed = self._parsed(self._by_namespace.get(request.namespace, ""))
        own = ((request.object or {}).get("spec") or {}).get("nodeSelector") or {}
        if allowed and any(allowed.get(key) != value for key, value in own.items()):
            words = "pod node label selector labels conflict with its namespace whitelist"
            raise status.forbidden("", "pods", request.name, words)

    def _check(self, request: AdmissionRequest, selector: dict[str, str]) -> None:
        own = ((request.object or {}).get("spec") or {}).get("nodeSelector") or {}
        if any(selector.get(key, value) != value for key, value in own.items()):
            words = "pod node label selector conflicts with its namespace node label selector"
            raise status.forbidden("", "pods", request.name, words)

    def _of_namespace(self, request: AdmissionRequest) -> dict[str, str]:
        text = self.annotations(request.namespace).get(_NODE_SELECTOR)
        return self._parsed(self._by_namespace.get("clusterDefaultNodeSelector", "") if text is None else text)

    @staticmethod
    def _parsed(text: str) -> dict[str, str]:
        pairs = (part.partition("=") for part in text.split(",") if part.strip())
        return {key.strip(): value.strip() for key, _, value in pairs}


class PodTolerationRestriction(NamespacePodPlugin):
    """Pods get the default tolerations of their namespace and may only have those it allows."""

    name = "PodTolerationRestriction"
    operations = ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Adds the defaults on create, and what quality of service implies."""
        if request.object is None:
            return
        spec = request.object.setdefault("spec", {})
        if request.operation == "CREATE":
            defaults = self._list(request, _DEFAULTS) or []
            for toleration in defaults:
                clash = [
                    own
                    for own in spec.get("tolerations") or ()
                    if (own.get("key"), own.get("effect")) == (toleration.get("key"), toleration.get("effect"))
                    and own != toleration
                ]
                if clash:
                    words = "namespace tolerations and pod tolerations conflict"
                    raise status.forbidden("", "pods", request.name, words)
                _tolerate(spec, toleration)
        from ...api.quota.pod_resources import is_best_effort

        if not is_best_effort(request.object):
            _tolerate(spec, dict(_MEMORY_PRESSURE))

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 for a toleration that is not allowed."""
        allowed = self._list(request, _ALLOWED)
        if not allowed:
            return
        for own in ((request.object or {}).get("spec") or {}).get("tolerations") or ():
            if own != _MEMORY_PRESSURE and not any(_includes(one, own) for one in allowed):
                words = (
                    "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace "
                    "whitelist"
                )
                raise status.forbidden("", "pods", request.name, words)

    def _list(self, request: AdmissionRequest, annotation: str) -> list[Object] | None:
        text = self.annotations(request.namespace).get(annotation)
        if not text:
            return None
        try:
            found = orjson.loads(text)
        except ValueError as error:
            raise status.internal_error(f"namespace annotation {annotation} is invalid: {error}") from None
        return found if isinstance(found, list) else None


class PodTopologyLabels(PodPlugin):
    """A pod that is put on a node gets the node's zone and region as labels (KEP-4742)."""

    name = "PodTopologyLabels"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._nodes = resource("nodes")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.group_resource == "pods" and operation == "CREATE" and subresource in ("", "binding")

    async def admit(self, request: AdmissionRequest) -> None:
        """Labels the pod, or the binding that will label it."""
        obj = request.object or {}
        is_binding = request.subresource == "binding"
        node = (obj.get("target") or {}).get("name") if is_binding else (obj.get("spec") or {}).get("nodeName")
        found = self._reader.get(self._nodes, "", str(node)) if node else None
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        given = {key: labels[key] for key in _TOPOLOGY if key in labels}
        if given:
            metadata = obj.setdefault("metadata", {})
            metadata["labels"] = {**(metadata.get("labels") or {}), **given}


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _tolerate(spec: Object, toleration: Object) -> None:
    present = spec.get("tolerations") or []
    if toleration not in present:
        spec["tolerations"] = [*present, toleration]


def _includes(allowed: Object, own: Object) -> bool:
    """Whether what is allowed covers what the pod has."""
    if allowed.get("key") and allowed["key"] != own.get("key"):
        return False
    if allowed.get("effect") and allowed["effect"] != own.get("effect"):
        return False
    if (allowed.get("operator") or "Equal") == "Equal" and allowed.get("key"):
        return bool((own.get("operator") or "Equal") == "Equal" and allowed.get("value") == own.get("value"))
    return True
