"""What webhook configurations get wrong, with upstream's paths and words."""

from typing import Any

import pytest

from pybernetes.api.validation import validation_of

Object = dict[str, Any]
RULE: Object = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
HOOK: Object = {
    "name": "a.example.com",
    "clientConfig": {"url": "https://hook.example.com/x"},
    "rules": [RULE],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}


def errors(*hooks: Object, kind: str = "Mutating") -> list[str]:
    judge = validation_of(f"{kind.lower()}webhookconfigurations.admissionregistration.k8s.io")
    obj = {"kind": f"{kind}WebhookConfiguration", "metadata": {"name": "n"}, "webhooks": list(hooks)}
    return [str(error) for error in judge.create(obj)]


def service(**changes: Any) -> Object:
    return {"clientConfig": {"service": {"name": "s", "namespace": "n", **changes}}}


def rule(**changes: Any) -> Object:
    return {"rules": [{**RULE, **changes}]}


CASES: list[tuple[Object, list[str]]] = [
    ({}, []),
    ({"name": ""}, ["webhooks[0].name: Required value"]),
    (
        {"name": "short.com"},
        [
            'webhooks[0].name: Invalid value: "short.com": '
            "should be a domain with at least three segments separated by dots"
        ],
    ),
    ({"sideEffects": None}, ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
    (
        {"sideEffects": "Some"},
        ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
    ),
    (
        {"timeoutSeconds": 31},
        ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
    ),
    (
        {"failurePolicy": "Maybe"},
        ['webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"'],
    ),
    (
        {"matchPolicy": "Loose"},
        ['webhooks[0].matchPolicy: Unsupported value: "Loose": supported values: "Equivalent", "Exact"'],
    ),
    (
        {"reinvocationPolicy": "Often"},
        ['webhooks[0].reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"'],
    ),
    ({"clientConfig": {}}, ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]),
    (
        {"clientConfig": {"url": "http://u@h/x?a=b#c"}},
        [
            'webhooks[0].clientConfig.url: Invalid value: "http": '
            "'https' is the only allowed URL scheme; desired format: https://host[/path]",
            'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
            'webhooks[0].clientConfig.url: Invalid value: "c": fragments are not permitted in the URL',
            'webhooks[0].clientConfig.url: Invalid value: "a=b": query parameters are not permitted in the URL',
        ],
    ),
    (
        service(name="", port=70000, path="x//y"),
        [
            "webhooks[0].clientConfig.service.name: Required value: service name is required",
            "webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: "
            "must be between 1 and 65535, inclusive",
            "webhooks[0].clientConfig.service.path: Invalid value: \"x//y\": must start with a '/'",
            'webhooks[0].clientConfig.service.path: Invalid value: "x//y": segment[0] may not be empty',
            'webhooks[0].clientConfig.service.path: Invalid value: "x//y": segment[1] may not be empty',
        ],
    ),
    (
        {"admissionReviewVersions": ["v2", "v2"]},
        [
            'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
            'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
        ],
    ),
    (
        rule(operations=["*", "CREATE"]),
        [
            'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: '
            "if '*' is present, must not specify other operations"
        ],
    ),
    (
        rule(resources=["pods/*", "pods/log", "*", "a"], scope="Galaxy"),
        [
            'webhooks[0].rules[0].resources[1]: Invalid value: "pods/log": '
            "if 'pods/*' is present, must not specify pods/log",
            'webhooks[0].rules[0].resources: Invalid value: ["pods/*","pods/log","*","a"]: '
            "if '*' is present, must not specify other resources without subresources",
            'webhooks[0].rules[0].scope: Unsupported value: "Galaxy": supported values: "*", "Cluster", "Namespaced"',
        ],
    ),
    (
        {"matchConditions": [{"name": "a b", "expression": " "}, {"name": "ok", "expression": "1"}]},
        [
            "webhooks[0].matchConditions[0].expression: Required value",
            'webhooks[0].matchConditions[0].name: Invalid value: "a b": name part must consist of alphanumeric '
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
            "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            'webhooks[0].matchConditions[1].expression: Invalid value: "1": must evaluate to bool',
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_what_a_webhook_gets_wrong(changes: Object, expected: list[str]) -> None:
    assert errors({**HOOK, **changes}) == expected


def test_names_are_unique() -> None:
    assert errors(HOOK, HOOK) == ['webhooks[1].name: Duplicate value: "a.example.com"']


def test_an_expression_that_was_there_is_kept() -> None:
    judge = validation_of("validatingwebhookconfigurations.admissionregistration.k8s.io")
    obj = {"webhooks": [{**HOOK, "matchConditions": [{"name": "old", "expression": "object..x"}]}]}
    assert judge.create(obj) and not judge.update(obj, obj)
