"""Plugins that are on only when asked for, and what naming plugins means."""

from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.testing import api_server

Object = dict[str, Any]


def pod(name: str = "p", **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "c:1"}], **spec}}


def only(*names: str, **config: Any) -> Any:
    return running_api(enable_admission=names, **config)


async def test_unknown_and_contradicting_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown admission plugins: Nonsense"):
        async with api_server(enable_admission=("Nonsense",)):
            pass
    with pytest.raises(ValueError, match="overlapped"):
        async with api_server(enable_admission=("PodSecurity",), disable_admission=("PodSecurity",)):
            pass


async def test_always_deny() -> None:
    async with only("AlwaysDeny", bootstrap=False) as api:
        answer = await api.post("/api/v1/namespaces", {"metadata": {"name": "n"}})
        assert answer.message == 'namespaces "n" is forbidden: admission control is denying all modifications'


async def test_every_image_is_pulled() -> None:
    async with only("AlwaysPullImages") as api:
        made = (await api.post(PODS, pod())).body
        assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"


async def test_external_addresses_may_stay_and_not_come() -> None:
    path = "/api/v1/namespaces/default/services"
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}}
    async with only("DenyServiceExternalIPs") as api:
        answer = await api.post(path, service)
        assert answer.message == 'services "s" is forbidden: Use of external IPs is denied by admission control'


async def test_a_namespace_is_made_when_it_is_first_used() -> None:
    async with only("NamespaceAutoProvision") as api:
        path = "/api/v1/namespaces/fresh/configmaps"
        assert (await api.post(path, {"metadata": {"name": "m"}}, query="dryRun=All")).code == 404
        assert (await api.post(path, {"metadata": {"name": "m"}})).code == 201


async def test_events_are_limited(tmp_path: Any) -> None:
    limits = [{"type": "Namespace", "qps": 0.001, "burst": 2}]
    plugins = [{"name": "EventRateLimit", "configuration": {"limits": limits}}]
    file = tmp_path / "admission.yaml"
    file.write_bytes(orjson.dumps({"kind": "AdmissionConfiguration", "plugins": plugins}))
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    async with only("EventRateLimit", admission_config_file=str(file)) as api:
        codes = []
        for number in range(3):
            event = {"metadata": {"name": f"e{number}"}, "involvedObject": about}
            answer = await api.post("/api/v1/namespaces/default/events", event)
            codes.append(answer.code)
        assert codes == [201, 201, 429]
        assert answer.message == "limit reached on type Namespace for key default"


async def test_pods_with_extended_resources_tolerate_their_taint() -> None:
    async with only("ExtendedResourceToleration") as api:
        resources = {"limits": {"example.com/gpu": "1"}, "requests": {"example.com/gpu": "1"}}
        made = (await api.post(PODS, pod(containers=[{"name": "c", "image": "c", "resources": resources}]))).body
        assert {"key": "example.com/gpu", "operator": "Exists"} in made["spec"]["tolerations"]


async def test_nobody_keeps_a_zone_to_himself() -> None:
    term = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    async with only("LimitPodHardAntiAffinityTopology") as api:
        answer = await api.post(PODS, pod(affinity=affinity))
        assert "but only key kubernetes.io/hostname is allowed" in answer.message


async def annotate(api: Api, **annotations: str) -> None:
    full = {f"scheduler.alpha.kubernetes.io/{key}": value for key, value in annotations.items()}
    assert (await api.patch("/api/v1/namespaces/default", {"metadata": {"annotations": full}})).code == 200


async def test_pods_run_where_their_namespace_says() -> None:
    async with only("PodNodeSelector") as api:
        await annotate(api, **{"node-selector": "pool=a,disk=ssd"})
        made = (await api.post(PODS, pod(nodeSelector={"disk": "ssd", "x": "y"}))).body
        assert made["spec"]["nodeSelector"] == {"pool": "a", "disk": "ssd", "x": "y"}
        answer = await api.post(PODS, pod("q", nodeSelector={"pool": "b"}))
        assert "pod node label selector conflicts with its namespace node label selector" in answer.message


async def test_tolerations_come_from_the_namespace() -> None:
    extra = {"key": "team", "operator": "Equal", "value": "a", "effect": "NoSchedule"}
    disable = ("ServiceAccount", "DefaultTolerationSeconds")
    async with only("PodTolerationRestriction", disable_admission=disable) as api:
        await annotate(
            api,
            defaultTolerations=orjson.dumps([extra]).decode(),
            tolerationsWhitelist=orjson.dumps([extra]).decode(),
        )
        assert (await api.post(PODS, pod())).body["spec"]["tolerations"] == [extra]
        answer = await api.post(PODS, pod("q", tolerations=[{"key": "other", "operator": "Exists"}]))
        assert "conflict with its namespace whitelist" in answer.message


async def test_pods_get_the_topology_of_their_node() -> None:
    labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}
    async with running_api() as api:
        await api.post("/api/v1/nodes", {"metadata": {"name": "n", "labels": labels}})
        assert (await api.post(PODS, pod(nodeName="n"))).body["metadata"]["labels"] == {
            "topology.kubernetes.io/zone": "z1",
            "topology.kubernetes.io/region": "r1",
        }
        await api.post(PODS, pod("later"))
        binding = {"metadata": {"name": "later"}, "target": {"kind": "Node", "name": "n"}}
        assert (await api.post(f"{PODS}/later/binding", binding)).code == 201
        assert (await api.get(f"{PODS}/later")).body["metadata"]["labels"]["topology.kubernetes.io/zone"] == "z1"


async def test_owners_are_for_those_who_may_delete() -> None:
    alice = UserInfo("alice", groups=("system:authenticated",))
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "update", "patch"]}]
    async with only("OwnerReferencesPermissionEnforcement", authorization_modes=("RBAC",)) as admin:
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        await admin.post(f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
        subject = {"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
        role = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
        await admin.post(f"{rbac}/rolebindings", {"metadata": {"name": "b"}, "roleRef": role, "subjects": [subject]})
        owner = (await admin.config_map("owner")).body["metadata"]
        await admin.config_map("mine")
        await admin.settle()
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
        api = Api(admin.server, alice)
        answer = await api.patch(f"{CONFIG_MAPS}/mine", {"metadata": {"ownerReferences": [reference]}})
        assert answer.code == 403 and "cannot set an ownerRef on a resource you can't delete" in answer.message
        new = {"metadata": {"name": "new", "ownerReferences": [{**reference, "blockOwnerDeletion": True}]}}
        answer = await api.post(CONFIG_MAPS, new)
        assert "cannot set blockOwnerDeletion if an ownerReference refers to a resource" in answer.message
        assert (await admin.post(CONFIG_MAPS, new)).code == 201


async def test_another_server_decides_on_images(tmp_path: Any) -> None:
    asked: list[Object] = []

    async def review(request: Request) -> Response:
        body = orjson.loads(await request.body.read(1 << 20))
        asked.append(body["spec"])
        bad = any("bad" in container["image"] for container in body["spec"]["containers"])
        status = {"allowed": not bad, "reason": "not from us"}
        return Response(200, [("content-type", "application/json")], orjson.dumps({**body, "status": status}))

    server = HttpServer(review, host="127.0.0.1", port=0)
    async with running("reviewer", server.serve):
        kubeconfig = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}/images"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
            "current-context": "x",
        }
        (tmp_path / "images.yaml").write_bytes(orjson.dumps(kubeconfig))
        settings = {"imagePolicy": {"kubeConfigFile": str(tmp_path / "images.yaml"), "defaultAllow": False}}
        plugins = [{"name": "ImagePolicyWebhook", "configuration": settings}]
        file = tmp_path / "admission.yaml"
        file.write_bytes(orjson.dumps({"kind": "AdmissionConfiguration", "plugins": plugins}))
        async with only("ImagePolicyWebhook", admission_config_file=str(file)) as api:
            assert (await api.post(PODS, pod())).code == 201
            answer = await api.post(PODS, pod("q", containers=[{"name": "c", "image": "bad:1"}]))
            assert answer.message.endswith("image policy webhook backend denied one or more images: not from us")
            assert asked[0] == {"containers": [{"image": "c:1"}], "annotations": {}, "namespace": "default"}


async def test_names_without_work_are_accepted() -> None:
    async with running_api(disable_admission=("ServiceAccount", "PodGroupProtection", "PodResizeValidator")) as api:
        assert (await api.post(PODS, pod())).code == 201
