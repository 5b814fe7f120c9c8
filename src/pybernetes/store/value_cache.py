"""Recently used values in memory, bounded in bytes."""

from pybernetes.store.store import KeyValue


class ValueCache:
    """Recently written or read states by revision, the oldest leaving first when the bytes exceed the budget."""

    __slots__ = ("_budget", "_bytes", "_states")

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._states: dict[int, KeyValue] = {}

    def __contains__(self, revision: int) -> bool:
        return revision in self._states

    def get(self, revision: int) -> KeyValue | None:
        """The state, if it is here."""
        return self._states.get(revision)

    def add(self, kv: KeyValue) -> None:
        """Keep a state, making room for it."""
        self._states[kv.mod_revision] = kv
        self._bytes += len(kv.value)
        while self._bytes > self._budget:
            self.drop(next(iter(self._states)))

    def drop(self, revision: int) -> None:
        """Forget a state that is not current any more."""
        known = self._states.pop(revision, None)
        if known is not None:
            self._bytes -= len(known.value)
