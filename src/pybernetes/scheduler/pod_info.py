"""A pod as the scheduler needs it: requests as numbers, ports, affinity terms, computed once per version of the pod."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import msgspec

from pybernetes.api.core import Affinity, Container, Pod, PodAffinity, PodAffinityTerm, PodAntiAffinity, PodSpec
from pybernetes.api.selectors import IN, NOT_IN, Labels, Requirement, from_label_selector
from pybernetes.scheduler.requests import held_by, requests_of

HostPort = tuple[str, str, int]
"""IP, protocol, port."""


def host_ports_of(pod: Pod) -> tuple[HostPort, ...]:
    """The ports of the node that the pod's containers and sidecars occupy."""
    found: list[HostPort] = []
    sidecars = [container for container in pod.spec.init_containers or () if container.restart_policy == "Always"]
    for container in (*(pod.spec.containers or ()), *sidecars):
        for port in container.ports or ():
            if port.host_port:
                found.append((port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port))
    return tuple(found)


class AffinityTerm:
    """One pod (anti-)affinity term: which pods it is about, in which topology, how much it weighs (0: required)."""

    __slots__ = ("key", "labels", "namespace_selector", "namespaces", "topology_key", "weight")

    def __init__(self, term: PodAffinityTerm, namespace: str, weight: int, labels: Mapping[str, str]) -> None:
        """labels: of the pod that has the term; matchLabelKeys and mismatchLabelKeys refer to them (KEP-3633). The API
        server writes both into the selector when a pod is created; here they matter for pods older than that."""
        self.namespaces = frozenset(term.namespaces or ())
        if not self.namespaces and term.namespace_selector is None:
            self.namespaces = frozenset((namespace,))
        self.namespace_selector = from_label_selector(term.namespace_selector) if term.namespace_selector else None
        self.labels = _merged(from_label_selector(term.label_selector), term, labels)
        self.topology_key = term.topology_key
        self.weight = weight
        self.key = (self.topology_key, self.labels, self.namespaces, self.namespace_selector, weight)

    def matches(self, pod: "PodInfo", namespace_labels: Callable[[str], dict[str, str]]) -> bool:
        """Whether the term is about that pod; namespace_labels gives the labels of a namespace."""
        if not self.labels.matches(pod.labels):
            return False
        if pod.namespace in self.namespaces:
            return True
        return self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels(pod.namespace))


def _merged(selector: Labels, term: PodAffinityTerm, labels: Mapping[str, str]) -> Labels:
    """The selector with the requirements that matchLabelKeys and mismatchLabelKeys add."""
    if selector.nothing or not (term.match_label_keys or term.mismatch_label_keys):
        return selector
    more = [Requirement(key, IN, (labels[key],)) for key in term.match_label_keys or () if key in labels]
    more += [Requirement(key, NOT_IN, (labels[key],)) for key in term.mismatch_label_keys or () if key in labels]
    fresh = [row for row in more if row not in selector.requirements]
    return Labels(tuple(sorted((*selector.requirements, *fresh), key=lambda row: row.key)))


class Shape:
    """What a pod asks of a node, computed once for all pods made from one template. Never changed after it was made."""

    __slots__ = (
        "affinity",
        "anti_affinity",
        "constrained",
        "has_affinity",
        "host_ports",
        "names_nodes",
        "number",
        "preferred_affinity",
        "preferred_anti_affinity",
        "requests",
        "spec",
    )
    _made = count()

    def __init__(self, pod: Pod, namespace: str) -> None:
        spec = pod.spec
        self.number = next(Shape._made)
        """Tells shapes apart."""
        self.spec = spec
        """Of one of the pods: all agree on whatever decides where they may go."""
        self.requests = requests_of(pod)
        self.host_ports = host_ports_of(pod)
        self.affinity: tuple[AffinityTerm, ...] = ()
        self.anti_affinity: tuple[AffinityTerm, ...] = ()
        self.preferred_affinity: tuple[AffinityTerm, ...] = ()
        self.preferred_anti_affinity: tuple[AffinityTerm, ...] = ()
        if spec.affinity is not None:
            self.affinity, self.preferred_affinity = _terms(spec.affinity.pod_affinity, pod, namespace)
            self.anti_affinity, self.preferred_anti_affinity = _terms(spec.affinity.pod_anti_affinity, pod, namespace)
        self.has_affinity = bool(
            self.affinity or self.anti_affinity or self.preferred_affinity or self.preferred_anti_affinity
        )
        self.constrained = self.has_affinity or bool(spec.topology_spread_constraints)
        """Whether the pod's place depends on other pods' labels by its own wish."""
        self.names_nodes = _names_nodes(spec)
        """Whether it asks for nodes by name, as pods of DaemonSets do."""


def _names_nodes(spec: PodSpec) -> bool:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return required is not None and any(term.match_fields for term in required.node_selector_terms or ())


def _terms(
    affinity: PodAffinity | PodAntiAffinity | None, pod: Pod, namespace: str
) -> tuple[tuple[AffinityTerm, ...], tuple[AffinityTerm, ...]]:
    if affinity is None:
        return (), ()
    required = affinity.required_during_scheduling_ignored_during_execution or ()
    preferred = affinity.preferred_during_scheduling_ignored_during_execution or ()
    labels = pod.metadata.labels or {}
    return (
        tuple(AffinityTerm(term, namespace, 0, labels) for term in required),
        tuple(AffinityTerm(term.pod_affinity_term, namespace, term.weight, labels) for term in preferred),
    )


_MAX_SHAPES = 8192
_encode = msgspec.msgpack.Encoder().encode
_shapes: dict[bytes, Shape] = {}


def _asks(containers: list[Container] | None) -> list[tuple[Any, ...]]:
    return [(one.image, one.resources, one.ports, one.restart_policy) for one in containers or ()]


def shape_of(pod: Pod, namespace: str) -> Shape:
    """The shape that this pod shares with all others that ask for the same."""
    spec = pod.spec
    if spec.affinity is not None and _names_nodes(spec):
        return Shape(pod, namespace)  # nobody else asks for that very node
    parts: list[Any] = [
        _asks(spec.containers),
        _asks(spec.init_containers) if spec.init_containers else None,
        spec.node_selector,
        spec.tolerations,
        spec.affinity,
        spec.topology_spread_constraints,
        spec.overhead,
        spec.resources,
        held_by(pod),
    ]
    if spec.affinity is not None:
        parts.append(_surroundings(spec.affinity, namespace, pod.metadata.labels or {}))
    fingerprint = _encode(parts)
    found = _shapes.get(fingerprint)
    if found is None:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        found = _shapes[fingerprint] = Shape(pod, namespace)
    return found


def _surroundings(affinity: Affinity, namespace: str, labels: dict[str, str]) -> list[Any]:
    """What of the pod itself its affinity terms refer to: the labels that they copy into their selectors, and its
    namespace if a term means that."""
    found: list[Any] = []
    for kind in (affinity.pod_affinity, affinity.pod_anti_affinity):
        if kind is None:
            continue
        terms = list(kind.required_during_scheduling_ignored_during_execution or ())
        terms += [row.pod_affinity_term for row in kind.preferred_during_scheduling_ignored_during_execution or ()]
        for term in terms:
            if not term.namespaces and term.namespace_selector is None:
                found.append(namespace)
            found += [
                (key, labels.get(key)) for key in (*(term.match_label_keys or ()), *(term.mismatch_label_keys or ()))
            ]
    return found


def _brings_own(spec: PodSpec) -> bool:
    if spec.resource_claims:
        return True
    for volume in spec.volumes or ():
        if volume.projected is None and volume.config_map is None and volume.empty_dir is None:
            return True
    return any(one.restart_policy_rules for one in (*(spec.containers or ()), *(spec.init_containers or ())))


class PodInfo:
    """See the module docstring. Never changed after it was made."""

    __slots__ = (
        "affinity",
        "anti_affinity",
        "brings_own",
        "has_affinity",
        "host_ports",
        "key",
        "labels",
        "name",
        "namespace",
        "pod",
        "preferred_affinity",
        "preferred_anti_affinity",
        "priority",
        "requests",
        "shape",
        "terminating",
        "uid",
    )

    def __init__(self, pod: Pod) -> None:
        metadata, spec = pod.metadata, pod.spec
        self.pod = pod
        self.name = metadata.name or ""
        self.namespace = metadata.namespace or ""
        self.key = f"{self.namespace}/{self.name}"
        self.uid = metadata.uid or self.key
        self.labels: dict[str, str] = metadata.labels or {}
        self.priority = spec.priority or 0
        self.terminating = metadata.deletion_timestamp is not None
        self.brings_own = _brings_own(spec)
        """Whether it has volumes, claims or rules that tie it to nodes in other ways than a shape tells."""
        shape = self.shape = shape_of(pod, self.namespace)
        self.requests = shape.requests
        self.host_ports = shape.host_ports
        self.has_affinity = shape.has_affinity
        self.affinity = shape.affinity
        self.anti_affinity = shape.anti_affinity
        self.preferred_affinity = shape.preferred_affinity
        self.preferred_anti_affinity = shape.preferred_anti_affinity

    def renewed(self, pod: Pod) -> "PodInfo":
        """The same for a version of the pod that differs in its status only."""
        if held_by(pod) != held_by(self.pod):
            return PodInfo(pod)
        twin = PodInfo.__new__(PodInfo)
        for slot in PodInfo.__slots__:
            setattr(twin, slot, getattr(self, slot))
        twin.pod = pod
        return twin

    @property
    def node_name(self) -> str:
        """The node it is bound to, "" while unscheduled."""
        return self.pod.spec.node_name or ""
