"""The families of a cluster: what networks and addresses go together, in one line when they do not."""

from pathlib import Path

import pytest

from pybernetes import cli
from pybernetes.cluster import families, pki, state
from pybernetes.cluster.commands import up
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig, ConfigError, fitted

PODS, SERVICES = "10.244.0.0/16,fd00:10:244::/56", "10.96.0.0/16,fd00:10:96::/112"
FOUND = {4: "192.0.2.10", 6: "2001:db8::10"}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an address of each family."""
    monkeypatch.setattr(families, "detected", FOUND.__getitem__)


def configured(directory: Path, *words: str, command: str = "up") -> ClusterConfig:
    return cluster_config(cli._parser().parse_args([command, "--data-dir", str(directory), *words]))


def networks(pods: str, services: str) -> tuple[str, ...]:
    return "--pod-cidr", pods, "--service-cidr", services


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ("192.0.2.10",)),
        (networks("fd00:10:244::/56", "fd00:10:96::/112"), ("2001:db8::10",)),
        (networks(PODS, SERVICES), ("192.0.2.10", "2001:db8::10")),
        ((*networks(PODS, SERVICES), "--node-ip", "172.30.0.10"), ("172.30.0.10", "2001:db8::10")),
        ((*networks(PODS, SERVICES), "--node-ip", "fd30:0::10,172.30.0.10"), ("172.30.0.10", "fd30::10")),
        (networks("fd00:10:244::/56,10.244.0.0/16", "fd00:10:96::/112,10.96.0.0/16"), ("2001:db8::10", "192.0.2.10")),
    ],
)
def test_a_node_has_an_address_of_each_family_in_the_order_of_the_networks(
    tmp_path: Path, words: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert configured(tmp_path, *words).node_ips == expected


REFUSED = [
    (
        ("--pod-cidr", PODS),
        "--pod-cidr is IPv4 and IPv6, --service-cidr IPv4; give both the same families in one order",
    ),
    (("--service-cidr", "fd00::/112"), "--pod-cidr is IPv4, --service-cidr IPv6; give both the same families in"),
    (networks("fd00:10:244::/56,10.244.0.0/16", SERVICES), "--pod-cidr is IPv6 and IPv4, --service-cidr IPv4 and IPv6"),
    (("--pod-cidr", "10.1.0.0/16,10.2.0.0/16"), "--pod-cidr 10.1.0.0/16,10.2.0.0/16: give one network, or one of each"),
    (("--service-cidr", f"{SERVICES},fd01::/112"), "fd01::/112: give one network, or one of each family"),
    (("--node-ip", "10.0.0.1,10.0.0.2"), "--node-ip 10.0.0.1,10.0.0.2: give one address, or one of each family"),
    (("--node-ip", "fd30::1"), "--node-ip fd30::1 is not of the cluster's networks, which are IPv4"),
    (("--node-ip", "here"), "'here' does not appear to be an IPv4 or IPv6 address; give it as"),
    (networks("fd00:10:244::/72", "fd00:10:96::/112"), "the pod network fd00:10:244::/72 must be from /48 to /64"),
    (networks("fd00::/32", "fd01::/112"), "the pod network fd00::/32 must be from /48 to /64"),
    (networks("fd00:10:244::/56", "fd00:10:96::/48"), "the service network fd00:10:96::/48 must be from /64 to /123"),
    (networks("fd00:10:244::/56", "fd00:10:96::/124"), "the service network fd00:10:96::/124 must be from /64 to /123"),
    (networks("10.244.0.0/25", "10.96.0.0/16"), "the pod network must be a /24 or larger"),
    (
        networks("10.244.0.0/16,fd00::/56", "10.96.0.0/16,fd00::/112"),
        "fd00::/56 and the service network fd00::/112 over",
    ),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_does_not_go_together_is_one_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError) as error:
        configured(tmp_path, *words)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_machine_without_an_address_of_a_family_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(version: int) -> str:
        raise ConfigError("this machine has no address of IPv6")

    monkeypatch.setattr(families, "detected", none)
    with pytest.raises(CommandError, match="no address of IPv6"):
        configured(tmp_path, *networks("fd00:10:244::/56", "fd00:10:96::/112"))


def test_the_server_is_started_with_the_same_and_a_later_start_goes_on_with_it(tmp_path: Path) -> None:
    config = configured(tmp_path, *networks(PODS, SERVICES), "--node-ip", "172.30.0.10,fd30::10")
    flags = up._flags(config)
    assert configured(tmp_path / "other", *flags[5:13], command="server").node_ips == config.node_ips
    state.save(config)
    assert configured(tmp_path).node_ips == ("192.0.2.10", "2001:db8::10"), "addresses are looked up afresh"
    with pytest.raises(CommandError, match="is not that of the cluster"):
        configured(tmp_path, "--pod-cidr", "10.244.0.0/16")


def test_a_machine_that_joins_takes_the_clusters_families(tmp_path: Path) -> None:
    alone = configured(tmp_path, "--node-ip", "172.30.0.11,fd30::11", command="agent")
    assert alone.node_ips == ("172.30.0.11", "fd30::11")
    for pods, expected in (
        (PODS, ("172.30.0.11", "fd30::11")),
        ("10.244.0.0/16", ("172.30.0.11",)),
        ("fd00:10:244::/56", ("fd30::11",)),
        ("fd00:10:244::/56,10.244.0.0/16", ("fd30::11", "172.30.0.11")),
    ):
        assert (
            fitted(ClusterConfig(node_ip="172.30.0.11", other_node_ip="fd30::11", pod_cidr=pods)).node_ips == expected
        )
    assert fitted(ClusterConfig(node_ip="172.30.0.11", pod_cidr=PODS)).node_ips == ("172.30.0.11", "2001:db8::10")


def test_certificates_are_for_every_address_and_services_begin_in_the_first_family(tmp_path: Path) -> None:
    config = configured(tmp_path, *networks(PODS, SERVICES))
    assert {"192.0.2.10", "2001:db8::10", "10.96.0.1"} <= set(pki.serving_names(config))
    assert (config.service_ip, config.dns_ip) == ("10.96.0.1", "10.96.0.10")
    six = configured(tmp_path, *networks("fd00:10:244::/56", "fd00:10:96::/112"))
    assert (six.service_ip, six.dns_ip) == ("fd00:10:96::1", "fd00:10:96::a")


def test_one_component_alone_needs_no_network_that_it_has_no_flag_for(tmp_path: Path) -> None:
    assert configured(tmp_path, "--node-ip", "fd30::1", command="dns").node_ips == ("fd30::1",)
    six = configured(tmp_path, "--service-cidr", "fd00::/112", command="apiserver")
    assert six.service_ip == "fd00::1"
