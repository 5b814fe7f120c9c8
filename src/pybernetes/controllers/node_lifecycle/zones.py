"""How the zones fare, counted as nodes come, go and change: asking costs the number of zones, not of nodes."""

from .plan import Disruption, disruption


class Zones:
    """Every node's zone and whether it is ready."""

    def __init__(self) -> None:
        self.not_ready: dict[str, None] = {}
        self._zone_of: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._not_ready_in: dict[str, int] = {}

    def put(self, name: str, zone: str, *, is_ready: bool) -> bool:
        """The node is so from now on; whether that changed the state of any zone."""
        was_ready = name not in self.not_ready
        if self._zone_of.get(name) == zone and was_ready == is_ready:
            return False
        before = self.states()
        self._drop(name)
        self._zone_of[name] = zone
        self._sizes[zone] = self._sizes.get(zone, 0) + 1
        if not is_ready:
            self.not_ready[name] = None
            self._not_ready_in[zone] = self._not_ready_in.get(zone, 0) + 1
        return self.states() != before

    def remove(self, name: str) -> bool:
        """The node is gone; whether that changed the state of any zone."""
        before = self.states()
        self._drop(name)
        return self.states() != before

    def states(self) -> dict[str, Disruption]:
        """The state of every zone, by its name."""
        return {zone: disruption(size, self._not_ready_in.get(zone, 0)) for zone, size in self._sizes.items()}

    def size(self, zone: str) -> int:
        """How many nodes a zone has."""
        return self._sizes.get(zone, 0)

    def unhealthy(self, zone: str) -> int:
        """How many of them are not ready."""
        return self._not_ready_in.get(zone, 0)

    def _drop(self, name: str) -> None:
        zone = self._zone_of.pop(name, None)
        if zone is None:
            return
        self._sizes[zone] -= 1
        if not self._sizes[zone]:
            del self._sizes[zone]
        if name in self.not_ready:
            del self.not_ready[name]
            self._not_ready_in[zone] -= 1
            if not self._not_ready_in[zone]:
                del self._not_ready_in[zone]
