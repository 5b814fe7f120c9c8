"""What clients and watchers saw, as data: the input of `model.check`. Times are seconds of one monotonic clock."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Write:
    """One attempt. `value` is unique. `revision` 0: not acknowledged; `refused`: the server said no (so it must not
    have happened). `after` is the resourceVersion it was conditioned on ("" = none)."""

    kind: str
    key: str
    value: str
    began: float
    ended: float
    revision: int = 0
    refused: bool = False
    after: int = 0


@dataclass(frozen=True)
class Read:
    """A consistent get: `value` None when the server said 404."""

    key: str
    began: float
    ended: float
    value: str | None
    revision: int


@dataclass(frozen=True)
class Change:
    """One event of a watch."""

    type: str
    key: str
    value: str
    revision: int


@dataclass
class History:
    """Everything of one run. A watch begins with the list at `start`."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    watches: list[tuple[int, list[Change]]] = field(default_factory=list)
    final: dict[str, tuple[str, int]] = field(default_factory=dict)
