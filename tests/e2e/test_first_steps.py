"""What a new user does in the first minute."""

import re

from tests.e2e.conftest import Cluster
from tests.support.kubectl import Kubectl
from tests.support.machine import ADDRESS
from tests.support.waiting import until

SYSTEM = ("coredns", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "metrics-server")


def test_the_node_is_ready(kubectl: Kubectl) -> None:
    rows = kubectl("get", "nodes", "-o", "wide").splitlines()
    assert rows[0].split()[:6] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP"]
    assert rows[1].split()[:3] == ["m1", "Ready", "control-plane"]
    assert ADDRESS in rows[1]
    assert "containerd://" in rows[1]


def test_the_sample_application_answers_from_outside(cluster: Cluster) -> None:
    port = cluster.kubectl("get", "service", "hello", "-o", "jsonpath={.spec.ports[0].nodePort}")
    url = f"http://{ADDRESS}:{port}/"
    answers = {cluster.machine.run("busybox", "wget", "-qO-", url, outside=True).stdout for _ in range(30)}
    assert len(answers) > 1, "one pod answers everything"
    assert all(answer.startswith("Hello from hello-") for answer in answers)


def test_up_again_changes_nothing_and_says_so(cluster: Cluster) -> None:
    before = cluster.machine.processes("pybernetes server")
    assert "is running already; nothing to do" in cluster.pybernetes("up")
    assert cluster.machine.processes("pybernetes server") == before


def test_status_tells_what_runs(cluster: Cluster) -> None:
    shown = cluster.pybernetes("status")
    assert "1 of 1 ready" in shown
    assert "kubeconfig:" in shown


def test_the_components_are_pods_of_the_master(kubectl: Kubectl) -> None:
    kubectl.until(lambda found: len(found["items"]) == len(SYSTEM), "get", "pods", "-n", "kube-system")
    kubectl("wait", "--for=condition=Ready", "--timeout=90s", "pods", "--all", "-n", "kube-system", timeout=100)
    rows = [row.split() for row in kubectl("get", "pods", "-n", "kube-system", "-o", "wide").splitlines()]
    assert [row[:3] for row in rows[1:]] == [[f"{name}-m1", "1/1", "Running"] for name in SYSTEM]
    assert {tuple(row[-4:-2]) for row in rows[1:]} == {(ADDRESS, "m1")}
    chosen = kubectl("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns", "-o", "name")
    assert chosen == "pod/coredns-m1"
    shown = kubectl("describe", "pod", "kube-scheduler-m1", "-n", "kube-system")
    for line in ("Controlled By:  Node/m1", "Priority Class Name:  system-node-critical", "QoS Class:", "BestEffort"):
        assert line in shown
    on_the_node = kubectl("describe", "node", "m1").partition("Non-terminated Pods:")[2].splitlines()
    for name in SYSTEM:
        (row,) = [line.split() for line in on_the_node if line.split()[1:2] == [f"{name}-m1"]]
        assert [word for word in row[2:10] if word != "(0%)"] == ["0"] * 4


def test_the_components_have_logs_and_nothing_else_to_enter(kubectl: Kubectl) -> None:
    def logs(name: str, *flags: str) -> list[str]:
        return kubectl("logs", "-n", "kube-system", f"{name}-m1", *flags).splitlines()

    written = {
        "coredns": "dns.server DNS serves",
        "kube-apiserver": "apiserver.server API server ready",
        "kube-controller-manager": "client.leader Became leader",
        "kube-proxy": "proxy.proxy Service rules made",
        "kube-scheduler": "client.leader Became leader",
        "metrics-server": "metrics.server Metrics server serves",
    }
    for name, words in written.items():
        line = until(lambda name=name, words=words: [line for line in logs(name) if words in line])[0]  # type: ignore[misc]
        assert "INFO" in line
    assert not [line for line in logs("kube-scheduler") if "kube-controller-manager" in line]
    (last,) = logs("kube-apiserver", "--tail=1", "--timestamps", "--since=24h")
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z ", last)
    for words in (("exec", "coredns-m1", "--", "ls"), ("port-forward", "pod/coredns-m1", ":53")):
        done = kubectl.run(words[0], "-n", "kube-system", *words[1:], check=False)
        assert done.returncode != 0
        assert "coredns is a process of the node and no container; there is only its log" in done.stderr


def test_a_deleted_component_is_back_and_a_drain_leaves_them_alone(kubectl: Kubectl) -> None:
    before = kubectl.json("get", "pod", "kube-proxy-m1", "-n", "kube-system")
    kubectl("delete", "pod", "kube-proxy-m1", "-n", "kube-system")
    kubectl.until(
        lambda found: [item["status"].get("containerStatuses") for item in found["items"]]
        == [before["status"]["containerStatuses"]],
        "get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-proxy",
    )  # fmt: skip
    drained = kubectl.run("drain", "m1", "--dry-run=server", "--pod-selector=tier=control-plane")
    assert "drained" in drained.stdout and "evicting" not in drained.stdout


def test_secrets_are_readable_by_their_owner_only(cluster: Cluster) -> None:
    private = [*cluster.data_dir.glob("*.kubeconfig"), *(cluster.data_dir / "pki").glob("*.key")]
    assert len(private) >= 8
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
