"""A cluster in a cloud: `--cloud-provider=external`, and a cloud controller manager with a provider of a package.

The cloud is a file: its servers, load balancers and routes. What happens in the cloud is a change of the file.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import PYBERNETES, Cluster, cluster_on
from tests.support.machine import ADDRESS, machine
from tests.support.waiting import until

PACKAGE = """
import json, pathlib
import msgspec
from pybernetes.api.core import LoadBalancerIngress, LoadBalancerStatus, NodeAddress
from pybernetes.cloud.provider import CloudProvider, InstanceMetadata, Route

class FileCloud(CloudProvider):
    name = "file"

    def __init__(self, config):
        self.file = pathlib.Path(json.loads(config)["file"])
        self.instances = self.load_balancers = self
        self.routes = Routes(self)

    def read(self):
        return json.loads(self.file.read_text())

    def write(self, state):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self.file)

    async def exists(self, node):
        return node.metadata.name in self.read()["servers"]

    async def is_shutdown(self, node):
        return False

    async def metadata(self, node):
        found = self.read()["servers"].get(node.metadata.name)
        addresses = (NodeAddress(type="InternalIP", address=found["ip"]),) if found else ()
        return found and InstanceMetadata(
            provider_id=f"file:///{node.metadata.name}", instance_type="s1", zone="eu-1a", region="eu-1",
            addresses=addresses)

    async def get(self, cluster, service):
        found = self.read()["balancers"].get(service.metadata.name)
        return found and LoadBalancerStatus(ingress=[LoadBalancerIngress(ip=found["ip"])])

    async def ensure(self, cluster, service, nodes):
        state = self.read()
        ip = f"203.0.113.{len(state['balancers']) + 1}"
        found = state["balancers"].setdefault(service.metadata.name, {"ip": ip})
        found["nodes"] = [node.metadata.name for node in nodes]
        self.write(state)
        return await self.get(cluster, service)

    update = ensure

    async def delete(self, cluster, service):
        state = self.read()
        state["balancers"].pop(service.metadata.name, None)
        self.write(state)

class Routes:
    def __init__(self, cloud):
        self.cloud = cloud

    async def list(self, cluster):
        return [Route(destination_cidr=cidr, target_node=node, name=cidr)
                for cidr, node in self.cloud.read()["routes"].items()]

    async def create(self, cluster, name_hint, route):
        state = self.cloud.read()
        state["routes"][route.destination_cidr] = route.target_node
        self.cloud.write(state)

    async def delete(self, cluster, route):
        state = self.cloud.read()
        state["routes"].pop(route.destination_cidr, None)
        self.cloud.write(state)
"""


class Cloud:
    """The file, and the package that knows it."""

    def __init__(self, directory: Path) -> None:
        self.package = directory / "package"
        info = self.package / "file_cloud-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: file-cloud\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[pybernetes.cloud_providers]\nfile = file_cloud:FileCloud\n")
        (self.package / "file_cloud.py").write_text(PACKAGE)
        self.file = directory / "cloud.json"
        self.config = directory / "config.json"
        self.config.write_text(json.dumps({"file": str(self.file)}))
        self.write({"servers": {"m1": {"ip": ADDRESS}}, "balancers": {}, "routes": {}})

    def read(self) -> Any:
        return json.loads(self.file.read_text())

    def write(self, state: Any) -> None:
        new = self.file.with_suffix(".test")
        new.write_text(json.dumps(state))
        new.replace(self.file)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[Cluster, Cloud]]:
    cloud = Cloud(tmp_path)
    with machine("m1") as host, cluster_on(host, "--cloud-provider=external") as cluster:
        yield cluster, cloud


def test_a_cloud_and_its_cluster(scene: tuple[Cluster, Cloud]) -> None:
    cluster, cloud = scene
    kubectl = cluster.kubectl
    node = kubectl.json("get", "node", "m1")
    taints = [taint["key"] for taint in node["spec"]["taints"]]
    assert "node.cloudprovider.kubernetes.io/uninitialized" in taints and "providerID" not in node["spec"]
    kubectl("create", "deployment", "web", "--image=localhost/pybernetes/sample-web:1")
    kubectl("expose", "deployment", "web", "--type=LoadBalancer", "--port=80", "--target-port=8080")

    flags = ("--data-dir", str(cluster.data_dir), "--cloud-config", str(cloud.config))
    cluster.machine.start(
        PYBERNETES,
        "cloud-controller-manager",
        "--cloud-provider=file",
        *flags,
        env={**os.environ, "PYTHONPATH": str(cloud.package)},
    )
    kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=120s")
    node = kubectl.until(lambda found: "taints" not in found["spec"], "get", "node", "m1")
    assert node["spec"]["providerID"] == "file:///m1"
    labels = node["metadata"]["labels"]
    assert labels["topology.kubernetes.io/zone"] == "eu-1a" and labels["topology.kubernetes.io/region"] == "eu-1"
    assert labels["node.kubernetes.io/instance-type"] == "s1"
    assert {a["type"]: a["address"] for a in node["status"]["addresses"]} == {"InternalIP": ADDRESS, "Hostname": "m1"}
    until(lambda: cloud.read()["routes"] == {node["spec"]["podCIDR"]: "m1"})

    until(lambda: re.search(r"LoadBalancer +\S+ +203\.0\.113\.1 ", kubectl("get", "service", "web")))
    until(lambda: cloud.read()["balancers"] == {"web": {"ip": "203.0.113.1", "nodes": ["m1"]}})
    kubectl("delete", "service", "web")
    assert cloud.read()["balancers"] == {}

    state = cloud.read()
    state["servers"]["vm2"] = {"ip": "10.1.0.2"}
    cloud.write(state)
    kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "vm2"}})
    until(lambda: kubectl.json("get", "node", "vm2")["status"].get("addresses"))
    del state["servers"]["vm2"]
    cloud.write(state)
    kubectl("wait", "--for=delete", "node/vm2", "--timeout=120s")
    events = ("events", "--field-selector", "reason=DeletingNode")
    (told,) = kubectl.until(lambda found: found["items"], "get", *events)["items"]
    assert "it does not exist in the cloud provider" in told["message"]
