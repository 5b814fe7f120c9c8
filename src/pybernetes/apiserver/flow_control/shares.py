"""How many seats each priority level has: nominal limits by shares, then lending and borrowing by demand. Pure.

    nominal = ceil(server limit * shares / all shares)
    lowest  = nominal - what it lends        highest = nominal + what it may borrow

Seats that are not asked for go to those who ask for more, in proportion to their demand (KEP-1040, "Dispatching").
"""

from collections.abc import Sequence

import msgspec

_STEPS = 50


class Bounds(msgspec.Struct, frozen=True):
    """What a level gets by configuration, and the least and most it may have."""

    nominal: int
    lowest: int
    highest: int


def bounds(
    total: int, shares: float, all_shares: float, lendable_percent: int, borrowing_percent: int | None
) -> Bounds:
    """The limits of one level; without a borrowing limit it may take everything there is."""
    nominal = -(-int(total * shares * 1000) // int(all_shares * 1000)) if all_shares else 0
    lent = round(nominal * lendable_percent / 100)
    highest = total if borrowing_percent is None else nominal + round(nominal * borrowing_percent / 100)
    return Bounds(nominal, nominal - lent, max(highest, nominal))


def allocate(total: int, levels: Sequence[tuple[Bounds, float]]) -> list[int]:
    """Current limits from (bounds, demand in seats). Nobody falls below his lowest, nobody exceeds his highest."""
    wanted = [max(demand, limits.lowest, 1e-3) for limits, demand in levels]
    if sum(limits.nominal for limits, _ in levels) <= total and all(
        demand <= limits.nominal for limits, demand in levels
    ):
        return [limits.nominal for limits, _ in levels]

    def at(fraction: float) -> list[float]:
        return [
            min(max(fraction * want, limits.lowest), limits.highest)
            for want, (limits, _) in zip(wanted, levels, strict=True)
        ]

    low, high = 0.0, max(limits.highest / want for want, (limits, _) in zip(wanted, levels, strict=True))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < total else (low, middle)
    return [max(round(seats), 1 if limits.highest else 0) for seats, (limits, _) in zip(at(low), levels, strict=True)]
