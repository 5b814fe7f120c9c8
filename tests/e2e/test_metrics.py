"""What containers and nodes use, measured while a container burns a known share of a processor, and what follows."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, deployment, pod, shell
from tests.e2e.test_kubectl_own import OwnKubectl
from tests.support.kubectl import Kubectl
from tests.support.waiting import until

BURN = "while [ ! -e /tmp/stop ]; do :; done; " + SLEEP
API = "/apis/metrics.k8s.io/v1beta1"


def burner(name: str, milli: int, **more: Any) -> dict[str, Any]:
    """A container that uses as much of a processor as it may, until /tmp/stop is there."""
    resources = {"requests": {"cpu": "100m", "memory": "16Mi"}, "limits": {"cpu": f"{milli}m", "memory": "64Mi"}}
    return shell(name, BURN, resources=resources, **more)


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> OwnKubectl:
    return OwnKubectl(cluster)


@pytest.fixture(scope="module")
def burning(cluster: Cluster) -> Iterator[str]:
    """A namespace with a pod of two containers, one of which burns a fifth of a processor."""
    name = "t-metrics"
    kubectl = cluster.kubectl
    kubectl("create", "namespace", name)
    kubectl.apply(pod("burner", name, burner("busy", 200), shell("idle", SLEEP)))
    kubectl.wait("pod/burner", "condition=Ready", "-n", name)
    until(lambda: _burns(_milli(kubectl, name)), show=lambda: str(_milli(kubectl, name)))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def _burns(use: dict[str, int]) -> bool:
    """Whether the busy container uses its fifth of a processor; half of that where others want the processors too."""
    return 100 <= use.get("busy", 0) <= 250 and use.get("idle", 0) < 50


def _milli(kubectl: Kubectl, namespace: str) -> dict[str, int]:
    """CPU in milli by container of the pod burner, as the API tells it; empty while it does not."""
    done = kubectl.run("top", "pod", "burner", "--containers", "--no-headers", "-n", namespace, check=False)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[1]: int(row[2].removesuffix("m")) for row in rows}


def test_top_shows_what_each_container_uses(kubectl: Kubectl, burning: str) -> None:
    until(lambda: _burns(_milli(kubectl, burning)), show=lambda: str(_milli(kubectl, burning)))
    memory = kubectl("top", "pod", "burner", "--containers", "-n", burning).splitlines()[1].split()[3]
    assert re.fullmatch(r"\d+Mi", memory)


def test_top_shows_what_the_node_uses(kubectl: Kubectl, burning: str) -> None:
    name, cpu, cpu_percent, memory, memory_percent = kubectl("top", "nodes", "--no-headers").split()
    assert name == "m1"
    milli, mebibytes = int(cpu.removesuffix("m")), int(memory.removesuffix("Mi"))
    assert milli >= 100 and mebibytes > 100
    cores = int(kubectl("get", "node", "m1", "-o", "jsonpath={.status.allocatable.cpu}"))
    assert int(cpu_percent.removesuffix("%")) == milli // (10 * cores)
    assert 0 < int(memory_percent.removesuffix("%")) <= 100


@pytest.mark.parametrize(
    "words",
    [
        "nodes",
        "node m1",
        "nodes --no-headers",
        "nodes --show-capacity",
        "nodes --sort-by=cpu",
        "nodes -l no=such",
        "node none",
        "pods",
        "pod burner",
        "pod burner --containers",
        "pods --containers --sort-by=cpu",
        "pods --sum",
        "pods --containers --sum --no-headers",
        "pods -l app=burner",
        "pods -l app=none",
        "pods --field-selector metadata.name=burner",
        "pods --field-selector status.phase=Running",
        "pods -A --sort-by=memory --no-headers -l app=burner",
        "pod none",
        "pod burner -l a=b",
        "node m1 -l a=b",
        "pods --sort-by=name",
        "pods a b",
    ],
)
def test_our_kubectl_shows_what_the_stock_one_shows(
    kubectl: Kubectl, own: OwnKubectl, burning: str, words: str
) -> None:
    stock = kubectl.run("top", *words.split(), "-n", burning, check=False)
    ours = own.run("top", *words.split(), "-n", burning, check=False)
    assert (_shape(ours.stdout), _shape(ours.stderr)) == (_shape(stock.stdout), _shape(stock.stderr))
    assert ours.returncode == stock.returncode


def _shape(text: str) -> str:
    """Amounts by their kind only, since two looks differ; the width of a column follows them."""
    text = re.sub(r"\d+(m|Mi|%)(?=\s|\Z)", r"N\1", text)
    return "\n".join(re.sub(r" {2,}", "   ", line) for line in text.splitlines())


def test_the_api_and_kubectl_get(kubectl: Kubectl, burning: str) -> None:
    head, row = kubectl("get", "pods.metrics.k8s.io", "-n", burning).splitlines()
    assert head.split() == ["NAME", "CPU", "MEMORY", "WINDOW"] and row.startswith("burner ")
    assert kubectl("get", "--raw", f"{API}/nodes/m1").startswith('{"kind":"NodeMetrics"')
    assert "m1" in kubectl("get", "nodes"), "plain names still mean the core group"
    shown = kubectl("get", "apiservices", "v1beta1.metrics.k8s.io").splitlines()[1].split()
    assert shown[:3] == ["v1beta1.metrics.k8s.io", "kube-system/metrics-server", "True"]


def test_viewers_of_a_namespace_may_see_its_metrics(kubectl: Kubectl, burning: str) -> None:
    kubectl("create", "rolebinding", "v", "--clusterrole=view", "--user=jane", "-n", burning)
    assert "burner" in kubectl("top", "pods", "--as=jane", "-n", burning)
    refused = kubectl.run("top", "nodes", "--as=jane", check=False)
    words = 'nodes.metrics.k8s.io is forbidden: User "jane" cannot list resource "nodes" in API group "metrics.k8s.io"'
    assert words in refused.stderr


def test_a_deployment_follows_its_load(kubectl: Kubectl, namespace: str) -> None:
    """`kubectl autoscale` at 20 % of the requested 100m; each pod uses 120m, or what it gets, until told to stop."""
    kubectl.apply(deployment("load", namespace, 1, burner("busy", 120)))
    kubectl("autoscale", "deployment", "load", "--min=1", "--max=3", "--cpu-percent=20", "-n", namespace)
    patience = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    kubectl("patch", "hpa", "load", "-n", namespace, "--type=merge", "-p", json.dumps({"spec": {"behavior": patience}}))
    grown = kubectl.until(
        lambda hpa: hpa["status"].get("desiredReplicas") == 3
        and _condition(hpa, "ScalingLimited") == ("True", "TooManyReplicas"),
        "get", "hpa", "load", "-n", namespace, timeout=120,
    )  # fmt: skip
    assert _condition(grown, "ScalingActive") == ("True", "ValidMetricFound")
    utilization = grown["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"]
    assert utilization > 20
    kubectl.wait("deployment/load", "jsonpath={.status.readyReplicas}=3", "-n", namespace)
    target = kubectl("get", "hpa", "load", "-n", namespace, "--no-headers").split()
    assert re.fullmatch(r"\d+%/20%", target[3]), target

    for name in kubectl("get", "pods", "-n", namespace, "-l", "app=load", "-o", "name").split():
        kubectl("exec", name, "-n", namespace, "--", "touch", "/tmp/stop")
    kubectl.until(
        lambda hpa: hpa["status"].get("desiredReplicas") == 1, "get", "hpa", "load", "-n", namespace, timeout=120
    )
    for words in (
        "New size: 3; reason: cpu resource utilization (percentage of request) above target",
        "New size: 1; reason: All metrics below target",
    ):
        events = ("events", "-n", namespace, "--field-selector=reason=SuccessfulRescale")
        kubectl.until(lambda found, words=words: words in json.dumps(found), "get", *events)


def _condition(hpa: dict[str, Any], type_: str) -> tuple[str, str]:
    found = next(row for row in hpa["status"]["conditions"] if row["type"] == type_)
    return found["status"], found["reason"]
