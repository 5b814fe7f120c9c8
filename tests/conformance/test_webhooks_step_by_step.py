"""Conformance: AdmissionWebhook, step by step with webhooks that decide as those of the suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.apiserver.crds.definitions import DEFINITIONS
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api
from tests.support.webhook import WebhookServer, allow, deny, patch, webhook_server

GROUP = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = f"{GROUP}/mutatingwebhookconfigurations", f"{GROUP}/validatingwebhookconfigurations"
NAMESPACES = "/api/v1/namespaces"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
UNIQUE = {"webhook-1234": "true"}
DISALLOWED = {"webhook-e2e-test": "webhook-disallow"}
CUSTOM = "webhook.example.com"
CUSTOM_NAME = "e2e-test-webhook-crd"
FREE = {"openAPIV3Schema": {"x-kubernetes-preserve-unknown-fields": True, "type": "object"}}
Object = dict[str, Any]


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Api, WebhookServer]]:
    """The namespace of the test has the label that brings its requests to the webhooks of the test."""
    async with webhook_server() as hooks, running_api() as api:
        labelled = await api.patch(f"{NAMESPACES}/default", {"metadata": {"labels": UNIQUE}}, STRATEGIC)
        assert labelled.code == 200
        yield api, hooks


def in_namespace(**more: Any) -> Object:
    return {"namespaceSelector": {"matchLabels": UNIQUE}, **more}


async def configure(api: Api, path: str, name: str, *entries: Object) -> Object:
    answer = await api.post(path, {"metadata": {"name": name}, "webhooks": list(entries)})
    assert answer.code == 201, answer
    return answer.body  # type: ignore[no-any-return]


def config_map(name: str, **data: str) -> Object:
    return {"metadata": {"name": name}, "data": data}


def simple_pod(name: str, container: str, **labels: str) -> Object:
    spec = {"containers": [{"name": container, "image": "pause"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def refuses_data(request: Object) -> Object:
    if request["operation"] == "DELETE" or (request["object"].get("data") or {}).get("webhook-e2e-test") is None:
        return {"allowed": True}
    return deny("the configmap contains unwanted key and value", reason="the configmap contains ...")(request)  # type: ignore[return-value]


def unreachable(name: str, **more: Any) -> Object:
    """Without a bundle of authorities, at a service that is not there."""
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    service = {"namespace": "default", "name": "e2e-test-webhook", "path": "/configmaps", "port": 8443}
    found = {"name": name, "rules": [rule], "clientConfig": {"service": service}, "sideEffects": "None"}
    return {**found, "admissionReviewVersions": ["v1", "v1beta1"], **more}


async def test_pods_and_config_maps_are_denied() -> None:
    """should be able to deny pod and configmap creation."""

    def judge_pod(request: Object) -> Object:
        pod, reasons = request["object"], []
        if any(container["name"] == "webhook-disallow" for container in pod["spec"]["containers"]):
            reasons.append("the pod contains unwanted container name; ")
        if pod["metadata"]["labels"].get("webhook-e2e-test") == "webhook-disallow":
            reasons.append("the pod contains unwanted label; ")
        return deny("".join(reasons))(request) if reasons else allow(request)  # type: ignore[return-value]

    async with stage() as (api, hooks):
        skips = {
            "matchLabels": UNIQUE,
            "matchExpressions": [{"key": "skip-webhook-admission", "operator": "NotIn", "values": ["yes"]}],
        }
        rule = {"operations": ["CREATE", "UPDATE", "DELETE"]}
        made = await configure(
            api,
            VALIDATING,
            "webhook-1234",
            hooks.entry("pods", judge_pod, rule={"resources": ["pods"]}, **in_namespace()),
            hooks.entry("configmaps", refuses_data, rule=rule, namespaceSelector=skips),
            unreachable("fail-open.k8s.io", failurePolicy="Ignore", **in_namespace()),
        )
        assert [entry["failurePolicy"] for entry in made["webhooks"]] == ["Fail", "Fail", "Ignore"]
        assert made["webhooks"][1]["matchPolicy"] == "Equivalent"
        assert made["webhooks"][1]["timeoutSeconds"] == 10
        answer = await api.post(PODS, simple_pod("disallowed-pod", "webhook-disallow", **DISALLOWED))
        assert "the pod contains unwanted container name" in answer.message
        assert "the pod contains unwanted label" in answer.message
        unwanted = "the configmap contains unwanted key and value"
        answer = await api.post(CONFIG_MAPS, config_map("disallowed-configmap", **DISALLOWED))
        assert unwanted in answer.message
        # A webhook that fails and may is no obstacle.
        allowed = (await api.post(CONFIG_MAPS, config_map("allowed-configmap", admit="this"))).body
        allowed["data"]["webhook-e2e-test"] = "webhook-disallow"
        assert unwanted in (await api.put(f"{CONFIG_MAPS}/allowed-configmap", allowed)).message
        answer = await api.patch(f"{CONFIG_MAPS}/allowed-configmap", {"data": DISALLOWED}, STRATEGIC)
        assert unwanted in answer.message
        labels = {"skip-webhook-admission": "yes", **UNIQUE}
        await api.post(NAMESPACES, {"metadata": {"name": "exempted-namespace", "labels": labels}})
        answer = await api.post(
            f"{NAMESPACES}/exempted-namespace/configmaps", config_map("disallowed-configmap", **DISALLOWED)
        )
        assert answer.code == 201


async def test_a_webhook_that_cannot_be_called_and_must_be_refuses_everything() -> None:
    """should unconditionally reject operations on fail closed webhook."""
    async with stage() as (api, _):
        selector = {
            "matchLabels": UNIQUE,
            "matchExpressions": [{"key": "fail-closed-webhook", "operator": "In", "values": ["yes"]}],
        }
        entry = unreachable("fail-closed.k8s.io", failurePolicy="Fail", namespaceSelector=selector)
        await configure(api, VALIDATING, "webhook-1234", entry)
        labels = {"fail-closed-webhook": "yes", **UNIQUE}
        await api.post(NAMESPACES, {"metadata": {"name": "fail-closed-namespace", "labels": labels}})
        answer = await api.post(f"{NAMESPACES}/fail-closed-namespace/configmaps", {"metadata": {"name": "foo"}})
        assert (answer.code, answer.body["reason"]) == (500, "InternalError")
        assert (await api.post(CONFIG_MAPS, {"metadata": {"name": "foo"}})).code == 201


async def test_configurations_are_neither_mutated_nor_kept() -> None:
    """should not be able to mutate or prevent deletion of webhook configuration objects."""
    async with stage() as (api, hooks):
        rule = {
            "apiGroups": ["admissionregistration.k8s.io"],
            "apiVersions": ["*"],
            "resources": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
        }
        deletes = hooks.entry("always-deny", deny("no"), rule={**rule, "operations": ["DELETE"]}, **in_namespace())
        label = patch({"op": "add", "path": "/metadata/labels", "value": {"added-label": "yes"}})
        creates = hooks.entry("add-label", label, rule={**rule, "operations": ["CREATE"]}, **in_namespace())
        await configure(api, VALIDATING, "blocking", deletes)
        await configure(api, MUTATING, "blocking", creates)
        for path in (VALIDATING, MUTATING):
            nothing = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["invalid"]}
            service = {"namespace": "default", "name": "e2e-test-webhook", "path": "", "port": 8443}
            entry = unreachable("dummy-webhook.k8s.io", failurePolicy="Ignore", **in_namespace(rules=[nothing]))
            entry["clientConfig"] = {"service": service}
            made = await configure(api, path, "webhook-1234", entry)
            assert "labels" not in made["metadata"]
            assert (await api.delete(f"{path}/webhook-1234")).code == 200
        assert hooks.asked == []


# Custom resources


def definition(*versions: Object) -> Object:
    names = {"plural": f"{CUSTOM_NAME}s", "singular": CUSTOM_NAME, "kind": "E2e-test-webhook-crd"}
    names["listKind"] = f"{names['kind']}List"
    spec = {"group": CUSTOM, "names": names, "scope": "Namespaced", "versions": list(versions)}
    return {"metadata": {"name": f"{names['plural']}.{CUSTOM}"}, "spec": spec}


def version(name: str, storage: bool, schema: Object = FREE) -> Object:
    return {"name": name, "served": True, "storage": storage, "schema": schema}


async def defined(api: Api, *versions: Object) -> str:
    """The name of the definition."""
    answer = await api.post(DEFINITIONS, definition(*versions))
    assert answer.code == 201, answer
    await api.settle()
    return str(answer.body["metadata"]["name"])


def path_of(version: str, name: str = "") -> str:
    path = f"/apis/{CUSTOM}/{version}/namespaces/default/{CUSTOM_NAME}s"
    return f"{path}/{name}" if name else path


def custom(name: str, **data: str) -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": f"{CUSTOM}/v1", "kind": "E2e-test-webhook-crd", "metadata": metadata, "data": data}


def rule_of(*operations: str) -> Object:
    versions = ["v1", "v2"]
    return {"operations": operations, "apiGroups": [CUSTOM], "apiVersions": versions, "resources": [f"{CUSTOM_NAME}s"]}


async def test_custom_resources_are_denied() -> None:
    """should be able to deny custom resource creation, update and deletion."""

    def judge(request: Object) -> Object:
        if request["operation"] == "DELETE":
            kept = request["oldObject"]["data"].get("webhook-e2e-test") == "webhook-nondeletable"
            words = "the custom resource cannot be deleted because it contains unwanted key and value"
        else:
            kept = request["object"]["data"].get("webhook-e2e-test") == "webhook-disallow"
            words = "the custom resource contains unwanted data"
        return deny(words, reason=words)(request) if kept else allow(request)  # type: ignore[return-value]

    async with stage() as (api, hooks):
        await defined(api, version("v1", True))
        entry = hooks.entry("custom-resource", judge, rule=rule_of("CREATE", "UPDATE", "DELETE"), **in_namespace())
        await configure(api, VALIDATING, "webhook-1234", entry)
        unwanted = "the custom resource contains unwanted data"
        assert unwanted in (await api.post(path_of("v1"), custom("cr-instance-1", **DISALLOWED))).message
        kept = {"webhook-e2e-test": "webhook-nondeletable"}
        assert (await api.post(path_of("v1"), custom("cr-instance-2", **kept))).code == 201
        here = path_of("v1", "cr-instance-2")
        current = (await api.get(here)).body
        assert unwanted in (await api.put(here, {**current, "data": DISALLOWED})).message
        answer = await api.delete(here)
        assert "the custom resource cannot be deleted because it contains unwanted key and value" in answer.message
        assert (await api.put(here, {**current, "data": {"webhook-e2e-test": "webhook-allow"}})).code == 200
        assert (await api.delete(here)).code == 200


def adds_stages(request: Object) -> Object:
    """The next stage beside each that is there."""
    data, steps = request["object"]["data"], []
    for before, stage in (("mutation-start", "mutation-stage-1"), ("mutation-stage-1", "mutation-stage-2")):
        if data.get(before) == "yes":
            steps.append({"op": "add", "path": f"/data/{stage}", "value": "yes"})
    return patch(*steps)(request)  # type: ignore[return-value]


async def two_stages(api: Api, hooks: WebhookServer) -> None:
    first = hooks.entry("stage-1", adds_stages, rule=rule_of("CREATE", "UPDATE"), **in_namespace())
    second = hooks.entry("stage-2", adds_stages, rule=rule_of("CREATE"), **in_namespace())
    await configure(api, MUTATING, "webhook-1234", first, second)


async def test_custom_resources_are_mutated_and_pruned() -> None:
    """should mutate custom resource; should mutate custom resource with pruning."""
    text = {"type": "string"}
    data = {"type": "object", "properties": {"mutation-start": text, "mutation-stage-1": text}}
    closed = {"openAPIV3Schema": {"type": "object", "properties": {"data": data}}}
    start, stages = {"mutation-start": "yes"}, {"mutation-stage-1": "yes", "mutation-stage-2": "yes"}
    for schema, added in ((FREE, stages), (closed, {"mutation-stage-1": "yes"})):
        async with stage() as (api, hooks):
            await defined(api, version("v1", True, schema), version("v2", False, schema))
            await two_stages(api, hooks)
            made = (await api.post(path_of("v1"), custom("cr-instance-1", **start))).body
            assert made["data"] == {**start, **added}


async def test_custom_resources_are_mutated_when_the_stored_version_changes() -> None:
    """should mutate custom resource with different stored version."""
    async with stage() as (api, hooks):
        name = await defined(api, version("v1", True), version("v2", False))
        await two_stages(api, hooks)
        start = {"mutation-start": "yes"}
        assert (await api.post(path_of("v1"), custom("cr-instance-1", **start))).code == 201
        versions = {"spec": {"versions": [version("v1", False), version("v2", True)]}}
        patched = await api.patch(f"{DEFINITIONS}/{name}", versions, STRATEGIC)
        assert patched.code == 200 and patched.body["status"]["storedVersions"] == ["v1", "v2"]
        await api.settle()
        step = [{"op": "add", "path": "/dummy", "value": "test"}]
        mutated = (await api.patch(path_of("v2", "cr-instance-1"), step, JSON_PATCH)).body
        assert mutated["data"] == {**start, "mutation-stage-1": "yes", "mutation-stage-2": "yes"}
        assert mutated["dummy"] == "test"


async def test_a_definition_with_a_label_is_denied() -> None:
    """should deny crd creation."""
    async with stage() as (api, hooks):

        def judge(request: Object) -> Object:
            labels = request["object"]["metadata"].get("labels") or {}
            refused = labels.get("webhook-e2e-test") == "webhook-disallow"
            return deny("the crd contains unwanted label")(request) if refused else allow(request)  # type: ignore[return-value]

        rule = {"operations": ["CREATE"], "apiGroups": ["apiextensions.k8s.io"], "apiVersions": ["*"]}
        rule["resources"] = ["customresourcedefinitions"]
        entry = hooks.entry("crd", judge, rule=rule, objectSelector={"matchLabels": UNIQUE})
        await configure(api, VALIDATING, "webhook-1234", entry)
        wanted = definition(version("v1", True))
        wanted["metadata"]["labels"] = {**UNIQUE, **DISALLOWED}
        assert "the crd contains unwanted label" in (await api.post(DEFINITIONS, wanted)).message
        wanted["metadata"]["labels"] = DISALLOWED
        assert (await api.post(DEFINITIONS, wanted)).code == 201
