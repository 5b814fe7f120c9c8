"""ServerSideApply, step by step (test/e2e/apimachinery/apply.go); bodies are YAML, as there."""

from typing import Any

import pytest
from tests.conformance.steps import CORE, MERGE, Object
from tests.conformance.test_definitions_step_by_step import FIELDS, FREE, GROUP, define
from tests.support.api import Answer, Api, running_api
from tests.support.typed_api import typed_api

APPLY = "application/apply-patch+yaml"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
OBJECTS = f"/apis/{GROUP}/v1beta1/noxus"
POD = """{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test-pod"}, "spec": {"containers": [{
    "name": "test-container", "image": "test-image", }], }}"""
SERVICE = """{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "test-svc"},
    "spec": {"ports": [{"port": 8080, "protocol": "UDP"}]}}"""


async def apply(api: Api, path: str, body: str | Object, manager: str, *, force: bool = False) -> Answer:
    text = body.encode() if isinstance(body, str) else body
    return await api.patch(path, text, APPLY, f"fieldManager={manager}{'&force=true' if force else ''}")


@pytest.mark.parametrize(
    ("kind", "name", "body", "fields"),
    [
        (
            "pods",
            "test-pod",
            POD,
            '{"f:spec":{"f:containers":{"k:{\\"name\\":\\"test-container\\"}":{".":{},"f:image":{},"f:name":{}}}}}',
        ),
        (
            "services",
            "test-svc",
            SERVICE,
            '{"f:spec":{"f:ports":{"k:{\\"port\\":8080,\\"protocol\\":\\"UDP\\"}":{".":{},"f:port":{},"f:protocol":{}}}}}',
        ),
    ],
)
async def test_what_is_not_there_is_created(kind: str, name: str, body: str, fields: str) -> None:
    """The text of the fields is compared, not their value."""
    async with running_api() as api:
        answer = await apply(api, f"{CORE}/{kind}/{name}", body, "apply_test")
        assert answer.code == 201, answer
        found = await api.get(f"{CORE}/{kind}/{name}")
        assert f'"fieldsV1":{fields}'.encode() in found.raw
        assert [entry["manager"] for entry in found.body["metadata"]["managedFields"]] == ["apply_test"]


async def test_a_status_is_applied_by_its_own_path() -> None:
    status = """{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test-pod"},
        "status": {"conditions": [{"type": "MyStatus", "status":"True"}]}}"""
    async with typed_api() as api:
        path = f"{CORE}/pods/test-pod"
        assert (await apply(api, path, POD, "apply_test")).code == 201
        assert (await apply(api, path, status, "apply_test2")).code == 200
        assert "conditions" not in (await api.get(path)).body["status"]
        assert (await apply(api, f"{path}/status", status, "apply_test2")).code == 200
        assert [one["type"] for one in (await api.get(path)).body["status"]["conditions"]] == ["MyStatus"]


def deployment(*, ports: bool = False, **spec: Any) -> Object:
    container: Object = {"name": "nginx", "image": "nginx"}
    if ports:
        container["ports"] = [{"containerPort": 80, "protocol": "TCP"}]
    hostname = {"hostname": spec.pop("hostname")} if "hostname" in spec else {}
    template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [container], **hostname}}
    spec = {**spec, "selector": {"matchLabels": {"app": "nginx"}}, "template": template}
    metadata = {"name": "deployment", "labels": {"app": "nginx"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


async def test_a_field_that_is_applied_no_more_is_removed_unless_another_owns_it() -> None:
    async with typed_api() as api:
        path = f"{DEPLOYMENTS}/deployment"
        assert (await apply(api, path, deployment(replicas=3, ports=True), "apply_test")).code == 201
        answer = await apply(api, path, deployment(replicas=3), "apply_test")
        assert answer.code == 200, answer
        assert "ports" not in (await api.get(path)).body["spec"]["template"]["spec"]["containers"][0]
        shared = deployment(replicas=3, hostname="test-hostname")
        for manager in ("shared_owner_1", "shared_owner_2"):
            assert (await apply(api, path, shared, manager)).code == 200
        answer = await apply(api, path, deployment(), "shared_owner_1")
        assert answer.code == 200, answer
        spec = answer.body["spec"]
        assert (spec["replicas"], spec["template"]["spec"]["hostname"]) == (3, "test-hostname")


async def test_conflicts_are_told_and_forced() -> None:
    async with typed_api() as api:
        path = f"{DEPLOYMENTS}/deployment"
        assert (await apply(api, path, deployment(replicas=3), "apply_test")).code == 201
        assert (await api.patch(path, {"spec": {"replicas": 5}}, MERGE)).code == 200
        answer = await apply(api, path, deployment(replicas=3), "apply_test")
        assert (answer.code, answer.body["reason"], len(answer.body["details"]["causes"])) == (409, "Conflict", 1)
        forced = await apply(api, path, deployment(replicas=3), "apply_test", force=True)
        assert (forced.code, forced.body["spec"]["replicas"]) == (200, 3)


async def test_an_update_takes_a_field_over() -> None:
    async with typed_api() as api:
        path = f"{DEPLOYMENTS}/deployment"
        assert (await apply(api, path, deployment(replicas=3), "test_applier")).code == 201
        found = (await api.get(path)).body
        found["spec"]["replicas"] = 4
        assert (await api.put(path, found)).code == 200
        answer = await apply(api, path, deployment(), "test_applier")
        assert (answer.code, answer.body["spec"]["replicas"]) == (200, 4)


def noxu(*, version: str = "v1beta1", finalizers: str = "", spec: str = "") -> str:
    head = f"apiVersion: {GROUP}/{version}\nkind: WishIHadChosenNoxu\nmetadata:\n  name: mytest\n"
    return f"\n{head}{finalizers}spec:\n{spec}"


def ports(port: int, name: str) -> str:
    return f'  ports:\n  - name: "{name}"\n    containerPort: {port}\n    protocol: TCP'


WHOLE = '  cronSpec: "* * * * */5"\n  replicas: 1\n' + ports(80, "x")
FINALIZERS = "  finalizers:\n  - test-finalizer\n"


async def test_custom_resources_are_applied() -> None:
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {**FIELDS}}
    async with running_api() as api:
        await define(api, {"type": "object", "properties": {"spec": spec}})
        path, other = f"{OBJECTS}/mytest", f"/apis/{GROUP}/v1beta2/noxus/mytest"
        body = noxu(finalizers=FINALIZERS, spec=WHOLE)
        made = await apply(api, path, body, "apply_test")
        assert made.code == 201, made
        assert made.body["metadata"]["finalizers"] == ["test-finalizer"]
        assert (made.body["spec"]["replicas"], len(made.body["spec"]["ports"])) == (1, 1)
        beta = await apply(api, other, noxu(version="v1beta2", spec=WHOLE), "apply_test")
        assert (beta.code, beta.body["spec"]["replicas"], len(beta.body["spec"]["ports"])) == (200, 1, 1), beta
        two = ["test-finalizer", "another-one"]
        assert (await api.patch(path, {"metadata": {"finalizers": two}}, MERGE)).body["metadata"]["finalizers"] == two
        again = await apply(api, path, body, "apply_test")
        assert (again.code, sorted(again.body["metadata"]["finalizers"])) == (200, sorted(two)), again
        assert (await api.patch(path, {"spec": {"replicas": 5}}, MERGE)).body["spec"]["replicas"] == 5
        refused = await apply(api, path, body, "apply_test")
        assert (refused.code, len(refused.body["details"]["causes"])) == (409, 1), refused
        assert (await apply(api, path, body, "apply_test", force=True)).body["spec"]["replicas"] == 1
        refused = await apply(api, path, noxu(spec=ports(80, "y")), "apply_test_2")
        assert (refused.code, len(refused.body["details"]["causes"])) == (409, 1), refused
        added = await apply(api, path, noxu(spec=ports(8080, "y")), "apply_test_2")
        assert (added.code, len(added.body["spec"]["ports"])) == (200, 2), added
        metadata = {"name": "should-not-exist", "finalizers": ["test-finalizer"]}
        absent = {"apiVersion": f"{GROUP}/v1beta1", "kind": "WishIHadChosenNoxu", "metadata": metadata}
        answer = await api.put(f"{OBJECTS}/should-not-exist", absent, "fieldManager=apply_test")
        assert (answer.code, answer.body["reason"]) == (404, "NotFound")


async def test_an_atomic_list_is_replaced_as_a_whole() -> None:
    atomic = {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "string"}}
    async with running_api() as api:
        await define(api, {"type": "object", "properties": {"spec": {**FREE, "properties": {"atomicList": atomic}}}})
        for item, manager in (("item1", "apply_test"), ("item2", "apply_test_2")):
            body = noxu(spec=f'  atomicList:\n  - "{item}"')
            answer = await apply(api, f"{OBJECTS}/mytest", body, manager, force=manager == "apply_test_2")
            assert answer.code < 300, answer
            assert answer.body["spec"]["atomicList"] == [item]
