"""What a controller asked for and has not seen yet in its caches.

After creating three pods a controller must not act on a cache that shows none of them, or it would create three more.
So it writes down what it expects, the informer's handlers tick it off, and until all is seen (or five minutes passed:
the watch must have missed it) the controller waits.

    expect_creations(key, 3) ──created × 3──▶ satisfied
    expect_deletions(key, {uid…}) ──deleted(uid)…──▶ satisfied
"""

import msgspec

EXPIRY_SECONDS = 300.0


class _Expected(msgspec.Struct):
    creations: int
    deletions: set[str]
    since: float


class Expectations:
    """Expected creations (counted) and deletions (by uid or key) per controller key. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, key: str, count: int, now: float) -> None:
        """`count` creations were or will be sent; replaces what was expected."""
        self.expect(key, count, set(), now)

    def expect_deletions(self, key: str, ids: "set[str]", now: float) -> None:
        """These deletions were or will be sent; replaces what was expected."""
        self.expect(key, 0, ids, now)

    def expect(self, key: str, creations: int, deletions: "set[str]", now: float) -> None:
        """Creations and deletions at once; replaces what was expected."""
        self._expected[key] = _Expected(creations, set(deletions), now)

    def created(self, key: str, count: int = 1) -> None:
        """Creations were seen, or failed and will not be seen."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.creations = max(0, expected.creations - count)

    def deleted(self, key: str, identity: str) -> None:
        """A deletion was seen, or failed and will not be seen."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.deletions.discard(identity)

    def forget(self, key: str) -> None:
        """The controller's object is gone."""
        self._expected.pop(key, None)

    def wait_seconds(self, key: str, now: float) -> float:
        """0 when the caches show all that was asked for; else how long at most to wait for it."""
        expected = self._expected.get(key)
        if expected is None or (expected.creations == 0 and not expected.deletions):
            return 0.0
        return max(0.0, expected.since + EXPIRY_SECONDS - now)
