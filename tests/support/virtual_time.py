"""What a conftest takes for tests in virtual time (clock.py), and for those that must not change a cached object."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from tests.support.clock import VirtualLoop

from pybernetes.api.codec import encode
from pybernetes.client import informer


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture(autouse=True)
def unchanged_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Changing an object of an informer's cache fails the test that did it."""
    detector = informer.MutationDetector(encode)
    monkeypatch.setattr(informer, "mutation_detector", detector)
    yield
    detector.verify()
