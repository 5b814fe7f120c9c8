"""Time is virtual in these tests, and changing a cached object fails the test that did it."""

from tests.support.virtual_time import pytest_asyncio_loop_factories, unchanged_caches

__all__ = ["pytest_asyncio_loop_factories", "unchanged_caches"]
