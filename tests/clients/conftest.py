"""One control plane with hollow nodes for the client libraries of this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes.testing.cluster import cluster


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig of a running control plane."""
    with cluster(directory=tmp_path_factory.mktemp("control-plane")) as found:
        yield found.kubeconfig
