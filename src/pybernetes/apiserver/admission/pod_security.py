"""PodSecurity: the Pod Security Standards that a namespace asks for by its labels (Pod Security Admission).

`pod-security.kubernetes.io/enforce` refuses pods below a level, `warn` tells the client, also about workloads whose
pods would be refused. Without labels everything is allowed. The standards themselves are in
`pod_security_standards.py`.
"""

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest
from .pod_security_standards import LEVELS, violations

_PREFIX = "pod-security.kubernetes.io/"
_TEMPLATES = {
    "podtemplates": ("template",),
    "replicationcontrollers": ("spec", "template"),
    "replicasets.apps": ("spec", "template"),
    "deployments.apps": ("spec", "template"),
    "daemonsets.apps": ("spec", "template"),
    "statefulsets.apps": ("spec", "template"),
    "jobs.batch": ("spec", "template"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template"),
}


class PodSecurity:
    """Follows upstream's plugin of the same name."""

    name = "PodSecurity"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._namespaces = resource("namespaces")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        name = resource.group_resource
        if operation not in ("CREATE", "UPDATE"):
            return False
        if name == "pods":
            return subresource in ("", "ephemeralcontainers")
        return name in _TEMPLATES and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        namespace = self._reader.get(self._namespaces, "", request.namespace)
        labels = ((namespace or {}).get("metadata") or {}).get("labels") or {}
        enforced, warned = (labels.get(_PREFIX + mode) for mode in ("enforce", "warn"))
        if enforced in (None, "privileged") and warned in (None, "privileged"):
            return
        pod = _pod_of(request.object or {}, request.resource)
        if pod is None or _unchanged(pod, request):
            return
        if request.resource.plural == "pods" and enforced in LEVELS:
            wrong = violations(pod, enforced)
            if wrong:
                why = f'violates PodSecurity "{_policy(labels, "enforce")}": {", ".join(wrong)}'
                raise status.forbidden("", "pods", request.name, why)
        if warned in LEVELS:
            wrong = violations(pod, warned)
            if wrong:
                request.warnings.append(f'would violate PodSecurity "{_policy(labels, "warn")}": {", ".join(wrong)}')


def _policy(labels: dict[str, str], mode: str) -> str:
    return f"{labels[_PREFIX + mode]}:{labels.get(f'{_PREFIX}{mode}-version') or 'latest'}"


def _pod_of(obj: Object, info: ResourceInfo) -> Object | None:
    """The pod, or the template of a workload's pods."""
    found: Object | None = obj
    for key in _TEMPLATES.get(info.group_resource, ()):
        found = (found or {}).get(key)
    return found


def _unchanged(pod: Object, request: AdmissionRequest) -> bool:
    """Whether an update leaves alone what the standards look at."""
    old = _pod_of(request.old_object, request.resource) if request.old_object is not None else None
    return old is not None and old.get("spec") == pod.get("spec")
