"""`fieldValidation`: the messages on unknown and duplicate fields, for every way of writing and in upstream's order."""

from typing import Any

import pytest
from tests.support.api import Answer, running_api

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
D = DEPLOYMENTS + "/d"

WRONG_JSON = b"""
{
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "other", "name": "d", "labels": {"app": "a"}, "unknownMeta": "v"},
    "spec": {
        "unknown1": "v",
        "unknownDupe": "v",
        "unknownDupe": "w",
        "paused": true,
        "paused": false,
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [{
                    "name": "c",
                    "image": "i",
                    "unknownNested": "v",
                    "imagePullPolicy": "Always",
                    "imagePullPolicy": "Never"
                }]
            }
        }
    }
}
"""
WRONG_YAML = b"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: other
  name: d
  unknownMeta: v
spec:
  unknown1: v
  unknownDupe: v
  unknownDupe: w
  paused: true
  paused: false
  selector:
    matchLabels: {app: a}
  template:
    metadata:
      labels: {app: a}
    spec:
      containers:
      - name: c
        image: i
        unknownNested: v
        imagePullPolicy: Always
        imagePullPolicy: Never
"""
RIGHT_JSON = b"""{"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {
    "metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}"""
OF_JSON = [
    'duplicate field "metadata.name"',
    'unknown field "metadata.unknownMeta"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
]
OF_YAML = [
    'line 5: key "name" already set in map',
    'line 10: key "unknownDupe" already set in map',
    'line 12: key "paused" already set in map',
    'line 24: key "imagePullPolicy" already set in map',
]
UNKNOWN_BY_PATH = [
    'unknown field "metadata.unknownMeta"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
YAML_ERROR = "yaml: unmarshal errors:\n" + "\n".join("  " + line for line in OF_YAML)
JSON, YAML = "application/json", "application/yaml"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"

PATCH = b"""{"spec": {
    "unknown1": "v", "unknownDupe": "v", "unknownDupe": "w", "paused": true, "paused": false,
    "template": {"spec": {"containers": [{
        "name": "c", "image": "i", "unknownNested": "v", "imagePullPolicy": "Always", "imagePullPolicy": "Never"
    }]}}
}}"""
OF_PATCH = [
    'duplicate field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
    'unknown field "spec.template.spec.containers[0].unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
OPERATIONS = b"""[
    {"op": "add", "path": "/spec/unknown1", "value": "v", "foo": "bar"},
    {"op": "add", "path": "/spec/unknown2", "path": "/spec/unknown3", "value": "v"},
    {"op": "add", "path": "/spec/paused", "value": true}
]"""
OF_OPERATIONS = [
    'json patch unknown field "[0].foo"',
    'json patch duplicate field "[1].path"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknown3"',
]
APPLIED = WRONG_YAML.replace(b"  unknownMeta: v\n", b"").replace(b"  unknown1: v\n", b"")
APPLIED = APPLIED.replace(b"  unknownDupe: v\n", b"").replace(b"  unknownDupe: w\n", b"")
APPLIED = APPLIED.replace(b"        unknownNested: v\n", b"")
OF_APPLIED = [
    'line 5: key "name" already set in map',
    'line 8: key "paused" already set in map',
    'line 19: key "imagePullPolicy" already set in map',
]
APPLY_ERROR = "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n" + "\n".join(
    "  " + line for line in OF_APPLIED
)

WAYS: list[tuple[str, str, str, str, bytes, list[str], str]] = [
    ("post JSON", "POST", DEPLOYMENTS, JSON, WRONG_JSON, OF_JSON, ", ".join(OF_JSON)),
    (
        "post YAML",
        "POST",
        DEPLOYMENTS,
        YAML,
        WRONG_YAML,
        OF_YAML + UNKNOWN_BY_PATH,
        ", ".join([YAML_ERROR, *UNKNOWN_BY_PATH]),
    ),
    ("put JSON", "PUT", D, JSON, WRONG_JSON, OF_JSON, ", ".join(OF_JSON)),
    ("put YAML", "PUT", D, YAML, WRONG_YAML, OF_YAML + UNKNOWN_BY_PATH, ", ".join([YAML_ERROR, *UNKNOWN_BY_PATH])),
    ("merge patch", "PATCH", D, MERGE, PATCH, OF_PATCH, ", ".join(OF_PATCH)),
    ("strategic patch", "PATCH", D, STRATEGIC, PATCH, OF_PATCH, ", ".join(OF_PATCH)),
    ("JSON patch", "PATCH", D, JSON_PATCH, OPERATIONS, OF_OPERATIONS, ", ".join(OF_OPERATIONS)),
    ("apply", "PATCH", D, APPLY, APPLIED, OF_APPLIED, APPLY_ERROR),
]


def warnings(answer: Answer) -> list[str]:
    return [value.removeprefix('299 - "')[:-1].replace('\\"', '"') for value in answer.header("warning")]


@pytest.mark.parametrize("mode", ["", "Warn", "Strict", "Ignore"])
@pytest.mark.parametrize(
    ("method", "path", "media", "body", "warned", "error"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
async def test_messages(method: str, path: str, media: str, body: bytes, warned: Any, error: str, mode: str) -> None:
    async with running_api() as api:
        if method != "POST":
            await api.post(DEPLOYMENTS, RIGHT_JSON)
        query = f"fieldValidation={mode}&fieldManager=m" if mode else "fieldManager=m"
        if media == APPLY:
            query += "&force=true"
        answer = await api.call(method, path, body, media=media, query=query)
        if mode == "Strict":
            assert answer.code in (400, 422)
            assert answer.message.endswith(error), answer.message
            assert answer.code == 400 or answer.message.startswith(' "" is invalid: patch: Invalid value: ')
        else:
            assert answer.code in (200, 201), answer
            assert warnings(answer) == ([] if mode == "Ignore" else warned)
            assert "unknown1" not in str(answer.body)


async def test_what_is_right_is_not_warned_of() -> None:
    async with running_api() as api:
        answer = await api.post(DEPLOYMENTS, RIGHT_JSON, query="fieldValidation=Strict")
        assert (answer.code, answer.header("warning")) == (201, [])


async def test_what_lies_below_an_unknown_field_is_not_looked_at() -> None:
    async with running_api() as api:
        body = b'{"metadata": {"name": "a"}, "extra": {"a": 1, "a": 2, "b": {"c": 1, "c": 1}}}'
        answer = await api.post("/api/v1/namespaces/default/configmaps", body)
        assert warnings(answer) == ['unknown field "extra"']


async def test_another_mode_is_refused() -> None:
    async with running_api() as api:
        answer = await api.post(DEPLOYMENTS, RIGHT_JSON, query="fieldValidation=Maybe")
        assert (answer.code, answer.message) == (
            422,
            'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": supported values: '
            '"", "Ignore", "Strict", "Warn"',
        )
