"""One control plane with hollow nodes for the whole directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed

from pybernetes.kubectl import exchange
from pybernetes.testing.cluster import cluster


@pytest.fixture(autouse=True)
def _lost_requests_are_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "AGAIN_SECONDS", 0.01)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig of a running control plane whose default namespace has what all have."""
    with cluster(directory=tmp_path_factory.mktemp("control-plane")) as found:
        for what in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
            found.kubectl("wait", "--for=create", what, "--namespace=default", "--timeout=120s")
        yield found.kubeconfig


@pytest.fixture(scope="session")
def pair(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The stock kubectl and ours against that control plane."""
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    return Pair(list(stock.values())[-1], kubeconfig, tmp_path_factory.mktemp("homes"))
