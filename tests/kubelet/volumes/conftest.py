"""Time is virtual in these tests: see tests/support/clock.py."""

from tests.support.virtual_time import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
