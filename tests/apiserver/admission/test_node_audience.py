"""Kubelets get tokens for the audiences that their pods use."""

from typing import Any

import pytest
from tests.support.api import Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.service_account_keys import generate_signing_key

Object = dict[str, Any]
KUBELET = UserInfo("system:node:n1", groups=("system:nodes", "system:authenticated"))
TOKENS = "/api/v1/namespaces/default/serviceaccounts/web/token"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


async def stage(api: Api, volumes: list[Object]) -> str:
    """A pod on the node; its uid."""
    await api.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "web"}})
    spec = {
        "serviceAccountName": "web",
        "nodeName": "n1",
        "containers": [{"name": "c", "image": "i"}],
        "volumes": volumes,
    }
    made = await api.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": spec})
    assert made.code == 201, made
    await api.settle()
    return str(made.body["metadata"]["uid"])


def request(uid: str, *audiences: str) -> Object:
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid}
    return {"spec": {"audiences": list(audiences), "boundObjectRef": reference}}


def refusal(audience: str) -> str:
    return (
        f'serviceaccounts "web" is forbidden: audience "{audience}" not found in pod spec volume, system:node:n1 is '
        "not authorized to request tokens for this audience"
    )


@pytest.fixture(scope="module")
def settings() -> Object:
    return {
        "enable_admission": ("NodeRestriction",),
        "authorization_modes": ("Node", "RBAC"),
        "service_account_signing_key": generate_signing_key(),
    }


def projected(audience: str) -> Object:
    token = {"path": "t", **({"audience": audience} if audience else {})}
    return {"name": "v", "projected": {"sources": [{"serviceAccountToken": token}]}}


async def test_audiences_of_projected_tokens(settings: Object) -> None:
    async with running_api(**settings) as api:
        uid = await stage(api, [projected("vault")])
        kubelet = Api(api.server, KUBELET)
        assert (await kubelet.post(TOKENS, request(uid, "vault"))).code == 201
        refused = await kubelet.post(TOKENS, request(uid, "other"))
        assert (refused.code, refused.message) == (403, refusal("other"))
        assert (await kubelet.post(TOKENS, request(uid))).message == refusal("")
        two = await kubelet.post(TOKENS, request(uid, "vault", "other"))
        assert two.message == 'serviceaccounts "web" is forbidden: node may only request 0 or 1 audiences'


async def test_audiences_of_drivers_behind_claims(settings: Object) -> None:
    async with running_api(**settings) as api:
        driver = {"metadata": {"name": "d.example.com"}, "spec": {"tokenRequests": [{"audience": "store"}]}}
        assert (await api.post("/apis/storage.k8s.io/v1/csidrivers", driver)).code == 201
        source = {"csi": {"driver": "d.example.com", "volumeHandle": "h"}}
        volume = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **source}
        assert (await api.post("/api/v1/persistentvolumes", {"metadata": {"name": "pv"}, "spec": volume})).code == 201
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": "pv",
            "storageClassName": "",
        }
        claims = "/api/v1/namespaces/default/persistentvolumeclaims"
        assert (await api.post(claims, {"metadata": {"name": "c"}, "spec": claim})).code == 201
        uid = await stage(api, [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])
        kubelet = Api(api.server, KUBELET)
        assert (await kubelet.post(TOKENS, request(uid, "store"))).code == 201
        assert (await kubelet.post(TOKENS, request(uid, "other"))).code == 403


async def test_audiences_that_are_permitted(settings: Object) -> None:
    async with running_api(**settings) as api:
        uid = await stage(api, [])
        rule = {"apiGroups": [""], "resources": ["vault"], "verbs": ["request-serviceaccounts-token-audience"]}
        role = {"metadata": {"name": "r"}, "rules": [rule]}
        assert (await api.post(f"{RBAC}/clusterroles", role)).code == 201
        subject = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
        binding = {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": reference}
        assert (await api.post(f"{RBAC}/clusterrolebindings", binding)).code == 201
        await api.settle()
        kubelet = Api(api.server, KUBELET)
        assert (await kubelet.post(TOKENS, request(uid, "vault"))).code == 201
        assert (await kubelet.post(TOKENS, request(uid, "other"))).code == 403


async def test_without_the_gate_any_audience_is_good(settings: Object) -> None:
    gates = {"ServiceAccountNodeAudienceRestriction": False}
    async with running_api(**settings, feature_gates=gates) as api:
        uid = await stage(api, [])
        assert (await Api(api.server, KUBELET).post(TOKENS, request(uid, "other"))).code == 201
