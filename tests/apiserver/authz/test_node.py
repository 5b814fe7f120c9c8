"""What a kubelet may do: its own objects, and what its own pods refer to."""

from typing import Any

import pytest
from tests.apiserver.authz.memory_reader import MemoryReader, obj

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.authorizer import Attributes
from pybernetes.apiserver.authz.node import NodeAuthorizer

N1 = UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated"))
N2 = UserInfo("system:node:n2", groups=("system:nodes", "system:authenticated"))
OTHER = UserInfo("system:node:n1", groups=("system:authenticated",))


def pod(name: str, node: str, **spec: Any) -> dict[str, Any]:
    return obj("v1", "Pod", name, "default", spec={"nodeName": node, "serviceAccountName": "web", **spec}, status={})


def reader() -> MemoryReader:
    containers = [
        {
            "name": "c",
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "env-map"}}],
        }
    ]
    volumes = [
        {"name": "s", "secret": {"secretName": "vol-secret"}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}},
    ]
    csi = {"driver": "x", "volumeHandle": "h", "nodeStageSecretRef": {"name": "stage", "namespace": "storage"}}
    claim = {"namespace": "default", "name": "data"}
    mirror = pod("static", "n1", volumes=[{"name": "s", "secret": {"secretName": "stolen"}}])
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    return MemoryReader(
        pod("web", "n1", containers=containers, volumes=volumes, imagePullSecrets=[{"name": "pull"}]),
        pod("elsewhere", "n2", volumes=[{"name": "s", "secret": {"secretName": "n2-secret"}}]),
        pod("pending", "", volumes=[{"name": "s", "secret": {"secretName": "pending-secret"}}]),
        mirror,
        obj("v1", "PersistentVolume", "pv1", spec={"claimRef": claim, "csi": csi}),
        obj("storage.k8s.io/v1", "VolumeAttachment", "va1", spec={"nodeName": "n1"}),
        obj("resource.k8s.io/v1", "ResourceSlice", "rs1", spec={"nodeName": "n1"}),
        obj("resource.k8s.io/v1", "ResourceSlice", "rs2", spec={"nodeName": "n2"}),
    )


def ask(verb: str, what: str, name: str = "", namespace: str = "default", group: str = "", **more: Any) -> Attributes:
    resource, _, subresource = what.partition("/")
    return Attributes(N1, verb, group, "v1", resource, subresource, namespace, name, **more)


DEVICES = "resource.k8s.io"
ALLOWED = {
    "secret of a volume": ask("get", "secrets", "vol-secret"),
    "secret of the environment": ask("get", "secrets", "env-secret"),
    "pull secret": ask("get", "secrets", "pull"),
    "watch one secret": ask("watch", "secrets", "vol-secret"),
    "config map of the environment": ask("list", "configmaps", "env-map"),
    "projected config map": ask("get", "configmaps", "kube-root-ca.crt"),
    "claim": ask("get", "persistentvolumeclaims", "data"),
    "claim of an ephemeral volume": ask("get", "persistentvolumeclaims", "web-scratch"),
    "claim status": ask("patch", "persistentvolumeclaims/status", "data"),
    "volume of the claim": ask("get", "persistentvolumes", "pv1", ""),
    "secret of the volume of the claim": ask("get", "secrets", "stage", "storage"),
    "attachment": ask("get", "volumeattachments", "va1", "", "storage.k8s.io"),
    "own slice": ask("patch", "resourceslices", "rs1", "", DEVICES),
    "new slice": ask("create", "resourceslices", "", "", DEVICES),
    "own slices": ask("deletecollection", "resourceslices", "", "", DEVICES, field_selector="spec.nodeName=n1"),
    "token of the account": ask("create", "serviceaccounts/token", "web"),
    "account": ask("get", "serviceaccounts", "web"),
    "own pod": ask("get", "pods", "web"),
    "own pods": ask("watch", "pods", "", "", field_selector="spec.nodeName=n1"),
    "own pods with double equals": ask("list", "pods", "", "", field_selector="status.phase!=Failed,spec.nodeName==n1"),
    "pod status": ask("patch", "pods/status", "web"),
    "eviction": ask("create", "pods/eviction", "web"),
    "mirror pod": ask("create", "pods"),
    "own node": ask("get", "nodes", "n1", ""),
    "create own node": ask("create", "nodes", "", ""),
    "node status": ask("patch", "nodes/status", "n1", ""),
    "own lease": ask("update", "leases", "n1", "kube-node-lease", "coordination.k8s.io"),
    "create lease": ask("create", "leases", "", "kube-node-lease", "coordination.k8s.io"),
    "own csi node": ask("get", "csinodes", "n1", "", "storage.k8s.io"),
    "events": ask("create", "events", "", "default"),
    "services": ask("watch", "services", "", ""),
    "signing request": ask("create", "certificatesigningrequests", "", "", "certificates.k8s.io"),
    "access review": ask("create", "subjectaccessreviews", "", "", "authorization.k8s.io"),
}
UNRELATED = "no relationship found between node 'n1' and this object"
REFUSED = {
    "secret of another node": (ask("get", "secrets", "n2-secret"), UNRELATED),
    "secret of an unbound pod": (ask("get", "secrets", "pending-secret"), UNRELATED),
    "secret named by a mirror pod": (ask("get", "secrets", "stolen"), UNRELATED),
    "secret in another namespace": (ask("get", "secrets", "vol-secret", "other"), UNRELATED),
    "all secrets": (ask("list", "secrets"), "No Object name found"),
    "secrets of the cluster": (ask("list", "secrets", "", ""), "can only read namespaced object of this type"),
    "write a secret": (ask("update", "secrets", "vol-secret"), "can only read resources of this type"),
    "list claims": (ask("list", "persistentvolumeclaims"), "can only get individual resources of this type"),
    "another pod": (ask("get", "pods", "elsewhere"), UNRELATED),
    "all pods": (ask("list", "pods", "", ""), "can only list/watch pods with spec.nodeName field selector"),
    "pods of another node": (
        ask("list", "pods", "", "", field_selector="spec.nodeName=n2"),
        "can only list/watch pods with spec.nodeName field selector",
    ),
    "all nodes": (ask("list", "nodes", "", ""), "node 'n1' cannot read all nodes, only its own Node object"),
    "another slice": (ask("get", "resourceslices", "rs2", "", DEVICES), UNRELATED),
    "all slices": (
        ask("list", "resourceslices", "", "", DEVICES),
        "can only list/watch/deletecollection resourceslices with nodeName field selector",
    ),
    "another node": (ask("get", "nodes", "n2", ""), "node 'n1' cannot read 'n2', only its own Node object"),
    "another lease": (
        ask("update", "leases", "n2", "kube-node-lease", "coordination.k8s.io"),
        "can only access node lease with the same name as the requesting node",
    ),
    "lease elsewhere": (
        ask("create", "leases", "", "default", "coordination.k8s.io"),
        'can only access leases in the "kube-node-lease" system namespace',
    ),
    "token of another account": (ask("create", "serviceaccounts/token", "default"), UNRELATED),
    "deployments": (ask("list", "deployments", "", "default", "apps"), ""),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str) -> None:
    assert NodeAuthorizer(reader()).decide(ALLOWED[name]).allowed


@pytest.mark.parametrize("name", REFUSED)
def test_no_opinion(name: str) -> None:
    attributes, reason = REFUSED[name]
    decision = NodeAuthorizer(reader()).decide(attributes)
    assert (decision.allowed, decision.denied, decision.reason) == (False, False, reason)


def test_a_user_outside_system_nodes_is_no_node() -> None:
    asked = Attributes(OTHER, "get", "", "v1", "secrets", "", "default", "vol-secret")
    assert not NodeAuthorizer(reader()).decide(asked).allowed


def test_right_ends_with_the_last_pod() -> None:
    source = reader()
    authorizer = NodeAuthorizer(source)
    source.put(pod("second", "n1", imagePullSecrets=[{"name": "pull"}]))
    source.remove("v1", "Pod", "default", "web")
    assert authorizer.decide(ask("get", "secrets", "pull")).allowed
    source.remove("v1", "Pod", "default", "second")
    assert not authorizer.decide(ask("get", "secrets", "pull")).allowed


def test_binding_a_pod_gives_its_node_the_right() -> None:
    source = reader()
    authorizer = NodeAuthorizer(source)
    source.put(pod("pending", "n1", volumes=[{"name": "s", "secret": {"secretName": "pending-secret"}}]))
    assert authorizer.decide(ask("get", "secrets", "pending-secret")).allowed
