"""Discovery documents, old and aggregated."""

from typing import Any

import msgspec
import pytest

from pybernetes.api.resource import ResourceInfo, resources
from pybernetes.apiserver.discovery import Discovery
from pybernetes.base.http.message import Request, Response

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
SERVED = [info for info in resources().values() if info.enabled]


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(SERVED, "10.0.0.1:6443")


def get(discovery: Discovery, path: str, accept: str = "", **headers: str) -> Response | None:
    sent = [("accept", accept)] if accept else []
    sent += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return discovery.handle(Request("GET", path, headers=sent))


def body(response: Response | None) -> Any:
    assert response is not None
    assert isinstance(response.body, bytes)
    return msgspec.json.decode(response.body)


def test_the_old_tree(discovery: Discovery) -> None:
    assert body(get(discovery, "/api"))["versions"] == ["v1"]
    groups = [group["name"] for group in body(get(discovery, "/apis"))["groups"]]
    assert groups[:2] == ["apiregistration.k8s.io", "apps"]
    assert len(groups) == 20
    assert body(get(discovery, "/apis/autoscaling"))["preferredVersion"]["groupVersion"] == "autoscaling/v2"
    listed = {r["name"]: r for r in body(get(discovery, "/apis/apps/v1"))["resources"]}
    assert listed["deployments"]["shortNames"] == ["deploy"]
    assert listed["deployments/scale"] == {
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
    }


def test_storage_version_hashes_are_upstreams(discovery: Discovery) -> None:
    listed = {r["name"]: r for r in body(get(discovery, "/api/v1"))["resources"]}
    assert listed["configmaps"]["storageVersionHash"] == "qFsyl6wFWjQ="
    assert listed["pods"]["storageVersionHash"] == "xPOwRZ+Yhw8="


def test_aggregated_names_everything_once(discovery: Discovery) -> None:
    response = get(discovery, "/apis", AGGREGATED)
    found = body(response)
    assert response is not None
    assert response.header("content-type") == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    apps = next(item for item in found["items"] if item["metadata"]["name"] == "apps")
    entry = next(r for r in apps["versions"][0]["resources"] if r["resource"] == "deployments")
    assert entry["scope"] == "Namespaced"
    assert [s["subresource"] for s in entry["subresources"]] == ["scale", "status"]
    assert body(get(discovery, "/api", AGGREGATED))["items"][0]["versions"][0]["version"] == "v1"


def test_an_unchanged_document_is_not_sent_again(discovery: Discovery) -> None:
    response = get(discovery, "/apis", AGGREGATED)
    assert response is not None
    again = get(discovery, "/apis", AGGREGATED, if_none_match=response.header("etag") or "")
    assert again is not None
    assert (again.status, again.body) == (304, b"")


def test_the_older_aggregated_version_is_understood(discovery: Discovery) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    assert body(get(discovery, "/apis", accept))["apiVersion"] == "apidiscovery.k8s.io/v2beta1"


@pytest.mark.parametrize("path", ["/apis/nothing", "/apis/apps/v9", "/api/v2", "/other", "/apis/apps/v1/deployments"])
def test_other_paths_are_not_answered(discovery: Discovery, path: str) -> None:
    assert get(discovery, path) is None


def test_resources_come_and_go(discovery: Discovery) -> None:
    widget = ResourceInfo("example.com", "v1", "widgets", "Widget", "widget", True, ("get", "list"))
    before = get(discovery, "/apis", AGGREGATED)
    discovery.update([*SERVED, widget])
    assert body(get(discovery, "/apis/example.com/v1"))["resources"][0]["name"] == "widgets"
    after = get(discovery, "/apis", AGGREGATED)
    assert before is not None
    assert after is not None
    assert before.header("etag") != after.header("etag")
    discovery.update(SERVED)
    assert get(discovery, "/apis/example.com/v1") is None
