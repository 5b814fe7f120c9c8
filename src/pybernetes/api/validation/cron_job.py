"""CronJobs (batch/v1): the schedule, the time zone and the job it makes."""

import re

from .. import field
from .job import job_spec
from .values import Errors, Object, nonnegative, one_of

_NAME_LIMIT = 52
"""A job's name adds eleven characters and stays within a label."""
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_NAMES = {
    "month": {name: at + 1 for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())},
    "weekday": {name: at for at, name in enumerate("sun mon tue wed thu fri sat".split())},
}
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_zone_part = re.compile(r"[A-Za-z.\-_0-9+]{1,14}").fullmatch


def validate_create(cron_job: Object) -> Errors:
    errors = _spec(cron_job.get("spec") or {}, None)
    name = cron_job["metadata"].get("name") or ""
    if len(name) > _NAME_LIMIT:
        errors.append(field.invalid("metadata.name", name, f"must be no more than {_NAME_LIMIT} characters"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return _spec(new.get("spec") or {}, old.get("spec") or {})


def _spec(spec: Object, old: Object | None) -> Errors:
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    errors: Errors = []
    if not schedule:
        errors.append(field.required("spec.schedule"))
    else:
        errors += _schedule(schedule, zone, "TZ" in ((old or {}).get("schedule") or ""))
    errors += nonnegative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    if zone is not None and (old is None or old.get("timeZone") != zone):
        errors += _time_zone(zone)
    errors += one_of(spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"), "spec.concurrencyPolicy")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    errors += job_spec(job, "spec.jobTemplate.spec")
    if job.get("selector") is not None:
        words = "`selector` will be auto-generated"
        errors.append(field.invalid("spec.jobTemplate.spec.selector", job["selector"], words))
    if job.get("manualSelector"):
        errors.append(field.not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        errors += nonnegative(spec.get(key), f"spec.{key}")
    return errors


def _schedule(schedule: str, zone: str | None, zone_was_inside: bool) -> Errors:
    where = "spec.schedule"
    wrong = schedule_error(schedule)
    errors: Errors = [field.invalid(where, schedule, wrong)] if wrong else []
    if "TZ" in schedule:
        if not zone_was_inside:
            words = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            errors.append(field.invalid(where, schedule, words))
        elif zone is not None:
            words = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            errors.append(field.invalid(where, schedule, words))
    return errors


def _time_zone(zone: str) -> Errors:
    where = "spec.timeZone"
    if not zone:
        return [field.invalid(where, zone, "timeZone must be nil or non-empty string")]
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or _zone_part(part) is None:
            return [field.invalid(where, zone, f"unknown time zone {zone}")]
    if zone.lower() == "local":
        words = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [field.invalid(where, zone, words)]
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return [field.invalid(where, zone, f"unknown time zone {zone}")]
    return []


def schedule_error(schedule: str) -> str:
    """What is wrong with a schedule, "" when nothing is: five fields, or `@daily` and the like, or `@every 1h`."""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        schedule = schedule.partition(" ")[2].strip()
    if schedule.startswith("@"):
        return _descriptor_error(schedule)
    parts = schedule.split()
    if not parts:
        return "empty spec string"
    if len(parts) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    for text, (name, low, high) in zip(parts, _FIELDS, strict=True):
        for term in text.split(","):
            if term and (wrong := _term_error(term, name, low, high)):
                return wrong
    return ""


def _descriptor_error(schedule: str) -> str:
    if schedule in _DESCRIPTORS:
        return ""
    if schedule.startswith("@every "):
        from ..duration import parse_nanoseconds

        try:
            parse_nanoseconds(schedule.removeprefix("@every "))
        except ValueError as error:
            return f"failed to parse duration {schedule}: {error}"
        return ""
    return f"unrecognized descriptor: {schedule}"


def _term_error(term: str, name: str, low: int, high: int) -> str:
    span, *steps = term.split("/")
    if len(steps) > 1:
        return f"too many slashes: {term}"
    first, *rest = span.split("-")
    if len(rest) > 1:
        return f"too many hyphens: {term}"
    if first in ("*", "?"):
        start, end = low, high
    else:
        try:
            start = _number(first, name)
            end = _number(rest[0], name) if rest else (high if steps else start)
        except ValueError as error:
            return str(error)
    if steps:
        if not steps[0].lstrip("+-").isdigit():
            return _unparsed(steps[0])
        if int(steps[0]) < 0:
            return f"negative number ({steps[0]}) not allowed: {steps[0]}"
        if int(steps[0]) == 0:
            return f"step of range should be a positive number: {term}"
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {term}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {term}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {term}"
    return ""


def _unparsed(text: str) -> str:
    return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'


def _number(text: str, name: str) -> int:
    known = _NAMES.get(name, {}).get(text.lower())
    if known is not None:
        return known
    if not (text.isascii() and text.lstrip("+-").isdigit()):
        raise ValueError(_unparsed(text))
    if int(text) < 0:
        raise ValueError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
