"""Devices on a real node, of a device plugin and of a driver of dynamic resources: a container that asks has them."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, pod, shell
from tests.support import device_plugin, dra_driver
from tests.support.pods import Pods
from tests.support.waiting import until

RESOURCE = "example.com/full"
RESOURCES_API = "resource.k8s.io/v1"


def test_a_container_has_the_devices_it_asks_for(cluster: Cluster, pods: Pods) -> None:
    kubelet, kubectl, driver = cluster.data_dir / "kubelet", cluster.kubectl, f"{pods.namespace}.example.com"

    def started(program: str, flags: dict[str, object], *words: str) -> subprocess.Popen[str]:
        given = [f"--{name}={value}" for name, value in flags.items()]
        return cluster.machine.start(sys.executable, program, *given, *words)

    def amounts() -> tuple[str | None, str | None]:
        (node,) = kubectl.json("get", "nodes")["items"]
        return node["status"]["capacity"].get(RESOURCE), node["status"]["allocatable"].get(RESOURCE)

    flags = {"resource": RESOURCE, "directory": kubelet / "device-plugins", "path": "/dev/full"}
    plugin = started(str(Path(device_plugin.__file__)), flags, "a", "b")
    flags = {"name": driver, "registry": kubelet / "plugins_registry", "cdi": "/var/run/cdi", "path": "/dev/zero"}
    preparing = started(str(Path(dra_driver.__file__)), flags)
    (node,) = kubectl.json("get", "nodes")["items"]
    selector = {"cel": {"expression": f"device.driver == '{driver}'"}}
    request = {"name": "req", "exactly": {"deviceClassName": driver}}
    pool = {"name": "pool", "generation": 1, "resourceSliceCount": 1}
    kubectl.apply(
        {
            "apiVersion": RESOURCES_API,
            "kind": "DeviceClass",
            "metadata": {"name": driver},
            "spec": {"selectors": [selector]},
        },
        {
            "apiVersion": RESOURCES_API,
            "kind": "ResourceSlice",
            "metadata": {"name": driver},
            "spec": {
                "driver": driver,
                "nodeName": node["metadata"]["name"],
                "pool": pool,
                "devices": [{"name": "one"}],
            },
        },
        {
            "apiVersion": RESOURCES_API,
            "kind": "ResourceClaimTemplate",
            "metadata": {"name": "template", "namespace": pods.namespace},
            "spec": {"spec": {"devices": {"requests": [request]}}},
        },
    )
    until(lambda: amounts() == ("2", "2"))
    asks = {"resources": {"limits": {RESOURCE: "2"}, "claims": [{"name": "mine"}]}}
    claims = [{"name": "mine", "resourceClaimTemplateName": "template"}]
    kubectl.apply(pod("user", pods.namespace, shell("c", SLEEP, **asks), resourceClaims=claims))
    pods.ready("user")
    seen = "stat -c %F /dev/given /dev/thing; echo $DEVICES $THING; ls /plugin | grep -c sock; ls /cdi"
    assert pods.seen("user", seen).splitlines() == [
        "character special file",
        "character special file",
        "a,b one",
        "2",
        f"{driver}.json",
    ]
    assert "No space left on device" in pods.seen("user", "echo x 2>&1 > /dev/given; true")
    state = kubelet / "dra_manager_state"
    assert pods.get("user")["metadata"]["uid"] in state.read_text()
    pods("delete", "pod", "user", "--grace-period=1")
    assert state.read_text() == "[]"
    for process in (plugin, preparing):
        cluster.machine.interrupt(process, signal.SIGTERM)
    until(lambda: amounts() == ("2", "0"))
    kubectl("delete", f"deviceclass/{driver}", f"resourceslice/{driver}", "--wait=false")
