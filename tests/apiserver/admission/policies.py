"""Policies and bindings for tests."""

from typing import Any

from tests.support.api import Answer, Api

Object = dict[str, Any]
GROUP = "/apis/admissionregistration.k8s.io/v1"
VALIDATING, VALIDATING_BINDINGS = f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/validatingadmissionpolicybindings"
MUTATING, MUTATING_BINDINGS = f"{GROUP}/mutatingadmissionpolicies", f"{GROUP}/mutatingadmissionpolicybindings"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"


def rules(resource: str = "configmaps", group: str = "", version: str = "v1", *operations: str) -> Object:
    rule = {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations) or ["CREATE", "UPDATE"],
        "resources": [resource],
    }
    return {"resourceRules": [rule]}


def policy(
    name: str = "p", *, kind: str = "ValidatingAdmissionPolicy", match: Object | None = None, **spec: Any
) -> Object:
    if kind.startswith("Mutating"):
        spec.setdefault("reinvocationPolicy", "Never")
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"matchConstraints": match or rules(), "failurePolicy": "Fail", **spec},
    }


def binding(name: str = "b", policy: str = "p", *, mutating: bool = False, **spec: Any) -> Object:
    kind = "MutatingAdmissionPolicyBinding" if mutating else "ValidatingAdmissionPolicyBinding"
    actions = {} if mutating else {"validationActions": ["Deny"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"policyName": policy, **actions, **spec},
    }


async def ensure(api: Api, *objects: Object) -> None:
    paths = {
        "ValidatingAdmissionPolicy": VALIDATING,
        "ValidatingAdmissionPolicyBinding": VALIDATING_BINDINGS,
        "MutatingAdmissionPolicy": MUTATING,
        "MutatingAdmissionPolicyBinding": MUTATING_BINDINGS,
    }
    for obj in objects:
        answer = await api.post(paths[obj["kind"]], obj)
        assert answer.code == 201, answer


def deployment(name: str, replicas: int = 1, **metadata: Any) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template},
    }


async def config_map(api: Api, name: str, query: str = "", labels: Any = None, **data: str) -> Answer:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return await api.post(MAPS, {"metadata": metadata, "data": data}, query)
