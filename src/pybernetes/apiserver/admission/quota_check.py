"""Whether quotas allow a request, and what they have used up then: the pure part of ResourceQuota admission.

A quota counts once its controller has written its status; until then it limits nothing. Words are upstream's
(`resourcequota.CheckRequest`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ...api.quota import Amounts, amounts, evaluator, requirements
from ...api.quota.amounts import add, exceeding, mask, subtract, without_zeros
from ...api.quota.evaluator import Evaluator, matches
from ...api.quota.scopes import requirement

Object = dict[str, Any]


class Exceeded(Exception):
    """The request is refused; the text says why."""


class LimitedResource(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A resource that needs a quota to be used at all (`limitedResources` of the plugin's configuration)."""

    api_group: str = ""
    resource: str = ""
    match_contains: tuple[str, ...] = ()
    match_scopes: tuple[Object, ...] = ()

    @property
    def group_resource(self) -> str:
        """`pods`, `deployments.apps`."""
        return f"{self.resource}.{self.api_group}" if self.api_group else self.resource


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One request that may cost something."""

    group_resource: str
    operation: str
    subresource: str
    object: Object
    old_object: Object | None
    now: datetime


def check(charge: Charge, quotas: Mapping[str, Object], limited: Sequence[LimitedResource] = ()) -> dict[str, Amounts]:
    """`status.used` of every quota that the request changes, by name. Exceeded when one does not allow it."""
    own = evaluator(charge.group_resource)
    if not own.handles(charge.operation, charge.subresource):
        return {}
    limits = [row for row in limited if row.group_resource == charge.group_resource]
    scopes = [
        scope for row in limits for scope in map(requirement, row.match_scopes) if own.in_scope(charge.object, scope)
    ]
    interesting, covered, covered_scopes = _pertinent(own, charge, quotas)
    delta = _delta(own, charge)
    if not delta:
        return {}
    _require_cover(delta, limits, covered)
    missing = [scope for scope in scopes if scope.scope not in covered_scopes]
    if missing:
        raise Exceeded(f"insufficient quota to match these scopes: [{' '.join(map(str, missing))}]")
    return {name: _charged(name, quotas[name], delta) for name in interesting if _concerned(quotas[name], delta)}


def _pertinent(own: Evaluator, charge: Charge, quotas: Mapping[str, Object]) -> tuple[list[str], set[str], set[str]]:
    """(quotas that count this object, the resources and the scopes they cover)."""
    interesting: list[str] = []
    covered: set[str] = set()
    covered_scopes: set[str] = set()
    for name, quota in quotas.items():
        status = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        conditions = requirements(quota)
        covered_scopes.update(c.scope for c in conditions if own.in_scope(charge.object, c))
        if not matches(own, charge.object, hard, conditions):
            continue
        names = own.matching(hard)
        wrong = own.constraint(names, charge.object)
        if wrong:
            raise Exceeded(f"failed quota: {name}: {wrong}")
        if any(resource not in used for resource in names):
            raise Exceeded(f"status unknown for quota: {name}, resources: {','.join(sorted(names))}")
        interesting.append(name)
        covered.update(names)
    return interesting, covered, covered_scopes


def _delta(own: Evaluator, charge: Charge) -> Amounts:
    delta = own.usage(charge.object, charge.now)
    negative = sorted(name for name, amount in delta.items() if amount < 0)
    if negative:
        raise Exceeded(f"quota usage is negative for resource(s): {','.join(negative)}")
    old = charge.old_object
    if charge.operation == "UPDATE" and old is not None and (old.get("metadata") or {}).get("resourceVersion"):
        delta = subtract(delta, own.usage(old, charge.now))
    return without_zeros(delta)


def _require_cover(delta: Amounts, limits: Iterable[LimitedResource], covered: set[str]) -> None:
    words = [text for row in limits for text in row.match_contains]
    needed = {name for name, amount in delta.items() if amount > 0 and any(text in name for text in words)}
    if needed - covered:
        raise Exceeded(f"insufficient quota to consume: {','.join(sorted(needed - covered))}")


def _concerned(quota: Object, delta: Amounts) -> bool:
    return any(name in delta for name in quota["status"]["hard"])


def _charged(name: str, quota: Object, delta: Amounts) -> Amounts:
    hard, used = amounts(quota["status"]["hard"]), amounts(quota["status"]["used"])
    requested = mask(delta, hard)
    total = add(used, requested)
    # Only what grows can be refused: whoever gives something back is let through above the limit.
    over = exceeding(mask(total, [key for key, amount in requested.items() if amount > 0]), hard)
    if over:
        wanted, taken, limit = (_shown(mask(found, over)) for found in (requested, used, hard))
        raise Exceeded(f"exceeded quota: {name}, requested: {wanted}, used: {taken}, limited: {limit}")
    return total


def _shown(found: Amounts) -> str:
    return ",".join(f"{name}={amount}" for name, amount in sorted(found.items()))
