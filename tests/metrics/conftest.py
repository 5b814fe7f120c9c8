"""Time is virtual where no socket is used; the tests that go through the aggregator use real ones."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from tests.support.clock import VirtualLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in ("test_aggregated.py", "test_kubelets.py"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualLoop}
