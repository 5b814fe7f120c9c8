"""A storage driver that runs as a DaemonSet, from its registration to the last unmount, on a real node.

The driver is a Python program of the machine: its pod has the machine's file system at /host, and over it, with
mountPropagation Bidirectional, the kubelet's directory, so that what it mounts there is seen by the kubelet.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Cluster
from tests.e2e.objects import SLEEP, container, pod, shell
from tests.support import csi_driver
from tests.support.pods import Pods
from tests.support.waiting import until


class Storage:
    """A driver and one claim, in a test's namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.name = f"{namespace}.example.com"
        self.volume = f"pv-{namespace}"
        self.kubelet = cluster.data_dir / "kubelet"
        self.content = cluster.data_dir.parent / f"content-{namespace}"

    def objects(self) -> list[dict[str, Any]]:
        spec = {
            "attachRequired": True,
            "podInfoOnMount": True,
            "fsGroupPolicy": "File",
            "volumeLifecycleModes": ["Persistent", "Ephemeral"],
        }
        capacity = {"storage": "1Gi"}
        common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
        reference = {"name": "claim", "namespace": self.namespace}
        csi = {"driver": self.name, "volumeHandle": "one"}
        return [
            {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": self.name}, "spec": spec},
            self._daemon_set(),
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": self.volume},
                "spec": {**common, "capacity": capacity, "csi": csi, "claimRef": reference},
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "claim", "namespace": self.namespace},
                "spec": {**common, "resources": {"requests": capacity}, "volumeName": self.volume},
            },
        ]

    def _daemon_set(self) -> dict[str, Any]:
        inside = ["chroot", "/host", sys.executable, str(Path(csi_driver.__file__))]
        flags = {"name": self.name, "directory": self.content, "registry": self.kubelet / "plugins_registry"}
        command = [*inside, *(f"--{flag}={value}" for flag, value in flags.items()), "--limit=5"]
        mounts = [
            {"name": "machine", "mountPath": "/host"},
            {"name": "kubelet", "mountPath": f"/host{self.kubelet}", "mountPropagation": "Bidirectional"},
        ]
        runs = container("driver", *command, volumeMounts=mounts, securityContext={"privileged": True})
        volumes = [
            {"name": "machine", "hostPath": {"path": "/"}},
            {"name": "kubelet", "hostPath": {"path": str(self.kubelet)}},
        ]
        template = pod("", self.namespace, runs, volumes=volumes, labels={"app": "driver"})
        spec = {
            "selector": {"matchLabels": {"app": "driver"}},
            "template": {"metadata": {"labels": {"app": "driver"}}, "spec": template["spec"]},
        }
        metadata = {"name": "driver", "namespace": self.namespace}
        return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}

    def registered(self) -> dict[str, Any] | None:
        """The driver's entry in the CSINode."""
        (node,) = self.cluster.kubectl.json("get", "csinodes")["items"]
        return next((found for found in node["spec"].get("drivers") or () if found["name"] == self.name), None)

    def attachment(self) -> dict[str, Any] | None:
        """The VolumeAttachment of the claim's volume."""
        found = self.cluster.kubectl.json("get", "volumeattachments")["items"]
        return next((one for one in found if one["spec"]["source"]["persistentVolumeName"] == self.volume), None)

    def attach(self) -> None:
        """What the driver's external attacher does."""
        name = until(self.attachment)["metadata"]["name"]
        status = json.dumps({"status": {"attached": True}})
        self.cluster.kubectl("patch", "volumeattachment", name, "--subresource=status", "--type=merge", "-p", status)

    def mounts(self) -> str:
        """The mounts of the node below the kubelet's directory that show the driver's volumes."""
        found = self.cluster.machine.run("cat", "/proc/1/mountinfo").stdout.splitlines()
        return "\n".join(line for line in found if self.content.name in line)


@pytest.fixture
def storage(cluster: Cluster, namespace: str) -> Storage:
    return Storage(cluster, namespace)


def test_a_drivers_volumes_from_registration_to_unmount(storage: Storage, pods: Pods) -> None:
    kubectl = storage.cluster.kubectl
    volumes: list[dict[str, Any]] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "own", "csi": {"driver": storage.name, "volumeAttributes": {"size": "7"}}},
    ]
    mounts = [
        {"name": "data", "mountPath": "/data"},
        {"name": "data", "mountPath": "/part", "subPath": "below"},
        {"name": "own", "mountPath": "/own"},
    ]
    user = shell("c", f"echo kept > /part/file; {SLEEP}", volumeMounts=mounts)
    security = {"runAsUser": 1000, "fsGroup": 2000}
    kubectl.apply(*storage.objects())
    assert until(storage.registered) == {
        "name": storage.name,
        "nodeID": "node-1",
        "topologyKeys": [f"topology.{storage.name}/node"],
        "allocatable": {"count": 5},
    }
    kubectl.apply(pod("user", pods.namespace, user, volumes=volumes, securityContext=security))
    storage.attach()
    pods.ready("user")
    seen = pods.seen("user", "cat /own/size /own/pod.name /own/ephemeral; stat -c ' %g %a' /data /data/below/file")
    assert seen == "7usertrue 2000 2775\n 2000 644"
    assert (storage.content / "one" / "below" / "file").read_text() == "kept\n"
    device = f"kubernetes.io/csi/{storage.name}^one"
    (node,) = kubectl.json("get", "nodes")["items"]
    assert device in node["status"]["volumesInUse"]
    assert device in [volume["name"] for volume in node["status"]["volumesAttached"]]
    path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
    found = [one for one in json.loads(kubectl("get", "--raw", path))["pods"] if one["podRef"]["name"] == "user"]
    (claimed,) = [volume for volume in found[0]["volume"] if "pvcRef" in volume]
    assert claimed["pvcRef"] == {"name": "claim", "namespace": pods.namespace} and claimed["capacityBytes"] == 100

    pods("delete", "pod", "user", "--grace-period=1")
    assert storage.mounts() == ""
    assert [path.name for path in storage.content.iterdir()] == ["one"]  # the inline volume went with its pod
    until(lambda: storage.attachment() is None)
    pods("delete", "daemonset", "driver")
    until(lambda: storage.registered() is None)
    kubectl("delete", "csidriver", storage.name, "--wait=false")
