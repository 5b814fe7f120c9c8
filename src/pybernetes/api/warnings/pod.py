"""Pods and templates of pods (pkg/api/pod/warnings.go)."""

from collections.abc import Iterable
from typing import Any

from .. import quantity
from ..validation.pod import told_just_now
from ..validation.values import Passed, label
from . import nodes
from .addresses import ip

Object = dict[str, Any]

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_KINDS = ("initContainers", "containers", "ephemeralContainers")
_BYTES = {"memory": 0, "ephemeral-storage": 0}.keys()
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_OF = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR_OF = "container.apparmor.security.beta.kubernetes.io/"
_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SHOWN = {"storageos": "storageOS"}
_NO_SELECTOR = "a null labelSelector results in matching no pod"


def _pod(pod: Object, old: Object | None) -> list[str]:
    """A new pod; changes of pods are not looked at, since people seldom make them."""
    if old is not None:
        return []
    messages = label(pod["metadata"].get("name") or "")
    found: list[str] = []
    if messages:
        words = (
            "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
        )
        found.append(f"metadata.name: {words}: [{' '.join(messages)}]")
    spec = pod.get("spec") or {}
    if not _silent_spec(spec, ""):
        annotations = pod["metadata"].get("annotations")
        return found + _annotations(annotations, spec, "") if annotations else found
    return found + of_template(pod, "")


def of_template(pod: Object, path: str) -> list[str]:
    """A pod or a template; `path` is where it lies, "" for a pod itself. Costs a plain pod 3 us."""
    spec = pod.get("spec") or {}
    below = f"{path}.spec" if path else "spec"
    found = nodes.selector(spec["nodeSelector"], f"{below}.nodeSelector") if spec.get("nodeSelector") else []
    if spec.get("affinity"):
        found += _node_affinity(spec["affinity"].get("nodeAffinity") or {}, f"{below}.affinity.nodeAffinity")
    for index, row in enumerate(spec.get("topologySpreadConstraints") or ()):
        where = f"{below}.topologySpreadConstraints[{index}]"
        found += nodes.key(row.get("topologyKey") or "", f"{where}.topologyKey")
        if row.get("labelSelector") is None:
            found.append(f"{where}.labelSelector: {_NO_SELECTOR}")
    annotations = (pod.get("metadata") or {}).get("annotations")
    if annotations:
        found += _annotations(annotations, spec, path)
    if spec.get("volumes"):
        found += _volumes(spec["volumes"], f"{below}.volumes")
    if spec.get("hostAliases") or spec.get("imagePullSecrets"):
        found += _repeated(spec, below)
    overhead = spec.get("overhead")
    if overhead:
        found += _fractions(overhead, f"{below}.overhead")
    ports = 0
    for kind in _KINDS:
        if rows := spec.get(kind):
            for index, container in enumerate(rows):
                if _is_suspect(container):
                    found += _container(container, f"{below}.{kind}[{index}]")
                ports += len(container.get("ports") or ())
    if ports > 1:
        found += _ports(spec, below)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        words = "must be >= 0; negative values are invalid and will be treated as 1"
        found.append(f"{below}.terminationGracePeriodSeconds: {words}")
    for kind in ("podAffinity", "podAntiAffinity") if spec.get("affinity") else ():
        found += _pod_affinity(spec["affinity"].get(kind) or {}, f"{below}.affinity.{kind}")
    return found


_silent_spec = Passed(lambda spec, path: of_template({"spec": spec}, path), told_just_now)
"""Nothing is said of most specs, and they come again: 1 us instead of 10 for a pod with sixteen variables."""


def _node_affinity(affinity: Object, path: str) -> list[str]:
    found: list[str] = []
    for index, row in enumerate((affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()):
        found += nodes.term(row, f"{path}.{_REQUIRED}.nodeSelectorTerms[{index}]")
    for index, row in enumerate(affinity.get(_PREFERRED) or ()):
        found += nodes.term(row.get("preference") or {}, f"{path}.{_PREFERRED}[{index}].preference")
    return found


def _pod_affinity(affinity: Object, path: str) -> list[str]:
    found = [
        f"{path}.{_REQUIRED}[{index}].labelSelector: {_NO_SELECTOR}"
        for index, row in enumerate(affinity.get(_REQUIRED) or ())
        if row.get("labelSelector") is None
    ]
    return found + [
        f"{path}.{_PREFERRED}[{index}].podAffinityTerm.labelSelector: {_NO_SELECTOR}"
        for index, row in enumerate(affinity.get(_PREFERRED) or ())
        if (row.get("podAffinityTerm") or {}).get("labelSelector") is None
    ]


def _annotations(annotations: Object, spec: Object, path: str) -> list[str]:
    where = f"{path}.metadata.annotations" if path else "metadata.annotations"
    found = [f"{where}[{key}]: {words}" for key, words in _ANNOTATIONS.items() if key in annotations]
    shared = spec.get("securityContext") or {}
    seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    if _SECCOMP in annotations and shared.get("seccompProfile") is None:
        found.append(f"{where}[{_SECCOMP}]: {seccomp}")
    for container in (container for kind in _KINDS for container in spec.get(kind) or ()):
        context, name = container.get("securityContext") or {}, container.get("name")
        key = f"{_SECCOMP_OF}{name}"
        if key in annotations and context.get("seccompProfile") is None:
            found.append(f"{where}[{key}]: {seccomp}")
        key = f"{_APPARMOR_OF}{name}"
        has_profile = shared.get("appArmorProfile") is not None or context.get("appArmorProfile") is not None
        if path and key in annotations and not has_profile:  # for pods, while the annotation becomes a field
            found.append(f'{where}[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead')
    return found


def _volumes(volumes: list[Object], path: str) -> list[str]:
    found: list[str] = []
    tokens: set[str] = set()
    for index, volume in enumerate(volumes):
        for kind in volume.keys() & _VOLUMES.keys():
            found.append(f"{path}[{index}].{_SHOWN.get(kind, kind)}: {_VOLUMES[kind]}")
        if "ephemeral" in volume:
            claim = (volume["ephemeral"].get("volumeClaimTemplate") or {}).get("spec") or {}
            found += claim_spec(claim, f"{path}[{index}].ephemeral.volumeClaimTemplate.spec")
        if "projected" in volume:
            for source in volume["projected"].get("sources") or ():
                if "serviceAccountToken" in source:
                    tokens.add(source["serviceAccountToken"].get("path") or "")
    for index, volume in enumerate(volumes) if tokens else ():
        if "projected" in volume:
            for source in volume["projected"].get("sources") or ():
                if "serviceAccountToken" not in source:
                    found += _hidden_by_token(source, tokens, f"{path}[{index}].projected.sources")
    return found


_IN_A_PROJECTION = {"configMap": "configMap", "secret": "secrets", "downwardAPI": "downwardAPI"}


def _hidden_by_token(source: Object, tokens: set[str], path: str) -> list[str]:
    found: list[str] = []
    for kind, given in source.items():
        if kind in _IN_A_PROJECTION:
            for index, item in enumerate(given.get("items") or ()):
                if item.get("path") in tokens:
                    words = f'has duplicated path with ServiceAccountToken "{item["path"]}"'
                    found.append(f"{path}.{_IN_A_PROJECTION[kind]}[{index}]: {words}")
        elif kind == "clusterTrustBundle" and given.get("path") in tokens:
            words = f'has duplicated path with ServiceAccountToken "{given["path"]}"'
            found.append(f"{path}.ClusterTrustBundle: {words}")
    return found


def claim_spec(spec: Object, path: str) -> list[str]:
    """The spec of a PersistentVolumeClaim."""
    resources = spec.get("resources") or {}
    found: list[str] = []
    for kind in ("requests", "limits"):
        found += _fractions(resources.get(kind) or {}, f"{path}.resources.{kind}", ("storage",))
    return found


def _repeated(spec: Object, path: str) -> list[str]:
    found: list[str] = []
    for index, row in enumerate(spec.get("hostAliases") or ()):
        address = row.get("ip") or ""
        where = f"{path}.hostAliases[{index}].ip"
        if any(other.get("ip") == address for other in spec["hostAliases"][:index]):
            found.append(f'{where}: duplicate ip "{address}"')
        found += ip(address, where)
    secrets = [row.get("name") or "" for row in spec.get("imagePullSecrets") or ()]
    for index, name in enumerate(secrets):
        if name in secrets[:index]:
            found.append(f'{path}.imagePullSecrets[{index}].name: duplicate name "{name}"')
    return found + [
        f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
        for index, name in enumerate(secrets)
        if not name
    ]


def _is_suspect(container: Object) -> bool:
    """Whether it is worth a closer look: most containers have nothing that could be wrong."""
    if len(container.get("env") or ()) > 1:
        return True
    resources = container.get("resources")
    if not resources:
        return False
    for kind in ("limits", "requests"):
        amounts = resources.get(kind)
        if amounts and (amounts.keys() & _BYTES):
            return True
    return False


def _container(container: Object, path: str) -> list[str]:
    found: list[str] = []
    resources = container.get("resources")
    if resources:
        for kind in ("limits", "requests"):
            if resources.get(kind):
                found += _fractions(resources[kind], f"{path}.resources.{kind}")
    env = container.get("env")
    if env and len(env) > 1:
        seen: set[str] = set()
        for index, row in enumerate(env):
            name, value, reference = row.get("name"), row.get("value") or "", f"$({row.get('name')})"
            # `X=$(X)more` goes on from the first definition; all else hides it.
            hides = row.get("valueFrom") is not None or value == reference or reference not in value
            if name in seen and hides:
                words = f'hides previous definition of "{name}", which may be dropped when using apply'
                found.append(f"{path}.env[{index}]: {words}")
            seen.add(name)
    return found


def _fractions(amounts: Object, path: str, kinds: Iterable[str] = _BYTES) -> list[str]:
    found: list[str] = []
    for name in kinds:
        value = amounts.get(name)
        if value is None or not (str(value)[-1] == "m" or "." in str(value)):
            continue
        amount = quantity.parse(str(value))
        if amount.milli() % 1000:
            found.append(f'{path}[{name}]: fractional byte value "{amount}" is invalid, must be an integer')
    return found


def _ports(spec: Object, path: str) -> list[str]:
    found: list[str] = []
    known: dict[tuple[Any, str], list[tuple[str, Object]]] = {}
    for kind in _KINDS:
        for place, container in enumerate(spec.get(kind) or ()):
            for index, port in enumerate(container.get("ports") or ()):
                where = f"{path}.{kind}[{place}].ports[{index}]"
                others = known.setdefault((port.get("containerPort"), port.get("protocol") or "TCP"), [])
                for other_where, other in others:
                    words = _conflict(port, other)
                    if words:
                        found.append(f"{where}: {words} port definition with {other_where}")
                others.append((where, port))
    return found


def _conflict(port: Object, other: Object) -> str:
    mine, its = port.get("hostPort") or 0, other.get("hostPort") or 0
    my_ip, its_ip = port.get("hostIP") or "", other.get("hostIP") or ""
    if (mine, my_ip) == (its, its_ip):
        return "duplicate"
    if not mine or not its:
        return "overlapping"
    if mine == its and bool(my_ip) != bool(its_ip):
        return "dangerously ambiguous"
    return ""


ADVICE = {"pods": _pod}
