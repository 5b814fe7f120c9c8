"""A cluster of two families on a machine that has both: pods and services are reached over each, and nothing stays.

The sample application is all there is: one of its pods asks, and its service gets a second family.
"""

import json

import pytest
from tests.e2e.conftest import Cluster, cluster_on
from tests.support.machine import ADDRESS, ADDRESS6, HAS_IPV6, machine
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not HAS_IPV6, reason="needs IPv6")

NETWORKS = ("--pod-cidr", "10.244.0.0/16,fd00:10:244::/56", "--service-cidr", "10.96.0.0/16,fd00:10:96::/112")


def url(address: str, port: int, scheme: str = "http") -> str:
    return f"{scheme}://[{address}]:{port}/" if ":" in address else f"{scheme}://{address}:{port}/"


def test_pods_and_services_are_reached_over_both_families() -> None:
    with machine("m1") as host:
        with cluster_on(host, *NETWORKS) as found:
            node_and_pods_have_two_addresses(found)
            reached_over_both(found)
            found.pybernetes("down", "--purge")
        assert "pybernetes" not in host.run("nft", "list", "tables").stdout
        assert "fd00:10:" not in host.run("ip", "-6", "route").stdout


def node_and_pods_have_two_addresses(found: Cluster) -> None:
    node = found.kubectl.json("get", "node", "m1")
    assert node["spec"]["podCIDRs"] == ["10.244.0.0/24", "fd00:10:244::/64"]
    addresses = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    assert addresses == [ADDRESS, ADDRESS6]
    for one in found.kubectl.json("get", "pods", "-l", "app=hello")["items"]:
        status = one["status"]
        first, second = [entry["ip"] for entry in status["podIPs"]]
        assert status["podIP"] == first and first.startswith("10.244.0.") and second.startswith("fd00:10:244::")
        assert [entry["ip"] for entry in status["hostIPs"]] == [ADDRESS, ADDRESS6]


def reached_over_both(found: Cluster) -> None:
    k = found.kubectl
    k("patch", "service", "hello", "-p", json.dumps({"spec": {"ipFamilyPolicy": "RequireDualStack"}}))
    spec = k.json("get", "service", "hello")["spec"]
    pods = [entry["ip"] for entry in k.json("get", "pods", "-l", "app=hello")["items"][0]["status"]["podIPs"]]

    def has_slices_of_both() -> bool:
        items = k.json("get", "endpointslices", "-l", "kubernetes.io/service-name=hello")["items"]
        return {one["addressType"] for one in items if one["endpoints"]} == {"IPv4", "IPv6"}

    until(has_slices_of_both)
    targets = [url(ip, 80) for ip in spec["clusterIPs"]] + [url(ip, 8080) for ip in pods]
    # A repetition may be needed until the proxy has what has just come.
    asking = [f"for i in $(seq 300); do wget -qO- {one} && break; sleep 0.2; done" for one in targets]
    script = "; ".join(["cat /etc/hosts", *asking])
    shown = k("exec", "deploy/hello", "--", "sh", "-c", script)
    assert shown.count("Hello from hello-") == len(targets) == 4
    looked_up = ("exec", "deploy/hello", "--", "nslookup", "hello.default.svc.cluster.local")
    until(lambda: all(ip in k.run(*looked_up, check=False).stdout for ip in spec["clusterIPs"]))
    own = [line.split()[0] for line in shown.splitlines() if "\thello-" in line]
    assert [":" in address for address in own] == [False, True], "both in /etc/hosts"
    for address in (ADDRESS, ADDRESS6):
        node_port = url(address, spec["ports"][0]["nodePort"])
        words = ("curl", "-gsSm20", node_port)
        until(lambda w=words: found.machine.run(*w, check=False, outside=True).stdout.startswith("Hello from hello-"))  # type: ignore[misc]
        certified = ("--cacert", str(found.data_dir / "pki" / "ca.crt"), url(address, 6443, "https") + "version")
        assert "gitVersion" in found.machine.run("curl", "-gsS", *certified).stdout
