"""The drivers of one type that are registered, by name, each with the endpoint it serves on."""

from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """A driver as far as its registration goes."""

    async def close(self) -> None:
        """Let go of the connection."""


D = TypeVar("D", bound=Closable)


class Registered(Generic[D]):
    """A later registration takes the place of an earlier one; who leaves is let go of."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, D]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def get(self, name: str) -> D | None:
        """The driver, if there is one."""
        found = self._known.get(name)
        return found[1] if found is not None else None

    async def put(self, name: str, endpoint: str, driver: D) -> None:
        """Register a driver."""
        before = self.get(name)
        self._known[name] = (endpoint, driver)
        if before is not None:
            await before.close()

    async def drop(self, name: str, endpoint: str) -> bool:
        """Whether the driver was registered from that endpoint; one from elsewhere, which came meanwhile, stays."""
        known = self._known.get(name)
        if known is None or known[0] != endpoint:
            return False
        del self._known[name]
        await known[1].close()
        return True

    async def close(self) -> None:
        """Let go of all."""
        for _, driver in self._known.values():
            await driver.close()
