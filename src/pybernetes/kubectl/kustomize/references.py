"""Names that changed are changed where other objects mention them.

`default_rules()` are kustomize's: for each kind, the fields of others that name it. A field finds the object by a name
that it had; of several, the one of the referrer's namespace, then the one that got the same prefixes and suffixes.
"""

from __future__ import annotations

from ..errors import CommandError
from .field_specs import PODS, FieldSpec, in_pods, replace
from .resource import effective_namespace, is_namespaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .resource import Resource

    Rule = tuple[FieldSpec, list[FieldSpec]]

_RBAC = "rbac.authorization.k8s.io"
_WITH_CONTROLLER = {**PODS, "ReplicationController": "spec/template/spec"}


def _specs(path: str, *kinds: str, group: str = "") -> list[FieldSpec]:
    return [FieldSpec(path, kind, group) for kind in kinds]


def _by_pods(path: str) -> list[FieldSpec]:
    """Kinds whose pods name accounts, claims and priority classes."""
    return [
        FieldSpec(f"{start}/{path}", kind)
        for kind, start in _WITH_CONTROLLER.items()
        if kind not in ("PodTemplate", "ReplicaSet")
    ]


def _contents(kind: str, volume: str, reference: str) -> list[FieldSpec]:
    """Where pods use config maps or secrets."""
    paths = [f"volumes/{volume}", f"volumes/projected/sources/{'configMap' if kind == 'ConfigMap' else 'secret'}/name"]
    for containers in ("containers", "initContainers"):
        paths += [f"{containers}/env/valueFrom/{reference}KeyRef/name", f"{containers}/envFrom/{reference}Ref/name"]
    return [spec for path in paths for spec in in_pods(path)] + _specs("rules/resourceNames", "Role", "ClusterRole")


def default_rules() -> list[Rule]:
    """(the kind that is named, the fields that name it)."""
    hooks = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    annotation = "metadata/annotations/{}ingress.kubernetes.io\\/{}"
    rules = [
        (FieldSpec("-", kind), _specs("spec/scaleTargetRef/name", "HorizontalPodAutoscaler"))
        for kind in ("Deployment", "ReplicationController", "ReplicaSet", "StatefulSet")
    ]
    maps = _contents("ConfigMap", "configMap/name", "configMap") + _specs("spec/configSource/configMap", "Node")
    maps += _specs(annotation.format("nginx.", "fastcgi-params-configmap"), "Ingress")
    secrets = _contents("Secret", "secret/secretName", "secret") + list(in_pods("imagePullSecrets/name"))
    secrets += _specs("spec/tls/secretName", "Ingress") + _specs("imagePullSecrets/name", "ServiceAccount")
    for start, end in (("", "auth-secret"), ("nginx.", "auth-secret"), ("nginx.", "auth-tls-secret")):
        secrets += _specs(annotation.format(start, end), "Ingress")
    for key in ("secretName", "adminSecretName", "userSecretName", "secretRef"):
        secrets += _specs(f"parameters/{key}", "StorageClass")
    secrets += _specs("spec/azureFile/secretName", "PersistentVolume")
    knative = "spec/template/spec/containers/env/valueFrom/secretKeyRef/name"
    secrets.append(FieldSpec(knative, "Service", "serving.knative.dev", "v1"))
    services = _specs("spec/serviceName", "StatefulSet", group="apps")
    for path in (
        "rules/http/paths/backend/serviceName",
        "backend/serviceName",
        "rules/http/paths/backend/service/name",
    ):
        services += _specs(f"spec/{path}", "Ingress")
    services += _specs("spec/defaultBackend/service/name", "Ingress") + _specs(
        "spec/rules/backendRefs/name", "HTTPRoute"
    )
    services += _specs("spec/service/name", "APIService", group="apiregistration.k8s.io")
    services += _specs("webhooks/clientConfig/service", *hooks, group="admissionregistration.k8s.io")
    rules += [
        (FieldSpec("-", "ConfigMap", version="v1"), maps),
        (FieldSpec("-", "Secret", version="v1"), secrets),
        (FieldSpec("-", "Service", version="v1"), services),
        (FieldSpec("-", "Role", _RBAC), _specs("roleRef/name", "RoleBinding", group=_RBAC)),
        (
            FieldSpec("-", "ClusterRole", _RBAC),
            _specs("roleRef/name", "RoleBinding", "ClusterRoleBinding", group=_RBAC),
        ),
        (
            FieldSpec("-", "ServiceAccount", version="v1"),
            _specs("subjects", "RoleBinding", "ClusterRoleBinding", group=_RBAC) + _by_pods("serviceAccountName"),
        ),
        (FieldSpec("-", "PersistentVolumeClaim", version="v1"), _by_pods("volumes/persistentVolumeClaim/claimName")),
        (
            FieldSpec("-", "PersistentVolume", version="v1"),
            _specs("spec/volumeName", "PersistentVolumeClaim") + _specs("rules/resourceNames", "ClusterRole"),
        ),
        (
            FieldSpec("-", "StorageClass", "storage.k8s.io", "v1"),
            _specs("spec/storageClassName", "PersistentVolume", "PersistentVolumeClaim")
            + _specs("spec/volumeClaimTemplates/spec/storageClassName", "StatefulSet"),
        ),
        (FieldSpec("-", "PriorityClass", "scheduling.k8s.io", "v1"), _by_pods("priorityClassName")),
        (
            FieldSpec("-", "ValidatingAdmissionPolicy", "admissionregistration.k8s.io"),
            _specs("spec/policyName", "ValidatingAdmissionPolicyBinding"),
        ),
        (FieldSpec("-", "IngressClass", "networking.k8s.io", "v1"), _specs("spec/ingressClassName", "Ingress")),
    ]
    return rules


def variables() -> list[FieldSpec]:
    """Where `$(NAME)` of `vars` is replaced."""
    found: list[FieldSpec] = []
    for containers in ("containers", "initContainers"):
        for path in ("args", "command", "env/value", "volumeMounts/mountPath"):
            found += [spec for spec in in_pods(f"{containers}/{path}") if spec.kind != "PodTemplate"]
    found += [spec for spec in in_pods("volumes/nfs/server") if spec.kind not in ("PodTemplate", "StatefulSet")]
    for path in ("spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"):
        found += _specs(path, "Ingress")
    found += _specs("spec/ports/port", "Service") + _specs("spec/ports/targetPort", "Service")
    found += _specs("spec/volumeClaimTemplates/spec/nfs/server", "StatefulSet")
    found += _specs("spec/nfs/server", "PersistentVolume")
    return [*found, FieldSpec("metadata/labels"), FieldSpec("metadata/annotations")]


def fix(resources: list[Resource], rules: list[Rule]) -> None:
    """Follow the names, of objects and in objects that are of the types of the rules, or were before a patch changed
    their kinds. CommandError where one could mean several objects.
    """
    for target, specs in rules:
        named: dict[str, list[Resource]] = {}
        for resource in resources:
            if resource.earlier and _ever(resource, target):
                for name in {name for _, name, _ in resource.identities}:
                    named.setdefault(name, []).append(resource)
        if named:
            for referrer in resources:
                for spec in specs:
                    if _ever(referrer, spec):
                        follow = _Follow(referrer, target, named)
                        replace(referrer.obj, spec, follow.role if spec.parts == _ROLE else follow)


_ROLE = ["roleRef", "name"]


def _ever(resource: Resource, spec: FieldSpec) -> bool:
    """Is it of the type of a field spec, or was it?"""
    return spec.matches(resource.obj) or any(map(spec.means, resource.types))


class _Follow:
    """Replaces one mention: a name, or a map with `name` and `namespace`."""

    def __init__(self, referrer: Resource, target: FieldSpec, named: dict[str, list[Resource]]) -> None:
        self._referrer, self._target, self._named = referrer, target, named

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            found = self._chosen(value, self._near(value))
            return found.name if found else value
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            space = str(value.get("namespace") or "default")
            every = self._named.get(value["name"], ())
            found = self._chosen(
                value["name"], [one for one in every if any((n or "default") == space for _, _, n in one.identities)]
            )
            if found is not None:
                value["name"] = found.name
                if found.namespace:
                    value["namespace"] = found.namespace
        return value

    def role(self, value: Any) -> Any:
        """The name in a roleRef, which tells the kind too."""
        wanted = (self._referrer.obj.get("roleRef") or {}).get("kind")
        return self(value) if wanted in ("", None, self._target.kind) else value

    def _near(self, name: str) -> list[Resource]:
        """Those in the referrer's namespace, or in none."""
        every = self._named.get(name, [])
        if not is_namespaced(self._referrer.obj):
            return every
        space = effective_namespace(self._referrer.obj)
        return [one for one in every if not is_namespaced(one.obj) or effective_namespace(one.obj) == space]

    def _chosen(self, name: str, found: list[Resource]) -> Resource | None:
        if len(found) > 1:
            mine = (self._referrer.prefixes, self._referrer.suffixes)
            same = [one for one in found if (one.prefixes, one.suffixes) == mine]
            ends = [one for one in found if _tails(one.prefixes, mine[0]) and _tails(one.suffixes, mine[1])]
            found = same or ends or found
        if not found:
            return None
        if len({one.name for one in found}) > 1:
            shown = ", ".join(str(one) for one in found)
            raise CommandError(f"found multiple possible referrals: {name}: {shown}")
        return found[0]


def _tails(one: list[str], other: list[str]) -> bool:
    short, long = sorted((one, other), key=len)
    return long[len(long) - len(short) :] == short
