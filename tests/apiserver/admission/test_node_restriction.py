"""What a kubelet may not change, although the authorizers would let it, in upstream's words."""

import base64
from typing import Any

import pytest
from tests.support.api import PODS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.base import x509

Object = dict[str, Any]
KUBELET = UserInfo("system:node:n1", groups=("system:nodes", "system:masters", "system:authenticated"))
NODES = "/api/v1/nodes"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
MIRROR = {"kubernetes.io/config.mirror": "x"}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.fixture
async def api() -> Any:
    async with running_api(enable_admission=("NodeRestriction",)) as found:
        for name in ("n1", "n2"):
            assert (await found.post(NODES, {"metadata": {"name": name}})).code == 201
        for name, node in (("mine", "n1"), ("theirs", "n2")):
            await found.pod(name, node)
            assert (await found.post(SLICES, resource_slice(name, node))).code == 201
        assert (await found.post(CLAIMS, {"metadata": {"name": "c"}, "spec": CLAIM})).code == 201
        await found.settle()
        yield found


@pytest.fixture
def kubelet(api: Api) -> Api:
    return Api(api.server, KUBELET)


def resource_slice(name: str, node: str) -> Object:
    pool = {"name": name, "resourceSliceCount": 1}
    return {"metadata": {"name": name}, "spec": {"driver": "d.example.com", "nodeName": node, "pool": pool}}


async def refused(answer: Any, why: str) -> None:
    assert answer.code == 403, answer
    assert answer.message.endswith(f" is forbidden: {why}"), answer.message


async def test_other_nodes_and_their_pods_are_left_alone(kubelet: Api) -> None:
    labels = {"metadata": {"labels": {"a": "b"}}}
    await refused(await kubelet.patch(f"{NODES}/n2", labels), 'node "n1" is not allowed to modify node "n2"')
    own = "with spec.nodeName set to itself"
    await refused(await kubelet.delete(f"{PODS}/theirs"), f'node "n1" can only delete pods {own}')
    status = {"status": {"message": "m"}}
    await refused(
        await kubelet.patch(f"{PODS}/theirs/status", status), f'node "n1" can only update pod status for pods {own}'
    )
    eviction = {"metadata": {"name": "theirs"}}
    await refused(await kubelet.post(f"{PODS}/theirs/eviction", eviction), f"node n1 can only evict pods {own}")
    await refused(
        await kubelet.patch(f"{PODS}/mine", labels),
        'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
    )
    await refused(
        await kubelet.patch(f"{PODS}/mine/ephemeralcontainers", {"metadata": {"annotations": {"a": "b"}}}),
        "unexpected pod subresource \"ephemeralcontainers\", only 'status' and 'eviction' are allowed",
    )
    assert (await kubelet.patch(f"{PODS}/mine/status", status)).code == 200
    assert (await kubelet.post(f"{PODS}/mine/eviction", {"metadata": {"name": "mine"}})).code == 201
    assert (await kubelet.delete(f"{PODS}/none")).code == 404


async def test_a_pods_status_takes_neither_labels_nor_claims(kubelet: Api) -> None:
    answer = await kubelet.patch(f"{PODS}/mine/status", {"metadata": {"labels": {"a": "b"}}})
    await refused(answer, 'node "n1" cannot update labels through pod status')
    claims = [{"name": "x", "resourceClaimName": "y"}]
    answer = await kubelet.patch(f"{PODS}/mine/status", {"status": {"resourceClaimStatuses": claims}})
    await refused(answer, 'node "n1" cannot update resource claim statues')


async def test_a_nodes_own_labels_and_taints(kubelet: Api) -> None:
    path, owned = f"{NODES}/n1", "node-restriction.kubernetes.io/zone"
    for key in (owned, f"x.{owned}", "example.k8s.io/a"):
        answer = await kubelet.patch(path, {"metadata": {"labels": {key: "b"}}})
        await refused(answer, f"is not allowed to modify labels: {key}")
    for key in ("kubernetes.io/os", "node.kubernetes.io/a", "x.kubelet.kubernetes.io/a", "example.com/a"):
        assert (await kubelet.patch(path, {"metadata": {"labels": {key: "b"}}})).code == 200
    taints = [{"key": "k", "effect": "NoSchedule"}]
    answer = await kubelet.patch(path, {"spec": {"taints": taints}})
    await refused(answer, 'node "n1" is not allowed to modify taints')


async def test_a_new_node_brings_no_labels_of_others(api: Api, kubelet: Api) -> None:
    await api.delete(f"{NODES}/n1")
    answer = await kubelet.post(NODES, {"metadata": {"name": "n1", "labels": {"x.k8s.io/a": "", "k8s.io/b": ""}}})
    await refused(answer, 'node "n1" is not allowed to set the following labels: k8s.io/b, x.k8s.io/a')
    answer = await kubelet.post(NODES, {"metadata": {"name": "n3"}})
    await refused(answer, 'node "n1" is not allowed to modify node "n3"')


async def test_mirror_pods_belong_to_their_node_and_refer_to_nothing(api: Api, kubelet: Api) -> None:
    uid = (await api.get(f"{NODES}/n1")).body["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": uid, "controller": True}
    secret, itself = {"name": "v", "secret": {"secretName": "s"}}, "set to itself"
    environment = {"name": "c", "image": "i", "envFrom": [{"configMapRef": {"name": "m"}}]}
    cases: list[tuple[Object, Object, str]] = [
        (
            {"annotations": {}},
            {},
            'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
        ),
        ({}, {"nodeName": "n2"}, f'node "n1" can only create pods with spec.nodeName {itself}'),
        ({"ownerReferences": []}, {}, f'node "n1" can only create pods with an owner reference {itself}'),
        (
            {"ownerReferences": [owner, {**owner, "uid": "x", "controller": False}]},
            {},
            f'node "n1" can only create pods with a single owner reference {itself}',
        ),
        (
            {"ownerReferences": [{**owner, "controller": False}]},
            {},
            f'node "n1" can only create pods with a controller owner reference {itself}',
        ),
        (
            {"ownerReferences": [{**owner, "blockOwnerDeletion": True}]},
            {},
            'node "n1" must not set blockOwnerDeletion on an owner reference',
        ),
        ({"ownerReferences": [{**owner, "uid": "x"}]}, {}, f"node n1 UID mismatch: expected x got {uid}"),
        ({}, {"volumes": [secret]}, 'node "n1" can not create pods that reference secrets'),
        ({}, {"containers": [environment]}, 'node "n1" can not create pods that reference configmaps'),
    ]
    containers = [{"name": "c", "image": "i"}]
    for metadata, spec, why in cases:
        body = {
            "metadata": {"name": "m", "annotations": MIRROR, "ownerReferences": [owner], **metadata},
            "spec": {"nodeName": "n1", "containers": containers, **spec},
        }
        await refused(await kubelet.post(PODS, body), why)
    body = {
        "metadata": {"name": "m", "annotations": MIRROR, "ownerReferences": [owner]},
        "spec": {"nodeName": "n1", "containers": containers},
    }
    assert (await kubelet.post(PODS, body)).code == 201


async def test_of_claims_only_the_size_is_reported(kubelet: Api) -> None:
    await refused(
        await kubelet.patch(f"{CLAIMS}/c", {"metadata": {"labels": {"a": "b"}}}), "may only update PVC status"
    )
    answer = await kubelet.patch(f"{CLAIMS}/c/status", {"status": {"phase": "Bound"}})
    start = 'node "n1" is not allowed to update fields other than status.quantity and status.conditions: '
    assert start in answer.message
    told = {"capacity": {"storage": "1Gi"}, "conditions": [{"type": "FileSystemResizePending", "status": "True"}]}
    assert (await kubelet.patch(f"{CLAIMS}/c/status", {"status": told})).code == 200


async def test_slices_of_devices_are_the_nodes_own(kubelet: Api) -> None:
    own = "ResourceSlice with the same NodeName as the requesting node"
    await refused(await kubelet.post(SLICES, resource_slice("x", "n2")), f"can only create {own}")
    await refused(await kubelet.delete(f"{SLICES}/theirs"), f"can only delete {own}")
    assert (await kubelet.post(SLICES, resource_slice("x", "n1"))).code == 201
    assert (await kubelet.delete(f"{SLICES}/mine")).code == 200


@pytest.mark.parametrize("insecure", [False, True])
async def test_certificates_are_asked_for_in_the_nodes_own_name(insecure: bool) -> None:
    gates = {"AllowInsecureKubeletCertificateSigningRequests": insecure}
    async with running_api(enable_admission=("NodeRestriction",), feature_gates=gates) as api:
        kubelet = Api(api.server, KUBELET)
        for name, code in (("n1", 201), ("n2", 201 if insecure else 403)):
            pem = x509.create_request(x509.new_key(), f"system:node:{name}", organizations=["system:nodes"])
            spec = {
                "request": base64.b64encode(pem).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                "usages": ["client auth", "digital signature"],
            }
            answer = await kubelet.post(REQUESTS, {"metadata": {"name": name}, "spec": spec})
            assert answer.code == code, answer
            if code == 403:
                await refused(answer, "can only create a node CSR with CN=system:node:n1")


async def test_a_member_of_nodes_without_a_name_changes_nothing(api: Api) -> None:
    nobody = Api(api.server, UserInfo("system:node:", groups=KUBELET.groups))
    answer = await nobody.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "m"}})
    await refused(answer, 'could not determine node from user "system:node:"')
