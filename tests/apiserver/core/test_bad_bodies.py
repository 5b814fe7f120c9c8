"""Bodies and parameters made to hurt: each is refused in upstream's words, quickly, and the server goes on."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.support.api import CONFIG_MAPS, MERGE, PODS, Api, running_api

from pybernetes.api.protobuf import encode
from pybernetes.api.status import StatusError
from pybernetes.apiserver.nesting import LEVELS, check_nesting
from pybernetes.apiserver.verbs.numbers import signed, unsigned

JSON = "application/json"
YAML = "application/yaml"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
A = f"{CONFIG_MAPS}/a"


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def config_map(**data: str) -> bytes:
    return orjson.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})


def bomb(levels: int = 12) -> bytes:
    names = [chr(ord("a") + at) for at in range(levels)]
    lines = [f"{names[0]}: &{names[0]} [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{one}: &{one} [{','.join([f'*{before}'] * 9)}]" for before, one in pairwise(names)]
    return "\n".join(lines).encode()


DOUBLING = orjson.dumps(
    [
        {"op": "add", "path": "/data", "value": {"a": "x" * 1000}},
        *({"op": "copy", "from": "/data", "path": f"/data/a{turn}"} for turn in range(60)),
    ]
)

REFUSED: dict[str, tuple[str, str, str, bytes, int, str]] = {
    "nested objects": ("POST", CONFIG_MAPS, JSON, nested(10_000), 400, "exceeded max depth"),
    "nested lists": ("POST", CONFIG_MAPS, JSON, b"[" * 100_000, 400, "exceeded max depth"),
    "nested merge patch": ("PATCH", A, MERGE, nested(10_000), 400, "exceeded max depth"),
    "nested strategic patch": ("PATCH", f"{PODS}/a", STRATEGIC, nested(10_000), 400, "exceeded max depth"),
    "nested json patch": (
        "PATCH",
        A,
        JSON_PATCH,
        b'[{"op":"add","path":"/data/x","value":' + nested(10_000) + b"}]",
        400,
        "exceeded max depth",
    ),
    "nested yaml": ("POST", CONFIG_MAPS, YAML, b"[" * 50_000, 400, "exceeded maximum nesting depth"),
    "nested apply": ("PATCH", A, APPLY, b"a: " + b"{a: " * 5000, 400, "exceeded maximum nesting depth"),
    "nested delete options": (
        "DELETE",
        A,
        JSON,
        b'{"kind":"DeleteOptions","apiVersion":"v1","preconditions":' + nested(5000) + b"}",
        400,
        "depth",
    ),
    "yaml aliases": ("POST", CONFIG_MAPS, YAML, bomb(), 400, "aliases are not supported"),
    "apply with aliases": ("PATCH", A, APPLY, bomb(), 400, "aliases are not supported"),
    "yaml that recurs": ("POST", CONFIG_MAPS, YAML, b"&a {metadata: *a}", 400, "aliases are not supported"),
    "yaml that runs code": ("POST", CONFIG_MAPS, YAML, b'!!python/object/apply:os.system ["true"]', 400, "tag"),
    "a number of 100,000 digits": (
        "POST",
        CONFIG_MAPS,
        JSON,
        b'{"metadata":{"name":"a","generation":' + b"9" * 100_000 + b"}}",
        400,
        "out of range",
    ),
    "a huge exponent": (
        "POST",
        CONFIG_MAPS,
        JSON,
        b'{"metadata":{"name":"a","generation":1e999999999}}',
        400,
        "out of range",
    ),
    "half a surrogate pair": (
        "POST",
        CONFIG_MAPS,
        JSON,
        b'{"metadata":{"name":"\\ud800"}}',
        422,
        "a lowercase RFC 1123 subdomain",
    ),
    "a control character": ("POST", CONFIG_MAPS, JSON, b'{"metadata":{"name":"\0"}}', 400, "'\\x00' in string literal"),
    "bytes that are no text": (
        "POST",
        CONFIG_MAPS,
        JSON,
        b'{"metadata":{"name":"\xff"}}',
        422,
        "a lowercase RFC 1123 subdomain",
    ),
    "UTF-16": ("POST", CONFIG_MAPS, JSON, '{"metadata":{}}'.encode("utf-16"), 400, "json parse error"),
    "two documents": ("POST", CONFIG_MAPS, JSON, b'{"metadata":{}}{"a":1}', 400, "character '{' after top-level value"),
    "nothing": ("POST", CONFIG_MAPS, JSON, b"", 400, "<empty>"),
    "null": ("POST", CONFIG_MAPS, JSON, b"null", 400, "cannot unmarshal"),
    "a body beyond the limit": ("POST", CONFIG_MAPS, JSON, b" " * (3 * 1024 * 1024 + 1), 413, "limit is 3145728"),
    "copies without end": ("PATCH", A, JSON_PATCH, DOUBLING, 422, "rejected our request"),
    "10,001 operations": (
        "PATCH",
        A,
        JSON_PATCH,
        orjson.dumps([{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10_001),
        413,
        "The allowed maximum operations in a JSON patch is 10000, got 10001",
    ),
    "an operation that is a list": ("PATCH", A, JSON_PATCH, b'[{"op":[]}]', 422, "rejected our request"),
    "operations cut off": ("PATCH", A, JSON_PATCH, b'[{"op":', 400, "unexpected end of JSON input"),
    "a patch cut off": ("PATCH", A, MERGE, b'{"data":', 400, "error decoding patch: unexpected end of JSON input"),
    "delete options cut off": ("DELETE", A, JSON, b"{", 400, "json parse error: unexpected end of JSON input"),
    "no list of operations": ("PATCH", A, JSON_PATCH, b"{}", 400, "cannot unmarshal object into Go value of type"),
    "position beyond all numbers": (
        "PATCH",
        A,
        JSON_PATCH,
        b'[{"op":"add","path":"/metadata/finalizers/99999999999999999999","value":"x"}]',
        422,
        "rejected our request",
    ),
    "a directive nobody knows": (
        "PATCH",
        f"{PODS}/a",
        STRATEGIC,
        b'{"spec":{"containers":[{"$patch":"lie","name":"main"}]}}',
        422,
        "rejected our request",
    ),
    "an order of what is not there": (
        "PATCH",
        f"{PODS}/a",
        STRATEGIC,
        b'{"spec":{"$setElementOrder/containers":[{"name":"z"}],"containers":[{"name":"main"}]}}',
        422,
        "rejected our request",
    ),
    "an order that is text": (
        "PATCH",
        f"{PODS}/a",
        STRATEGIC,
        b'{"spec":{"$setElementOrder/containers":"x"}}',
        400,
        "invalid patch format of setElementOrder list",
    ),
    "keys to retain that do not match": (
        "PATCH",
        f"{PODS}/a",
        STRATEGIC,
        b'{"spec":{"$retainKeys":["x"],"volumes":[]}}',
        400,
        "invalid patch format of retainKeys",
    ),
    "an item without its key": (
        "PATCH",
        f"{PODS}/a",
        STRATEGIC,
        b'{"spec":{"containers":[{"image":"x"}]}}',
        422,
        "rejected our request",
    ),
    "an apply of 3 MB": ("PATCH", A, APPLY, config_map(a="x" * 3_000_000), 422, "may not be more than 1048576 bytes"),
    "an apply with 100,000 keys": (
        "PATCH",
        A,
        APPLY,
        config_map(**{f"k{at}": "x" for at in range(100_000)}),
        413,
        "etcdserver: request is too large",
    ),
    "an object beyond etcd's limit": (
        "POST",
        PODS,
        JSON,
        orjson.dumps(
            {
                "metadata": {"name": "b"},
                "spec": {"containers": [{"name": "a", "image": "i", "args": ["x" * 1_600_000]}]},
            }
        ),
        413,
        "etcdserver: request is too large",
    ),
    "protobuf: a number without end": ("POST", CONFIG_MAPS, PROTOBUF, b"k8s\0\n" + b"\xff" * 30, 400, "broken varint"),
    "protobuf: a length beyond the body": (
        "POST",
        CONFIG_MAPS,
        PROTOBUF,
        b"k8s\0\x12\xff\xff\xff\xff\x0f",
        400,
        "unexpected end",
    ),
    "protobuf: a negative length": (
        "POST",
        CONFIG_MAPS,
        PROTOBUF,
        b"k8s\0\x12" + b"\xff" * 9 + b"\x01",
        400,
        "unexpected end",
    ),
    "protobuf: a group": ("POST", CONFIG_MAPS, PROTOBUF, b"k8s\0\x0b\x0c", 400, "unknown wire type"),
    "yaml that is no text": ("POST", CONFIG_MAPS, YAML, b"a: \xff", 400, "yaml: invalid leading UTF-8 octet ("),
    "apply that is no text": ("PATCH", A, APPLY, b"a: \xc3x", 400, "yaml: invalid trailing UTF-8 octet"),
    "merge patch that is no JSON": ("PATCH", A, MERGE, b"\xff", 400, "patch: invalid character 'ÿ' looking for"),
    "json patch that is no JSON": ("PATCH", A, JSON_PATCH, b"\xff", 400, "invalid character 'ÿ' looking for beginning"),
    "protobuf: no prefix": ("POST", CONFIG_MAPS, PROTOBUF, b"\n\0", 400, "does not appear to be a protobuf message"),
}


shared = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[Api]:
    """One server for all of it: it has to survive."""
    async with running_api() as api:
        await api.config_map("a")
        await api.pod("a")
        yield api
        assert (await api.get(A)).body["data"] == {"a": "1"}


@shared
@pytest.mark.parametrize("case", REFUSED)
async def test_a_body_made_to_hurt_is_refused(api: Api, case: str) -> None:
    method, path, media, body, code, words = REFUSED[case]
    query = "fieldManager=m&force=true" if media == APPLY else ""
    began = time.process_time()
    answer = await api.call(method, path, body, media=media, query=query)
    assert (answer.code, answer.body["kind"]) == (code, "Status")
    assert words in answer.message
    assert time.process_time() - began < 10


@shared
@pytest.mark.parametrize("text", [b"\xff", rb"\ud800"], ids=["no UTF-8", "half of a surrogate pair"])
async def test_text_that_cannot_be_is_replaced_as_go_does(api: Api, text: bytes) -> None:
    """In a body and in every form of patch alike."""
    path, name = f"{CONFIG_MAPS}/odd", b'{"metadata":{"name":"odd"},"data":{"x":"%b"}}'
    operation = b'[{"op":"replace","path":"/data/x","value":"%b"}]'
    assert (await api.call("POST", CONFIG_MAPS, name % text, media=JSON)).code == 201
    for media, body in ((MERGE, b'{"data":{"x":"%b"}}'), (STRATEGIC, b'{"data":{"x":"%b"}}'), (JSON_PATCH, operation)):
        assert (await api.get(path)).body["data"] == {"x": "\N{REPLACEMENT CHARACTER}"}
        assert (await api.patch(path, {"data": {"x": "y"}}, media=MERGE)).code == 200
        assert (await api.call("PATCH", path, body % text, media=media)).code == 200
    await api.delete(path)


@shared
@pytest.mark.parametrize("plural", ["replicasets", "deployments"])
async def test_counts_below_zero_are_refused_though_others_are_left_out(api: Api, plural: str) -> None:
    path, labels = f"/apis/apps/v1/namespaces/default/{plural}", {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "r"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    assert (await api.post(path, body)).code == 201
    answer = await api.patch(f"{path}/r/status", {"status": {"replicas": -1}}, media=MERGE)
    assert answer.code == 422
    assert "status.replicas: Invalid value: -1: must be greater than or equal to 0" in answer.message
    assert "Invalid value: 0: cannot be greater than status.replicas" in answer.message
    await api.delete(f"{path}/r")


@shared
async def test_messages_nested_in_protobuf_have_a_bound(api: Api) -> None:
    def field(number: int, data: bytes) -> bytes:
        size, length = len(data), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        tag = number << 3 | 2
        return (bytes([tag & 127 | 128, tag >> 7]) if tag > 127 else bytes([tag])) + length + bytes([size]) + data

    plain = encode({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {}})
    assert plain.startswith(b"k8s\0")
    schema = b""
    for _ in range(5000):
        schema = field(10, schema)  # JSONSchemaProps.not... whatever it is, it holds another message
    type_meta = field(1, b"apiextensions.k8s.io/v1") + field(2, b"CustomResourceDefinition")
    raw = field(2, field(7, field(1, b"v1") + field(4, field(1, schema))))
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    answer = await api.call("POST", path, b"k8s\0" + field(1, type_meta) + field(2, raw), media=PROTOBUF)
    assert answer.code in (400, 422), answer


@shared
async def test_compressed_bodies_are_not_opened(api: Api) -> None:
    """As upstream: nothing that is small on the wire grows here."""
    body = gzip.compress(b'{"metadata":{"name":"g"},"data":{"a":"' + b"x" * 100_000_000 + b'"}}', 1)
    headers = [("content-type", JSON), ("content-encoding", "gzip")]
    response = await api.send("POST", CONFIG_MAPS, body, headers=headers)
    assert response.status == 400


PARAMETERS = [
    ("limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("limit=1_0", 400, 'strconv.ParseInt: parsing "1_0": invalid syntax'),
    ("limit=%201", 400, 'strconv.ParseInt: parsing " 1": invalid syntax'),
    ("limit=%C2%B2", 400, "invalid syntax"),
    ("limit=99999999999999999999", 400, 'strconv.ParseInt: parsing "99999999999999999999": value out of range'),
    ("limit=" + "9" * 10_000, 400, "value out of range"),
    ("limit=-1", 200, ""),
    ("timeoutSeconds=x", 400, "invalid syntax"),
    ("timeoutSeconds=1e3", 400, "invalid syntax"),
    ("timeoutSeconds=-1", 200, ""),
    ("continue=x", 400, "continue key is not valid"),
    ("continue=%FF", 400, "continue key is not valid"),
    ("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0", 400, "continue key is not valid"),
    ("resourceVersion=x", 422, 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'),
    ("resourceVersion=-1", 422, "invalid syntax"),
    ("resourceVersion=99999999999999999999", 422, "value out of range"),
    ("resourceVersion=999999&resourceVersionMatch=Exact", 504, "Too large resource version: 999999"),
    ("resourceVersion=1&resourceVersionMatch=Most", 422, 'supported values: "", "Exact", "NotOlderThan"'),
    ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
    ("fieldSelector=foo=bar", 400, '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ("fieldSelector=foo", 400, "invalid selector: 'foo'; can't understand 'foo'"),
    ("labelSelector=a%20in%20(", 400, "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    ("labelSelector=a>b", 400, "for 'Gt', 'Lt' operators, the value must be an integer"),
    ("labelSelector=" + "a" * 300, 400, "must be no more than 63"),
    ("labelSelector=a%3D" + "b" * 100, 400, "must be no more than 63"),
    ("labelSelector=" + ",".join(f"k{at}!%3Dv" for at in range(10_000)), 200, ""),
    ("labelSelector=a%20in%20(" + ",".join(f"v{at}" for at in range(10_000)) + ")", 200, ""),
    ("fieldSelector=" + ",".join(f"metadata.name!%3Dv{at}" for at in range(10_000)), 200, ""),
    ("%zz&&;=&=", 200, ""),
]


@shared
@pytest.mark.parametrize(("query", "code", "words"), PARAMETERS, ids=lambda value: str(value)[:40])
async def test_parameters_without_sense(api: Api, query: str, code: int, words: str) -> None:
    answer = await api.get(CONFIG_MAPS, query)
    assert answer.code == code
    if words:
        assert words in answer.message


@shared
@pytest.mark.parametrize("query", ["gracePeriodSeconds=1_0", "gracePeriodSeconds=99999999999999999999"])
async def test_a_grace_period_without_sense(api: Api, query: str) -> None:
    answer = await api.delete(A, query=query)
    assert answer.code == 400
    assert "strconv.ParseInt" in answer.message


@pytest.mark.parametrize("text", ["", "+", "1.0", "0x1", "\u0661", "1 ", "--1"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(StatusError):
        signed(text)
    with pytest.raises(ValueError, match="ParseUint"):
        unsigned(text)


def test_numbers_have_the_ranges_of_go() -> None:
    assert (signed("-9223372036854775808"), signed("+7"), unsigned("18446744073709551615")) == (
        -(1 << 63),
        7,
        2**64 - 1,
    )
    for text in ("9223372036854775808", "-9223372036854775809"):
        with pytest.raises(StatusError, match="value out of range"):
            signed(text)
    with pytest.raises(ValueError, match="value out of range"):
        unsigned("18446744073709551616")


def test_an_object_that_is_stored_can_be_wrapped_in_every_answer() -> None:
    check_nesting(nested(LEVELS))
    with pytest.raises(StatusError, match="exceeded max depth"):
        check_nesting(nested(LEVELS + 1))
    with pytest.raises(StatusError, match="exceeded max depth"):
        check_nesting(b'{"a":' + b"[" * LEVELS + b"]" * LEVELS + b"}")
    check_nesting(orjson.dumps({"items": [{"a": {}}] * 1000}))


@shared
async def test_a_deep_object_is_refused_where_it_would_be_stored(api: Api) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await api.post(path, {"metadata": {"name": "things.example.com"}, "spec": spec})).code == 201
    things = "/apis/example.com/v1/namespaces/default/things"
    async with asyncio.timeout(60):
        while (await api.get(things)).code != 200:  # noqa: ASYNC110 (served a moment after it is stored)
            await asyncio.sleep(0.01)
    start = b'{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"a"},"spec":'
    assert (await api.call("POST", things, start + nested(150) + b"}", media=JSON)).code == 201
    for levels in (LEVELS, 250, 500, 900):
        for media in (MERGE, JSON_PATCH):
            patch = {"spec": json.loads(nested(levels))} if levels < 400 else None
            if media == JSON_PATCH:
                body = b'[{"op":"replace","path":"/spec","value":' + nested(levels) + b"}]"
            else:
                body = json.dumps(patch).encode() if patch else b'{"spec":' + nested(levels) + b"}"
            answer = await api.call("PATCH", f"{things}/a", body, media=media)
            assert (answer.code, answer.message) == (400, "exceeded max depth")
    for accept in (JSON, YAML, "application/json;as=Table;g=meta.k8s.io;v=v1"):
        assert (await api.get(things, "includeObject=Object", accept)).code == 200


@shared
async def test_other_requests_are_served_while_a_large_yaml_is_read(api: Api) -> None:
    body = b"metadata: {name: large}\ndata:\n" + b"".join(b"  k%d: v\n" % at for at in range(15_000))
    large = asyncio.create_task(api.call("POST", CONFIG_MAPS, body, media=YAML))
    served = 0
    while not large.done():
        assert (await api.get(A)).code == 200
        await asyncio.sleep(0)
        served += 1
    assert (await large).code == 201
    assert served > 20


@shared
async def test_names_and_labels_have_their_limits(api: Api) -> None:
    async def told(**metadata: Any) -> str:
        answer = await api.post(CONFIG_MAPS, {"metadata": {"name": "n", **metadata}})
        assert answer.code == 422, answer
        return answer.message

    assert "metadata.name: Invalid value" in await told(name="x" * 254)
    assert "must be no more than 253" in await told(name="x" * 254)
    assert "metadata.name: Invalid value" in await told(name="a/b")
    assert "metadata.name: Invalid value" in await told(name="..")
    assert "metadata.labels: Invalid value" in await told(labels={"k": "x" * 64})
    assert "metadata.labels: Invalid value" in await told(labels={"x" * 64: ""})
    assert "may not be more than 262144 bytes" in await told(annotations={"a": "x" * 262_144})
    assert "metadata.finalizers" in await told(finalizers=["x y"])
    generated = await api.post(CONFIG_MAPS, {"metadata": {"generateName": "x" * 300}})
    assert (generated.code, len(generated.body.get("metadata", {}).get("name", ""))) == (201, 63) or (
        generated.code == 422
    )
