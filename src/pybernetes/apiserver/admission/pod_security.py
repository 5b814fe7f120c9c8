"""PodSecurity: the Pod Security Standards that a namespace asks for by its labels (Pod Security Admission).

    enforce   pods below the level are refused
    audit     they are noted in the audit log        both also for workloads whose pods would be refused
    warn      the client is told

Each mode has its level and its version (`pod-security.kubernetes.io/enforce-version: v1.30`); what the labels leave
open the plugin's configuration says, and without one everything is allowed. The standards are in
`pod_security_standards.py`.
"""

import re
from typing import Any

import msgspec

from ...api import field, status
from ...api.resource import ResourceInfo, resource
from ..audit import annotate
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest
from .pod_security_standards import LATEST, violations

_PREFIX = "pod-security.kubernetes.io/"
_MODES = ("enforce", "audit", "warn")
_LEVELS = ("privileged", "baseline", "restricted")
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)\Z")
_MOST_PODS = 3000
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


class Policy(msgspec.Struct, frozen=True):
    """A level as of a version."""

    level: str
    version: str

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def violations(self, pod: Object) -> list[str]:
        """What the pod does that this does not allow."""
        if self.level == "privileged":
            return []
        found = _VERSION.match(self.version)
        return violations(pod, self.level, int(found[1]) if found is not None else LATEST)


class PodSecurity:
    """Follows upstream's plugin of the same name; `configuration` is a PodSecurityConfiguration."""

    name = "PodSecurity"

    def __init__(self, reader: ObjectReader, configuration: Object | None = None) -> None:
        self._reader = reader
        self._namespaces = resource("namespaces")
        self._pods = resource("pods")
        config: Object = configuration or {}
        self._defaults: dict[str, str] = config.get("defaults") or {}
        exemptions = config.get("exemptions") or {}
        self._exempt = {
            key: frozenset(exemptions.get(key) or ()) for key in ("usernames", "runtimeClasses", "namespaces")
        }

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        name = resource.group_resource
        if operation not in ("CREATE", "UPDATE"):
            return False
        if name == "pods":
            return subresource in ("", "ephemeralcontainers")
        return (name in _TEMPLATES or name == "namespaces") and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 for a pod below the enforced level, 422 for a namespace whose labels make no sense."""
        if request.resource.group_resource == "namespaces":
            self._namespace(request)
            return
        namespace = self._reader.get(self._namespaces, "", request.namespace)
        labels = _labels(namespace)
        if not self._defaults and not any(key.startswith(_PREFIX) for key in labels):
            return
        policies = {mode: self._policy(labels, mode) for mode in _MODES}
        if all(policy.level == "privileged" for policy in policies.values()):
            return
        pod = _pod_of(request.object or {}, request.resource)
        if pod is None or _unchanged(pod, request) or self._is_exempt(request, pod):
            return
        self._enforce(request, pod, policies["enforce"])
        wrong = policies["audit"].violations(pod)
        if wrong:
            words = f'would violate PodSecurity "{policies["audit"]}": {", ".join(wrong)}'
            annotate(f"{_PREFIX}audit-violations", words)
        wrong = policies["warn"].violations(pod)
        if wrong:
            request.warnings.append(f'would violate PodSecurity "{policies["warn"]}": {", ".join(wrong)}')

    def _enforce(self, request: AdmissionRequest, pod: Object, policy: Policy) -> None:
        if request.resource.plural != "pods":
            return
        annotate(f"{_PREFIX}enforce-policy", str(policy))
        wrong = policy.violations(pod)
        if wrong:
            why = f'violates PodSecurity "{policy}": {", ".join(wrong)}'
            raise status.forbidden("", "pods", request.name, why)

    def _is_exempt(self, request: AdmissionRequest, pod: Object) -> bool:
        runtime_class = (pod.get("spec") or {}).get("runtimeClassName")
        for key, value, shown in (
            ("namespaces", request.namespace, "namespace"),
            ("usernames", request.user.name, "user"),
            ("runtimeClasses", runtime_class, "runtimeClass"),
        ):
            if value in self._exempt[key]:
                annotate(f"{_PREFIX}exempt", shown)
                return True
        return False

    def _policy(self, labels: dict[str, str], mode: str) -> Policy:
        level = labels.get(_PREFIX + mode) or self._defaults.get(mode) or "privileged"
        version = labels.get(f"{_PREFIX}{mode}-version") or self._defaults.get(f"{mode}-version") or "latest"
        return Policy(level if level in _LEVELS else "restricted", version)

    def _namespace(self, request: AdmissionRequest) -> None:
        """Labels must make sense; a stricter level tells which pods it would not have let in."""
        labels, before = _labels(request.object), _labels(request.old_object)
        errors = _label_errors(labels)
        if errors and any(labels.get(key) != before.get(key) for key in labels if key.startswith(_PREFIX)):
            raise status.invalid("", "Namespace", request.name, errors)
        new, old = self._policy(labels, "enforce"), self._policy(before, "enforce")
        if request.operation == "CREATE" or new == old or request.name in self._exempt["namespaces"]:
            return
        if _LEVELS.index(new.level) < _LEVELS.index(old.level) or new.level == "privileged":
            return
        request.warnings += self._pod_warnings(request.name, new)

    def _pod_warnings(self, namespace: str, policy: Policy) -> list[str]:
        found: dict[str, list[str]] = {}
        for count, pod in enumerate(self._reader.list(self._pods, namespace)):
            if count >= _MOST_PODS:
                break
            if (pod.get("spec") or {}).get("runtimeClassName") in self._exempt["runtimeClasses"]:
                continue
            wrong = policy.violations(pod)
            if wrong:
                # The parts in parentheses name containers; pods that err alike are counted together without them.
                summary = ", ".join(part.partition(" (")[0] for part in wrong)
                found.setdefault(summary, []).append(str(pod["metadata"]["name"]))
        if not found:
            return []
        head = f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{policy}"'
        return [head, *sorted(f"{_counted(sorted(names))}: {summary}" for summary, names in found.items())]


def _counted(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    others = len(names) - 1
    return f"{names[0]} (and {others} other pod{'s' if others > 1 else ''})"


def _labels(namespace: Object | None) -> dict[str, str]:
    return ((namespace or {}).get("metadata") or {}).get("labels") or {}


def _label_errors(labels: dict[str, str]) -> list[Any]:
    errors = []
    for mode in _MODES:
        level, version = labels.get(_PREFIX + mode), labels.get(f"{_PREFIX}{mode}-version")
        if level is not None and level not in _LEVELS:
            words = "must be one of privileged, baseline, restricted"
            errors.append(field.invalid(f"metadata.labels[{_PREFIX}{mode}]", level, words))
        if version is not None and version != "latest" and _VERSION.match(version) is None:
            words = 'must be "latest" or "v1.x"'
            errors.append(field.invalid(f"metadata.labels[{_PREFIX}{mode}-version]", version, words))
    return errors


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
