"""How fast a wanted number of replicas may be approached: pure.

    recommendation ─▶ stabilised over the windows ─▶ within the policies' rates ─▶ within min and max

Without `behavior` the classic rules hold: down only to the highest recommendation of the last five minutes, up to twice
the size (at least 4) at once. Each step says why the number is not the one that was asked for.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

import msgspec

from ...api.autoscaling import HorizontalPodAutoscaler, HPAScalingRules

DOWN_WINDOW_SECONDS = 300
UP_FACTOR, UP_MINIMUM = 2, 4
LONGEST_SECONDS = 3600


class Stamped(msgspec.Struct, frozen=True):
    """A number of replicas at an instant: a recommendation, or a change that was made."""

    at: datetime
    replicas: int


class History(msgspec.Struct):
    """What an autoscaler recommended and did; kept in memory only."""

    recommendations: list[Stamped] = []
    ups: list[Stamped] = []
    downs: list[Stamped] = []

    def forget_before(self, instant: datetime) -> None:
        """Drop what no window reaches back to."""
        self.recommendations = [found for found in self.recommendations if found.at > instant]
        self.ups = [found for found in self.ups if found.at > instant]
        self.downs = [found for found in self.downs if found.at > instant]


class Reason(msgspec.Struct, frozen=True):
    """A condition's status, reason and message."""

    status: str
    reason: str
    message: str


class Limited(msgspec.Struct, frozen=True):
    """The number to scale to, and the conditions AbleToScale and ScalingLimited."""

    replicas: int
    able: Reason
    limited: Reason


READY = Reason("True", "ReadyForNewScale", "recommended size matches current size")
DOWN_STABILIZED = Reason(
    "True",
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
UP_STABILIZED = Reason(
    "True",
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
WITHIN = Reason("False", "DesiredWithinRange", "the desired count is within the acceptable range")
TOO_FEW = Reason("True", "TooFewReplicas", "the desired replica count is less than the minimum replica count")
TOO_MANY = Reason("True", "TooManyReplicas", "the desired replica count is more than the maximum replica count")
UP_LIMIT = Reason("True", "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
DOWN_LIMIT = Reason(
    "True", "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate"
)


def minimum(autoscaler: HorizontalPodAutoscaler) -> int:
    """The fewest replicas."""
    return 1 if autoscaler.spec.min_replicas is None else autoscaler.spec.min_replicas


def limit(autoscaler: HorizontalPodAutoscaler, current: int, desired: int, history: History, now: datetime) -> Limited:
    """How far to go now; the recommendation is added to the history."""
    if autoscaler.spec.behavior is None:
        stable, able = _stabilized(history, current, desired, 0, DOWN_WINDOW_SECONDS, now, classic=True)
        return _by_rules(autoscaler, current, stable, able)
    up, down = autoscaler.spec.behavior.scale_up, autoscaler.spec.behavior.scale_down
    up_window = (up.stabilization_window_seconds if up is not None else None) or 0
    down_window = down.stabilization_window_seconds if down is not None else None
    if down_window is None:
        down_window = DOWN_WINDOW_SECONDS
    stable, able = _stabilized(history, current, desired, up_window, down_window, now, classic=False)
    return _by_policies(autoscaler, current, stable, able, up, down, history, now)


def _stabilized(
    history: History,
    current: int,
    desired: int,
    up_seconds: int,
    down_seconds: int,
    now: datetime,
    *,
    classic: bool,
) -> tuple[int, Reason]:
    """Not lower than the highest recent recommendation (or the current size), not higher than the lowest."""
    earlier = history.recommendations
    up_floor = min([desired, *(r.replicas for r in earlier if r.at > now - timedelta(seconds=up_seconds))])
    down_ceiling = max([desired, *(r.replicas for r in earlier if r.at > now - timedelta(seconds=down_seconds))])
    history.recommendations = [*earlier, Stamped(now, desired)]
    if classic:
        return (down_ceiling, DOWN_STABILIZED) if down_ceiling != desired else (desired, READY)
    stable = current
    if stable < up_floor:
        stable = up_floor
    if stable > down_ceiling:
        stable = down_ceiling
    if stable == desired:
        return stable, READY
    return stable, UP_STABILIZED if desired >= current else DOWN_STABILIZED


def _by_rules(autoscaler: HorizontalPodAutoscaler, current: int, desired: int, able: Reason) -> Limited:
    fewest, most = minimum(autoscaler), autoscaler.spec.max_replicas
    at_once = max(UP_FACTOR * current, UP_MINIMUM)
    if desired < fewest:
        return Limited(fewest, able, TOO_FEW)
    allowed, why = (at_once, UP_LIMIT) if at_once < most else (most, TOO_MANY)
    return Limited(allowed, able, why) if desired > allowed else Limited(desired, able, WITHIN)


def _by_policies(
    autoscaler: HorizontalPodAutoscaler,
    current: int,
    desired: int,
    able: Reason,
    up: HPAScalingRules | None,
    down: HPAScalingRules | None,
    history: History,
    now: datetime,
) -> Limited:
    fewest, most = minimum(autoscaler), autoscaler.spec.max_replicas
    if desired > current:
        reachable = max(current, _up_limit(current, history, up, now))
        allowed, why = (reachable, UP_LIMIT) if most > reachable else (most, TOO_MANY)
        if desired > allowed:
            return Limited(allowed, able, why)
    elif desired < current:
        reachable = min(current, _down_limit(current, history, down, now))
        allowed, why = (reachable, DOWN_LIMIT) if fewest < reachable else (fewest, TOO_FEW)
        if desired < allowed:
            return Limited(allowed, able, why)
    return Limited(desired, able, WITHIN)


def _up_limit(current: int, history: History, rules: HPAScalingRules | None, now: datetime) -> int:
    """The most replicas the policies allow now; by default four more or twice as many in fifteen seconds."""
    select = (rules.select_policy if rules is not None else None) or "Max"
    if select == "Disabled":
        return current
    limits = []
    for kind, value, seconds in _policies(rules, (("Pods", 4, 15), ("Percent", 100, 15))):
        start = current - _change(history.ups, seconds, now) + _change(history.downs, seconds, now)
        limits.append(start + value if kind == "Pods" else ceil(start * (1 + value / 100)))
    return min(limits) if select == "Min" else max(limits)


def _down_limit(current: int, history: History, rules: HPAScalingRules | None, now: datetime) -> int:
    """The fewest replicas the policies allow now; by default none are kept."""
    select = (rules.select_policy if rules is not None else None) or "Max"
    if select == "Disabled":
        return current
    limits = []
    for kind, value, seconds in _policies(rules, (("Percent", 100, 15),)):
        start = current + _change(history.downs, seconds, now) - _change(history.ups, seconds, now)
        limits.append(start - value if kind == "Pods" else int(start * (1 - value / 100)))
    return max(limits) if select == "Min" else min(limits)


def _policies(rules: HPAScalingRules | None, default: Iterable[tuple[str, int, int]]) -> Iterable[tuple[str, int, int]]:
    if rules is None or not rules.policies:
        return default
    return [(policy.type, policy.value, policy.period_seconds) for policy in rules.policies]


def _change(events: Iterable[Stamped], seconds: int, now: datetime) -> int:
    """The replicas added (or removed) within a policy's period."""
    begin = now - timedelta(seconds=seconds)
    return sum(event.replicas for event in events if event.at > begin)
