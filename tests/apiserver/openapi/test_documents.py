"""OpenAPI: what kubectl reads out of the documents is there, and every reference leads somewhere."""

import struct
from typing import Any

import msgspec
import pytest

from pybernetes.api.resource import resources
from pybernetes.api.schema.table import table as types
from pybernetes.api.status import StatusError
from pybernetes.apiserver.openapi import OpenApi, descriptions, openapi_protobuf, swagger_protobuf
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


Message = dict[int, list[Any]]


def message(data: bytes) -> Message:
    """The fields of a protocol buffer by number: bytes, or numbers."""
    found: Message = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        key = varint()
        value: Any
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 1:
            value = struct.unpack_from("<d", data, at)[0]
            at += 8
        else:
            assert key & 7 == 2
            size = varint()
            value = data[at : at + size]
            assert len(value) == size
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def pairs(data: bytes, number: int = 1) -> dict[str, bytes]:
    """A map of messages, as gnostic writes it."""
    named = [message(pair) for pair in message(data).get(number, [])]
    return {pair[1][0].decode(): pair[2][0] for pair in named}


def as_json(data: bytes) -> Any:
    """A SchemaOrReference of the protobuf form, as far as the comparison below goes."""
    choice = message(data)
    if 2 in choice:
        return {"$ref": message(choice[2][0])[1][0].decode()}
    return schema_as_json(choice[1][0])


def schema_as_json(data: bytes) -> dict[str, Any]:
    fields = message(data)
    found: dict[str, Any] = {}
    for key, number in (("type", 25), ("format", 35)):
        if number in fields:
            found[key] = fields[number][0].decode()
    if 23 in fields:
        found["required"] = [item.decode() for item in fields[23]]
    for key, number in (("allOf", 26), ("oneOf", 27)):
        if number in fields:
            found[key] = [as_json(item) for item in fields[number]]
    if 24 in fields:
        found["enum"] = [msgspec.json.decode(message(item)[2][0]) for item in fields[24]]
    if 30 in fields:
        found["items"] = as_json(message(fields[30][0])[1][0])
    if 31 in fields:
        found["properties"] = {name: as_json(item) for name, item in pairs(fields[31][0]).items()}
    if 32 in fields:
        inner = message(fields[32][0])
        found["additionalProperties"] = as_json(inner[1][0]) if 1 in inner else bool(inner[2][0])
    if 33 in fields:
        inner = message(fields[33][0])
        value = inner[1][0] if 1 in inner else bool(inner[2][0]) if 2 in inner else None
        found["default"] = inner[3][0].decode() if 3 in inner else {} if value is None else value
    if 34 in fields:
        found["description"] = fields[34][0].decode()
    for pair in map(message, fields.get(36, [])):
        found[pair[1][0].decode()] = msgspec.json.decode(message(pair[2][0])[2][0])
    return found


@pytest.mark.parametrize("asked", [openapi_protobuf.MEDIA_TYPE, openapi_protobuf.ANSWERED_TYPE])
@pytest.mark.parametrize("where", ["api/v1", "apis/apiextensions.k8s.io/v1"])
def test_a_v3_document_as_protobuf_says_the_same(openapi: OpenApi, where: str, asked: str) -> None:
    expected = document(openapi, f"/openapi/v3/{where}")
    response = get(openapi, f"/openapi/v3/{where}", asked)
    assert response.header("content-type") == openapi_protobuf.ANSWERED_TYPE
    assert response.header("etag") != get(openapi, f"/openapi/v3/{where}").header("etag")
    assert isinstance(response.body, bytes)
    fields = message(response.body)
    assert fields[1] == [b"3.0.0"]
    schemas = {name: as_json(item) for name, item in pairs(message(fields[5][0])[1][0]).items()}
    assert schemas == expected["components"]["schemas"]
    paths = pairs(fields[4][0])
    assert set(paths) == set(expected["paths"])
    numbers = {"get": 4, "put": 5, "post": 6, "delete": 7, "patch": 10}
    for path, item in expected["paths"].items():
        found = message(paths[path])
        assert {verb for verb, number in numbers.items() if number in found} == set(item) & set(numbers)
        for verb in set(item) & set(numbers):
            operation = message(found[numbers[verb]][0])
            assert operation[5][0].decode() == item[verb]["operationId"]
            assert set(pairs(operation[8][0], 2)) == set(item[verb]["responses"])
            names = [message(message(one)[1][0])[1][0].decode() for one in operation.get(6, [])]
            assert names == [parameter["name"] for parameter in item[verb].get("parameters", [])]


def test_swagger_is_known_by_both_its_names(openapi: OpenApi) -> None:
    response = get(openapi, "/openapi/v2", swagger_protobuf.ANSWERED_TYPE)
    assert response.header("content-type") == swagger_protobuf.ANSWERED_TYPE


def test_parameters_tell_of_their_values_in_the_schema(openapi: OpenApi) -> None:
    (parameter,) = document(openapi, "/openapi/v3/api/v1")["paths"]["/api/v1/pods"]["parameters"]
    assert parameter == {"name": "pretty", "in": "query", "schema": {"uniqueItems": True, "type": "string"}}


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3/api/v1"])
def test_other_forms_are_refused(openapi: OpenApi, path: str) -> None:
    with pytest.raises(StatusError) as refused:
        get(openapi, path, "text/html")
    assert refused.value.code == 406


def test_unknown_group_versions_are_not_answered(openapi: OpenApi) -> None:
    assert openapi.handle(Request("GET", "/openapi/v3/apis/nothing/v1")) is None


def test_types_and_fields_that_people_write_are_described(openapi: OpenApi) -> None:
    """The conformance suite's "works for CRD with validation schema" asks for the words on creationTimestamp."""
    for where, schemas in (("v2", ("definitions",)), ("v3/api/v1", ("components", "schemas"))):
        found = document(openapi, f"/openapi/{where}")
        for word in schemas:
            found = found[word]
        metadata = found["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
        created = metadata["properties"]["creationTimestamp"]
        assert created["description"].startswith("CreationTimestamp is a timestamp")
        assert all(field.get("description") for field in metadata["properties"].values())
        pod = found["io.k8s.api.core.v1.Pod"]
        assert pod["description"].startswith("Pod is")
        assert all(field.get("description") for field in pod["properties"].values())


def test_descriptions_name_types_and_fields_that_there_are() -> None:
    for name, fields in descriptions.FIELDS.items():
        assert {field["n"] for field in types()[name]["f"]} >= fields.keys(), name
    assert set(descriptions.TYPES) <= set(types())
