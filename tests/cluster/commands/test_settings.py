"""Feature gates and served versions of a cluster: from the command line to its components."""

from pathlib import Path

import pytest

from pybernetes import cli
from pybernetes.cluster import features, state
from pybernetes.cluster.commands import run, up
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import api_server_config
from pybernetes.cluster.pki import ensure


def configured(directory: Path, *words: str) -> ClusterConfig:
    arguments = cli._parser().parse_args(["up", "--data-dir", str(directory), "--hollow-nodes", "1", *words])
    return cluster_config(arguments)


def test_gates_and_versions_reach_the_api_server(tmp_path: Path) -> None:
    config = configured(
        tmp_path, "--feature-gates", "DRADeviceTaints=false", "--feature-gates=AllAlpha=true", "--runtime-config",
        "api/beta=true",
    )  # fmt: skip
    assert config.feature_gates == {"DRADeviceTaints": False, "AllAlpha": True}
    assert config.runtime_config == {"api/beta": True}
    server = api_server_config(config, ensure(config))
    assert (server.feature_gates, server.runtime_config) == (config.feature_gates, config.runtime_config)
    passed_on = up._flags(config)
    assert passed_on[passed_on.index("--feature-gates") + 1] == "DRADeviceTaints=false,AllAlpha=true"
    assert configured(tmp_path / "other", *passed_on[passed_on.index("--feature-gates") :][:4]) == configured(
        tmp_path / "other", "--feature-gates=DRADeviceTaints=false,AllAlpha=true", "--runtime-config=api/beta=true"
    )


def test_a_later_start_goes_on_with_them_until_they_are_taken_back(tmp_path: Path) -> None:
    state.save(configured(tmp_path, "--feature-gates=AllBeta=true", "--runtime-config=api/alpha"))
    later = configured(tmp_path)
    assert (later.feature_gates, later.runtime_config) == ({"AllBeta": True}, {"api/alpha": True})
    back = configured(tmp_path, "--feature-gates=", "--runtime-config=")
    assert (back.feature_gates, back.runtime_config) == ({}, {})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--feature-gates=Nothing=true"], "--feature-gates: unrecognized feature gate: Nothing"),
        (["--feature-gates=AllBeta"], "--feature-gates: missing bool value for AllBeta"),
        (
            ["--feature-gates=AllBeta=yes"],
            '--feature-gates: invalid value of AllBeta=yes, err: strconv.ParseBool: parsing "yes": invalid syntax',
        ),
        (
            ["--feature-gates=DynamicResourceAllocation=false"],
            "--feature-gates: cannot set feature gate DynamicResourceAllocation to false, feature is locked to true",
        ),
    ],
)
def test_what_cannot_be_set_is_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        configured(tmp_path, *words)
    assert str(caught.value) == message


def test_a_version_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^--runtime-config: unknown api groups nothing\.example\.com$"):
        configured(tmp_path, "--runtime-config=nothing.example.com/v1=true")


def test_an_unknown_gate_ends_the_command_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["up", "--data-dir", str(tmp_path), "--hollow-nodes", "1", "--feature-gates", "Nothing=true"])
    assert code == 1
    assert capsys.readouterr().err == "error: --feature-gates: unrecognized feature gate: Nothing\n"


def test_a_controller_runs_only_with_its_gate() -> None:
    off = "-device-taint-eviction-controller"
    assert off not in features.controllers({})
    assert off not in features.controllers({"DRADeviceTaints": True})
    assert features.controllers({"DRADeviceTaints": False})[-1] == "*"
    assert off in features.controllers({"DRADeviceTaints": False})


@pytest.mark.parametrize("command", ["server", "controller-manager", "scheduler", "kubelet", "proxy", "agent"])
def test_every_component_takes_gates(command: str, tmp_path: Path) -> None:
    arguments = cli._parser().parse_args([command, "--data-dir", str(tmp_path), "--feature-gates", "AllBeta=false"])
    assert cluster_config(arguments).feature_gates == {"AllBeta": False}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ("*",)),
        (["--controllers=*,-ttl-controller"], ("*", "-ttl-controller")),
        (["--controllers", "job", "--controllers", "cronjob"], ("job", "cronjob")),
    ],
)
def test_controllers_are_chosen(words: list[str], expected: tuple[str, ...]) -> None:
    assert run._selected(cli._parser().parse_args(["controller-manager", *words])) == expected


def test_a_controller_that_nobody_knows_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensure(configured(tmp_path))
    code = cli.main(["controller-manager", "--data-dir", str(tmp_path), "--controllers=nothing"])
    assert code == 1
    assert capsys.readouterr().err.startswith("error: unknown controller 'nothing'; known are: bootstrap-signer-")


@pytest.mark.parametrize(
    ("command", "port"), [("controller-manager", 10257), ("cloud-controller-manager", 10258), ("scheduler", 10259)]
)
def test_pages_are_on_loopback_unless_told_otherwise(command: str, port: int) -> None:
    words = [command, *(["--cloud-provider=local"] if command.startswith("cloud") else [])]
    arguments = cli._parser().parse_args(words)
    assert (arguments.bind_address, arguments.secure_port) == ("127.0.0.1", port)
