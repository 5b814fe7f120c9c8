"""Numbers for the endpoints of services with affinity: they stay with an endpoint while it lives and are reused late.

What a client's affinity remembers is such a number, so a change of other endpoints breaks nobody's affinity, and the
number of an endpoint that is gone leads nowhere until long after.
"""

from collections.abc import Iterable, Sequence

from .model import Endpoint

LIMIT = 0x10000


class EndpointNumbers:
    """The numbers of all owners' entries."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], dict[tuple[str, int], int]] = {}
        self._next: dict[tuple[str, str], int] = {}
        self._entries: dict[str, set[str]] = {}

    def of(self, owner: str, entry: str, endpoints: Sequence[Endpoint]) -> list[int]:
        """The numbers of these endpoints of that entry; the numbers of its other endpoints are given up."""
        key = (owner, entry)
        self._entries.setdefault(owner, set()).add(entry)
        known = self._numbers.get(key, {})
        current: dict[tuple[str, int], int] = {}
        taken = set(known.values())
        for endpoint in endpoints:
            address = (endpoint.ip, endpoint.port)
            number = known.get(address)
            if number is None:
                number = self._next.get(key, 0)
                while number in taken:
                    number = (number + 1) % LIMIT
                self._next[key] = (number + 1) % LIMIT
                taken.add(number)
            current[address] = number
        self._numbers[key] = current
        return list(current.values())

    def keep(self, owner: str, entries: Iterable[str]) -> None:
        """Forget the owner's other entries."""
        wanted = set(entries)
        for entry in self._entries.pop(owner, set()) - wanted:
            del self._numbers[owner, entry]
            self._next.pop((owner, entry), None)
        if wanted:
            self._entries[owner] = wanted
