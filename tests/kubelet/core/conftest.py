"""Time is virtual in these tests: see tests/support/clock.py."""

from collections.abc import Callable, Mapping

from tests.support.clock import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}
