"""Owner references given twice; the right to create when an update or apply creates."""

from typing import Any

from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.api.user import UserInfo

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
APPLY = "application/apply-patch+yaml"
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1"}


async def test_an_owner_named_twice_is_kept_once_and_warned_of() -> None:
    async with running_api() as api:
        for method, path in (("POST", CONFIG_MAPS), ("PUT", CONFIG_MAPS + "/a")):
            body = {"metadata": {"name": "a", "ownerReferences": [OWNER, OWNER, {**OWNER, "uid": "u2"}]}}
            answer = await api.call(method, path, body)
            assert [owner["uid"] for owner in answer.body["metadata"]["ownerReferences"]] == ["u1", "u2"]
            (warning,) = answer.header("warning")
            assert warning.endswith('please fix your requests; duplicate UID(s) observed: [u1]"')


async def test_who_may_not_create_creates_by_no_detour() -> None:
    async with running_api(authorization_modes=("RBAC",)) as api:
        rules = [
            {
                "apiGroups": ["", "coordination.k8s.io"],
                "resources": ["configmaps", "leases"],
                "verbs": ["patch", "update"],
            }
        ]
        await api.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": "r"}, "rules": rules})
        binding: dict[str, Any] = {"metadata": {"name": "r"}}
        binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
        binding["subjects"] = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "weak"}]
        await api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        weak = Api(api.server, UserInfo("weak", groups=("system:authenticated",)))
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}}
        answer = await weak.patch(CONFIG_MAPS + "/a", config, APPLY, "fieldManager=m")
        assert answer.code == 403
        assert 'User "weak" cannot create resource "configmaps"' in answer.message
        assert (await weak.put(LEASES + "/a", {"metadata": {"name": "a"}, "spec": {}})).code == 403
        await api.config_map("a")
        answer = await weak.patch(CONFIG_MAPS + "/a", config, APPLY, "fieldManager=m")
        assert answer.code == 200, answer
