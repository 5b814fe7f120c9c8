"""Which feature gates the rules are judged by: upstream's defaults, or what a server was started with.

A rule behind a gate asks `enabled`. Rules stay functions of the object alone; a server whose gates are not the defaults
says so around its call:

    with judged_by(gates):
        errors = rules.create(obj)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from ..feature_gates import known_gates

_gates: ContextVar[Mapping[str, bool] | None] = ContextVar("feature gates of the rules", default=None)


def enabled(gate: str) -> bool:
    """Whether a gate is on. KeyError for an unknown one."""
    gates = _gates.get()
    return gates[gate] if gates is not None else known_gates()[gate].default


def by_defaults() -> bool:
    """Whether the gates are upstream's defaults."""
    return _gates.get() is None


@contextmanager
def judged_by(gates: Mapping[str, bool] | None) -> Iterator[None]:
    """Use these gates; None: the defaults."""
    token = _gates.set(gates)
    try:
        yield
    finally:
        _gates.reset(token)
