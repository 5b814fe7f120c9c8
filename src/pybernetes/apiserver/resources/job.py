"""Jobs: the selector is generated, so that two jobs never fight over pods (batch/v1 Job, `spec.selector`)."""

from typing import Any

from .strategy import Object, Strategy, Write

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
_LEGACY_UID_LABEL = "controller-uid"
_LEGACY_NAME_LABEL = "job-name"


class JobStrategy(Strategy):
    """Labels the template and selects by the job's uid unless `manualSelector` is set."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        spec = obj.setdefault("spec", {})
        if not spec.get("manualSelector"):
            _generate_selector(obj["metadata"], spec)


def _generate_selector(metadata: dict[str, Any], spec: dict[str, Any]) -> None:
    template_meta = spec.setdefault("template", {}).setdefault("metadata", {})
    labels = template_meta.setdefault("labels", {})
    uid, name = metadata["uid"], metadata.get("name", "")
    for key, value in (
        (UID_LABEL, uid),
        (_LEGACY_UID_LABEL, uid),
        (NAME_LABEL, name),
        (_LEGACY_NAME_LABEL, name),
    ):
        labels.setdefault(key, value)
    selector = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    selector.setdefault(UID_LABEL, uid)
