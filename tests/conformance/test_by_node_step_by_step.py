"""What a service account may do by the node its pod is on, step by step: a policy that restricts it
(test/e2e/auth/per_node_update.go), and impersonation of that node (constrained_imperonsation.go)."""

from typing import Any

from tests.apiserver.admission.policies import VALIDATING, VALIDATING_BINDINGS, binding, policy, rules
from tests.conformance.steps import CORE, Object, made, of, pod
from tests.support.api import Answer, Api, running_api

from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.http.message import Headers, Request, Response

USER = "system:serviceaccount:default:default"
NODE = "authentication.kubernetes.io/node-name"
MODES = ("Node", "RBAC")
MAPS = f"{CORE}/configmaps"
NO_NODE = (
    "no node association found for user, this user must run in a pod on a node and ServiceAccountTokenPodNodeInfo must "
    "be enabled"
)
OTHER = "this user running on node 'node-1' may not modify ConfigMap '{}' because the name does not match the node name"
SPEC: Object = {
    "match": rules("configmaps", "", "v1", "CREATE", "UPDATE", "DELETE"),
    "matchConditions": [{"name": "isRestrictedUser", "expression": f'request.userInfo.username == "{USER}"'}],
    "variables": [
        {"name": "userNodeName", "expression": f"request.userInfo.extra[?'{NODE}'][0].orValue('')"},
        {
            "name": "objectNodeName",
            "expression": "(request.operation == 'DELETE' ? oldObject : object).?metadata.?name.orValue('')",
        },
    ],
    "validations": [
        {"expression": 'variables.userNodeName != ""', "message": NO_NODE},
        {
            "expression": "variables.userNodeName == variables.objectNodeName",
            "messageExpression": '"this user running on node \'"+variables.userNodeName'
            "+\"' may not modify ConfigMap '\" + variables.objectNodeName"
            ' + "\' because the name does not match the node name"',
        },
    ],
}


class Bearer(Api):
    """Whoever the token says."""

    token = ""
    impersonated: Headers | None = None

    async def send(
        self, method: str, path: str, body: bytes = b"", *, query: str = "", headers: Headers | None = None
    ) -> Response:
        told: Headers = [*(headers or ()), *(self.impersonated or ()), ("authorization", f"Bearer {self.token}")]
        return await self.server.app(Request(method, path, query, told, body))


async def bearer(api: Api, **spec: Any) -> Bearer:
    answer = await api.post(f"{CORE}/serviceaccounts/default/token", {"spec": {"expirationSeconds": 600, **spec}})
    assert answer.code == 201, answer
    found = Bearer(api.server)
    found.token = answer.body["status"]["token"]
    return found


async def extra(api: Api) -> Object:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    info = (await made(api, "/apis/authentication.k8s.io/v1/selfsubjectreviews", review))["status"]["userInfo"]
    assert info["username"] == USER
    found: Object = info.get("extra") or {}
    return found


async def scoped_to_a_pod(api: Api) -> Bearer:
    """With the token of a pod on node-1."""
    await api.post(f"{CORE}/serviceaccounts", of("ServiceAccount", "default"))
    await made(api, "/api/v1/nodes", of("Node", "node-1"))
    sleeper = await made(api, f"{CORE}/pods", pod("sa-token", nodeName="node-1", serviceAccountName="default"))
    await api.settle()
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "sa-token", "uid": sleeper["metadata"]["uid"]}
    return await bearer(api, boundObjectRef=reference)


def refused(answer: Answer, words: str) -> None:
    assert answer.code in (403, 422), answer
    assert words in answer.message


async def test_access_is_restricted_by_node() -> None:
    async with running_api(service_account_signing_key=generate_signing_key(), authorization_modes=("RBAC",)) as api:
        await made(api, VALIDATING, policy(**SPEC))
        selector = {"matchLabels": {"kubernetes.io/metadata.name": "default"}}
        await made(api, VALIDATING_BINDINGS, binding(matchResources={"namespaceSelector": selector}))
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        subject = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
        bound = of("RoleBinding", "sa-token", "rbac.authorization.k8s.io/v1", subjects=[subject], roleRef=role)
        await made(api, "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", bound)
        scoped = await scoped_to_a_pod(api)
        assert (await extra(scoped))[NODE] == ["node-1"]

        allowed = await made(scoped, MAPS, of("ConfigMap", "node-1"))
        refused(await scoped.post(MAPS, of("ConfigMap", "unlikely-node")), OTHER.format("unlikely-node"))
        disallowed = await made(api, MAPS, of("ConfigMap", "unlikely-node"))
        assert (await scoped.put(f"{MAPS}/node-1", allowed)).code == 200
        refused(await scoped.put(f"{MAPS}/unlikely-node", disallowed), OTHER.format("unlikely-node"))
        assert (await scoped.delete(f"{MAPS}/node-1")).code == 200
        refused(await scoped.delete(f"{MAPS}/unlikely-node"), OTHER.format("unlikely-node"))
        await made(scoped, MAPS, of("ConfigMap", "node-1"))
        refused(await scoped.delete(MAPS), OTHER.format("unlikely-node"))

        without = await bearer(api)
        assert NODE not in await extra(without)
        refused(await without.post(MAPS, of("ConfigMap", "unlikely-node")), NO_NODE)
        refused(await without.post(MAPS, of("ConfigMap", "node-1")), NO_NODE)
        refused(await without.delete(f"{MAPS}/unlikely-node"), NO_NODE)


async def test_the_node_of_a_pod_is_impersonated() -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    on_node, watched = "fieldSelector=spec.nodeName%3Dnode-1", "watch=1&fieldSelector=spec.nodeName%3Dnode-1"
    async with running_api(service_account_signing_key=generate_signing_key(), authorization_modes=MODES) as api:
        scoped = await scoped_to_a_pod(api)
        scoped.impersonated = [("impersonate-user", "system:node:node-1")]
        assert (await scoped.get(f"{CORE}/pods", on_node)).code == 403
        rules = [
            {"verbs": ["impersonate:associated-node"], "apiGroups": ["authentication.k8s.io"], "resources": ["nodes"]},
            {"verbs": ["impersonate-on:associated-node:list"], "apiGroups": [""], "resources": ["pods"]},
        ]
        role = of("ClusterRole", "as-node", "rbac.authorization.k8s.io/v1", rules=rules)
        subject = {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "as-node"}
        await made(api, f"{rbac}/clusterroles", role)
        bound = of("ClusterRoleBinding", "as-node", role["apiVersion"], subjects=[subject], roleRef=reference)
        await made(api, f"{rbac}/clusterrolebindings", bound)
        await api.settle()
        listed = await scoped.get(f"{CORE}/pods", on_node)
        assert listed.code == 200, listed
        assert [item["metadata"]["name"] for item in listed.body["items"]] == ["sa-token"]
        assert (await scoped.get(f"{CORE}/pods", watched)).code == 403
        scoped.impersonated = [("impersonate-user", "system:node:node-2")]
        assert (await scoped.get(f"{CORE}/pods", on_node)).code == 403
