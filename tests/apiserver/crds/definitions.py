"""Definitions for tests."""

from typing import Any

from tests.support.api import Api

Object = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "stable.example.com"
SPEC = {
    "type": "object",
    "required": ["cronSpec"],
    "properties": {
        "cronSpec": {"type": "string"},
        "image": {"type": "string"},
        "replicas": {"type": "integer", "default": 1, "maximum": 5},
    },
}
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SCHEMA = {"type": "object", "properties": {"spec": SPEC, "status": FREE}}


def version(name: str = "v1", *, schema: Object | None = None, **fields: Any) -> Object:
    found = {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or SCHEMA}}
    return {**found, **fields}


def definition(
    *versions: Object, plural: str = "crontabs", kind: str = "CronTab", group: str = GROUP, **spec: Any
) -> Object:
    names = {
        "plural": plural,
        "singular": kind.lower(),
        "kind": kind,
        "listKind": f"{kind}List",
        **spec.pop("names", {}),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": list(versions) or [version()],
            **spec,
        },
    }


def path(name: str = "", *, version: str = "v1", plural: str = "crontabs", group: str = GROUP) -> str:
    found = f"/apis/{group}/{version}/namespaces/default/{plural}"
    return f"{found}/{name}" if name else found


def cron_tab(name: str, *, version: str = "v1", kind: str = "CronTab", **fields: Any) -> Object:
    body: Object = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": name}}
    return {**body, "spec": {"cronSpec": "* * * * *"}, **fields}


async def define(api: Api, obj: Object) -> Object:
    """The stored definition."""
    answer = await api.post(DEFINITIONS, obj)
    assert answer.code == 201, answer
    found: Object = answer.body
    return found


def condition(obj: Object, kind: str) -> Object:
    found: Object = next(one for one in obj["status"]["conditions"] if one["type"] == kind)
    return found
