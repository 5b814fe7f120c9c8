"""Which requests a policy or binding is about (`matchConstraints`, `matchResources`)."""

from typing import Any

import msgspec

from ....api import status
from ....api.resource import ResourceInfo, resource
from ....api.selectors import Labels, from_label_selector
from ...reader import Object, ObjectReader
from ..plugin import AdmissionRequest
from ..webhook import rules
from ..webhook.question import question_of
from ..webhook.review import Question
from ..webhook.versions import Versions

_OWN_KINDS = frozenset(
    {
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    }
)
_NEVER = frozenset({"authentication.k8s.io", "authorization.k8s.io"})


def concerns(resource: ResourceInfo) -> bool:
    """Whether policies are asked at all: never about themselves, so that a bad one can be taken away, and not about
    questions of identity and rights."""
    if resource.group == "admissionregistration.k8s.io" and resource.plural in _OWN_KINDS:
        return False
    return resource.group not in _NEVER


class Constraints(msgspec.Struct, frozen=True):
    """MatchResources with upstream's defaults."""

    rules: list[Object]
    excluded: list[Object]
    namespaces: Labels
    objects: Labels
    equivalent: bool

    @classmethod
    def of(cls, raw: Object | None) -> "Constraints | None":
        """None matches everything."""
        if raw is None:
            return None
        return cls(
            raw.get("resourceRules") or [],
            raw.get("excludeResourceRules") or [],
            from_label_selector(raw.get("namespaceSelector") or {}),
            from_label_selector(raw.get("objectSelector") or {}),
            raw.get("matchPolicy") != "Exact",
        )


class Matcher:
    """Matches constraints with requests, and shows requests in the version that matched."""

    def __init__(self, reader: ObjectReader, versions: Versions) -> None:
        self._reader = reader
        self._versions = versions
        self._namespaces = resource("namespaces")

    def policy(self, constraints: Constraints | None, request: AdmissionRequest) -> ResourceInfo | None:
        """The version of the resource that a policy matches; None when it matches none."""
        served = request.served or request.resource
        if constraints is None:
            return None
        return self._version(constraints, request, served)

    def binding(self, constraints: Constraints | None, request: AdmissionRequest) -> bool:
        """Whether a binding is about the request; without rules it is about all that the policy matches."""
        if constraints is None:
            return True
        served = request.served or request.resource
        if constraints.rules:
            return self._version(constraints, request, served) is not None
        return self._selected(constraints, request) and not self._excluded(constraints, request, served)

    def _version(
        self, constraints: Constraints, request: AdmissionRequest, served: ResourceInfo
    ) -> ResourceInfo | None:
        if not self._selected(constraints, request) or self._excluded(constraints, request, served):
            return None
        return self._covered(constraints.rules, constraints, request, served)

    def _excluded(self, constraints: Constraints, request: AdmissionRequest, served: ResourceInfo) -> bool:
        return self._covered(constraints.excluded, constraints, request, served) is not None

    def _covered(
        self, entries: list[Object], constraints: Constraints, request: AdmissionRequest, served: ResourceInfo
    ) -> ResourceInfo | None:
        if not entries:
            return None
        versions = [served]
        if constraints.equivalent:
            versions += [info for info in self._versions.equivalents(served) if info is not served]
        for info in versions:
            target = rules.Target(
                request.operation, info.group, info.version, info.plural, request.subresource, request.namespace
            )
            for rule in entries:
                names = rule.get("resourceNames")
                if rules.matches(rule, target) and (not names or request.name in names):
                    return info
        return None

    def _selected(self, constraints: Constraints, request: AdmissionRequest) -> bool:
        return self._in_namespaces(constraints.namespaces, request) and _labelled(constraints.objects, request)

    def _in_namespaces(self, selector: Labels, request: AdmissionRequest) -> bool:
        if selector.empty:
            return True
        if request.resource.group_resource == "namespaces":
            if request.operation in ("CREATE", "UPDATE") and request.object is not None:
                return selector.matches(_labels(request.object))
            return selector.matches(_labels(self.namespace(request.name)))
        if not request.namespace:
            return True
        return selector.matches(_labels(self.namespace(request.namespace)))

    def namespace(self, name: str) -> Object:
        """StatusError 404 when it is not there."""
        found = self._reader.get(self._namespaces, "", name)
        if found is None:
            raise status.not_found("", "namespaces", name)
        return found

    def namespace_of(self, request: AdmissionRequest) -> Object | None:
        """`namespaceObject`: the namespace of a namespaced object."""
        if not request.namespace or request.resource.group_resource == "namespaces":
            return None
        found = self.namespace(request.namespace)
        spec, phase = found.get("spec") or {}, (found.get("status") or {}).get("phase")
        metadata = {key: value for key, value in found["metadata"].items() if key in _SHOWN}
        return {"metadata": metadata, "spec": {"finalizers": spec.get("finalizers") or []}, "status": {"phase": phase}}

    async def question(self, request: AdmissionRequest, info: ResourceInfo) -> Question:
        """The request in the version that matched."""
        return await question_of(self._versions, request, info)


_SHOWN = frozenset(
    {
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "finalizers",
    }
)


def _labels(obj: Any) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _labelled(selector: Labels, request: AdmissionRequest) -> bool:
    if selector.empty:
        return True
    objects = [obj for obj in (request.object, request.old_object) if obj is not None and "metadata" in obj]
    return any(selector.matches(_labels(obj)) for obj in objects)
