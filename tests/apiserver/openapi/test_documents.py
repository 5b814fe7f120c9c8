"""OpenAPI: what kubectl reads out of the documents is there, and every reference leads somewhere."""

from typing import Any

import msgspec
import pytest

from pybernetes.api.resource import resources
from pybernetes.api.status import StatusError
from pybernetes.apiserver.openapi import OpenApi, swagger_protobuf
from pybernetes.base.http.message import Request, Response

SERVED = [info for info in resources().values() if info.enabled]


@pytest.fixture(scope="module")
def openapi() -> OpenApi:
    return OpenApi(SERVED)


def get(openapi: OpenApi, path: str, accept: str = "application/json") -> Response:
    response = openapi.handle(Request("GET", path, headers=[("accept", accept)]))
    assert response is not None
    return response


def document(openapi: OpenApi, path: str) -> Any:
    found = get(openapi, path).body
    assert isinstance(found, bytes)
    return msgspec.json.decode(found)


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_index_names_every_group_version(openapi: OpenApi) -> None:
    paths = document(openapi, "/openapi/v3")["paths"]
    assert set(paths) == {f"apis/{i.group_version}" if i.group else "api/v1" for i in SERVED}
    assert paths["apis/apps/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/apps/v1?hash=")


@pytest.mark.parametrize("where", ["api/v1", "apis/apps/v1", "apis/autoscaling/v2", "apis/apiextensions.k8s.io/v1"])
def test_every_reference_of_a_v3_document_is_defined(openapi: OpenApi, where: str) -> None:
    found = document(openapi, f"/openapi/v3/{where}")
    defined = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert references(found) <= defined


def test_every_reference_of_the_v2_document_is_defined(openapi: OpenApi) -> None:
    found = document(openapi, "/openapi/v2")
    assert references(found) <= {f"#/definitions/{name}" for name in found["definitions"]}


def test_schemas_carry_merge_keys_and_kinds(openapi: OpenApi) -> None:
    schemas = document(openapi, "/openapi/v3/api/v1")["components"]["schemas"]
    pod = schemas["io.k8s.api.core.v1.Pod"]
    assert pod["x-kubernetes-group-version-kind"] == [{"group": "", "version": "v1", "kind": "Pod"}]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert schemas["io.k8s.api.core.v1.Probe"]["properties"]["httpGet"], "inlined structs are opened"


def test_patch_operations_name_their_parameters(openapi: OpenApi) -> None:
    paths = document(openapi, "/openapi/v3/apis/apps/v1")["paths"]
    patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {"dryRun", "fieldValidation"} <= {p["name"] for p in patch["parameters"]}
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "Deployment"


def test_an_unchanged_document_is_not_sent_again(openapi: OpenApi) -> None:
    etag = get(openapi, "/openapi/v3/api/v1").header("etag") or ""
    request = Request("GET", "/openapi/v3/api/v1", headers=[("if-none-match", etag)])
    response = openapi.handle(request)
    assert response is not None
    assert response.status == 304


def test_swagger_as_protobuf(openapi: OpenApi) -> None:
    response = get(openapi, "/openapi/v2", swagger_protobuf.MEDIA_TYPE)
    assert response.header("content-type") == swagger_protobuf.ANSWERED_TYPE
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"\n\x032.0"), "field 1 is the Swagger version"
    assert b"io.k8s.api.core.v1.Pod" in response.body


def test_other_forms_are_refused(openapi: OpenApi) -> None:
    with pytest.raises(StatusError) as refused:
        get(openapi, "/openapi/v2", "text/html")
    assert refused.value.code == 406


def test_unknown_group_versions_are_not_answered(openapi: OpenApi) -> None:
    assert openapi.handle(Request("GET", "/openapi/v3/apis/nothing/v1")) is None
