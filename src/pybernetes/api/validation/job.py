"""Jobs (batch/v1), and the same spec inside CronJobs."""

from .. import field
from . import selectors
from .features import enabled
from .pod_template import pod_template, unselected
from .values import (
    Errors,
    Object,
    domain_prefixed_path,
    each,
    immutable,
    label,
    nonnegative,
    one_of_if_set,
    qualified_name,
    same,
)

_LABELS = (
    ("controller-uid", "uid"),
    ("job-name", "name"),
    ("batch.kubernetes.io/controller-uid", "uid"),
    ("batch.kubernetes.io/job-name", "name"),
)
_NONNEGATIVE = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_FIXED = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_LIMIT = 100_000
_HIGH_COMPLETIONS, _HIGH_PARALLELISM = 100_000, 10_000
_MANAGED_BY_LIMIT = 63
_RULES_LIMIT, _PATTERNS_LIMIT, _CODES_LIMIT = 20, 20, 255


def validate_create(job: Object) -> Errors:
    spec, metadata = job.get("spec") or {}, job["metadata"]
    errors = _generated_selector(metadata, spec)
    errors += _with_selector(spec)
    completions = spec.get("completions")
    if spec.get("completionMode") == "Indexed" and completions:
        hostname = f"{metadata.get('name')}-{completions - 1}"
        if label(hostname):
            words = f"will not able to create pod with invalid DNS label: {hostname}"
            errors.append(field.invalid("metadata.name", metadata.get("name"), words))
    return errors


def _generated_selector(metadata: Object, spec: Object) -> Errors:
    """Unless the user chose the selector, template and selector carry the job's uid and name."""
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return []
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    expected = {key: metadata.get(source) or "" for key, source in _LABELS}
    errors: Errors = []
    for key, value in expected.items():
        where = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            errors.append(field.required(where, f"must be '{value}'"))
        elif labels[key] != value:
            errors.append(field.invalid(where, labels, f"must be '{value}'"))
    if not selectors.label_selector(selector, "") and not selectors.matches(selector, expected):
        errors.append(field.invalid("spec.selector", selector, "`selector` not auto-generated"))
    return errors


def _with_selector(spec: Object) -> Errors:
    errors = job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        return [*errors, field.required("spec.selector")]
    wrong = selectors.label_selector(selector, "spec.selector")
    return errors + (wrong or unselected(spec.get("template") or {}, selector, "spec.template"))


def job_spec(spec: Object, path: str) -> Errors:
    """Everything but the selector, which the server makes."""
    errors: Errors = []
    for key in _NONNEGATIVE:
        errors += nonnegative(spec.get(key), f"{path}.{key}")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        errors.append(field.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if (manager := spec.get("managedBy")) is not None:
        errors += domain_prefixed_path(manager, f"{path}.managedBy")
        if len(manager) > _MANAGED_BY_LIMIT:
            errors.append(field.too_long(f"{path}.managedBy", _MANAGED_BY_LIMIT))
    errors += _completion_mode(spec, path)
    policy = spec.get("podFailurePolicy")
    if policy is not None:
        errors += _failure_policy(policy, spec, f"{path}.podFailurePolicy")
    if (success := spec.get("successPolicy")) is not None:
        if spec.get("completionMode") != "Indexed":
            errors.append(field.invalid(f"{path}.successPolicy", success, "requires indexed completion mode"))
        else:
            errors += _success_policy(success, spec, f"{path}.successPolicy")
    replacing = ("Failed",) if policy is not None else ("Failed", "TerminatingOrFailed")
    errors += one_of_if_set(spec.get("podReplacementPolicy"), replacing, f"{path}.podReplacementPolicy")
    errors += pod_template(spec.get("template") or {}, f"{path}.template")
    return errors + _restart_policy(spec, policy, f"{path}.template.spec.restartPolicy")


def _restart_policy(spec: Object, policy: Object | None, path: str) -> Errors:
    restart = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if restart in ("", "Always"):
        return [field.required(path, 'valid values: "OnFailure", "Never"')]
    if restart not in ("OnFailure", "Never"):
        return [field.not_supported(path, restart, ("OnFailure", "Never"))]
    if policy is not None and restart != "Never":
        return [field.invalid(path, restart, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _completion_mode(spec: Object, path: str) -> Errors:
    mode = spec.get("completionMode")
    errors = one_of_if_set(mode, ("NonIndexed", "Indexed"), f"{path}.completionMode")
    if mode != "Indexed":
        if mode in (None, "NonIndexed"):
            for key in ("backoffLimitPerIndex", "maxFailedIndexes"):
                if spec.get(key) is not None:
                    errors.append(field.invalid(f"{path}.{key}", spec[key], "requires indexed completion mode"))
        return errors
    completions, parallelism, failed = (spec.get(key) for key in ("completions", "parallelism", "maxFailedIndexes"))
    if completions is None:
        errors.append(field.required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > _LIMIT:
        words = f"must be less than or equal to {_LIMIT} when completion mode is Indexed"
        errors.append(field.invalid(f"{path}.parallelism", parallelism, words))
    if completions is not None and failed is not None and failed > completions:
        words = "must be less than or equal to completions"
        errors.append(field.invalid(f"{path}.maxFailedIndexes", failed, words))
    if failed is not None and failed > _LIMIT:
        errors.append(field.invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_LIMIT}"))
    if completions is not None and completions > _HIGH_COMPLETIONS and spec.get("backoffLimitPerIndex") is not None:
        if failed is None:
            words = f"must be specified when completions is above {_HIGH_COMPLETIONS}"
            errors.append(field.required(f"{path}.maxFailedIndexes", words))
        for key, value in (("parallelism", parallelism), ("maxFailedIndexes", failed)):
            if value is not None and value > _HIGH_PARALLELISM:
                words = (
                    f"must be less than or equal to {_HIGH_PARALLELISM} when completions are above "
                    f"{_HIGH_COMPLETIONS} and used with backoff limit per index"
                )
                errors.append(field.invalid(f"{path}.{key}", value, words))
    return errors


def _failure_policy(policy: Object, spec: Object, path: str) -> Errors:
    rules = policy.get("rules") or []
    errors: Errors = [field.too_many(f"{path}.rules", len(rules), _RULES_LIMIT)] if len(rules) > _RULES_LIMIT else []
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {c.get("name") for key in ("containers", "initContainers") for c in pod.get(key) or ()}
    for index, rule in enumerate(rules):
        where, action = f"{path}.rules[{index}]", rule.get("action") or ""
        if not action:
            listed = " ".join(f'"{name}"' for name in _ACTIONS)
            errors.append(field.required(f"{where}.action", f"valid values: [{listed}]"))
        elif action == "FailIndex":
            if spec.get("backoffLimitPerIndex") is None:
                words = "requires the backoffLimitPerIndex to be set"
                errors.append(field.invalid(f"{where}.action", action, words))
        elif action not in _ACTIONS:
            errors.append(field.not_supported(f"{where}.action", action, _ACTIONS))
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or []
        if codes is not None:
            errors += _exit_codes(codes, names, f"{where}.onExitCodes")
        errors += _pod_conditions(conditions, f"{where}.onPodConditions")
        if codes is not None and conditions:
            words = "specifying both OnExitCodes and OnPodConditions is not supported"
            errors.append(field.invalid_as_a_whole(where, words))
        if codes is None and not conditions:
            words = "specifying one of OnExitCodes and OnPodConditions is required"
            errors.append(field.invalid_as_a_whole(where, words))
    return errors


def _exit_codes(codes: Object, names: set[str | None], path: str) -> Errors:
    operator, values = codes.get("operator") or "", codes.get("values") or []
    errors: Errors = []
    if not operator:
        errors.append(field.required(f"{path}.operator", 'valid values: ["In" "NotIn"]'))
    elif operator not in ("In", "NotIn"):
        errors.append(field.not_supported(f"{path}.operator", operator, ("In", "NotIn")))
    name = codes.get("containerName")
    if name is not None and name not in names:
        words = "must be one of the container or initContainer names in the pod template"
        errors.append(field.invalid(f"{path}.containerName", name, words))
    where = f"{path}.values"
    if not values:
        errors.append(field.invalid(where, values, "at least one value is required"))
    elif len(values) > _CODES_LIMIT:
        errors.append(field.too_many(where, len(values), _CODES_LIMIT))
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            errors.append(field.invalid(f"{where}[{index}]", value, "must not be 0 for the In operator"))
        if value in values[:index]:
            errors.append(field.duplicate(f"{where}[{index}]", value))
    if values != sorted(values):
        errors.append(field.invalid(where, values, "must be ordered"))
    return errors


def _pod_conditions(patterns: list[Object], path: str) -> Errors:
    errors: Errors = []
    if len(patterns) > _PATTERNS_LIMIT:
        errors.append(field.too_many(path, len(patterns), _PATTERNS_LIMIT))
    for index, pattern in enumerate(patterns):
        kind, value = pattern.get("type") or "", pattern.get("status") or ""
        errors += each(f"{path}[{index}].type", kind, qualified_name(kind))
        if not value:
            errors.append(field.required(f"{path}[{index}].status", 'valid values: ["False" "True" "Unknown"]'))
        elif value not in _STATUSES:
            errors.append(field.not_supported(f"{path}[{index}].status", value, _STATUSES))
    return errors


def _success_policy(policy: Object, spec: Object, path: str) -> Errors:
    rules, completions = policy.get("rules") or [], spec.get("completions") or 0
    errors: Errors = []
    if not rules:
        words = "at least one rules must be specified when the successPolicy is specified"
        errors.append(field.required(f"{path}.rules", words))
    if len(rules) > _RULES_LIMIT:
        errors.append(field.too_many(f"{path}.rules", len(rules), _RULES_LIMIT))
    for index, rule in enumerate(rules):
        where, count = f"{path}.rules[{index}]", rule.get("succeededCount")
        indexes = rule.get("succeededIndexes")
        total = 0
        if count is None and indexes is None:
            words = "at least one of succeededCount or succeededIndexes must be specified"
            errors.append(field.required(where, words))
        if indexes is not None:
            try:
                total = count_indexes(indexes, completions)
            except ValueError as error:
                words = f"error parsing succeededIndexes: {error}"
                errors.append(field.invalid(f"{where}.succeededIndexes", indexes, words))
        if count is not None:
            place = f"{where}.succeededCount"
            errors += nonnegative(count, place)
            for limit, of in (
                (completions, "specified completions"),
                (total if indexes is not None else count, "indexes in the specified succeededIndexes field"),
            ):
                if count > limit:
                    words = f"must be less than or equal to {limit} (the number of {of})"
                    errors.append(field.invalid(place, count, words))
    return errors


def count_indexes(text: str, completions: int) -> int:
    """How many indexes `1,3-5` names. ValueError with upstream's words when it is no rising list below completions."""
    total, last = 0, -1
    for interval in text.split(",") if text else ():
        first, last_of = _interval(interval, completions)
        if total and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total += last_of - first + 1
        last = last_of
    return total


def _interval(text: str, completions: int) -> tuple[int, int]:
    parts = text.split("-")
    if len(parts) > 2:
        raise ValueError(
            f'the fragment "{text}" violates the requirement that an index interval can have at most two parts '
            "separated by '-'"
        )
    try:
        first, last = int(parts[0]), int(parts[-1])
    except ValueError:
        raise ValueError(f'cannot convert string to integer for index: "{parts[0]}"') from None
    if last >= completions or first >= completions:
        raise ValueError(f'too large index: "{max(first, last)}"')
    if len(parts) == 2 and first >= last:
        raise ValueError(f"non-increasing order, previous: {first}, current: {last}")
    return first, last


def validate_update(new: Object, old: Object) -> Errors:
    """Parallelism, suspension and deadlines may change, the pods that are made may not."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = _with_selector(after)
    errors += _completions(after, before)
    errors += immutable(after.get("selector"), before.get("selector"), "spec.selector")
    template = before.get("template") or {}
    if before.get("suspend"):
        if _may_reschedule(old):
            template = _rescheduled(template, after.get("template") or {})
        if enabled("MutablePodResourcesForSuspendedJobs") and _rests(old):
            template = _with_resources(template, after.get("template") or {})
    errors += immutable(after.get("template"), template, "spec.template")
    for key in _FIXED:
        errors += immutable(after.get(key), before.get(key), f"spec.{key}")
    return errors


def _completions(after: Object, before: Object) -> Errors:
    value = after.get("completions")
    if after.get("completionMode") != "Indexed":
        return immutable(value, before.get("completions"), "spec.completions")
    if value == before.get("completions") or value is None or value == after.get("parallelism"):
        return []
    return [field.invalid("spec.completions", value, "can only be modified in tandem with spec.parallelism")]


def _may_reschedule(old: Object) -> bool:
    """A suspended job that has not started may still be told where to run (KEP-2926); with
    MutableSchedulingDirectivesForSuspendedJobs one whose pods are gone as well."""
    if enabled("MutableSchedulingDirectivesForSuspendedJobs"):
        return _rests(old)
    return (old.get("status") or {}).get("startTime") is None


def _rests(old: Object) -> bool:
    """Whether a suspended job has no pods, since it never started or since it was suspended (KEP-5440)."""
    status = old.get("status") or {}
    if status.get("active"):
        return False
    conditions = status.get("conditions") or ()
    return status.get("startTime") is None or any(
        condition.get("type") == "Suspended" and condition.get("status") == "True" for condition in conditions
    )


def _with_resources(old: Object, new: Object) -> Object:
    """The old template with the new one's resources of containers."""
    spec, after = dict(old.get("spec") or {}), new.get("spec") or {}
    for kind in ("containers", "initContainers"):
        rows, changed = spec.get(kind) or (), after.get(kind) or ()
        if len(rows) == len(changed) and rows:
            spec[kind] = [
                {**{key: value for key, value in row.items() if key != "resources"}, **_resources(other)}
                for row, other in zip(rows, changed, strict=True)
            ]
    return {**old, "spec": spec}


def _resources(container: Object) -> Object:
    return {"resources": container["resources"]} if "resources" in container else {}


def _rescheduled(old: Object, new: Object) -> Object:
    """The old template with the new one's scheduling directives."""
    spec, after = dict(old.get("spec") or {}), new.get("spec") or {}
    for key in ("nodeSelector", "tolerations", "schedulingGates"):
        spec.pop(key, None)
        if key in after:
            spec[key] = after[key]
    affinity = {key: value for key, value in (spec.get("affinity") or {}).items() if key != "nodeAffinity"}
    chosen = (after.get("affinity") or {}).get("nodeAffinity")
    if chosen is not None:
        affinity["nodeAffinity"] = chosen
    spec["affinity"] = affinity
    metadata = {**(old.get("metadata") or {})}
    for key in ("labels", "annotations"):
        metadata.pop(key, None)
        if key in (new.get("metadata") or {}):
            metadata[key] = new["metadata"][key]
    return {**old, "metadata": metadata, "spec": spec}


def validate_status_update(new: Object, old: Object) -> Errors:
    """Counters do not go back, and an end is told once and completely."""
    status, before = new.get("status") or {}, old.get("status") or {}
    errors: Errors = []
    for key in ("active", "succeeded", "failed", "ready", "terminating"):
        errors += nonnegative(status.get(key), f"status.{key}")
    if status == before:
        return errors
    errors += _ended(status)
    for key in ("Failed", "Complete", "FailureTarget"):
        if _is_true(before, key) and not _is_true(status, key):
            words = f"cannot disable the terminal {key}=True condition"
            errors.append(field.invalid_as_a_whole("status.conditions", words))
    for key in ("failed", "succeeded"):
        if (status.get(key) or 0) < (before.get(key) or 0):
            words = f"cannot decrease the {key} counter"
            errors.append(field.invalid(f"status.{key}", status.get(key) or 0, words))
    ended, was = status.get("completionTime"), before.get("completionTime")
    if ended is not None and was is not None and not same(ended, was):
        errors.append(field.invalid("status.completionTime", ended, "completionTime cannot be mutated"))
    return errors


def _ended(status: Object) -> Errors:
    complete, failed = _is_true(status, "Complete"), _is_true(status, "Failed")
    errors: Errors = []

    def whole(words: str) -> None:
        errors.append(field.invalid_as_a_whole("status.conditions", words))

    if complete and failed:
        whole("cannot set Complete=True and Failed=true conditions")
    if complete and _is_true(status, "FailureTarget"):
        whole("cannot set Complete=True and FailureTarget=true conditions")
    if status.get("completionTime") is not None and not complete:
        words = "cannot set completionTime when there is no Complete=True condition"
        errors.append(field.invalid("status.completionTime", status["completionTime"], words))
    if complete and status.get("completionTime") is None:
        words = "completionTime is required for Complete jobs"
        errors.append(field.required("status.completionTime", words))
    if failed and not _is_true(status, "FailureTarget"):
        whole("cannot set Failed=True condition without the FailureTarget=true condition")
    if complete and not _is_true(status, "SuccessCriteriaMet"):
        whole("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    if complete or failed:
        if status.get("active"):
            errors.append(field.invalid("status.active", status["active"], "active>0 is invalid for finished job"))
        if status.get("startTime") is None:
            errors.append(field.required("status.startTime", "startTime is required for finished job"))
    return errors


def _is_true(status: Object, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in status.get("conditions") or ())
