"""Whatever arrives, the answer is a well-formed API answer and never a failure of the server."""

import asyncio
import copy
import json
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.apiserver.conformance.objects import SAMPLES, sample

from pybernetes.api.protobuf import decode
from pybernetes.api.resource import resources
from pybernetes.apiserver.filters.requests import LONG_RUNNING_SUBRESOURCES
from pybernetes.apiserver.yaml_body import load
from pybernetes.base.http.message import Request, Response
from pybernetes.testing import ADMIN, api_server

PATHS = [
    "/api/v1/namespaces",
    "/api/v1/namespaces/default",
    "/api/v1/namespaces/default/finalize",
    "/api/v1/namespaces/default/configmaps",
    "/api/v1/namespaces/default/configmaps/a",
    "/api/v1/namespaces/default/pods",
    "/api/v1/namespaces/default/pods/a",
    "/api/v1/namespaces/default/pods/a/status",
    "/api/v1/namespaces/default/pods/a/binding",
    "/api/v1/namespaces/default/pods/a/eviction",
    "/api/v1/namespaces/default/pods/a/ephemeralcontainers",
    "/api/v1/namespaces/default/pods/a/resize",
    "/api/v1/namespaces/default/events",
    "/apis/events.k8s.io/v1/namespaces/default/events/a",
    "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/a",
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "/apis/apps/v1/namespaces/default/deployments",
    "/apis/apps/v1/namespaces/default/deployments/a",
    "/apis/apps/v1/namespaces/default/deployments/a/scale",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/a",
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets/a",
    "/api/v1/nodes/a",
    "/api/v1/nodes/a/status",
    "/api/v1/namespaces/default/services/a",
]
KINDS = [info for info in resources().values() if info.enabled]
PATHS += [info.path("default" if info.namespaced else None) for info in KINDS]
PATHS += [
    info.path("default" if info.namespaced else None, "a", sub)
    for info in KINDS
    for sub in ("", *info.subresources)
    if sub not in LONG_RUNNING_SUBRESOURCES
]
MEDIA = [
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/vnd.kubernetes.protobuf",
    "application/apply-patch+yaml",
    "text/plain",
    "",
]
ACCEPT = [
    "",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;as=Table;g=meta.k8s.io;v=v1",
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "text/html",
]
QUERIES = [
    "",
    "dryRun=All",
    "fieldValidation=Strict",
    "labelSelector=a%20in%20(b",
    "labelSelector=a%3Db",
    "fieldSelector=metadata.name%3Da",
    "fieldSelector=%3D%3D",
    "limit=1",
    "limit=-1",
    "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYVx1MDAwMCJ9",
    "resourceVersion=0",
    "resourceVersion=1&resourceVersionMatch=Exact",
    "pretty=true",
    "gracePeriodSeconds=x",
    "propagationPolicy=Orphan",
    "fieldManager=m&force=true",
    "fieldManager=m&fieldValidation=Strict",
    "fieldManager=%0A",
    "watch=1&timeoutSeconds=0",
    "resourceVersion=x&continue=y",
]


def dumped(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


names = st.sampled_from(
    ["a", "name", "metadata", "spec", "status", "kind", "template", "containers", "labels", "data", "ports"]
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 40), 1 << 40), st.floats(allow_nan=False, allow_infinity=False), names
)
values = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4))
)
good = st.fixed_dictionaries(
    {"metadata": st.fixed_dictionaries({"name": st.just("a")}, optional={"labels": values, "finalizers": values})},
    optional={
        "spec": values,
        "status": values,
        "data": values,
        "target": values,
        "deleteOptions": values,
        "involvedObject": values,
        "rules": values,
        "gracePeriodSeconds": values,
        "preconditions": values,
        "kind": st.sampled_from(["Pod", "Scale", "DeleteOptions", "x"]),
    },
)
operations = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "remove", "replace", "test", "move", "x"]),
            "path": st.sampled_from(["", "/metadata", "/metadata/name", "/spec/a", "/-"]),
        },
        optional={"value": values, "from": st.sampled_from(["/metadata", "/x"])},
    ),
    max_size=2,
)
bodies = st.one_of(st.binary(max_size=30), values.map(dumped), good.map(dumped), operations.map(dumped))
request = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    st.sampled_from(PATHS),
    st.sampled_from(QUERIES),
    st.sampled_from(MEDIA),
    st.sampled_from(ACCEPT),
    bodies,
)


def check(response: Response, sent: Any) -> None:
    """A finished answer that is no failure of the server, and a Status when it is a refusal."""
    body = response.body
    if not isinstance(body, bytes):
        assert response.status == 200, sent
        if hasattr(body, "stop"):
            body.stop()
        return
    assert response.status < 500, (sent, body)
    if response.status >= 400:
        media = response.header("content-type")
        status = (
            decode(body)
            if body.startswith(b"k8s\0")
            else load(body)
            if media == "application/yaml"
            else orjson.loads(body)
        )
        assert (status["kind"], status["code"]) == ("Status", response.status), sent


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(request, min_size=1, max_size=12))
def test_no_request_makes_the_server_fail(requests: list[tuple[str, str, str, str, str, bytes]]) -> None:
    async def run() -> None:
        async with api_server() as server:
            for method, path, query, media, accept, body in requests:
                headers = [("content-type", media)] if media else []
                if accept:
                    headers.append(("accept", accept))
                sent = Request(method, path, query, headers, body, context={"user": ADMIN})
                response = await server.app(sent)
                check(response, (method, path, query, media, accept, body))

    asyncio.run(run())


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "x", "\u0000", "\ud7ff" * 70, "10Gi", "-1", "1e400", "2026-01-01T00:00:00Z", "a/b", "{}", "*"]
    ),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just([None]),
    st.just({"": None}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in an object, but its identity."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if path == ("metadata",) and key == "name":
            continue
        found.append((*path, key))
        found += places(inner, (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Any, list[dict[str, Any]]]:
    """A kind, a valid object of it, and some with single values replaced, removed or added."""
    info = draw(st.sampled_from([info for info in KINDS if info.group_resource in SAMPLES]))
    found = [sample(info.group_resource, "a")]
    for _ in range(draw(st.integers(1, 4))):
        obj = copy.deepcopy(draw(st.sampled_from(found)))
        place = draw(st.sampled_from(places(obj) or [("x",)]))
        holder = obj
        for key in place[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "remove", "add", "replace"]))
        if action == "replace":
            holder[place[-1]] = draw(junk)
        elif action == "remove":
            holder.pop(place[-1], None) if isinstance(holder, dict) else holder.pop()
        elif isinstance(holder, dict):
            name = draw(
                st.sampled_from(["labels", "selector", "status", "items", "finalizers", "x", "ownerReferences"])
            )
            holder[name] = draw(junk)
        found.append(obj)
    return info, found


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated(), st.sampled_from(["POST", "PUT", "merge", "strategic", "apply", "status"]), st.sampled_from(ACCEPT))
def test_no_broken_object_makes_the_server_fail(case: tuple[Any, list[dict[str, Any]]], way: str, accept: str) -> None:
    info, objects = case
    collection = info.path("default" if info.namespaced else None)

    async def run() -> None:
        async with api_server(aggregation=False) as server:
            for obj in objects:
                media, method, path, query = "application/json", way, collection + "/a", ""
                match way:
                    case "POST":
                        path = collection
                    case "merge" | "strategic":
                        method = "PATCH"
                        media = f"application/{'strategic-' if way == 'strategic' else ''}merge-patch+json"
                    case "apply":
                        method, media, query = "PATCH", "application/apply-patch+yaml", "fieldManager=m&force=true"
                        obj = {"apiVersion": info.group_version, "kind": info.kind, **obj}
                    case "status":
                        method, media, path = "PATCH", "application/merge-patch+json", path + "/status"
                if way not in ("POST", "apply") and obj is objects[0]:
                    method, path, media = "POST", collection, "application/json"
                headers = [("content-type", media), *([("accept", accept)] if accept else [])]
                for name in ("GET", method, "GET"):
                    body = json.dumps(obj).encode() if name == method else b""
                    sent = Request(name, path, query, list(headers), body, context={"user": ADMIN})
                    check(await server.app(sent), (name, path, media, accept, obj))

    asyncio.run(run())
