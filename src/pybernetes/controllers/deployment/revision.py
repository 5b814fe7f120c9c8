"""Revisions: which ReplicaSet belongs to the current template, and the history that `kubectl rollout undo` reads.

A ReplicaSet is new when its template equals the Deployment's, the `pod-template-hash` label aside. The hash only makes
names and selectors unique; `collisionCount` is mixed in when two templates happen to share one.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from ...api.apps import Deployment, ReplicaSet
from ...api.core import PodTemplateSpec
from ...reconcile.pods import structs_equal
from ...reconcile.revisions import stable_hash

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
    }
)
HISTORY_LENGTH = 2000
NO_LIMIT = 2**31 - 1


def template_hash(template: PodTemplateSpec, collision_count: int) -> str:
    """Ten letters that differ for different templates; the same in every process and version of Python."""
    return stable_hash(_bare(template), collision_count)


def same_template(left: PodTemplateSpec, right: PodTemplateSpec) -> bool:
    """Whether two templates make the same pods; the hash label does not count."""
    return structs_equal(_bare(left), _bare(right))


def with_label(labels: dict[str, str] | None, value: str) -> dict[str, str]:
    """Labels with the template hash."""
    return {**(labels or {}), HASH_LABEL: value}


def find_new(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The ReplicaSet of the current template; the oldest if there are several."""
    for replica_set in sorted(replica_sets, key=created_at):
        if same_template(replica_set.spec.template, deployment.spec.template):
            return replica_set
    return None


def revision_of(obj: ReplicaSet | Deployment) -> int:
    """The revision annotation; 0 when absent or not a number."""
    text = (obj.metadata.annotations or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def next_revision(old: Iterable[ReplicaSet]) -> int:
    """The revision of the new ReplicaSet: one more than any old one."""
    return 1 + max(map(revision_of, old), default=0)


def annotations_for(
    deployment: Deployment, current: dict[str, str], revision: int, sizes: tuple[int, int] | None
) -> dict[str, str]:
    """The annotations of the new ReplicaSet: the Deployment's, its revision and the revisions it had before.

    `sizes` (desired, maximum) is set when the ReplicaSet is created; later only scaling changes them.
    """
    found = dict(current)
    for name, value in (deployment.metadata.annotations or {}).items():
        if name not in NOT_COPIED:
            found[name] = value
    before = found.get(REVISION, "")
    if not before.isdigit() or int(before) < revision:
        found[REVISION] = str(revision)
        if before:
            history = [item for item in found.get(HISTORY, "").split(",") if item] + [before]
            while len(",".join(history)) > HISTORY_LENGTH:
                history.pop(0)
            found[HISTORY] = ",".join(history)
    if sizes is not None:
        found |= size_annotations(*sizes)
    return found


def size_annotations(desired: int, maximum: int) -> dict[str, str]:
    """What a ReplicaSet remembers of the Deployment's size when it was last scaled."""
    return {DESIRED: str(desired), MAXIMUM: str(maximum)}


def to_clean_up(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The old ReplicaSets beyond `revisionHistoryLimit`, oldest revision first; never one that still has pods."""
    limit = deployment.spec.revision_history_limit
    if limit is None or limit == NO_LIMIT:
        return []
    alive = [replica_set for replica_set in old if replica_set.metadata.deletion_timestamp is None]
    surplus = len(alive) - limit
    if surplus <= 0:
        return []
    alive.sort(key=lambda found: (revision_of(found), created_at(found)))
    return [
        replica_set
        for replica_set in alive[:surplus]
        if not replica_set.status.replicas
        and not replica_set.spec.replicas
        and (replica_set.metadata.generation or 0) <= (replica_set.status.observed_generation or 0)
    ]


def created_at(obj: ReplicaSet) -> float:
    """When it was created, in seconds; for sorting."""
    return (obj.metadata.creation_timestamp or datetime.min.replace(tzinfo=UTC, year=1970)).timestamp()


def _bare(template: PodTemplateSpec) -> PodTemplateSpec:
    labels = template.metadata.labels or {}
    if HASH_LABEL in labels:
        labels = {name: value for name, value in labels.items() if name != HASH_LABEL}
    metadata = msgspec.structs.replace(template.metadata, labels=labels or None, creation_timestamp=None)
    return msgspec.structs.replace(template, metadata=metadata)
