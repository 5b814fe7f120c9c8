"""What a DELETE means for an object: pure decisions on grace, finalizers and preconditions.

    running --DELETE, grace > 0--> deleting (deletionTimestamp in the future) --kubelet's DELETE with grace 0--> gone
    running --DELETE, finalizers--> deleting (grace 0) --last finalizer removed by an update--> gone
    running --DELETE--> gone

Follows apiserver `rest.BeforeDelete` and `registry.Store.Delete`.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ...api import field, status
from ...api.field import FieldError
from ...api.resource import ResourceInfo
from .strategy import Object, Strategy

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
_POLICIES = ("Orphan", "Background", "Foreground")


class DeleteOptions(msgspec.Struct, rename="camel", kw_only=True):
    """meta/v1 DeleteOptions, as far as they decide something."""

    grace_period_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    orphan_dependents: bool | None = None
    propagation_policy: str | None = None
    dry_run: list[str] = []


def options_from(body: Object) -> DeleteOptions:
    """From wire form. StatusError 400 and 422."""
    preconditions = body.get("preconditions") or {}
    try:
        options = DeleteOptions(
            grace_period_seconds=_typed(body, "gracePeriodSeconds", int),
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            orphan_dependents=_typed(body, "orphanDependents", bool),
            propagation_policy=_typed(body, "propagationPolicy", str) or None,
            dry_run=list(body.get("dryRun") or ()),
        )
    except (TypeError, AttributeError) as error:
        raise status.bad_request(
            f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: {error}'
        ) from None
    errors = validate(options)
    if errors:
        raise status.invalid("meta.k8s.io", "DeleteOptions", "", errors)
    return options


def _typed(body: Object, key: str, kind: type) -> Any:
    value = body.get(key)
    if value is not None and type(value) is not kind:
        raise TypeError(f"json: cannot unmarshal {type(value).__name__} into Go struct field DeleteOptions.{key}")
    return value


def validate(options: DeleteOptions) -> list[FieldError]:
    """What is wrong with the options."""
    errors = []
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        words = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(field.invalid("propagationPolicy", policy, words))
    if policy is not None and policy not in _POLICIES:
        errors.append(field.not_supported("propagationPolicy", policy, (*_POLICIES, "nil")))
    if any(value != "All" for value in options.dry_run):
        errors.append(field.not_supported("dryRun", options.dry_run, ("All",)))
    return errors


def check_preconditions(info: ResourceInfo, obj: Object, options: DeleteOptions) -> None:
    """StatusError 409 when the object is not the one the client means."""
    metadata = obj["metadata"]
    uid, version = options.uid, options.resource_version
    if uid is not None and uid != metadata.get("uid"):
        why = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({metadata.get('uid')}). "
            "The object might have been deleted and then recreated"
        )
        raise status.conflict(info.group, info.kind, metadata["name"], why)
    if version is not None and version != metadata.get("resourceVersion"):
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({metadata.get('resourceVersion')}). The object might have been modified"
        )
        raise status.conflict(info.group, info.kind, metadata["name"], why)


def finalizers_for(info: ResourceInfo, finalizers: list[str], options: DeleteOptions) -> list[str]:
    """The finalizers after the propagation policy has been written into them."""
    if info.default_propagation == "unsupported":
        return finalizers
    kept = [name for name in finalizers if name not in (ORPHAN, FOREGROUND)]
    if _orphans(info, finalizers, options):
        kept.append(ORPHAN)
    elif _waits_for_dependents(finalizers, options):
        kept.append(FOREGROUND)
    return kept if set(kept) != set(finalizers) else finalizers


def _orphans(info: ResourceInfo, finalizers: list[str], options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return options.orphan_dependents
    if options.propagation_policy is not None:
        return options.propagation_policy == "Orphan"
    for name in finalizers:
        if name in (ORPHAN, FOREGROUND):
            return name == ORPHAN
    return info.default_propagation == "orphan"


def _waits_for_dependents(finalizers: list[str], options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return False
    if options.propagation_policy is not None:
        return options.propagation_policy == "Foreground"
    return FOREGROUND in finalizers


class Plan(msgspec.Struct, frozen=True):
    """`remove`: take it out of the store. `obj`: what to store instead (None: leave it as it is)."""

    remove: bool
    obj: Object | None = None


def plan(strategy: Strategy, obj: Object, options: DeleteOptions, now: datetime) -> Plan:
    """What this DELETE does to the object; obj is not changed, but the plan's object shares with it what stays.

    Preconditions have been checked."""
    info = strategy.info
    obj = {**obj, "metadata": {**obj["metadata"]}}
    if isinstance(obj.get("status"), dict):
        obj["status"] = {**obj["status"]}
    metadata: Object = obj["metadata"]
    deleting = bool(metadata.get("deletionTimestamp"))
    grace: int | None = None
    changed = False
    if deleting and metadata.get("deletionGracePeriodSeconds") is not None:
        pending = int(metadata["deletionGracePeriodSeconds"])
        if strategy.grace_period(obj, options.grace_period_seconds) is not None:
            asked = options.grace_period_seconds
            if asked is None or asked >= pending:
                return Plan(False)
            grace = max(asked, 0)
            begun = _moment(metadata["deletionTimestamp"]) - timedelta(seconds=pending)
            metadata["deletionTimestamp"] = _text(begun + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace
            changed = True
    elif not deleting:
        grace = strategy.grace_period(obj, options.grace_period_seconds)
        if grace is not None:
            _begin(metadata, now, grace)
            changed = True
    before = list(metadata.get("finalizers") or ())
    finalizers = finalizers_for(info, before, options)
    if finalizers is not before and finalizers != before:
        changed = True
        if finalizers:
            metadata["finalizers"] = finalizers
        else:
            metadata.pop("finalizers", None)
    held = strategy.mark_deleting(obj)
    if held or finalizers:
        if not metadata.get("deletionTimestamp"):
            _begin(metadata, now, None if held and not finalizers else 0)
            changed = True
        elif grace is None and metadata.get("deletionGracePeriodSeconds") and not held:
            metadata["deletionGracePeriodSeconds"] = 0
            changed = True
        return Plan(False, obj if changed else None)
    if grace:
        return Plan(False, obj)
    return Plan(True)


def _begin(metadata: Object, now: datetime, grace: int | None) -> None:
    metadata["deletionTimestamp"] = _text(now + timedelta(seconds=grace or 0))
    if grace is not None:
        metadata["deletionGracePeriodSeconds"] = grace
    if metadata.get("generation"):
        metadata["generation"] += 1


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
