"""What is counted of requests."""

from typing import Any

import pytest
from tests.support.scripted_app import ScriptedApp, event_line, json_response, status_response, stream_response

from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError
from pybernetes.base.http.message import Request, Response
from pybernetes.client.client import Client
from pybernetes.client.config import RestConfig, host_of
from pybernetes.client.request_metrics import RequestMetrics

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "resourceVersion": "5"}}
HOST = "10.0.0.1:6443"


def numbers(metrics: RequestMetrics, name: str) -> dict[str, str]:
    """The samples of one metric: labels to value."""
    lines = metrics.text().decode().splitlines()
    rows = (line.rpartition(" ") for line in lines if line.startswith(name + "{"))
    return {labels[len(name) :]: value for labels, _, value in rows}


async def test_every_answer_is_counted_by_code_method_and_host() -> None:
    refused: Any = status_response(503, "ServiceUnavailable", [("retry-after", "1")])
    app = ScriptedApp(json_response(POD), refused, json_response(POD), status_response(404, "NotFound"))
    metrics = RequestMetrics(HOST)
    client = Client(app, metrics=metrics)
    await client.get(Pod, "a", "n")
    await client.get(Pod, "a", "n")
    with pytest.raises(StatusError):
        await client.delete(Pod, "b", "n")
    assert numbers(metrics, "rest_client_requests_total") == {
        '{code="200",method="GET",host="10.0.0.1:6443"}': "2",
        '{code="503",method="GET",host="10.0.0.1:6443"}': "1",
        '{code="404",method="DELETE",host="10.0.0.1:6443"}': "1",
    }
    assert numbers(metrics, "rest_client_request_retries_total") == {
        '{code="503",verb="GET",host="10.0.0.1:6443"}': "1"
    }
    assert numbers(metrics, "rest_client_request_duration_seconds_count") == {
        '{verb="GET",host="10.0.0.1:6443"}': "3",
        '{verb="DELETE",host="10.0.0.1:6443"}': "1",
    }


async def test_a_watch_is_one_request() -> None:
    app = ScriptedApp(stream_response(event_line("ADDED", POD), event_line("MODIFIED", POD)))
    metrics = RequestMetrics(HOST)
    async for _ in Client(app, metrics=metrics).watch(Pod, "n"):
        pass
    assert numbers(metrics, "rest_client_requests_total") == {'{code="200",method="GET",host="10.0.0.1:6443"}': "1"}


async def test_a_request_without_an_answer_is_an_error() -> None:
    async def broken(request: Request) -> Response:
        raise ConnectionError("gone")

    metrics = RequestMetrics(HOST)
    with pytest.raises(ConnectionError):
        await Client(broken, metrics=metrics).get(Pod, "a", "n")
    assert numbers(metrics, "rest_client_requests_total") == {'{code="<error>",method="GET",host="10.0.0.1:6443"}': "1"}


def test_the_host_is_that_of_the_server() -> None:
    assert host_of(RestConfig(server="https://[fd00::1]:6443/base")) == "[fd00::1]:6443"
