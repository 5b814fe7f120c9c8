"""What a new user does in the first minute."""

from tests.e2e.conftest import Cluster
from tests.support.kubectl import Kubectl
from tests.support.machine import ADDRESS


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


def test_secrets_are_readable_by_their_owner_only(cluster: Cluster) -> None:
    private = [*cluster.data_dir.glob("*.kubeconfig"), *(cluster.data_dir / "pki").glob("*.key")]
    assert len(private) >= 8
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
