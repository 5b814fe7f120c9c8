"""Who is who: the pod and the claims of one ordinal.

StatefulSet web, ordinal 2, claim template data ─▶ pod web-2, hostname web-2, claim data-web-2 as volume data
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from ...api.apps import StatefulSet
from ...api.core import (
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodTemplateSpec,
    Volume,
)
from ...reconcile.pods import pod_from_template

REVISION_LABEL = "controller-revision-hash"
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
_MEMBER = re.compile(r"(.*)-([0-9]+)").fullmatch


def start_of(stateful_set: StatefulSet) -> int:
    """The first ordinal."""
    return stateful_set.spec.ordinals.start if stateful_set.spec.ordinals is not None else 0


def wanted(stateful_set: StatefulSet) -> int:
    """The replicas asked for."""
    return stateful_set.spec.replicas if stateful_set.spec.replicas is not None else 1


def ordinals(stateful_set: StatefulSet) -> range:
    """The ordinals that should have a pod."""
    start = start_of(stateful_set)
    return range(start, start + wanted(stateful_set))


def ordinal_of(pod: Pod) -> int:
    """The ordinal in a pod's name; -1 when there is none."""
    found = _MEMBER(pod.metadata.name or "")
    return int(found[2]) if found is not None else -1


def is_member(stateful_set: StatefulSet, pod: Pod) -> bool:
    """Whether the pod's name says it belongs to this StatefulSet."""
    found = _MEMBER(pod.metadata.name or "")
    return found is not None and found[1] == stateful_set.metadata.name


def revision_of(pod: Pod) -> str:
    """The name of the revision a pod was made from."""
    return (pod.metadata.labels or {}).get(REVISION_LABEL, "")


def pod_name(stateful_set: StatefulSet, ordinal: int) -> str:
    """The name of an ordinal's pod."""
    return f"{stateful_set.metadata.name}-{ordinal}"


def claim_names(stateful_set: StatefulSet, ordinal: int) -> dict[str, str]:
    """Volume name -> claim name of one ordinal."""
    templates = stateful_set.spec.volume_claim_templates or ()
    owner = stateful_set.metadata.name
    return {template.metadata.name or "": f"{template.metadata.name}-{owner}-{ordinal}" for template in templates}


def claims_of(stateful_set: StatefulSet, ordinal: int) -> Iterator[PersistentVolumeClaim]:
    """The claims of one ordinal, as they are created."""
    selector = stateful_set.spec.selector
    labels = (selector.match_labels if selector is not None else None) or {}
    names = claim_names(stateful_set, ordinal)
    for template in stateful_set.spec.volume_claim_templates or ():
        meta = template.metadata
        metadata = msgspec.structs.replace(
            meta,
            name=names[meta.name or ""],
            namespace=stateful_set.metadata.namespace,
            labels={**(meta.labels or {}), **labels} or None,
        )
        yield PersistentVolumeClaim(metadata=metadata, spec=template.spec)


def pod_of(stateful_set: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The pod of one ordinal, from the template of a revision."""
    name = pod_name(stateful_set, ordinal)
    pod = pod_from_template(template, stateful_set, name=name)
    pod.metadata.labels = {**(pod.metadata.labels or {}), **_labels(name, ordinal), REVISION_LABEL: revision}
    pod.spec = msgspec.structs.replace(
        pod.spec,
        hostname=name,
        subdomain=stateful_set.spec.service_name or None,
        volumes=_volumes(pod.spec.volumes or (), claim_names(stateful_set, ordinal)) or None,
    )
    return pod


def missing_labels(stateful_set: StatefulSet, pod: Pod) -> dict[str, str]:
    """The labels of its identity that a pod lacks (somebody took them away, or it was adopted)."""
    ordinal = ordinal_of(pod)
    labels = pod.metadata.labels or {}
    return {
        key: value
        for key, value in _labels(pod_name(stateful_set, ordinal), ordinal).items()
        if labels.get(key) != value
    }


def _labels(name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME_LABEL: name, POD_INDEX_LABEL: str(ordinal)}


def _volumes(volumes: Iterable[Volume], claims: dict[str, str]) -> list[Volume]:
    """The template's volumes, with those that a claim replaces under the same name."""
    found = [
        Volume(
            name=name, persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=claim_name, read_only=None)
        )
        for name, claim_name in claims.items()
    ]
    return found + [volume for volume in volumes if volume.name not in claims]
