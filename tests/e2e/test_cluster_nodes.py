"""Several machines: nodes join with a token, pods reach each other across them, and a dead node's pods move on."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from tests.e2e.conftest import PYBERNETES, Cluster
from tests.e2e.objects import container, deployment, pod, service
from tests.support.machine import Machine, machine, neighbour
from tests.support.pods import Pods
from tests.support.waiting import until

from pybernetes.base.x509 import CertificateAuthority
from pybernetes.cluster.node_certificates import write_credentials

SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}
GRACE = 12


class Nodes:
    """A control plane with a node of its own on m1, and machines that can join it."""

    def __init__(self, first: Cluster, machines: dict[str, Machine]) -> None:
        self.first = first
        self.kubectl = first.kubectl
        self.machines = machines
        self.agents: dict[str, subprocess.Popen[str]] = {}

    def directory(self, name: str) -> Path:
        return self.machines[name].directory / "data"

    def token_command(self) -> list[str]:
        """The command that a token's creation prints, without the program's name."""
        return self.first.pybernetes("token", "create").split()[1:]

    def start(self, name: str, *words: str) -> None:
        flags = words or ("agent",)
        with self.log(name).open("ab") as log:
            self.agents[name] = self.machines[name].start(
                PYBERNETES, *flags, "--data-dir", str(self.directory(name)), stdout=log
            )

    def stop(self, name: str) -> int:
        (number,) = self.machines[name].processes("pybernetes agent")
        self.machines[name].kill(number, 15)
        return self.agents.pop(name).wait(60)

    def log(self, name: str) -> Path:
        return self.machines[name].directory / "agent.log"

    def ready(self, name: str) -> None:
        def is_there() -> bool:
            return self.kubectl.run("get", f"node/{name}", check=False).returncode == 0

        until(is_there, show=lambda: self.log(name).read_text())
        self.kubectl.wait(f"node/{name}", "condition=Ready", timeout=90)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with machine("m1") as first, neighbour(first, "m2", 11) as second, neighbour(first, "m3", 12) as third:
        cluster = Cluster(first, first.directory / "data")
        cluster.pybernetes("up", "--node-monitor-grace-period", str(GRACE))
        found = Nodes(cluster, {"m1": first, "m2": second, "m3": third})
        command = found.token_command()
        for name in ("m2", "m3"):
            found.start(name, *command)
        for name in ("m2", "m3"):
            found.ready(name)
        yield found
        for name in list(found.agents):
            found.stop(name)


def test_nodes_join_with_a_token_and_are_known_by_their_own_certificates(nodes: Nodes) -> None:
    k = nodes.kubectl
    rows = [row.split() for row in k("get", "nodes", "-o", "wide", "--no-headers").splitlines()]
    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("m1", "Ready", "172.30.0.10"),
        ("m2", "Ready", "172.30.0.11"),
        ("m3", "Ready", "172.30.0.12"),
    ]
    document = yaml.safe_load((nodes.directory("m2") / "kubelet.kubeconfig").read_text())
    assert document["clusters"][0]["cluster"]["server"] == "https://172.30.0.10:6443"
    requests = k.json("get", "csr")["items"]
    asked = {(r["spec"]["username"], r["spec"]["signerName"].rpartition("/")[2]) for r in requests}
    assert {
        user.partition(":bootstrap:")[0] for user, signer in asked if signer == "kube-apiserver-client-kubelet"
    } == {"system"}
    assert {user for user, signer in asked if signer == "kubelet-serving"} == {"system:node:m2", "system:node:m3"}
    ranges = {node["spec"]["podCIDR"] for node in k.json("get", "nodes")["items"]}
    assert len(ranges) == 3


def test_every_node_is_measured(nodes: Nodes) -> None:
    """The metrics server reaches the kubelets of other machines, and knows them by the cluster's CA."""

    def measured() -> list[str]:
        rows = nodes.kubectl.run("top", "nodes", "--no-headers", check=False).stdout.splitlines()
        return [row.split()[0] for row in rows if "unknown" not in row]

    until(lambda: measured() == ["m1", "m2", "m3"], show=lambda: str(measured()))


def test_a_node_may_change_only_itself(nodes: Nodes) -> None:
    credentials = str(nodes.directory("m2") / "kubelet.kubeconfig")
    own = nodes.kubectl.run("label", "node", "m2", "mine=yes", "--kubeconfig", credentials, check=False)
    assert own.returncode == 0, own.stderr
    other = nodes.kubectl.run("label", "node", "m3", "mine=no", "--kubeconfig", credentials, check=False)
    assert "only its own Node object" in other.stderr  # kubectl looks first
    labelled = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "m3", "labels": {"mine": "no"}}}
    words = ("apply", "--server-side", "-f", "-", "--kubeconfig", credentials)
    unseen = nodes.kubectl.run(*words, given=json.dumps(labelled), check=False)
    assert "is not allowed to modify node" in unseen.stderr


def test_pods_of_all_nodes_reach_each_other_by_address_and_by_service(nodes: Nodes) -> None:
    k = nodes.kubectl
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}
    body = deployment("web", "default", 3, container("web", readinessProbe=probe))
    body["spec"]["template"]["spec"]["topologySpreadConstraints"] = [SPREAD]
    k.apply(body, service("web", "default", type="NodePort"))
    k("rollout", "status", "deployment/web", "--timeout=120s")
    pods = k.json("get", "pods", "-l", "app=web")["items"]
    where = {p["spec"]["nodeName"]: (p["metadata"]["name"], p["status"]["podIP"]) for p in pods}
    assert set(where) == {"m1", "m2", "m3"}

    def answering(name: str) -> set[str]:
        """Who answers a pod at the service."""
        script = "for i in $(seq 30); do wget -qO- http://web/; done"
        lines = k.run("exec", name, "--", "sh", "-c", script, check=False).stdout.splitlines()
        return {line.split()[2].rstrip("!,.") for line in lines if line}

    for name, _ in where.values():
        for other, ip in where.values():
            answer = k("exec", name, "--", "wget", "-qO-", f"http://{ip}:8080/")
            assert answer.startswith(f"Hello from {other}")
        until(lambda name=name: answering(name) == {n for n, _ in where.values()})  # type: ignore[misc]
    port = k("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")
    outside = nodes.machines["m1"]
    for host in nodes.machines.values():
        url = f"http://{host.address}:{port}/"
        words = ("busybox", "wget", "-qO-", url)
        until(lambda w=words: outside.run(*w, outside=True, check=False).stdout.startswith("Hello from web-"))  # type: ignore[misc]


def test_a_load_balancer_has_the_addresses_of_all_nodes(nodes: Nodes) -> None:
    k, exclude = nodes.kubectl, "node.kubernetes.io/exclude-from-external-load-balancers"
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}
    k.apply(
        deployment("shop", "default", 1, container("web", readinessProbe=probe)),
        service("shop", "default", 8088, type="LoadBalancer"),
    )

    def addresses() -> list[str]:
        return k("get", "service", "shop", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}").split()

    every = [nodes.machines[name].address for name in ("m1", "m2", "m3")]
    until(lambda: addresses() == every)
    k("rollout", "status", "deployment/shop", "--timeout=120s")
    outside = nodes.machines["m1"]

    def answer(address: str) -> str:
        words = ("timeout", "2", "busybox", "wget", "-qO-", f"http://{address}:8088/")
        return outside.run(*words, check=False, outside=True).stdout

    for address in every:
        until(lambda address=address: answer(address).startswith("Hello from shop-"))  # type: ignore[misc]
    k("label", "node", "m2", f"{exclude}=")
    until(lambda: addresses() == [every[0], every[2]])
    until(lambda: answer(every[1]) == "")
    k("label", "node", "m2", f"{exclude}-")
    k("patch", "service", "shop", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
    (there,) = [item["spec"]["nodeName"] for item in k.json("get", "pods", "-l", "app=shop")["items"]]
    until(lambda: addresses() == [nodes.machines[there].address])
    k("delete", "service/shop", "deployment/shop")


def test_a_network_policy_holds_on_every_node(nodes: Nodes) -> None:
    """Whoever is named gets through, at whichever node; names are still looked up."""
    k = nodes.kubectl
    place = {"nodeSelector": {"kubernetes.io/hostname": "m2"}}
    k.apply(pod("guarded", "default", container(), **place))
    k("label", "pod/guarded", "guarded=yes")
    k.apply(service("guarded", "default", selector={"guarded": "yes"}))
    for name, node in (("friend", "m3"), ("stranger", "m2")):
        k.apply(pod(name, "default", container(), nodeSelector={"kubernetes.io/hostname": node}))
    k("wait", "--for=condition=Ready", "--timeout=120s", "pod/guarded", "pod/friend", "pod/stranger")
    k("label", "pod/friend", "friend=yes")

    def reaches(name: str) -> bool:
        script = "timeout 2 wget -qO- http://guarded/"
        return k.run("exec", name, "--", "sh", "-c", script, check=False).stdout.startswith("Hello from guarded")

    until(lambda: reaches("friend") and reaches("stranger"))
    dns = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    guarded = {"podSelector": {"matchLabels": {"guarded": "yes"}}}
    friend = {"podSelector": {"matchLabels": {"friend": "yes"}}}
    specs = {
        "in": {**guarded, "ingress": [{"from": [friend]}]},
        "out": {**friend, "policyTypes": ["Egress"], "egress": [{"to": [dns]}, {"to": [guarded]}]},
    }
    for name, spec in specs.items():
        meta = {"name": name, "namespace": "default"}
        k.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec})
    until(lambda: not reaches("stranger"))
    until(lambda: reaches("friend"))
    k("delete", "networkpolicy", "in")
    until(lambda: reaches("stranger"))
    k("delete", "networkpolicy/out", "pod/guarded", "pod/friend", "pod/stranger", "service/guarded", "--now")


def test_logs_and_exec_work_on_every_node(nodes: Nodes) -> None:
    k = nodes.kubectl
    for name in nodes.machines:
        k.apply(pod(f"on-{name}", "default", container("c", "sh", "-c", "echo here; sleep 1000"), nodeName=name))
        k.wait(f"pod/on-{name}", "condition=Ready")
        assert Pods(k, "default").said(f"on-{name}", "here") == ["here"]
        assert k("exec", f"on-{name}", "--", "hostname") == f"on-{name}"
        k("delete", "pod", f"on-{name}", "--grace-period=0", "--force")


def _expiring(nodes: Nodes, name: str) -> None:
    """Replace a node's client certificate by one that has nearly run out."""
    pki = nodes.first.data_dir / "pki"
    authority = CertificateAuthority.load(pki / "ca.crt", pki / "ca.key")
    now, age = datetime.now(UTC), datetime.now(UTC) - authority.certificate.not_valid_before_utc
    pair = authority.issue(
        f"system:node:{name}",
        organizations=("system:nodes",),
        now=now - timedelta(days=1),
        validity=timedelta(days=1) + age / 5,
    )
    write_credentials(
        nodes.directory(name) / "kubelet.kubeconfig", "https://172.30.0.10:6443", authority.certificate_pem, pair
    )


def _expiry(nodes: Nodes, name: str) -> datetime:
    document = yaml.safe_load((nodes.directory(name) / "kubelet.kubeconfig").read_text())
    data = base64.b64decode(document["users"][0]["user"]["client-certificate-data"])
    return x509.load_pem_x509_certificate(data).not_valid_after_utc


def test_a_node_comes_back_without_a_token_and_renews_its_certificate(nodes: Nodes) -> None:
    assert nodes.stop("m2") == 0
    _expiring(nodes, "m2")
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert _expiry(nodes, "m2") < soon
    nodes.start("m2")
    until(lambda: _expiry(nodes, "m2") > soon, show=lambda: nodes.log("m2").read_text())
    nodes.ready("m2")
    until(lambda: "Client certificate renewed" in nodes.log("m2").read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [*words[:-1], "sha256:" + "0" * 64], "has another CA than sha256:"),
        (
            lambda words: [w if "." not in w or "/" in w else "aaaaaa.bbbbbbbbbbbbbbbb" for w in words],
            "refuses the token",
        ),
        (lambda words: words[:3], "joining needs --server, --token and --ca-cert-hash"),
    ],
    ids=["wrong CA", "wrong token", "no token"],
)
def test_a_node_that_cannot_join_is_told_why(nodes: Nodes, tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]
    words = change(nodes.token_command())
    flags = ["--data-dir", str(tmp_path), "--node-name", "m9", "--kubelet-port", "11250"]
    done = nodes.machines["m3"].run(PYBERNETES, *words, *flags, check=False, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_tokens_are_listed_and_deleted(nodes: Nodes) -> None:
    token = nodes.token_command()[4]
    assert token in nodes.first.pybernetes("token", "list")
    nodes.first.pybernetes("token", "delete", token.split(".")[0])
    assert token not in nodes.first.pybernetes("token", "list")


def test_the_pods_of_a_dead_node_move_after_their_tolerations_end(nodes: Nodes) -> None:
    k = nodes.kubectl
    body = deployment("moving", "default", 1)
    body["spec"]["template"]["spec"] |= {
        "tolerations": [
            {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
            for taint in ("unreachable", "not-ready")
        ],
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "preference": {
                            "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["m3"]}]
                        },
                    }
                ]
            }
        },
    }
    k.apply(body)
    k("rollout", "status", "deployment/moving", "--timeout=120s")
    (before,) = k.json("get", "pods", "-l", "app=moving")["items"]
    assert before["spec"]["nodeName"] == "m3"
    nodes.machines["m3"].close()
    died = time.monotonic()
    k.wait("node/m3", "condition=Ready=Unknown", timeout=GRACE + 80)
    assert time.monotonic() - died < 48  # a grace period of the default is 50
    taints = k.until(lambda node: len(node["spec"].get("taints", [])) == 2, "get", "node", "m3")["spec"]["taints"]
    assert {(t["key"], t["effect"]) for t in taints} == {
        ("node.kubernetes.io/unreachable", "NoSchedule"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
    }

    def moved(found: dict) -> bool:  # type: ignore[type-arg]
        return any(p["spec"].get("nodeName") in ("m1", "m2") for p in found["items"])

    k.until(moved, "get", "pods", "-l", "app=moving")
    k.wait("deployment/moving", "condition=Available")
    k.wait("pod/kube-proxy-m3", "condition=Ready=False", "-n", "kube-system")
    k.wait("pod/kube-proxy-m2", "condition=Ready", "-n", "kube-system")
    left = k.json("get", "pod", before["metadata"]["name"])
    assert left["metadata"]["deletionTimestamp"], "nobody confirms its end, so it stays as it is"
    k.until(lambda found: "NodeNotReady" in json.dumps(found), "get", "events")
    nodes.agents.pop("m3").wait(60)
