"""Rolling back by annotation: `deprecated.deployment.rollback.to: "REVISION"` (0: the revision before the current one).

`kubectl rollout undo` changes the template itself; the annotation is how clients of the removed extensions API ask for
it, and is answered once: it is taken away with the change, or without one when there is nothing to roll back to.
"""

from collections.abc import Sequence

import msgspec

from ...api.apps import Deployment, ReplicaSet
from .revision import HASH_LABEL, revision_of, same_template

ROLLBACK_TO = "deprecated.deployment.rollback.to"


class Rollback(msgspec.Struct, frozen=True):
    """The Deployment to write, and the event to record."""

    deployment: Deployment
    reason: str
    message: str
    is_warning: bool


def rollback(deployment: Deployment, sets: Sequence[ReplicaSet]) -> Rollback | None:
    """What an asked for rollback amounts to; None when none is asked for."""
    text = (deployment.metadata.annotations or {}).get(ROLLBACK_TO)
    if text is None:
        return None
    wanted = int(text) if text.isdigit() else 0
    if wanted == 0:
        wanted = _previous(sets)
        if wanted == 0:
            reason = "DeploymentRollbackRevisionNotFound"
            return Rollback(_answered(deployment), reason, "Unable to find last revision.", True)
    found = next((one for one in sets if revision_of(one) == wanted), None)
    if found is None:
        message = "Unable to find the revision to rollback to."
        return Rollback(_answered(deployment), "DeploymentRollbackRevisionNotFound", message, True)
    name = deployment.metadata.name
    if same_template(found.spec.template, deployment.spec.template):
        message = f'The rollback revision contains the same template as current deployment "{name}"'
        return Rollback(_answered(deployment), "DeploymentRollbackTemplateUnchanged", message, True)
    labels = {key: value for key, value in (found.spec.template.metadata.labels or {}).items() if key != HASH_LABEL}
    template = msgspec.structs.replace(
        found.spec.template, metadata=msgspec.structs.replace(found.spec.template.metadata, labels=labels or None)
    )
    answered = _answered(deployment)
    fresh = msgspec.structs.replace(answered, spec=msgspec.structs.replace(answered.spec, template=template))
    message = f'Rolled back deployment "{name}" to revision {wanted}'
    return Rollback(fresh, "DeploymentRollback", message, False)


def _previous(sets: Sequence[ReplicaSet]) -> int:
    """The second highest revision, 0 when there is only one."""
    revisions = sorted({revision_of(found) for found in sets}, reverse=True)
    return revisions[1] if len(revisions) > 1 else 0


def _answered(deployment: Deployment) -> Deployment:
    annotations = {key: text for key, text in (deployment.metadata.annotations or {}).items() if key != ROLLBACK_TO}
    metadata = msgspec.structs.replace(deployment.metadata, annotations=annotations or None)
    return msgspec.structs.replace(deployment, metadata=metadata)
