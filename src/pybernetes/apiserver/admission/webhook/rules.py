"""Which requests a webhook's rules are about: pure matching (admissionregistration.k8s.io/v1 RuleWithOperations)."""

from typing import Any

import msgspec

from ....api.resource import ResourceInfo

Object = dict[str, Any]

_EXEMPT = frozenset(
    {
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    }
)


class Target(msgspec.Struct, frozen=True):
    """What is done to what, as a rule sees it. `cluster_scoped`: neither in a namespace nor a namespace's member."""

    operation: str
    group: str
    version: str
    resource: str
    subresource: str = ""
    namespace: str = ""


def is_exempt(info: ResourceInfo) -> bool:
    """Webhooks never see the objects that configure them, so that a bad one can always be taken away."""
    return info.group == "admissionregistration.k8s.io" and info.plural in _EXEMPT


def matches(rule: Object, target: Target) -> bool:
    """Whether one rule covers the target."""
    return (
        _scope(rule.get("scope") or "*", target)
        and _has(rule.get("operations") or (), target.operation)
        and _has(rule.get("apiGroups") or (), target.group)
        and _has(rule.get("apiVersions") or (), target.version)
        and any(_resource(text, target) for text in rule.get("resources") or ())
    )


def _has(values: "list[str] | tuple[()]", value: str) -> bool:
    return value in values or "*" in values


def _scope(scope: str, target: Target) -> bool:
    """A namespace itself is cluster-scoped, although requests for it carry its name as namespace."""
    if scope == "*":
        return True
    is_namespace = target.resource == "namespaces" and not target.group
    return (scope == "Namespaced") is (bool(target.namespace) and not is_namespace)


def _resource(text: str, target: Target) -> bool:
    resource, _, subresource = text.partition("/")
    return resource in ("*", target.resource) and (subresource == target.subresource or subresource == "*")
