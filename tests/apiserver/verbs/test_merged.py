"""A merged object whose spec nobody touched comes out as the full way would have brought it out."""

import copy
from random import Random
from typing import Any

import pytest
from tests.api.objects import ENABLED, random_struct

from pybernetes.api.patch import MERGE_PATCH, STRATEGIC_MERGE_PATCH, apply_patch
from pybernetes.api.resource import ResourceInfo, resource_for_kind
from pybernetes.api.schema import schema_for
from pybernetes.api.status import StatusError
from pybernetes.api.user import ANONYMOUS
from pybernetes.apiserver.kind_schema import BuiltinKind, SettledKind
from pybernetes.apiserver.registry import Endpoint
from pybernetes.apiserver.resources.strategy import Write
from pybernetes.apiserver.verbs.merged import settle

Object = dict[str, Any]


def pod() -> Object:
    """As the store has it."""
    found: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"cpu": "1"}}}]},
        "status": {"phase": "Pending"},
    }
    kind = BuiltinKind("v1", "Pod")
    kind.decode(found, unknown="ignore")
    kind.defaults(found)
    return found


def endpoint() -> Endpoint:
    return Endpoint(resource_for_kind("v1", "Pod"), None)


def merged(before: Object, patch: bytes, media: str = STRATEGIC_MERGE_PATCH) -> Object:
    return apply_patch(media, before, patch, schema_for("v1", "Pod"), shared=True)


@pytest.mark.parametrize("media", [MERGE_PATCH, STRATEGIC_MERGE_PATCH])
@pytest.mark.parametrize("subresource", ["", "status"])
@pytest.mark.parametrize(
    ("patch", "settled"),
    [
        (b'{"metadata":{"labels":{"a":"b"},"nonsense":1}}', ("spec", "status")),
        (b'{"status":{"podIP":"10.0.0.1","phase":null,"nonsense":1},"more":1}', ("spec",)),
        (b'{"spec":{"nodeName":"n","nonsense":1}}', ("status",)),
        (b'{"spec":{"nodeName":"n"},"status":{"nonsense":1}}', ()),
        (b'{"spec":null,"status":null}', ()),
        (b'{"kind":"Other"}', ()),
    ],
)
def test_the_outcome_is_that_of_the_full_way(
    patch: bytes, settled: tuple[str, ...], media: str, subresource: str
) -> None:
    before = pod()
    untouched = copy.deepcopy(before)
    plain = BuiltinKind("v1", "Pod")
    wanted = apply_patch(media, before, patch, schema_for("v1", "Pod"))
    warned = plain.decode(wanted, unknown="warn", by_path=True)
    plain.defaults(wanted)

    found, schema = settle(
        endpoint(), before, merged(before, patch, media), Write(user=ANONYMOUS, subresource=subresource)
    )
    assert (schema._settled if isinstance(schema, SettledKind) else ()) == settled
    assert schema.decode(found, unknown="warn", by_path=True) == warned
    schema.defaults(found)
    assert found == wanted
    assert list(found) == list(wanted)
    assert before == untouched


def test_what_may_be_changed_is_a_copy_except_what_lies_in_an_untouched_spec_or_status() -> None:
    before = pod()
    before["status"]["conditions"] = [{"type": "Ready"}]
    labelled = merged(before, b'{"metadata":{"labels":{"a":"b"}}}')
    found, _ = settle(endpoint(), before, labelled, Write(user=ANONYMOUS))
    assert found["spec"]["containers"] is not before["spec"]["containers"]
    assert found["status"]["conditions"] is not before["status"]["conditions"]
    for subresource, share in (("status", False), ("status", True), ("", True)):
        found, _ = settle(endpoint(), before, labelled, Write(user=ANONYMOUS, subresource=subresource), share=share)
        assert found == labelled
        for name, member in (("spec", "containers"), ("status", "conditions")):
            assert found[name] is not before[name]
            assert found[name][member] is before[name][member]
        assert found["metadata"]["labels"] is not labelled["metadata"]["labels"]
    found, _ = settle(
        endpoint(), before, merged(before, b'{"status":{"phase":"Failed"}}'), Write(user=ANONYMOUS), share=True
    )
    assert found["status"]["conditions"] is not before["status"]["conditions"]


def test_a_wrong_type_beside_the_spec_is_refused_and_the_spec_stays() -> None:
    before = pod()
    found, schema = settle(endpoint(), before, merged(before, b'{"status":{"phase":7}}'), Write(user=ANONYMOUS))
    with pytest.raises(StatusError, match="cannot unmarshal number"):
        schema.decode(found, unknown="ignore")
    assert found["spec"] == before["spec"]


def test_numbers_beyond_64_bits_are_copied_too() -> None:
    before = pod()
    found, _ = settle(
        endpoint(), before, merged(before, b'{"more":123456789012345678901234567890}'), Write(user=ANONYMOUS)
    )
    assert found["spec"] == before["spec"]
    assert found["spec"] is not before["spec"]


WITH_SPEC = [
    info for info in ENABLED if (known := schema_for(info.group_version, info.kind)) and "spec" in known.fields
]


@pytest.mark.parametrize("info", WITH_SPEC, ids=lambda info: info.group_resource)
def test_any_kind_comes_out_as_by_the_full_way(info: ResourceInfo) -> None:
    plain, schema = BuiltinKind(info.group_version, info.kind), schema_for(info.group_version, info.kind)
    assert schema is not None
    for seed in range(20):
        before = random_struct(schema.type, Random(seed), 5)
        before |= {"apiVersion": info.group_version, "kind": info.kind, "metadata": {"name": "a", "labels": {"a": "b"}}}
        plain.decode(before, unknown="ignore")
        plain.defaults(before)
        for patch in (b'{"metadata":{"labels":null}}', b'{"status":null,"metadata":{"annotations":{"a":"b"}}}'):
            wanted = apply_patch(MERGE_PATCH, before, patch, schema)
            plain.decode(wanted, unknown="ignore")
            plain.defaults(wanted)
            shared = apply_patch(MERGE_PATCH, before, patch, schema, shared=True)
            found, shape = settle(Endpoint(info, None), before, shared, Write(user=ANONYMOUS))
            shape.decode(found, unknown="ignore")
            shape.defaults(found)
            assert found == wanted
