"""One control plane with hollow nodes for the client libraries of this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hollow_cluster import hollow_cluster


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig of a running control plane."""
    with hollow_cluster(tmp_path_factory.mktemp("control-plane")) as path:
        yield path
