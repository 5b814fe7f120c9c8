"""Time is virtual in these tests (tests/support/clock.py), and changing a cached object fails the test that did it."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from tests.support.clock import VirtualLoop

from pybernetes.api.codec import encode
from pybernetes.client import informer


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture(autouse=True)
def unchanged_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    detector = informer.MutationDetector(encode)
    monkeypatch.setattr(informer, "mutation_detector", detector)
    yield
    detector.verify()
