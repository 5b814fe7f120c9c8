"""Policies and webhooks on subresources: they see the subresource's own kind, and what they change is stored."""

from typing import Any

import pytest
from tests.apiserver.admission.policies import DEPLOYMENTS, binding, deployment, ensure, policy, rules
from tests.apiserver.crds.definitions import GROUP, cron_tab, define, definition, path, version
from tests.support.api import PODS, Api, running_api
from tests.support.webhook import patch, webhook_server

from pybernetes.base.http.message import Request, Response

Object = dict[str, Any]


async def mutate(api: Api, match: Object, expression: str, **spec: Any) -> None:
    """A policy that merges a configuration, in force."""
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    made = policy(kind="MutatingAdmissionPolicy", match=match, mutations=[mutation], **spec)
    await ensure(api, made, binding(mutating=True))
    await api.settle()


async def refuse(api: Api, match: Object, expression: str) -> None:
    """A policy that refuses what the expression does not hold of, in force."""
    validations = [{"expression": expression, "message": "refused by the policy"}]
    await ensure(api, policy(match=match, validations=validations), binding())
    await api.settle()


# Validating


@pytest.mark.parametrize(
    ("resource", "operation", "expression", "request_path", "body"),
    [
        ("pods/status", "UPDATE", "object.status.message != 'bad'", "p/status", {"status": {"message": "bad"}}),
        (
            "pods/resize",
            "UPDATE",
            "object.spec.containers.all(c, !has(c.resources.requests) || !('cpu' in c.resources.requests))",
            "p/resize",
            {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}]}},
        ),
        (
            "pods/ephemeralcontainers",
            "UPDATE",
            "!has(object.spec.ephemeralContainers)",
            "p/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}},
        ),
    ],
)
async def test_a_policy_sees_the_pod_in_its_subresources(
    resource: str, operation: str, expression: str, request_path: str, body: Object
) -> None:
    async with running_api() as api:
        container = {"name": "main", "image": "image", "resources": {"requests": {"memory": "1Mi"}}}
        await api.post(PODS, {"metadata": {"name": "p"}, "spec": {"containers": [container]}})
        await refuse(api, rules(resource, "", "v1", operation), expression)
        strategic = "application/strategic-merge-patch+json"
        answer = await api.patch(f"{PODS}/{request_path}", body, strategic)
        assert answer.code == 422, answer
        assert "refused by the policy" in answer.message
        labelled = await api.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})
        assert labelled.code == 200  # the pod itself is another resource


async def test_a_policy_sees_a_scale() -> None:
    async with running_api() as api:
        await api.post(DEPLOYMENTS, deployment("d"))
        match = rules("deployments/scale", "apps", "v1", "UPDATE")
        await refuse(api, match, "object.kind == 'Scale' && object.spec.replicas <= 3 && oldObject.spec.replicas == 1")
        assert (await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 3}})).code == 200
        answer = await api.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 9}})
        assert (answer.code, "refused by the policy" in answer.message) == (422, True)


async def test_a_policy_sees_evictions_and_bindings() -> None:
    async with running_api() as api:
        for name in ("p", "q"):
            await api.pod(name)
        await ensure(
            api,
            policy("e", match=rules("pods/eviction", "", "v1", "CREATE"),
                   validations=[{"expression": "object.metadata.name != 'p'", "message": "not this one"}]),
            binding("e", "e"),
            policy("b", match=rules("pods/binding", "", "v1", "CREATE"),
                   validations=[{"expression": "object.target.name != 'bad'", "message": "not there"}]),
            binding("b", "b"),
        )  # fmt: skip
        await api.settle()
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        assert "not this one" in (await api.post(f"{PODS}/p/eviction", eviction)).message
        target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "q"}}
        bad = {**target, "target": {"kind": "Node", "name": "bad"}}
        assert "not there" in (await api.post(f"{PODS}/q/binding", bad)).message
        assert (await api.post(f"{PODS}/q/binding", {**target, "target": {"kind": "Node", "name": "n"}})).code == 201


async def test_a_policy_refuses_to_open_a_stream() -> None:
    async with running_api() as api:

        async def opened(request: Request, info: Any) -> Response:
            return Response(200, [], b"opened")

        api.server.dispatcher.connect["pods", "exec"] = opened
        await api.pod("p")
        await refuse(api, rules("pods/exec", "", "v1", "CONNECT"), "!has(object.tty) && object.command[0] != 'sh'")
        query = "container=main&command=ls&stdout=true"
        assert (await api.call("POST", f"{PODS}/p/exec", query=query)).code == 200
        for words in ("&tty=true", "&command=x", ""):
            answer = await api.call("POST", f"{PODS}/p/exec", query=f"command=sh{words}")
            assert answer.code == 422 and "refused by the policy" in answer.message


# Mutating


async def test_the_status_of_a_pod_is_mutated() -> None:
    async with running_api() as api:
        await api.pod("p")
        await mutate(api, rules("pods/status", "", "v1", "UPDATE"), 'Object{status: Object.status{message: "policy"}}')
        answer = await api.patch(f"{PODS}/p/status", {"status": {"reason": "R"}})
        assert answer.body["status"]["message"] == "policy" and answer.body["status"]["reason"] == "R"
        assert "message" not in (await api.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})).body["spec"]


async def test_an_ephemeral_container_is_mutated() -> None:
    async with running_api() as api:
        await api.pod("p")
        expression = (
            "Object{spec: Object.spec{ephemeralContainers: object.spec.ephemeralContainers.map(c, "
            'Object.spec.ephemeralContainers{name: c.name, image: "mirror/" + c.image})}}'
        )
        await mutate(api, rules("pods/ephemeralcontainers", "", "v1", "UPDATE"), expression)
        body = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}}
        strategic = "application/strategic-merge-patch+json"
        answer = await api.patch(f"{PODS}/p/ephemeralcontainers", body, strategic)
        assert answer.code == 200, answer
        assert answer.body["spec"]["ephemeralContainers"][0]["image"] == "mirror/busybox"


@pytest.mark.parametrize("custom", [False, True])
async def test_a_scale_is_mutated(custom: bool) -> None:
    expression = "Object{spec: Object.spec{replicas: object.spec.replicas > 3 ? 3 : object.spec.replicas}}"
    async with running_api() as api:
        if custom:
            scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
            await define(api, definition(version(subresources={"scale": scale})))
            await api.post(path(), cron_tab("d"))
            where, match = path("d"), rules("crontabs/scale", GROUP, "v1", "UPDATE")
        else:
            await api.post(DEPLOYMENTS, deployment("d"))
            where, match = f"{DEPLOYMENTS}/d", rules("deployments/scale", "apps", "v1", "UPDATE")
        await mutate(api, match, expression)
        answer = await api.patch(f"{where}/scale", {"spec": {"replicas": 5}})
        assert answer.code == 200, answer
        assert answer.body["spec"]["replicas"] == 3
        assert (await api.get(where)).body["spec"]["replicas"] == 3


async def test_a_binding_is_mutated() -> None:
    async with running_api() as api:
        await api.pod("q")
        expression = '[JSONPatch{op: "replace", path: "/target/name", value: "better"}]'
        mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
        match = rules("pods/binding", "", "v1", "CREATE")
        made = policy(kind="MutatingAdmissionPolicy", match=match, mutations=[mutation])
        await ensure(api, made, binding(mutating=True))
        await api.settle()
        target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "q"}}
        answer = await api.post(f"{PODS}/q/binding", {**target, "target": {"kind": "Node", "name": "n"}})
        assert answer.code == 201, answer
        assert (await api.get(f"{PODS}/q")).body["spec"]["nodeName"] == "better"


async def test_a_deletion_is_not_mutated() -> None:
    async with running_api() as api:
        await mutate(api, rules("pods", "", "v1", "*"), 'Object{metadata: Object.metadata{labels: {"a": "b"}}}')
        assert (await api.pod("p")).body["metadata"]["labels"] == {"a": "b"}
        assert (await api.delete(f"{PODS}/p")).code == 200


@pytest.mark.parametrize("by", ["policy", "webhook"])
async def test_the_options_of_a_stream_are_mutated(by: str) -> None:
    async with webhook_server() as hooks, running_api() as api:
        seen: list[str] = []

        async def opened(request: Request, info: Any) -> Response:
            seen.append(request.query)
            return Response(200, [], b"opened")

        api.server.dispatcher.connect["pods", "exec"] = opened
        await api.pod("p")
        if by == "policy":
            expression = 'Object{container: "sidecar"}'
            await mutate(api, rules("pods/exec", "", "v1", "CONNECT"), expression)
        else:
            rule = {"operations": ["CONNECT"], "resources": ["pods/exec"]}
            entry = hooks.entry("exec", patch({"op": "add", "path": "/container", "value": "sidecar"}), rule=rule)
            configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            await api.post(configurations, {"metadata": {"name": "m"}, "webhooks": [entry]})
        answer = await api.call("POST", f"{PODS}/p/exec", query="command=ls&command=-l&stdout=1&tty=true")
        assert answer.code == 200, answer
        assert seen == ["stdout=true&tty=true&container=sidecar&command=ls&command=-l"]


async def test_a_webhook_sees_and_changes_the_scale_of_a_custom_resource() -> None:
    async with webhook_server() as hooks, running_api() as api:
        scale = {"specReplicasPath": ".spec.count", "statusReplicasPath": ".status.count"}
        spec = {"type": "object", "properties": {"count": {"type": "integer"}, "cronSpec": {"type": "string"}}}
        schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": {}}}}
        await define(api, definition(version(schema=schema, subresources={"scale": scale, "status": {}})))
        await api.post(path(), cron_tab("a", spec={"count": 1}))
        rule = {"operations": ["UPDATE"], "apiGroups": [GROUP], "resources": ["crontabs/scale"]}
        entry = hooks.entry("scale", patch({"op": "replace", "path": "/spec/replicas", "value": 4}), rule=rule)
        configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        await api.post(configurations, {"metadata": {"name": "m"}, "webhooks": [entry]})
        answer = await api.patch(f"{path('a')}/scale", {"spec": {"replicas": 2}})
        assert answer.code == 200, answer
        assert hooks.asked[0][1]["object"]["spec"] == {"replicas": 2}
        assert (await api.get(path("a"))).body["spec"]["count"] == 4
