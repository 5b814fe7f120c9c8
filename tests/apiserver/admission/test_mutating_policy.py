"""MutatingAdmissionPolicy (conformance: MutatingAdmissionPolicy)."""

from typing import Any

import pytest
from tests.apiserver.admission.policies import (
    DEPLOYMENTS,
    MUTATING,
    MUTATING_BINDINGS,
    binding,
    config_map,
    deployment,
    ensure,
    policy,
    rules,
)
from tests.apiserver.admission.test_validating_policy import _operations
from tests.support.api import running_api


def apply(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patch(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def mutating(name: str = "p", **spec: Any) -> dict[str, Any]:
    return policy(name, kind="MutatingAdmissionPolicy", **spec)


async def test_mutating_a_deployment() -> None:
    change = apply("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")
    async with running_api() as api:
        made = mutating(match=rules("deployments", "apps", "v1", "CREATE"), mutations=[change])
        await ensure(api, made, binding(mutating=True))
        found = (await api.post(DEPLOYMENTS, deployment("web", 2))).body
        assert found["spec"]["replicas"] == 3
        assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "i"


async def test_mutating_a_deployment_with_annotations() -> None:
    change = apply("Object{metadata: Object.metadata{annotations: {'touched': 'by ' + request.userInfo.username}}}")
    async with running_api() as api:
        await ensure(api, mutating(match=rules("deployments", "apps"), mutations=[change]), binding(mutating=True))
        found = (await api.post(DEPLOYMENTS, deployment("web", annotations={"mine": "1"}))).body
        assert found["metadata"]["annotations"] == {"mine": "1", "touched": "by kubernetes-admin"}


async def test_operations_on_policies() -> None:
    async with running_api() as api:
        obj = mutating(mutations=[apply("Object{}")])
        await _operations(api, MUTATING, obj, {"failurePolicy": "Ignore"})


async def test_operations_on_bindings() -> None:
    async with running_api() as api:
        await _operations(api, MUTATING_BINDINGS, binding(mutating=True), {"matchResources": {}})


async def test_lists_merge_by_key() -> None:
    expression = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{initContainers: "
        "[Object.spec.template.spec.initContainers{name: 'proxy', image: 'proxy:1', restartPolicy: 'Always'}], "
        "containers: "
        "[Object.spec.template.spec.containers{name: 'c', imagePullPolicy: 'Never'}]}}}}"
    )
    async with running_api() as api:
        made = mutating(match=rules("deployments", "apps"), mutations=[apply(expression)])
        await ensure(api, made, binding(mutating=True))
        spec = (await api.post(DEPLOYMENTS, deployment("web"))).body["spec"]["template"]["spec"]
        assert [(c["name"], c["image"], c["imagePullPolicy"]) for c in spec["containers"]] == [("c", "i", "Never")]
        assert spec["initContainers"][0]["restartPolicy"] == "Always"


async def test_json_patches() -> None:
    expression = (
        "[JSONPatch{op: 'test', path: '/data/a', value: '1'}, JSONPatch{op: 'replace', path: '/data/a', value: '2'}, "
        "JSONPatch{op: 'add', path: '/metadata/labels', value: {'x/y': 'z'}}, "
        "JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/env'), value: 'test'}]"
    )
    async with running_api() as api:
        await ensure(api, mutating(mutations=[patch(expression)]), binding(mutating=True))
        found = (await config_map(api, "a", a="1")).body
        assert found["data"] == {"a": "2"}
        assert found["metadata"]["labels"] == {"x/y": "z", "example.com/env": "test"}
        refused = await config_map(api, "b", a="7")
        assert refused.code == 403
        assert "policy 'p' with binding 'b' denied request: JSON Patch" in refused.message


async def test_mutations_are_made_in_order_and_see_each_other() -> None:
    first = apply("Object{data: Object.data{count: '1'}}")
    second = apply("Object{data: Object.data{count: object.data.count + '2'}}")
    async with running_api() as api:
        await ensure(api, mutating(mutations=[first, second]), binding(mutating=True))
        assert (await config_map(api, "a")).body["data"] == {"count": "12"}


async def test_policies_run_again_when_a_later_one_changed_the_object() -> None:
    early = mutating(
        "a",
        mutations=[apply("Object{data: Object.data{seen: has(object.data.late) ? 'yes' : 'no'}}")],
        reinvocationPolicy="IfNeeded",
    )
    late = mutating("b", mutations=[apply("Object{data: Object.data{late: 'true'}}")])
    async with running_api() as api:
        await ensure(api, early, late, binding("a", "a", mutating=True), binding("b", "b", mutating=True))
        assert (await config_map(api, "x", k="v")).body["data"] == {"k": "v", "late": "true", "seen": "yes"}


async def test_parameters_conditions_and_variables() -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    made = mutating(
        paramKind=kind,
        variables=[{"name": "team", "expression": "params.data.team"}],
        matchConditions=[{"name": "unset", "expression": "!has(object.metadata.labels)"}],
        mutations=[apply("Object{metadata: Object.metadata{labels: {'team': variables.team}}}")],
        match=rules("secrets"),
    )
    async with running_api() as api:
        await config_map(api, "defaults", team="blue")
        reference = {"name": "defaults", "parameterNotFoundAction": "Deny"}
        await ensure(api, made, binding(mutating=True, paramRef=reference))
        secrets = "/api/v1/namespaces/default/secrets"
        assert (await api.post(secrets, {"metadata": {"name": "a"}})).body["metadata"]["labels"] == {"team": "blue"}
        own = {"metadata": {"name": "b", "labels": {"team": "red"}}}
        assert (await api.post(secrets, own)).body["metadata"]["labels"] == {"team": "red"}


@pytest.mark.parametrize(("fail", "code"), [("Fail", 403), ("Ignore", 201)])
async def test_errors_go_by_the_failure_policy(fail: str, code: int) -> None:
    async with running_api() as api:
        made = mutating(mutations=[apply("Object{data: Object.data{a: object.data.missing}}")], failurePolicy=fail)
        await ensure(api, made, binding(mutating=True))
        answer = await config_map(api, "a", b="1")
        assert answer.code == code
        if code == 403:
            assert "resulted in error: no such key: missing" in answer.message


async def test_types_must_name_the_place_they_stand_in() -> None:
    async with running_api() as api:
        await ensure(api, mutating(mutations=[apply("Object{data: Object.metadata{a: '1'}}")]), binding(mutating=True))
        answer = await config_map(api, "a")
        assert answer.code == 403 and 'unexpected type name "Object.metadata", expected "Object.data"' in answer.message


async def test_atomic_lists_cannot_be_configured() -> None:
    expression = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: "
        "[Object.spec.template.spec.containers{name: 'c', args: ['x']}]}}}}"
    )
    async with running_api() as api:
        made = mutating(match=rules("deployments", "apps"), mutations=[apply(expression)])
        await ensure(api, made, binding(mutating=True))
        answer = await api.post(DEPLOYMENTS, deployment("web"))
        assert answer.code == 403 and "may not mutate atomic arrays, maps or structs" in answer.message


async def test_custom_resources_are_mutated() -> None:
    from tests.apiserver.crds.definitions import cron_tab, define, definition, path

    async with running_api() as api:
        await define(api, definition())
        made = mutating(
            match=rules("crontabs", "stable.example.com"),
            mutations=[apply("Object{spec: Object.spec{image: 'default', extra: 'pruned'}}")],
        )
        await ensure(api, made, binding(mutating=True))
        found = (await api.post(path(), cron_tab("a"))).body
        assert found["spec"] == {"cronSpec": "* * * * *", "image": "default", "replicas": 1}


async def test_refused_policies() -> None:
    async with running_api() as api:
        answer = await api.post(MUTATING, mutating(mutations=[apply("1")]))
        assert "spec.mutations[0].applyConfiguration.expression" in answer.message
        assert "must evaluate to Object" in answer.message
        answer = await api.post(MUTATING, mutating(mutations=[patch("[1]")]))
        assert "must evaluate to list(JSONPatch)" in answer.message
        answer = await api.post(MUTATING, mutating(mutations=[{"patchType": "Nope"}]))
        assert "spec.mutations[0].patchType" in answer.message
