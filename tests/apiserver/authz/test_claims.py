"""ResourceClaims: devices for admins, and permissions for the parts of a status."""

from typing import Any

import pytest
from tests.support.api import Api, running_api

from pybernetes.api.user import UserInfo

Object = dict[str, Any]
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NODE = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]}
ALLOCATION = {
    "devices": {"results": [{"request": "r", "driver": "gpu.example.com", "pool": "p", "device": "d"}]},
    "nodeSelector": NODE,
}
DEVICES = [{"driver": "gpu.example.com", "pool": "p", "device": "d", "networkData": {"interfaceName": "eth0"}}]
DRIVER = UserInfo("system:serviceaccount:default:driver", extra={"authentication.kubernetes.io/node-name": ["n1"]})


def claim(**more: Any) -> Object:
    request = {"name": "r", "exactly": {"deviceClassName": "gpu.example.com", **more}}
    return {"metadata": {"name": "c"}, "spec": {"devices": {"requests": [request]}}}


async def permit(api: Api, *rules: Object) -> None:
    status = {"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims/status"], "verbs": ["update", "patch"]}
    await api.delete(f"{RBAC}/clusterroles/r")
    await api.post(f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": [status, *rules]})
    subject = {"kind": "ServiceAccount", "name": "driver", "namespace": "default"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
    binding = {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": reference}
    await api.post(f"{RBAC}/clusterrolebindings", binding)
    await api.settle()


def rule(subresource: str, verb: str, *names: str) -> Object:
    found: Object = {"apiGroups": ["resource.k8s.io"], "resources": [f"resourceclaims/{subresource}"], "verbs": [verb]}
    return {**found, "resourceNames": list(names)} if names else found


async def test_allocating_needs_the_binding() -> None:
    async with running_api(authorization_modes=("RBAC",)) as admin:
        assert (await admin.post(CLAIMS, claim())).code == 201
        await permit(admin)
        api = Api(admin.server, DRIVER)
        refused = await api.patch(f"{CLAIMS}/c/status", {"status": {"allocation": ALLOCATION}})
        assert (refused.code, refused.message) == (
            422,
            'ResourceClaim.resource.k8s.io "c" is invalid: status.allocation: Forbidden: changing status.allocation or '
            'status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: '
            'resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:default:driver" cannot patch '
            'resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
        )
        await permit(admin, rule("binding", "patch"))
        assert (await api.patch(f"{CLAIMS}/c/status", {"status": {"allocation": ALLOCATION}})).code == 200


@pytest.mark.parametrize("verb", ["associated-node:patch", "arbitrary-node:patch"])
async def test_a_driver_tells_of_its_devices(verb: str) -> None:
    async with running_api(authorization_modes=("RBAC",)) as admin:
        assert (await admin.post(CLAIMS, claim())).code == 201
        assert (await admin.patch(f"{CLAIMS}/c/status", {"status": {"allocation": ALLOCATION}})).code == 200
        api = Api(admin.server, DRIVER)
        await permit(admin, rule("driver", verb, "other.example.com"))
        refused = await api.patch(f"{CLAIMS}/c/status", {"status": {"devices": DEVICES}})
        assert refused.code == 422
        assert refused.message.startswith(
            'ResourceClaim.resource.k8s.io "c" is invalid: status.devices: Forbidden: changing status.devices requires '
            'resource="resourceclaims/driver", verb="[associated-node:patch arbitrary-node:patch]" permission: '
            'resourceclaims.resource.k8s.io "gpu.example.com" is forbidden: '
        )
        await permit(admin, rule("driver", verb, "gpu.example.com"))
        assert (await api.patch(f"{CLAIMS}/c/status", {"status": {"devices": DEVICES}})).code == 200
        elsewhere = Api(admin.server, UserInfo(DRIVER.name))
        gone = await elsewhere.patch(f"{CLAIMS}/c/status", {"status": {"devices": None}})
        assert gone.code == (200 if verb.startswith("arbitrary") else 422)


async def test_what_was_told_of_a_device_goes_with_it() -> None:
    async with running_api(authorization_modes=("RBAC",)) as admin:
        assert (await admin.post(CLAIMS, claim())).code == 201
        status = {"allocation": ALLOCATION, "devices": DEVICES}
        assert (await admin.patch(f"{CLAIMS}/c/status", {"status": status})).code == 200
        await permit(admin, rule("binding", "patch"))
        api = Api(admin.server, DRIVER)
        freed = await api.patch(f"{CLAIMS}/c/status", {"status": {"allocation": None}})
        assert (freed.code, freed.body.get("status")) == (200, {})


async def test_without_the_gate_the_status_is_one() -> None:
    gates = {"DRAResourceClaimGranularStatusAuthorization": False}
    async with running_api(authorization_modes=("RBAC",), feature_gates=gates) as admin:
        assert (await admin.post(CLAIMS, claim())).code == 201
        await permit(admin)
        api = Api(admin.server, DRIVER)
        assert (await api.patch(f"{CLAIMS}/c/status", {"status": {"allocation": ALLOCATION}})).code == 200


async def test_devices_for_admins_need_a_namespace_for_them() -> None:
    async with running_api() as api:
        refused = await api.post(CLAIMS, claim(adminAccess=True))
        words = (
            "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the "
            "`resource.kubernetes.io/admin-access: true` label on the containing namespace"
        )
        assert (refused.code, refused.message) == (422, f'ResourceClaim.resource.k8s.io "c" is invalid: {words}')
        template = {"metadata": {"name": "t"}, "spec": {"spec": claim(adminAccess=True)["spec"]}}
        assert words in (await api.post(TEMPLATES, template)).message
        labels = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
        assert (await api.patch("/api/v1/namespaces/default", labels)).code == 200
        await api.settle()
        assert (await api.post(CLAIMS, claim(adminAccess=True))).code == 201
        assert (await api.post(TEMPLATES, template)).code == 201


async def test_users_of_a_claim() -> None:
    user = {"resource": "pods", "name": "p", "uid": "1"}
    async with running_api() as api:
        assert (await api.post(CLAIMS, claim())).code == 201
        early = await api.patch(f"{CLAIMS}/c/status", {"status": {"reservedFor": [user]}})
        assert "status.reservedFor: Forbidden: may not be specified when `allocated` is not set" in early.message
        status = {"allocation": ALLOCATION, "reservedFor": [user]}
        assert (await api.patch(f"{CLAIMS}/c/status", {"status": status})).code == 200
        moved = {"allocation": {**ALLOCATION, "nodeSelector": None}}
        assert "status.allocation: Invalid value" in (await api.patch(f"{CLAIMS}/c/status", {"status": moved})).message
        many = [{"resource": "pods", "name": "p", "uid": str(number)} for number in range(257)]
        assert (
            "status.reservedFor: Too many: 257: must have at most 256 items"
            in (await api.patch(f"{CLAIMS}/c/status", {"status": {"reservedFor": many}})).message
        )
