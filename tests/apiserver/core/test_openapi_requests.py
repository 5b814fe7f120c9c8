"""Requests that our own OpenAPI documents allow, made up by schemathesis: no failure of the server, and what is
answered with success is what the document says."""

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.transport import Response as Recorded
from schemathesis.specs.openapi.checks import response_schema_conformance
from tests.support.api import running_api

from pybernetes.base.http.message import Request
from pybernetes.testing import ADMIN, api_server

GROUPS = [
    "api/v1",
    "apis/admissionregistration.k8s.io/v1",
    "apis/apiextensions.k8s.io/v1",
    "apis/apps/v1",
    "apis/authorization.k8s.io/v1",
    "apis/autoscaling/v2",
    "apis/batch/v1",
    "apis/flowcontrol.apiserver.k8s.io/v1",
    "apis/policy/v1",
    "apis/rbac.authorization.k8s.io/v1",
    "apis/resource.k8s.io/v1",
]
STREAMS = ("/watch/", "/proxy", "/log", "/exec", "/attach", "/portforward")
AS_UPSTREAM = b"resourceVersion should not be set on objects to be created"
"""The one refusal that upstream answers with 500 as well."""


async def document(group: str) -> Any:
    async with running_api(aggregation=False) as api:
        return (await api.get(f"/openapi/v3/{group}")).body


def cases(group: str) -> st.SearchStrategy[Case]:
    """A request of any operation of a group."""
    schema = schemathesis.openapi.from_dict(asyncio.run(document(group)))
    operations = [found.ok() for found in schema.get_all_operations()]
    wanted = [one for one in operations if not any(part in one.path + "/" for part in STREAMS)]
    assert wanted
    return st.sampled_from(wanted).flatmap(lambda operation: operation.as_strategy())


@pytest.mark.parametrize("group", GROUPS)
def test_documented_requests(group: str) -> None:
    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(cases(group), min_size=1, max_size=5))
    def hold(found: list[Case]) -> None:
        asyncio.run(_sent(found))

    hold()


async def _sent(found: list[Case]) -> None:
    async with api_server(aggregation=False) as server:
        for case in found:
            wire = requests.Request(**case.as_transport_kwargs(base_url="http://server")).prepare()
            path, _, query = str(wire.path_url).partition("?")
            body = wire.body.encode() if isinstance(wire.body, str) else wire.body or b""
            headers = [(name.lower(), value) for name, value in wire.headers.items()]
            sent = Request(str(wire.method), unquote(path), query, headers, body, context={"user": ADMIN})
            response = await server.app(sent)
            if not isinstance(response.body, bytes):
                assert response.status == 200, case
                if hasattr(response.body, "stop"):
                    response.body.stop()
                continue
            assert response.status < 500 or AS_UPSTREAM in response.body, (case, response.body)
            if response.status < 300:
                answered = {name: [value] for name, value in response.headers}
                recorded = Recorded(response.status, answered, response.body, wire, 0.0, verify=False)
                case.validate_response(recorded, checks=[response_schema_conformance])
