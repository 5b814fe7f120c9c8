"""Services of type LoadBalancer, which the node itself serves: what users see, and packets from the world outside."""

import json
import re
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import deployment
from tests.support.kubectl import Kubectl
from tests.support.machine import ADDRESS, OUTSIDE_ADDRESS, Machine
from tests.support.pods import Pods
from tests.support.waiting import until

NAMESPACE = "balanced"


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Iterator[Pods]:
    """Two ready pods behind a Deployment, without a Service."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl.apply(deployment("web", NAMESPACE, 2))
    found = Pods(cluster.kubectl, NAMESPACE)
    found("rollout", "status", "deployment/web", "--timeout=120s")
    yield found
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def external_ip(web: Pods, name: str) -> str:
    """The column that users read."""
    _, line = web("get", "service", name).strip().splitlines()
    return line.split()[3]


def fetched(machine: Machine, port: int) -> str:
    """What the host beyond the node's network gets there; "" when nothing."""
    words = ("timeout", "2", "busybox", "wget", "-qO-", f"http://{ADDRESS}:{port}/")
    return machine.run(*words, check=False, outside=True).stdout


def events(kubectl: Kubectl, name: str) -> set[str]:
    found = kubectl.json("get", "events", "-n", NAMESPACE, "--field-selector", f"involvedObject.name={name}")
    return {f"{item['reason']}: {item['message']}" for item in found["items"]}


def test_an_exposed_deployment_is_reached_at_the_nodes_address(cluster: Cluster, web: Pods) -> None:
    web("expose", "deployment", "web", "--type=LoadBalancer", "--port=8088", "--target-port=8080")
    until(lambda: external_ip(web, "web") == ADDRESS)
    until(lambda: "Hello" in fetched(cluster.machine, 8088))
    wanted = {"EnsuringLoadBalancer: Ensuring load balancer", "EnsuredLoadBalancer: Ensured load balancer"}
    until(lambda: wanted <= events(cluster.kubectl, "web"))
    described = web("describe", "service", "web")
    assert re.search(rf"LoadBalancer Ingress: +{re.escape(ADDRESS)} \(VIP\)", described)

    # Only the sources that the ranges name.
    web("patch", "service", "web", "-p", '{"spec": {"loadBalancerSourceRanges": ["198.51.100.0/24"]}}')
    until(lambda: fetched(cluster.machine, 8088) == "")
    web("patch", "service", "web", "-p", f'{{"spec": {{"loadBalancerSourceRanges": ["{OUTSIDE_ADDRESS}/32"]}}}}')
    until(lambda: "Hello" in fetched(cluster.machine, 8088))

    # A second one for the same port waits for the first, and is told whom for.
    web("expose", "deployment", "web", "--name=second", "--type=LoadBalancer", "--port=8088", "--target-port=8080")
    told = "SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: "
    told += f"port 8088/TCP of the nodes is held by Service {NAMESPACE}/web"
    until(lambda: told in events(cluster.kubectl, "second"))
    assert external_ip(web, "second") == "<pending>"
    web("delete", "service", "web")
    until(lambda: external_ip(web, "second") == ADDRESS)
    until(lambda: "Hello" in fetched(cluster.machine, 8088))

    web("delete", "service", "second")
    until(lambda: fetched(cluster.machine, 8088) == "")


def test_a_service_that_is_no_load_balancer_any_more_gives_its_address_back(cluster: Cluster, web: Pods) -> None:
    web("expose", "deployment", "web", "--name=former", "--type=LoadBalancer", "--port=8089", "--target-port=8080")
    until(lambda: external_ip(web, "former") == ADDRESS)
    until(lambda: "Hello" in fetched(cluster.machine, 8089))
    web("patch", "service", "former", "-p", '{"spec": {"type": "ClusterIP"}}')
    until(lambda: fetched(cluster.machine, 8089) == "")
    cluster.kubectl.until(
        lambda found: "finalizers" not in found["metadata"] and found["status"] == {"loadBalancer": {}},
        "get", "service", "former", "-n", NAMESPACE,
    )  # fmt: skip


def test_under_the_local_policy_a_node_without_endpoints_is_not_named(cluster: Cluster, web: Pods) -> None:
    web("expose", "deployment", "web", "--name=kept", "--type=LoadBalancer", "--port=8090", "--target-port=8080")
    web("patch", "service", "kept", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
    until(lambda: external_ip(web, "kept") == ADDRESS)
    until(lambda: "Hello" in fetched(cluster.machine, 8090))
    health = cluster.kubectl.json("get", "service", "kept", "-n", NAMESPACE)["spec"]["healthCheckNodePort"]
    until(lambda: (told := fetched(cluster.machine, health)) and json.loads(told)["localEndpoints"] == 2)
    web("scale", "deployment", "web", "--replicas=0")
    until(lambda: external_ip(web, "kept") == "<pending>")
    web("scale", "deployment", "web", "--replicas=2")
    until(lambda: external_ip(web, "kept") == ADDRESS)
