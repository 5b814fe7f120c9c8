"""The admission plugins as a client of a whole server meets them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.testing import ADMIN, api_server

PODS = "/api/v1/namespaces/default/pods"
Answer = tuple[int, dict[str, Any], list[str]]


class Api:
    """POST and PATCH of plain objects."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, method: str, path: str, obj: dict[str, Any], media: str = "application/json") -> Answer:
        headers = [("content-type", media)]
        response = await self._client.request(method, path, body=json.dumps(obj).encode(), headers=headers)
        body = response.body
        assert isinstance(body, bytes)
        warnings = [value for name, value in response.headers if name == "warning"]
        return response.status, json.loads(body), warnings

    async def post(self, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        """The created object, or the Status."""
        return (await self.send("POST", path, obj))[1]


@asynccontextmanager
async def running_api() -> AsyncIterator[Api]:
    async with api_server() as server:
        yield Api(Client(InProcessTransport(server.app, ADMIN)))


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "c:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def limit_range(**limit: Any) -> dict[str, Any]:
    spec = {"limits": [{"type": "Container", **limit}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec}


LIMIT_RANGES = "/api/v1/namespaces/default/limitranges"


async def test_containers_get_the_default_limits_of_their_namespace() -> None:
    async with running_api() as api:
        await api.post(LIMIT_RANGES, limit_range(default={"cpu": "1"}, defaultRequest={"cpu": "100m"}))
        made = await api.post(PODS, pod())
        assert made["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}
        assert made["metadata"]["annotations"] == {
            "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; "
            "cpu limit for container c"
        }


async def test_a_container_above_the_maximum_is_refused() -> None:
    async with running_api() as api:
        await api.post(LIMIT_RANGES, limit_range(max={"cpu": "1"}))
        big = [{"name": "c", "image": "c", "resources": {"limits": {"cpu": "2"}}}]
        answer = await api.post(PODS, pod(containers=big))
        assert answer["code"] == 403
        assert answer["message"] == ('pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2')


async def test_a_missing_runtime_class_refuses_the_pod() -> None:
    async with running_api() as api:
        answer = await api.post(PODS, pod(runtimeClassName="gvisor"))
        assert answer["message"] == 'pods "p" is forbidden: pod rejected: RuntimeClass "gvisor" not found'


async def test_a_runtime_class_brings_its_overhead() -> None:
    async with running_api() as api:
        kata = {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "kata"},
            "handler": "kata",
            "overhead": {"podFixed": {"memory": "64Mi"}},
            "scheduling": {"nodeSelector": {"kata": "yes"}},
        }
        await api.post("/apis/node.k8s.io/v1/runtimeclasses", kata)
        made = await api.post(PODS, pod(runtimeClassName="kata"))
        assert made["spec"]["overhead"] == {"memory": "64Mi"}
        assert made["spec"]["nodeSelector"] == {"kata": "yes"}


async def secure(api: Api, mode: str, level: str) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": level}
    body = {"metadata": {"labels": labels}}
    await api.send("PATCH", "/api/v1/namespaces/default", body, "application/merge-patch+json")


async def test_a_restricted_namespace_takes_no_ordinary_pod() -> None:
    async with running_api() as api:
        await secure(api, "enforce", "restricted")
        answer = await api.post(PODS, pod())
        assert answer["message"] == (
            'pods "p" is forbidden: violates PodSecurity "restricted:latest": '
            'allowPrivilegeEscalation != false (container "c" must set '
            "securityContext.allowPrivilegeEscalation=false), "
            'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
            'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
            'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to '
            '"RuntimeDefault" or "Localhost")'
        )


async def test_a_baseline_namespace_takes_ordinary_pods_but_none_of_the_host() -> None:
    async with running_api() as api:
        await secure(api, "enforce", "baseline")
        assert (await api.post(PODS, pod()))["kind"] == "Pod"
        answer = await api.post(PODS, pod("q", hostNetwork=True, volumes=[{"name": "v", "hostPath": {"path": "/"}}]))
        assert answer["message"] == (
            'pods "q" is forbidden: violates PodSecurity "baseline:latest": '
            'host namespaces (hostNetwork=true), hostPath volumes (volume "v")'
        )


async def test_a_warning_namespace_tells_and_takes() -> None:
    async with running_api() as api:
        await secure(api, "warn", "baseline")
        status, _, warnings = await api.send("POST", PODS, pod(hostPID=True))
        assert status == 201
        assert any("would violate PodSecurity" in text for text in warnings)


async def test_pods_get_tolerations_and_priority() -> None:
    async with running_api() as api:
        made = await api.post(PODS, pod())
        keys = {t["key"] for t in made["spec"]["tolerations"]}
        assert keys == {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
        assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (0, "PreemptLowerPriority")


async def test_an_unknown_priority_class_is_refused() -> None:
    async with running_api() as api:
        answer = await api.post(PODS, pod(priorityClassName="vip"))
        assert answer["message"] == 'pods "p" is forbidden: no PriorityClass with name vip was found'


async def test_nothing_is_made_in_a_namespace_that_is_not_there() -> None:
    async with running_api() as api:
        answer = await api.post("/api/v1/namespaces/nowhere/pods", pod())
        assert (answer["code"], answer["message"]) == (404, 'namespaces "nowhere" not found')


async def test_new_nodes_are_tainted_until_they_are_ready() -> None:
    async with running_api() as api:
        made = await api.post("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
        assert made["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


async def test_claims_get_the_default_class_and_protection() -> None:
    async with running_api() as api:
        default = {"storageclass.kubernetes.io/is-default-class": "true"}
        storage = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "fast", "annotations": default},
            "provisioner": "example.com/p",
        }
        await api.post("/apis/storage.k8s.io/v1/storageclasses", storage)
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "c"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        made = await api.post("/api/v1/namespaces/default/persistentvolumeclaims", claim)
        assert made["spec"]["storageClassName"] == "fast"
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


async def test_an_invalid_object_is_told_cause_by_cause() -> None:
    async with running_api() as api:
        answer = await api.post(PODS, pod(containers=[{"name": "c"}], restartPolicy="Never!"))
        assert (answer["code"], answer["reason"]) == (422, "Invalid")
        assert answer["message"] == (
            'Pod "p" is invalid: [spec.containers[0].image: Required value, '
            'spec.restartPolicy: Unsupported value: "Never!": supported values: "Always", "OnFailure", "Never"]'
        )
        assert answer["details"] == {
            "name": "p",
            "kind": "Pod",
            "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers[0].image"},
                {
                    "reason": "FieldValueNotSupported",
                    "message": 'Unsupported value: "Never!": supported values: "Always", "OnFailure", "Never"',
                    "field": "spec.restartPolicy",
                },
            ],
        }
