"""The pods a Job makes: its template with the tracking finalizer and, for Indexed Jobs, the index everywhere."""

from typing import Any

import msgspec

from ...api.batch import Job
from ...api.core import EnvVar, EnvVarSource, ObjectFieldSelector, Pod
from ...reconcile.pods import pod_from_template
from .assess import FAILURE_COUNT, FINALIZER, IGNORED_COUNT, Tries
from .indexes import INDEX


def pod_of(job: Job, index: int | None, tries: Tries | None) -> Pod:
    """A pod of the Job; index and how often it failed before, where the Job has such."""
    name = job.metadata.name or ""
    pod = pod_from_template(job.spec.template, job)
    meta = pod.metadata
    meta.finalizers = [*(meta.finalizers or ()), FINALIZER]
    if index is None:
        return pod
    meta.generate_name = f"{name}-{index}-"
    meta.labels = {**(meta.labels or {}), INDEX: str(index)}
    meta.annotations = {**(meta.annotations or {}), INDEX: str(index)}
    if tries is not None:
        meta.annotations[FAILURE_COUNT] = str(tries.counted)
        if tries.ignored:
            meta.annotations[IGNORED_COUNT] = str(tries.ignored)
    variable = EnvVar(
        name="JOB_COMPLETION_INDEX",
        value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.labels['{INDEX}']")),
    )

    def with_index(containers: Any) -> Any:
        return [
            container
            if any(found.name == variable.name for found in container.env or ())
            else msgspec.structs.replace(container, env=[*(container.env or ()), variable])
            for container in containers or ()
        ]

    pod.spec = msgspec.structs.replace(
        pod.spec,
        hostname=pod.spec.hostname or f"{name}-{index}"[:63],
        containers=with_index(pod.spec.containers),
        init_containers=with_index(pod.spec.init_containers) or None,
    )
    return pod
