"""An object on its way through a kustomization, with the names it had before: references find it by any of them."""

from __future__ import annotations

from ..errors import CommandError
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Object = dict[str, Any]
    Identity = tuple[str, str, str]

CLUSTER_SCOPED = frozenset(
    "APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle "
    "ComponentStatus CustomResourceDefinition DeviceClass FlowSchema IPAddress IngressClass MutatingAdmissionPolicy "
    "MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace Node PersistentVolume PodSecurityPolicy "
    "PriorityClass PriorityLevelConfiguration ResourceSlice RuntimeClass SelfSubjectAccessReview SelfSubjectReview "
    "SelfSubjectRulesReview ServiceCIDR StorageClass StorageVersion StorageVersionMigration SubjectAccessReview "
    "TokenReview ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration "
    "VolumeAttachment VolumeAttributesClass".split()
)


class Resource:
    """One object; `earlier` are the (kind, name, namespace) it had, the first one first, `types` the group, version and
    kind of each.
    """

    __slots__ = ("earlier", "hashed", "obj", "origin", "prefixes", "suffixes", "types")

    def __init__(self, obj: Object, origin: Object | None = None, *, hashed: bool = False) -> None:
        self.obj = obj
        self.origin = origin or {}
        """For `buildMetadata: [originAnnotations]`: where it came from."""
        self.hashed = hashed
        """Is the name to get a hash of the content?"""
        self.earlier: list[Identity] = []
        self.types: list[tuple[str, str, str]] = []
        self.prefixes: list[str] = []
        self.suffixes: list[str] = []

    @property
    def kind(self) -> str:
        return str(self.obj.get("kind") or "")

    @property
    def metadata(self) -> Object:
        return self.obj.setdefault("metadata", {})  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or "")

    @property
    def identities(self) -> list[Identity]:
        """What it is called now, then what it was called, the latest first."""
        return [(self.kind, self.name, self.namespace), *reversed(self.earlier)]

    def remember(self) -> None:
        """Called before a change of kind, name or namespace."""
        now = (self.kind, self.name, self.namespace)
        if not self.earlier or self.earlier[-1] != now:
            self.earlier.append(now)
            self.types.append(gvk(self.obj))

    def rename(self, name: str) -> None:
        self.remember()
        self.metadata["name"] = name

    def __str__(self) -> str:
        return identity_text(self.obj)


def gvk(obj: Object) -> tuple[str, str, str]:
    """Group, version and kind."""
    group, slash, version = str(obj.get("apiVersion") or "").partition("/")
    return (group, version, str(obj.get("kind") or "")) if slash else ("", group, str(obj.get("kind") or ""))


def gvk_text(group: str, version: str, kind: str) -> str:
    return f"{kind or '[noKind]'}.{version or '[noVer]'}.{group or '[noGrp]'}"


def identity_text(obj: Object) -> str:
    """As messages name an object: `ConfigMap.v1.[noGrp]/conf.[noNs]`."""
    metadata = obj.get("metadata") or {}
    return f"{gvk_text(*gvk(obj))}/{metadata.get('name') or '[noName]'}.{metadata.get('namespace') or '[noNs]'}"


def text_of(value: Any) -> str:
    """A label's or annotation's value: a number or a truth as it is written, nothing as an empty text."""
    return value if isinstance(value, str) else "" if value is None else compact(value)


def is_namespaced(obj: Object) -> bool:
    return obj.get("kind") not in CLUSTER_SCOPED


def effective_namespace(obj: Object) -> str:
    """`default` where none is written; empty for what has none."""
    return str((obj.get("metadata") or {}).get("namespace") or "default") if is_namespaced(obj) else ""


def _key(resource: Resource) -> tuple[Any, ...]:
    return (*gvk(resource.obj), resource.name, effective_namespace(resource.obj))


def add(resources: list[Resource], new: Iterable[Resource]) -> None:
    """Append; CommandError when a name is taken."""
    taken = {_key(resource) for resource in resources}
    for resource in new:
        key = _key(resource)
        if key in taken:
            raise CommandError(f"may not add resource with an already registered id: {resource}")
        taken.add(key)
        resources.append(resource)
