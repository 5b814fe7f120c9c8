"""Where transformers change things: paths into objects of certain kinds, kustomize's defaults and those of
`configurations`.

A path is `spec/template/spec/containers/image`: lists on the way are taken item by item, `\\/` is a slash within a key.
"""

from __future__ import annotations

from .resource import gvk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Object = dict[str, Any]

PODS = {
    "Pod": "spec",
    "PodTemplate": "template/spec",
    "CronJob": "spec/jobTemplate/spec/template/spec",
} | dict.fromkeys(("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job"), "spec/template/spec")
"""Where the pod spec of a kind is."""


class FieldSpec:
    """One path, for objects whose group, version and kind match what is given of them."""

    __slots__ = ("create", "group", "kind", "parts", "version")

    def __init__(self, path: str, kind: str = "", group: str = "", version: str = "", *, create: bool = False) -> None:
        self.parts = [part.replace("\0", "/") for part in path.replace("\\/", "\0").split("/")]
        self.kind, self.group, self.version, self.create = kind, group, version, create

    def matches(self, obj: Object) -> bool:
        return self.means(gvk(obj))

    def means(self, of_type: tuple[str, str, str]) -> bool:
        """Are a group, version and kind those that it is for?"""
        group, version, kind = of_type
        wanted = ((self.kind, kind), (self.group, group), (self.version, version))
        return all(not want or want == have for want, have in wanted)


def of(entry: Object) -> FieldSpec:
    """A field spec as kustomizations write them."""
    words = [str(entry.get(key) or "") for key in ("path", "kind", "group", "version")]
    return FieldSpec(*words, create=bool(entry.get("create")))


def change(obj: Object, spec: FieldSpec, set_value: Callable[[Any], Any], empty: Any = None) -> None:
    """Replace what the path leads to by `set_value` of it; a missing end is made of `empty` where the spec says so."""
    if spec.matches(obj):
        replace(obj, spec, set_value, empty)


def replace(obj: Object, spec: FieldSpec, set_value: Callable[[Any], Any], empty: Any = None) -> None:
    """The same, whatever type the object is of."""
    _change(obj, spec.parts, spec.create, set_value, empty)


def _change(node: Any, parts: list[str], create: bool, set_value: Callable[[Any], Any], empty: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _change(item, parts, create, set_value, empty)
        return
    if not isinstance(node, dict):
        return
    key, rest = parts[0].removesuffix("[]"), parts[1:]
    value = node.get(key)
    if value is None:
        if not create or key != parts[0]:
            return
        value = {} if rest else (dict(empty) if isinstance(empty, dict) else empty)
        node[key] = value
    if rest:
        _change(value, rest, create, set_value, empty)
    elif isinstance(value, list) and not isinstance(empty, list):
        node[key] = [set_value(item) for item in value]
    else:
        node[key] = set_value(value)


NAMES = [FieldSpec("metadata/name")]
NAMESPACES = [
    FieldSpec("metadata/name", "Namespace", version="v1"),
    FieldSpec("spec/conversion/webhook/clientConfig/service/namespace", "CustomResourceDefinition"),
    FieldSpec("spec/service/namespace", "APIService", "apiregistration.k8s.io"),
]
REPLICAS = [
    FieldSpec("spec/replicas", kind, create=True)
    for kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
]
CLAIMS = [FieldSpec("spec/volumeClaimTemplates[]/metadata/labels", "StatefulSet", "apps", create=True)]
IMAGES = [
    FieldSpec(f"spec/{start}{containers}/image")
    for start in ("", "template/spec/")
    for containers in ("containers", "initContainers")
]
"""Beside the `containers` and `initContainers` of everything; what is here is changed twice, as a suffix shows."""


def metadata(field: str) -> list[FieldSpec]:
    return [FieldSpec(f"metadata/{field}", create=True)]


def templates(field: str) -> list[FieldSpec]:
    """The labels or annotations of pod templates."""
    found = [FieldSpec(f"spec/template/metadata/{field}", "ReplicationController", version="v1", create=True)]
    found += [
        FieldSpec(f"spec/template/metadata/{field}", kind, create=True)
        for kind in ("Deployment", "ReplicaSet", "DaemonSet")
    ]
    found += [
        FieldSpec(f"spec/template/metadata/{field}", "StatefulSet", "apps", create=True),
        FieldSpec(f"spec/template/metadata/{field}", "Job", "batch", create=True),
        FieldSpec(f"spec/jobTemplate/metadata/{field}", "CronJob", "batch", create=True),
        FieldSpec(f"spec/jobTemplate/spec/template/metadata/{field}", "CronJob", "batch", create=True),
    ]
    return found


def selectors() -> list[FieldSpec]:
    """Where labels select pods."""
    found = [
        FieldSpec("spec/selector", "Service", version="v1", create=True),
        FieldSpec("spec/selector", "ReplicationController", version="v1", create=True),
    ]
    found += [
        FieldSpec("spec/selector/matchLabels", kind, create=True) for kind in ("Deployment", "ReplicaSet", "DaemonSet")
    ]
    found += [
        FieldSpec("spec/selector/matchLabels", "StatefulSet", "apps", create=True),
        FieldSpec("spec/selector/matchLabels", "Job", "batch"),
        FieldSpec("spec/jobTemplate/spec/selector/matchLabels", "CronJob", "batch"),
        FieldSpec("spec/selector/matchLabels", "PodDisruptionBudget", "policy"),
    ]
    term = "labelSelector/matchLabels"
    for kind in ("Deployment", "StatefulSet"):
        for affinity in ("podAffinity", "podAntiAffinity"):
            start = f"spec/template/spec/affinity/{affinity}"
            preferred = f"{start}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/{term}"
            found.append(FieldSpec(preferred, kind, "apps"))
            found.append(FieldSpec(f"{start}/requiredDuringSchedulingIgnoredDuringExecution/{term}", kind, "apps"))
        found.append(FieldSpec(f"spec/template/spec/topologySpreadConstraints/{term}", kind, "apps"))
    for path in ("podSelector", "ingress/from/podSelector", "egress/to/podSelector"):
        found.append(FieldSpec(f"spec/{path}/matchLabels", "NetworkPolicy", "networking.k8s.io"))
    return found


def in_pods(path: str) -> Iterator[FieldSpec]:
    """A path below the pod spec, for every kind that has one."""
    for kind, start in PODS.items():
        yield FieldSpec(f"{start}/{path}", kind)


class Configuration:
    """The defaults with what `configurations` add."""

    def __init__(self) -> None:
        from .references import default_rules, variables

        self.names, self.suffixes, self.namespaces = list(NAMES), list(NAMES), list(NAMESPACES)
        self.labels = [*metadata("labels"), *templates("labels"), *CLAIMS, *selectors()]
        self.template_labels = [*templates("labels"), *CLAIMS]
        self.annotations = [*metadata("annotations"), *templates("annotations")]
        self.images, self.replicas = list(IMAGES), list(REPLICAS)
        self.references = default_rules()
        self.variables = variables()

    def extended(self, document: Object) -> Configuration:
        """With one file of `configurations` merged in."""
        fields = {
            "namePrefix": self.names,
            "nameSuffix": self.suffixes,
            "namespace": self.namespaces,
            "commonLabels": self.labels,
            "templateLabels": self.template_labels,
            "commonAnnotations": self.annotations,
            "images": self.images,
            "replicas": self.replicas,
            "varReference": self.variables,
        }
        for key, specs in fields.items():
            specs += [of(entry) for entry in document.get(key) or ()]
        for entry in document.get("nameReference") or ():
            target = FieldSpec("-", *(str(entry.get(key) or "") for key in ("kind", "group", "version")))
            self.references.append((target, [of(spec) for spec in entry.get("fieldSpecs") or ()]))
        return self
