"""Services with real pods behind them, seen from pods, the node and the world outside."""

import contextlib
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import container, deployment, pod, service, shell
from tests.support.kubectl import Kubectl
from tests.support.machine import ADDRESS, OUTSIDE_ADDRESS, Machine
from tests.support.network import Namespace, Reply, ask, namespace_of, udp_server
from tests.support.pods import Pods
from tests.support.waiting import until

NAMESPACE = "services"


class Scene:
    """Three ready web pods, a client pod, and the places to ask from."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.kubectl = cluster.kubectl
        self.pods = Pods(cluster.kubectl, NAMESPACE)

    def inside(self, url: str, times: int = 1) -> Counter[str]:
        """Who answers the client pod."""
        script = f"i=0; while [ $i -lt {times} ]; do wget -qO- {url} || echo FAILED; i=$((i+1)); done"
        return self._names(self.pods.seen("client", script))

    def outside(self, url: str, times: int = 1) -> Counter[str]:
        """Who answers the host beyond the node's network."""
        script = f"i=0; while [ $i -lt {times} ]; do busybox wget -qO- {url} || echo FAILED; i=$((i+1)); done"
        return self._names(self.cluster.machine.run("sh", "-c", script, outside=True).stdout)

    @staticmethod
    def _names(text: str) -> Counter[str]:
        return Counter(line.removeprefix("Hello from ").split()[0].rstrip("!,.") for line in text.splitlines() if line)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl.apply(*objects)

    def ip(self, name: str) -> str:
        return self.pods("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")

    def node_port(self, name: str) -> int:
        return int(self.pods("get", "service", name, "-o", "jsonpath={.spec.ports[0].nodePort}"))

    def served(self, name: str, count: int) -> None:
        """Wait until the service's slices tell that many ready endpoints."""

        def ready(found: Any) -> bool:
            points = [e for item in found["items"] for e in item.get("endpoints") or () if e["conditions"]["ready"]]
            return len(points) == count

        label = f"kubernetes.io/service-name={name}"
        self.kubectl.until(ready, "get", "endpointslices", "-n", NAMESPACE, "-l", label)

    def names(self) -> set[str]:
        return {n.removeprefix("pod/") for n in self.pods("get", "pods", "-l", "app=web", "-o", "name").split()}


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    found = Scene(cluster)
    found.kubectl("create", "namespace", NAMESPACE)
    found.apply(
        deployment("web", NAMESPACE, 3),
        service("web", NAMESPACE),
        pod("client", NAMESPACE, shell("c", "while true; do sleep 0.2; done"), labels={"app": "client"}),
    )
    found.pods("rollout", "status", "deployment/web", "--timeout=120s")
    found.pods.ready("client")
    found.served("web", 3)
    until(lambda: set(found.inside("http://web/", 30)) == found.names())
    yield found
    found.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_cluster_address_spreads_over_all_pods(scene: Scene) -> None:
    found = scene.inside("http://web/", 90)
    assert set(found) == scene.names()
    assert min(found.values()) >= 12
    assert set(scene.inside(f"http://{scene.ip('web')}/", 30)) == scene.names()


def test_a_node_port_is_open_on_the_node_and_from_outside(scene: Scene) -> None:
    scene.apply(service("open", NAMESPACE, type="NodePort", selector={"app": "web"}))
    scene.served("open", 3)
    port = scene.node_port("open")
    assert 30000 <= port <= 32767
    until(lambda: set(scene.outside(f"http://{ADDRESS}:{port}/", 40)) == scene.names())
    assert set(scene.inside(f"http://{ADDRESS}:{port}/", 40)) == scene.names()
    scene.pods("delete", "service", "open")
    until(lambda: _refused(scene, f"{ADDRESS} {port}", outside=True))


def _refused(scene: Scene, where: str, *, outside: bool = False) -> bool:
    """Whether a connection is refused, and not merely lost: for that `nc` has another word, after three seconds."""
    done = scene.cluster.machine.run("busybox", "nc", "-w", "3", *where.split(), check=False, outside=outside)
    return "refused" in done.stderr


def test_without_endpoints_connections_are_refused_at_once(scene: Scene) -> None:
    scene.apply(service("empty", NAMESPACE, type="NodePort", selector={"app": "none"}))
    ip, port = scene.ip("empty"), scene.node_port("empty")
    until(lambda: _refused(scene, f"{ip} 80"))
    assert _refused(scene, f"{ADDRESS} {port}", outside=True)
    assert "refused" in scene.pods.seen("client", f"nc -w 3 {ip} 80 2>&1 || true")


def test_cluster_addresses_and_pods_are_not_reached_from_outside(scene: Scene) -> None:
    for address in (scene.ip("web"), scene.pods.address(min(scene.names()))):
        done = scene.cluster.machine.run("busybox", "nc", "-w", "1", address, "80", check=False, outside=True)
        assert done.returncode != 0


def test_session_affinity_holds_and_ends_after_its_time(scene: Scene) -> None:
    def sticky(name: str, seconds: int) -> dict[str, Any]:
        affinity = {"clientIP": {"timeoutSeconds": seconds}}
        selector = {"app": "web"}
        return service(name, NAMESPACE, sessionAffinity="ClientIP", sessionAffinityConfig=affinity, selector=selector)

    scene.apply(sticky("sticky", 3600), sticky("fleeting", 1))
    for name in ("sticky", "fleeting"):
        scene.served(name, 3)
        url = f"http://{scene.ip(name)}/"
        until(lambda url=url: "FAILED" not in scene.inside(url))
    assert len(scene.inside(f"http://{scene.ip('sticky')}/", 20)) == 1
    seen: set[str] = set()

    def another() -> bool:
        seen.update(scene.inside(f"http://{scene.ip('fleeting')}/"))
        time.sleep(1.2)  # longer than the affinity lasts
        return len(seen) > 1

    until(another, timeout=60)


def test_external_traffic_policy_local_keeps_the_clients_address(scene: Scene) -> None:
    script = "mkdir -p /www/cgi-bin; printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' > /www/cgi-bin/who; "
    script += "chmod +x /www/cgi-bin/who; httpd -f -p 8081 -h /www"
    scene.apply(pod("who", NAMESPACE, container("c", "sh", "-c", script)))
    scene.pods.ready("who")
    for policy in ("Local", "Cluster"):
        ports = [{"port": 80, "targetPort": 8081}]
        name = f"who-{policy.lower()}"
        more = {"type": "NodePort", "externalTrafficPolicy": policy, "ports": ports, "selector": {"app": "who"}}
        scene.apply(service(name, NAMESPACE, **more))
        scene.served(name, 1)
        url = f"http://{ADDRESS}:{scene.node_port(name)}/cgi-bin/who"

        def answer(url: str = url) -> str:
            done = scene.cluster.machine.run("busybox", "wget", "-qO-", url, check=False, outside=True)
            return done.stdout.strip()

        seen = until(answer)
        assert (OUTSIDE_ADDRESS in seen.strip("[]").split(":")) == (policy == "Local"), seen


def test_internal_traffic_policy_local(scene: Scene) -> None:
    scene.apply(service("near", NAMESPACE, internalTrafficPolicy="Local", selector={"app": "web"}))
    scene.served("near", 3)
    until(lambda: set(scene.inside("http://near/", 12)) <= scene.names())


def test_several_ports_by_number_and_name(scene: Scene) -> None:
    ports = [{"name": "web", "containerPort": 8080}, {"name": "other", "containerPort": 8082}]
    two = [
        container("web", ports=ports[:1]),
        container("more", "sh", "-c", "mkdir /w; echo other > /w/index.html; httpd -f -p 8082 -h /w", ports=ports[1:]),
    ]
    scene.apply(
        pod("two", NAMESPACE, *two),
        service(
            "two",
            NAMESPACE,
            ports=[
                {"name": "http", "port": 80, "targetPort": "web"},
                {"name": "alt", "port": 81, "targetPort": "other"},
                {"name": "plain", "port": 8082},
            ],
        ),
    )
    scene.pods.ready("two")
    scene.served("two", 1)
    until(lambda: set(scene.inside("http://two/")) == {"two"})
    until(lambda: set(scene.inside("http://two:81/")) == {"other"})
    assert set(scene.inside("http://two:8082/")) == {"other"}


def test_udp(scene: Scene) -> None:
    ports = [{"name": "udp", "port": 90, "targetPort": 9000, "protocol": "UDP"}]
    scene.apply(
        pod("udp", NAMESPACE, shell("c", "sleep 16180 & wait")),
        pod("udp-client", NAMESPACE, shell("c", "sleep 14142 & wait")),
        service("udp", NAMESPACE, ports=ports, type="NodePort"),
    )
    scene.pods.ready("udp", "udp-client")
    scene.served("udp", 1)
    machine, address = scene.cluster.machine, scene.pods.address("udp-client")
    client = namespace_of(machine, "^sleep 14142$")
    with udp_server(namespace_of(machine, "^sleep 16180$"), 9000, "udp"):

        def answer(place: Namespace, to: tuple[str, int]) -> Reply | None:
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                return ask(place, to, kind=socket.SOCK_DGRAM)
            return None

        assert until(lambda: answer(client, (scene.ip("udp"), 90))) == Reply("udp", address)
        outside = Namespace(Path(f"/proc/{machine.init}/root/run/netns/outside"))
        assert until(lambda: answer(outside, (ADDRESS, scene.node_port("udp")))).name == "udp"


def test_a_service_without_a_selector_goes_where_its_endpoints_say(scene: Scene) -> None:
    address = scene.pods.address(min(scene.names()))
    scene.apply(
        service("manual", NAMESPACE, selector=None),
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "manual", "namespace": NAMESPACE},
            "subsets": [{"addresses": [{"ip": address}], "ports": [{"name": "http", "port": 8080}]}],
        },
    )
    until(lambda: set(scene.inside("http://manual/")) == {min(scene.names())})


def test_a_pod_leaves_the_service_while_it_is_not_ready(scene: Scene) -> None:
    often = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5}
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, **often}
    scene.apply(
        pod("moody", NAMESPACE, container("c", readinessProbe=probe)),
        service("moody", NAMESPACE, publishNotReadyAddresses=False),
    )
    scene.pods.phase("moody", "Running")
    scene.served("moody", 0)
    until(lambda: _refused(scene, f"{scene.ip('moody')} 80"))
    scene.pods.seen("moody", "touch /tmp/ready")
    scene.served("moody", 1)
    until(lambda: set(scene.inside("http://moody/")) == {"moody"})
    scene.pods.seen("moody", "rm /tmp/ready")
    scene.served("moody", 0)
    until(lambda: _refused(scene, f"{scene.ip('moody')} 80"))


def test_a_relabelled_pod_leaves_and_comes_back(scene: Scene) -> None:
    scene.apply(pod("drifter", NAMESPACE, labels={"app": "drift"}), service("drift", NAMESPACE))
    scene.pods.ready("drifter")
    scene.served("drift", 1)
    scene.pods("label", "pod", "drifter", "app=away", "--overwrite")
    scene.served("drift", 0)
    scene.pods("label", "pod", "drifter", "app=drift", "--overwrite")
    scene.served("drift", 1)


def test_the_services_environment_variables_are_set(scene: Scene) -> None:
    scene.apply(pod("env", NAMESPACE, shell("c", "while true; do sleep 0.2; done")))
    scene.pods.ready("env")
    found = dict(line.split("=", 1) for line in scene.pods.seen("env", "env").splitlines() if "=" in line)
    assert found["WEB_SERVICE_HOST"] == scene.ip("web")
    assert found["WEB_SERVICE_PORT"] == "80"
    assert found["KUBERNETES_SERVICE_PORT"] == "443"


def test_a_pod_reaches_itself_through_its_own_service(scene: Scene) -> None:
    scene.apply(pod("selfish", NAMESPACE), service("selfish", NAMESPACE))
    scene.pods.ready("selfish")
    scene.served("selfish", 1)
    until(lambda: "Hello from selfish" in scene.pods.seen("selfish", "wget -qO- http://selfish.services/ || true"))


class Load:
    """Requests from outside, one after the other, until it is stopped."""

    def __init__(self, machine: Machine, url: str) -> None:
        script = f"while true; do busybox wget -qO- {url} || echo FAILED; done"
        self._process = machine.start("ip", "netns", "exec", "outside", "sh", "-c", script, stderr=subprocess.PIPE)

    def stop(self) -> list[str]:
        out = Machine.interrupt(self._process)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return [line for line in out.splitlines() if line]


def test_no_request_fails_during_a_rolling_update_and_while_pods_are_deleted(scene: Scene) -> None:
    # httpd ends a moment after it is asked to, as an application that finishes its requests does.
    hook = {"preStop": {"exec": {"command": ["sleep", "3"]}}}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5}
    body = deployment("busy", NAMESPACE, 2, container("web", readinessProbe=probe, lifecycle=hook))
    body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30
    body["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    scene.apply(body, service("busy", NAMESPACE, type="NodePort"))
    scene.pods("rollout", "status", "deployment/busy", "--timeout=120s")
    scene.served("busy", 2)
    url = f"http://{ADDRESS}:{scene.node_port('busy')}/"
    until(lambda: "FAILED" not in scene.outside(url))
    load = Load(scene.cluster.machine, url)
    before = scene.pods("get", "pods", "-l", "app=busy", "-o", "name").split()
    scene.pods("set", "env", "deployment/busy", "VERSION=2")
    scene.pods("rollout", "status", "deployment/busy", "--timeout=120s")
    scene.pods("wait", "--for=delete", *before, "--timeout=120s")
    for name in scene.pods("get", "pods", "-l", "app=busy", "-o", "name").split():
        scene.pods("delete", name)
        scene.pods("wait", "--for=jsonpath={.status.availableReplicas}=2", "deployment/busy", "--timeout=120s")
    lines = load.stop()
    names = {line.split()[2] for line in lines if line.startswith("Hello")}
    assert len(lines) > 100
    assert [line for line in lines if not line.startswith("Hello")] == []
    assert len(names) >= 3, names


def test_the_api_reaches_pods_and_services_by_proxy(scene: Scene) -> None:
    base = f"/api/v1/namespaces/{NAMESPACE}"
    name = min(scene.names())
    k: Kubectl = scene.kubectl
    assert k("get", "--raw", f"{base}/pods/{name}:8080/proxy/").startswith(f"Hello from {name}")
    for path in ("web:80", "web:http", "http:web:http"):
        assert k("get", "--raw", f"{base}/services/{path}/proxy/").startswith("Hello from web-")
    done = k.run("get", "--raw", f"{base}/services/web/proxy/", check=False)
    assert 'no endpoints available for service "web"' in done.stderr, "a named port has to be named"
    done = k.run("get", "--raw", f"{base}/services/absent/proxy/", check=False)
    assert 'services "absent" not found' in done.stderr


def test_a_host_port_serves_on_the_node_and_a_second_one_stays_pending(scene: Scene) -> None:
    def on_host(name: str, **more: Any) -> dict[str, Any]:
        return pod(name, NAMESPACE, container("c", ports=[{"containerPort": 8080, "hostPort": 18080, **more}]))

    scene.apply(on_host("first"))
    scene.pods.ready("first")
    until(lambda: set(scene.outside(f"http://{ADDRESS}:18080/")) == {"first"})
    scene.apply(on_host("second"), on_host("third", hostIP="127.0.0.1"), on_host("udp-one", protocol="UDP"))
    scene.pods.ready("udp-one")
    for name in ("second", "third"):
        scene.pods("wait", f"pod/{name}", "--for=condition=PodScheduled=False", "--timeout=120s")
        found = scene.pods.get(name)["status"]["conditions"][0]["message"]
        assert "1 node(s) didn't have free ports for the requested pod ports" in found
    scene.pods("delete", "pod", "first", "--wait=true")
    scene.pods("wait", "pod/second", "--for=condition=PodScheduled", "--timeout=120s")


def test_deleting_a_service_ends_its_address(scene: Scene) -> None:
    scene.apply(service("gone", NAMESPACE, selector={"app": "web"}))
    scene.served("gone", 3)
    ip = scene.ip("gone")
    until(lambda: "FAILED" not in scene.inside(f"http://{ip}/"))
    scene.pods("delete", "service", "gone")
    until(lambda: "closed" in scene.pods.seen("client", f"nc -w 1 {ip} 80 </dev/null && echo open || echo closed"))


def test_a_cluster_address_is_reached_from_the_node_itself(scene: Scene) -> None:
    found = scene.cluster.machine.run("busybox", "wget", "-qO-", f"http://{scene.ip('web')}/").stdout
    assert found.startswith("Hello from web-")
