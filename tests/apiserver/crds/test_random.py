"""Odd definitions and odd objects are refused or taken, never an internal error."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.apiserver.crds.definitions import DEFINITIONS, GROUP, cron_tab, definition, path, version
from tests.support.api import Api

from pybernetes.testing import api_server

_names = st.sampled_from(["a", "b", "metadata", "spec", "status", "x-y", "kind"])
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 2**40), st.floats(-2, 2), st.text("ab{\u00e9", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_names, inner, max_size=2)),
    max_leaves=5,
)
_rules = st.sampled_from(
    [
        {"rule": "self == oldSelf"},
        {"rule": "has(self.a)"},
        {"rule": "self.all(x, true)", "message": "m"},
        {"rule": "self > 1", "messageExpression": "string(self)"},
        {"rule": "(", "reason": "x", "fieldPath": ".a['b']"},
        {"rule": "size(self) > 0", "fieldPath": ".a", "optionalOldSelf": True},
    ]
)


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "odd"]),
            "properties": st.dictionaries(_names, inner, max_size=3),
            "items": inner,
            "additionalProperties": st.one_of(st.booleans(), inner),
            "default": _json,
            "enum": st.lists(_json, max_size=2),
            "required": st.lists(_names, max_size=2),
            "pattern": st.sampled_from(["^a+$", "(", "[z", "(?=x)"]),
            "format": st.sampled_from(["date-time", "byte", "ipv4", "odd", "int32"]),
            "maxLength": st.integers(-1, 3),
            "maximum": st.floats(-1, 3),
            "multipleOf": st.sampled_from([0, 0.5, 2]),
            "maxItems": st.integers(-1, 3),
            "nullable": st.booleans(),
            "anyOf": st.lists(inner, max_size=2),
            "not": inner,
            "x-kubernetes-preserve-unknown-fields": st.booleans(),
            "x-kubernetes-embedded-resource": st.booleans(),
            "x-kubernetes-int-or-string": st.booleans(),
            "x-kubernetes-list-type": st.sampled_from(["atomic", "set", "map", "odd"]),
            "x-kubernetes-list-map-keys": st.lists(_names, max_size=2),
            "x-kubernetes-map-type": st.sampled_from(["atomic", "granular", "odd"]),
            "x-kubernetes-validations": st.lists(_rules, max_size=2),
        },
    )


_schemas = st.recursive(st.just({"type": "string"}), _grown, max_leaves=5)
_usable = st.dictionaries(
    st.sampled_from(["a", "b", "spec", "status"]),
    st.one_of(
        st.just({"x-kubernetes-int-or-string": True}),
        st.just({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        st.just({"type": "object", "additionalProperties": {"type": "integer", "default": 1}}),
        st.just({"type": "array", "items": {"type": "string", "nullable": True}, "x-kubernetes-list-type": "set"}),
        st.just({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "number", "maximum": 2}}}}),
        st.just({"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"a": {"type": "boolean"}}}),
        st.just({"type": "string", "enum": ["a"], "default": "a", "pattern": "a"}),
        _schemas,
    ),
    max_size=3,
)


class Loop:
    """A server that many examples talk to, each to its end."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.context = api_server()
        self.api = Api(self.runner.run(self.context.__aenter__()))

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def close(self) -> None:
        self.runner.run(self.context.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    properties=_usable, rules=st.lists(_rules, max_size=1), bodies=st.lists(st.dictionaries(_names, _json), max_size=3)
)
def test_odd_definitions_and_objects(
    loop: Loop, properties: dict[str, Any], rules: list[Any], bodies: list[dict[str, Any]]
) -> None:
    schema = {"type": "object", "properties": properties, "x-kubernetes-validations": rules}
    loop.run(_tried(loop.api, schema, bodies))


async def _tried(api: Api, schema: dict[str, Any], bodies: list[dict[str, Any]]) -> None:
    url = f"{DEFINITIONS}/crontabs.{GROUP}"
    answer = await api.post(DEFINITIONS, definition(version(schema=schema)))
    assert answer.code in (201, 400, 422), answer
    if answer.code != 201:
        return
    for number, body in enumerate(bodies):
        obj = {**body, **cron_tab(f"a{number}", spec=body.get("spec", body))}
        made = await api.post(path(), obj)
        assert made.code in (201, 400, 422), made
        if made.code == 201:
            patched = await api.patch(path(f"a{number}"), {"a": body.get("b"), "spec": body.get("a")})
            assert patched.code in (200, 400, 422), patched
    assert (await api.get(path())).code == 200
    assert (await api.get(path(), accept="application/json;as=Table;v=v1;g=meta.k8s.io")).code == 200
    assert (await api.get(f"/openapi/v3/apis/{GROUP}/v1")).code == 200
    watching = await api.watch(DEFINITIONS, "resourceVersion=0")
    assert (await api.delete(url)).code == 200

    async def is_gone() -> bool:
        return (await api.get(url)).code == 404

    await watching.until(is_gone)
    watching.body.stop()
