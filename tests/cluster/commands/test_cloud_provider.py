"""`--cloud-provider`: from the command line to controllers, kubelets and rights."""

from pathlib import Path

import pytest

from pybernetes import cli
from pybernetes.cluster import state
from pybernetes.cluster.commands import up
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import add_ons, local_load_balancers
from pybernetes.cluster.pki import ensure

ROLE = "system:cloud-controller-manager"


def configured(directory: Path, *words: str) -> ClusterConfig:
    return cluster_config(cli._parser().parse_args(["up", "--data-dir", str(directory), *words]))


def test_a_clusters_own_nodes_are_its_load_balancers(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert list(local_load_balancers(config)) == ["service-lb-controller"]
    assert up._flags(config)[up._flags(config).index("--cloud-provider") + 1] == "local"


@pytest.mark.parametrize("words", [["--cloud-provider="], ["--cloud-provider=external"], ["--hollow-nodes", "1"]])
def test_nobody_here_makes_load_balancers(tmp_path: Path, words: list[str]) -> None:
    assert local_load_balancers(configured(tmp_path, *words)) == {}


@pytest.mark.parametrize(("words", "expected"), [([], False), (["--cloud-provider=external"], True)])
def test_rights_are_made_for_whom_needs_them(tmp_path: Path, words: list[str], expected: bool) -> None:
    config = configured(tmp_path, *words)
    ensure(config)
    made = {obj["metadata"]["name"] for obj in add_ons(config)}
    assert (ROLE in made) is expected
    assert (tmp_path / "cloud-controller-manager.kubeconfig").exists()


def test_a_later_start_goes_on_with_it(tmp_path: Path) -> None:
    state.save(configured(tmp_path, "--cloud-provider="))
    assert configured(tmp_path).cloud_provider == ""
    assert configured(tmp_path, "--cloud-provider", "local").cloud_provider == "local"


def test_a_cloud_of_its_own_is_another_process(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="pybernetes cloud-controller-manager --cloud-provider acme"):
        configured(tmp_path, "--cloud-provider=acme")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cloud-provider=acme"], "error: unknown cloud provider 'acme'; known are: local"),
        (["--cloud-provider=local", "--controllers=cloud-node"], "the cloud provider does not support it"),
        ([], "error: the following arguments are required: --cloud-provider"),
    ],
)
def test_what_cannot_work_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    ensure(configured(tmp_path))
    try:
        code = cli.main(["cloud-controller-manager", "--data-dir", str(tmp_path), *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    told = capsys.readouterr().err
    assert code == 1 and message in told and len(told.splitlines()) == 1
