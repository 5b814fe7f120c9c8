"""ValidatingAdmissionPolicy (conformance: ValidatingAdmissionPolicy)."""

from typing import Any

import pytest
from tests.apiserver.admission.policies import (
    DEPLOYMENTS,
    GROUP,
    MAPS,
    VALIDATING,
    VALIDATING_BINDINGS,
    binding,
    config_map,
    deployment,
    ensure,
    policy,
    rules,
)
from tests.support.api import running_api


async def test_validating_a_deployment() -> None:
    match = rules("deployments", "apps")
    validations = [
        {
            "expression": "object.spec.replicas > 1",
            "messageExpression": "'wants more, not ' + string(object.spec.replicas)",
        },
        {
            "expression": "namespaceObject.metadata.name == 'default'",
            "message": "wrong namespace",
            "reason": "Forbidden",
        },
    ]
    async with running_api() as api:
        await ensure(api, policy(match=match, validations=validations), binding())
        answer = await api.post(DEPLOYMENTS, deployment("web", 1))
        assert (answer.code, answer.body["reason"]) == (422, "Invalid")
        assert answer.message == (
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
            "wants more, not 1"
        )
        assert answer.body["details"]["causes"] == [
            {"message": "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: wants more, not 1"}
        ]
        assert (await api.post(DEPLOYMENTS, deployment("web", 2))).code == 201
        assert (await api.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 1}})).code == 422
        await api.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
        answer = await api.post("/apis/apps/v1/namespaces/other/deployments", deployment("web", 2))
        assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
        assert answer.message.endswith("denied request: wrong namespace")


async def test_expressions_may_refer_to_variables() -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"},
        {"name": "broken", "expression": "object.spec.nothing"},
    ]
    validations = [
        {"expression": "variables.replicas > 1"},
        {"expression": "variables.oddReplicas", "messageExpression": "string(variables.replicas) + ' is even'"},
    ]
    async with running_api() as api:
        made = policy(match=rules("deployments", "apps"), variables=variables, validations=validations)
        await ensure(api, made, binding())
        answer = await api.post(DEPLOYMENTS, deployment("web", 1))
        assert answer.message.endswith("denied request: failed expression: variables.replicas > 1")
        answer = await api.post(DEPLOYMENTS, deployment("web", 4))
        assert answer.message.endswith("denied request: 4 is even")
        assert (await api.post(DEPLOYMENTS, deployment("web", 3))).code == 201


async def _operations(api: Any, path: str, obj: dict[str, Any], change: dict[str, Any]) -> None:
    """Every verb of a policy's API."""
    resources = (await api.get(GROUP)).body["resources"]
    assert path.rpartition("/")[2] in [found["name"] for found in resources]
    watching = await api.watch(path)
    for name in ("one", "two", "three"):
        made = {**obj, "metadata": {"name": name, "labels": {"set": "yes"}}}
        assert (await api.post(path, made)).code == 201
    found = (await api.get(f"{path}/one")).body
    assert (await api.patch(f"{path}/one", {"metadata": {"annotations": {"patched": "true"}}})).code == 200
    assert (await api.put(f"{path}/one", found)).code == 409
    found = (await api.get(f"{path}/one")).body
    found["spec"].update(change)
    assert (await api.put(f"{path}/one", found)).code == 200
    assert len((await api.get(path, "labelSelector=set%3Dyes")).body["items"]) == 3
    assert (await api.delete(f"{path}/one")).code == 200
    assert (await api.get(f"{path}/one")).code == 404
    assert (await api.delete(path, query="labelSelector=set%3Dyes")).code == 200
    assert (await api.get(path)).body["items"] == []
    await watching.received(8)
    kinds = [kind for kind, _ in watching.seen]
    assert sorted(kinds) == ["ADDED"] * 3 + ["DELETED"] * 3 + ["MODIFIED"] * 2


async def test_operations_on_policies() -> None:
    async with running_api() as api:
        obj = policy(validations=[{"expression": "true"}])
        await _operations(api, VALIDATING, obj, {"failurePolicy": "Ignore"})
        await api.post(VALIDATING, obj)
        patch = {"status": {"observedGeneration": 1, "conditions": [], "typeChecking": {}}}
        answer = await api.patch(f"{VALIDATING}/p/status", patch)
        assert answer.body["status"]["observedGeneration"] == 1


async def test_operations_on_bindings() -> None:
    async with running_api() as api:
        await _operations(api, VALIDATING_BINDINGS, binding(), {"validationActions": ["Warn"]})


async def test_nothing_happens_without_a_binding() -> None:
    async with running_api() as api:
        await ensure(api, policy(validations=[{"expression": "false"}]))
        assert (await config_map(api, "a")).code == 201


async def test_warn_and_audit_do_not_refuse() -> None:
    async with running_api() as api:
        made = policy(validations=[{"expression": "false", "message": "no"}])
        await ensure(api, made, binding(validationActions=["Warn", "Audit"]))
        answer = await config_map(api, "a")
        assert answer.code == 201
        words = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"
        assert any(words in text for text in answer.header("warning"))


@pytest.mark.parametrize(("fail", "code"), [("Fail", 422), ("Ignore", 201)])
async def test_errors_go_by_the_failure_policy(fail: str, code: int) -> None:
    async with running_api() as api:
        await ensure(
            api, policy(validations=[{"expression": "object.data.missing == 'x'"}], failurePolicy=fail), binding()
        )
        answer = await config_map(api, "a", other="1")
        assert answer.code == code
        if code != 201:
            assert answer.message.endswith(
                "denied request: expression 'object.data.missing == 'x'' resulted in error: no such key: missing"
            )


async def test_match_conditions() -> None:
    async with running_api() as api:
        conditions = [
            {"name": "not-mine", "expression": "request.userInfo.username != 'me' && object.metadata.name != 'skip'"}
        ]
        await ensure(api, policy(matchConditions=conditions, validations=[{"expression": "false"}]), binding())
        assert (await config_map(api, "a")).code == 422
        assert (await config_map(api, "skip")).code == 201


async def test_constraints() -> None:
    match = {
        **rules(),
        "excludeResourceRules": [{**rules()["resourceRules"][0], "resourceNames": ["free"]}],
        "objectSelector": {"matchLabels": {"guarded": "yes"}},
        "namespaceSelector": {
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["open"]}]
        },
    }
    async with running_api() as api:
        await ensure(api, policy(match=match, validations=[{"expression": "false"}]), binding())
        labels = {"guarded": "yes"}
        assert (await config_map(api, "a", labels=labels)).code == 422
        assert (await config_map(api, "free", labels=labels)).code == 201
        assert (await config_map(api, "b")).code == 201
        await api.post("/api/v1/namespaces", {"metadata": {"name": "open"}})
        obj = {"metadata": {"name": "a", "labels": labels}}
        assert (await api.post("/api/v1/namespaces/open/configmaps", obj)).code == 201


async def test_bindings_narrow_what_a_policy_is_about() -> None:
    async with running_api() as api:
        await ensure(
            api,
            policy(validations=[{"expression": "false"}]),
            binding(matchResources={"objectSelector": {"matchLabels": {"x": "y"}}}),
        )
        assert (await config_map(api, "a")).code == 201
        assert (await config_map(api, "b", labels={"x": "y"})).code == 422


async def test_equivalent_versions_match() -> None:
    match = {**rules("horizontalpodautoscalers", "autoscaling", "v1"), "matchPolicy": "Equivalent"}
    validations = [{"expression": "object.spec.targetCPUUtilizationPercentage < 50"}]
    path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    target = {"type": "Utilization", "averageUtilization": 80}
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"},
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    async with running_api() as api:
        await ensure(api, policy(match=match, validations=validations), binding())
        answer = await api.post(path, {"metadata": {"name": "a"}, "spec": spec})
        assert answer.code == 422, answer
        target["averageUtilization"] = 40
        assert (await api.post(path, {"metadata": {"name": "a"}, "spec": spec})).code == 201


async def test_parameters_by_name_and_selector() -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    match = rules("deployments", "apps")
    validations = [
        {
            "expression": "object.spec.replicas <= int(params.data.max)",
            "messageExpression": "'at most ' + params.data.max",
        }
    ]
    async with running_api() as api:
        reference = {"name": "limits", "namespace": "default", "parameterNotFoundAction": "Deny"}
        await ensure(api, policy(match=match, paramKind=kind, validations=validations), binding(paramRef=reference))
        answer = await api.post(DEPLOYMENTS, deployment("web", 5))
        assert answer.message.endswith(
            "denied request: failed to configure binding: no params found for policy binding with `Deny` "
            "parameterNotFoundAction"
        )
        await config_map(api, "limits", labels={"for": "web"}, max="3")
        assert (await api.post(DEPLOYMENTS, deployment("web", 5))).message.endswith("denied request: at most 3")
        assert (await api.post(DEPLOYMENTS, deployment("web", 2))).code == 201
        await api.patch(f"{MAPS}/limits", {"data": {"max": "9"}})
        assert (await api.post(DEPLOYMENTS, deployment("two", 5))).code == 201
        await api.delete(f"{VALIDATING_BINDINGS}/b")
        selector = {"selector": {"matchLabels": {"for": "web"}}, "parameterNotFoundAction": "Allow"}
        await ensure(api, binding(paramRef=selector))
        await config_map(api, "more", labels={"for": "web"}, max="4")
        assert (await api.post(DEPLOYMENTS, deployment("three", 5))).message.endswith("denied request: at most 4")


async def test_custom_resources_as_parameters_and_as_objects() -> None:
    from tests.apiserver.crds.definitions import cron_tab, define, definition, path

    match = rules("crontabs", "stable.example.com")
    kind = {"apiVersion": "stable.example.com/v1", "kind": "CronTab"}
    async with running_api() as api:
        await define(api, definition())
        assert (await api.post(path(), cron_tab("reference"))).code == 201
        validations = [{"expression": "object.spec.cronSpec == params.spec.cronSpec"}]
        reference = {"name": "reference", "parameterNotFoundAction": "Deny"}
        await ensure(api, policy(match=match, paramKind=kind, validations=validations), binding(paramRef=reference))
        assert (await api.post(path(), cron_tab("a"))).code == 201
        assert (await api.post(path(), cron_tab("b", spec={"cronSpec": "x"}))).code == 422


async def test_the_authorizer_can_be_asked() -> None:
    async with running_api() as api:
        asked = "authorizer.group('').resource('configmaps').namespace('default').name(object.metadata.name)"
        check = f"{asked}.check('approve').allowed()"
        both = f"{check} && authorizer.requestResource.check('x').allowed()"
        await ensure(api, policy(validations=[{"expression": both}]), binding())
        assert (await config_map(api, "a")).code == 201
    async with running_api(authorization_modes=("RBAC",)) as api:
        from pybernetes.api.user import UserInfo

        rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
        role = {"metadata": {"name": "maker"}, "rules": [rule]}
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        await api.post(f"{rbac}/clusterroles", role)
        subject = {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "maker"}
        await api.post(
            f"{rbac}/clusterrolebindings", {"metadata": {"name": "m"}, "subjects": [subject], "roleRef": reference}
        )
        await ensure(api, policy(validations=[{"expression": check, "message": "not approved"}]), binding())
        api.user = UserInfo("jane", groups=("system:authenticated",))
        answer = await config_map(api, "a")
        assert answer.code == 422 and answer.message.endswith("not approved")


async def test_deletion_shows_the_old_object() -> None:
    async with running_api() as api:
        match = rules("configmaps", "", "v1", "DELETE")
        validations = [{"expression": "object == null && oldObject.data.keep != 'yes'"}]
        await ensure(api, policy(match=match, validations=validations), binding())
        await config_map(api, "a", keep="yes")
        await config_map(api, "b", keep="no")
        assert (await api.delete(f"{MAPS}/a")).code == 422
        assert (await api.delete(f"{MAPS}/b")).code == 200


async def test_policies_are_not_about_policies() -> None:
    match = {"resourceRules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]}
    async with running_api() as api:
        await ensure(api, policy(match=match, validations=[{"expression": "false"}]), binding())
        assert (await config_map(api, "a")).code == 422
        assert (await api.delete(f"{VALIDATING}/p")).code == 200
        assert (await config_map(api, "a")).code == 201


async def test_refused_policies() -> None:
    async with running_api() as api:
        wrong = policy(validations=[{"expression": "object.x +"}], variables=[{"name": "1a", "expression": "1"}])
        answer = await api.post(VALIDATING, wrong)
        assert answer.code == 422
        fields = [cause["field"] for cause in answer.body["details"]["causes"]]
        assert fields == ["spec.variables[0].name", "spec.validations[0].expression"]
        assert "compilation failed: ERROR: <input>:1:11: Syntax error" in answer.message
        answer = await api.post(VALIDATING, policy())
        assert "spec.validations: Required value" in answer.message
        answer = await api.post(VALIDATING_BINDINGS, binding(validationActions=["Deny", "Warn"]))
        assert "must not contain both Deny and Warn" in answer.message


@pytest.mark.parametrize(
    ("api_version", "kind", "words"),
    [
        ("", "", "[spec.paramKind.apiVersion: Required value, spec.paramKind.kind: Required value]"),
        ("a/b/c", "K", 'apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'),
        ("rules.example.com/", "K", "spec.paramKind.apiVersion: Required value: version must be specified"),
        ("Rules/v1", "K", 'spec.paramKind.apiVersion: Invalid value: "Rules": a lowercase RFC 1123 subdomain must'),
        ("v1", "A b", 'spec.paramKind.kind: Invalid value: "A b": may have mixed case, but should otherwise match: '),
    ],
)
async def test_a_kind_of_parameters_that_cannot_be(api_version: str, kind: str, words: str) -> None:
    async with running_api() as api:
        validations = [{"expression": "true"}]
        wrong = policy(paramKind={"apiVersion": api_version, "kind": kind}, validations=validations)
        answer = await api.post(VALIDATING, wrong)
        assert answer.code == 422
        assert words in answer.message
