"""Fixtures for tests of operators and of everything else that talks to a cluster; pytest finds them by itself.

    def test_my_operator(pybernetes_cluster, pybernetes_namespace):
        load_kube_config(str(pybernetes_cluster.kubeconfig))
        ...

One cluster serves the whole run, and starts when the first test asks for it. `pybernetes_nodes` and `pybernetes_flags`
in pytest's configuration say how many nodes it has and which flags of `pybernetes server` it gets.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing.cluster import RunningCluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("pybernetes_nodes", "nodes of the cluster that tests share", default="2")
    parser.addini("pybernetes_flags", "flags of `pybernetes server` for it", type="args", default=[])


@pytest.fixture(scope="session")
def pybernetes_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[RunningCluster]":
    """A running cluster: `.kubeconfig` (a file), `.url`, `.log`."""
    from .testing.cluster import cluster

    config = request.config
    directory = tmp_path_factory.mktemp("pybernetes")
    with cluster(
        nodes=int(config.getini("pybernetes_nodes")), flags=config.getini("pybernetes_flags"), directory=directory
    ) as found:
        yield found


@pytest.fixture
def pybernetes_namespace(pybernetes_cluster: "RunningCluster") -> Iterator[str]:
    """The name of a namespace that the test has for itself, ready for pods; deleted afterwards."""
    with pybernetes_cluster.namespace() as name:
        yield name
