"""Whatever arrives, the answer is a well-formed API answer and never a failure of the server."""

import asyncio
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybernetes.base.http.message import Request
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
MEDIA = [
    "application/json",
    "application/yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    "",
]
ACCEPT = ["", "application/json", "application/yaml", "application/json;as=Table;g=meta.k8s.io;v=v1", "text/html"]
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
                assert isinstance(response.body, bytes)
                assert response.status < 500, (method, path, query, media, body, response.body)
                if response.status >= 400:
                    assert orjson.loads(response.body)["code"] == response.status

    asyncio.run(run())
