"""What all classes of pods share: the columns, the tallies, and which plugins have a say with which weight."""

from collections.abc import Callable, Hashable

from pybernetes.scheduler.framework import Profile
from pybernetes.scheduler.matching import PodMatcher
from pybernetes.scheduler.snapshot import Snapshot, TermUse
from pybernetes.scheduler.vector.columns import Columns
from pybernetes.scheduler.vector.tally import Tally

_MAX_TALLIES = 1024


class Board:
    """One per profile."""

    def __init__(self, snapshot: Snapshot, profile: Profile) -> None:
        self.snapshot = snapshot
        self.columns = Columns(snapshot)
        self.filters = frozenset(plugin.name for plugin in profile.filter)
        self.weights = {plugin.name: weight for plugin, weight in profile.score}
        self._tallies: dict[Hashable, Tally] = {}

    def weight(self, plugin: str) -> int:
        """0 when the plugin does not score."""
        return self.weights.get(plugin, 0)

    def tally(self, matcher: PodMatcher, key: str | None) -> Tally:
        """The pods a matcher selects, by domain; shared by all who ask alike."""
        return self._shared(
            (matcher.key, key), lambda: Tally(self.snapshot, self.columns, lambda: self.snapshot.counted(matcher), key)
        )

    def own_tally(self, matcher: PodMatcher, key: str) -> Tally:
        """The same for one asker, who may restrict it to some rows."""
        return Tally(self.snapshot, self.columns, lambda: self.snapshot.counted(matcher), key)

    def term_tally(self, kind: str, term_key: object, use: TermUse) -> Tally:
        """The pods that have a term, by the term's domains."""
        return self._shared(
            (kind, id(use), term_key), lambda: Tally(self.snapshot, self.columns, lambda: use, use.term.topology_key)
        )

    def _shared(self, key: Hashable, make: Callable[[], Tally]) -> Tally:
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= _MAX_TALLIES:
                self._tallies.clear()
            found = self._tallies[key] = make()
        return found
