"""Kinds that make pods: their template is advised on when they are made, and when their spec changes."""

from collections.abc import Callable
from typing import Any

from .. import names
from .pod import claim_spec, of_template

Object = dict[str, Any]

_MANY_COMPLETIONS, _MANY_AT_ONCE = 100_000, 10_000


def _unchanged(new: Object, old: Object | None) -> bool:
    return old is not None and new.get("spec") == old.get("spec")


def _hostname(obj: Object, old: Object | None) -> list[str]:
    if old is not None:
        return []
    messages = names.dns1123_label(obj["metadata"].get("name") or "")
    words = (
        "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended"
    )
    return [f"metadata.name: {words}: [{' '.join(messages)}]"] if messages else []


def _templated(*, named: bool) -> Callable[[Object, Object | None], list[str]]:
    def advice(obj: Object, old: Object | None) -> list[str]:
        found = _hostname(obj, old) if named else []
        if _unchanged(obj, old):
            return found
        return found + of_template((obj.get("spec") or {}).get("template") or {}, "spec.template")

    return advice


def _stateful_set(obj: Object, old: Object | None) -> list[str]:
    found = _hostname(obj, old)
    if _unchanged(obj, old):
        return found
    spec = obj.get("spec") or {}
    found += of_template(spec.get("template") or {}, "spec.template")
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        found += claim_spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].Spec")
    if (spec.get("revisionHistoryLimit") or 0) < 0:
        words = "a negative value retains all historical revisions; a value >= 0 is recommended"
        found.append(f"spec.revisionHistoryLimit: {words}")
    return found


def _job_spec(spec: Object, path: str) -> list[str]:
    found: list[str] = []
    many = (spec.get("completions") or 0) > _MANY_COMPLETIONS and (spec.get("parallelism") or 0) > _MANY_AT_ONCE
    if spec.get("completionMode") == "Indexed" and many:
        found.append(
            f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
            "10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        )
    return found + of_template(spec.get("template") or {}, f"{path}.template")


def _job(obj: Object, old: Object | None) -> list[str]:
    found = _hostname(obj, old)
    return found if _unchanged(obj, old) else found + _job_spec(obj.get("spec") or {}, "spec")


def _cron_job(obj: Object, old: Object | None) -> list[str]:
    found = _hostname(obj, old)
    spec = obj.get("spec") or {}
    if old is not None and "TZ" in (spec.get("schedule") or ""):
        found.append(
            "CRON_TZ or TZ used in schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    if _unchanged(obj, old):
        return found
    return found + _job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")


def _pod_template(obj: Object, old: Object | None) -> list[str]:
    return [] if old == obj else of_template(obj.get("template") or {}, "template")


ADVICE = {
    "podtemplates": _pod_template,
    "replicationcontrollers": _templated(named=True),
    "deployments.apps": _templated(named=True),
    "replicasets.apps": _templated(named=True),
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _templated(named=False),
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
}
