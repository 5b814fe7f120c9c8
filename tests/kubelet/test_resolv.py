"""What a pod's resolv.conf says."""

from typing import Any

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.kubelet.resolv import dns_config, parse_resolv_conf

HOST = "nameserver 8.8.8.8\nsearch example.com.\noptions timeout:1\n"
CLUSTER = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]


@pytest.mark.parametrize(
    ("spec", "servers", "searches", "options"),
    [
        pytest.param({}, ["10.96.0.10"], [*CLUSTER, "example.com"], ["ndots:5"], id="ClusterFirst"),
        pytest.param(
            {"hostNetwork": True}, ["8.8.8.8"], ["example.com"], ["timeout:1"], id="ClusterFirst, host network"
        ),
        pytest.param(
            {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
            ["10.96.0.10"],
            [*CLUSTER, "example.com"],
            ["ndots:5"],
            id="ClusterFirstWithHostNet",
        ),
        pytest.param({"dnsPolicy": "Default"}, ["8.8.8.8"], ["example.com"], ["timeout:1"], id="Default"),
        pytest.param(
            {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["1.2.3.4"], "searches": ["x"], "options": [{"name": "edns0"}]},
            },
            ["1.2.3.4"],
            ["x"],
            ["edns0"],
            id="None",
        ),
        pytest.param(
            {
                "dnsConfig": {
                    "nameservers": ["10.96.0.10", "1.1.1.1"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                }
            },
            ["10.96.0.10", "1.1.1.1"],
            [*CLUSTER, "example.com"],
            ["ndots:2", "edns0"],
            id="dnsConfig is merged",
        ),
    ],
)
def test_policies(spec: dict[str, Any], servers: list[str], searches: list[str], options: list[str]) -> None:
    found = dns_config(pod_of(spec), ["10.96.0.10"], "cluster.local", HOST)
    assert (found.servers, found.searches, found.options) == (servers, searches, options)


def test_without_cluster_dns_the_nodes_settings_are_used() -> None:
    assert dns_config(pod_of(), [], "cluster.local", HOST).servers == ["8.8.8.8"]


def test_no_more_than_the_c_library_reads() -> None:
    spec = {"dnsConfig": {"nameservers": ["1", "2", "3", "4"], "searches": [f"s{i}" for i in range(40)]}}
    found = dns_config(pod_of({"dnsPolicy": "None", **spec}), [], "", "")
    assert (len(found.servers), len(found.searches)) == (3, 32)


def test_parsing() -> None:
    found = parse_resolv_conf(
        "# c\nsearch a b\nsearch .\nnameserver 1.1.1.1 # x\nnameserver ::1\noptions a:1 b\noptions a:2\n"
    )
    assert (found.servers, found.searches, found.options) == (["1.1.1.1", "::1"], ["."], ["a:2", "b"])
