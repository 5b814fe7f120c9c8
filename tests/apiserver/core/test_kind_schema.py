"""Pods whose spec has come before are decoded, and their fields owned, as if it had not."""

import copy
from random import Random
from typing import Any, Literal

import pytest
from tests.api.objects import random_struct

from pybernetes.api.digest import digest
from pybernetes.api.managed_fields import FieldManager
from pybernetes.api.managed_fields.builtin import BuiltinSchema
from pybernetes.api.schema import schema_for
from pybernetes.api.status import StatusError
from pybernetes.apiserver.kind_schema import BuiltinKind, TemplatedKind, Unknown

Object = dict[str, Any]
MODES: tuple[Literal["ignore", "warn", "strict"], ...] = ("ignore", "warn", "strict")


def a_pod(**spec: Any) -> Object:
    container = {"name": "a", "image": "a:1", "resources": {}}
    metadata = {"name": "a", "creationTimestamp": None}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def both(kind: TemplatedKind, obj: Object, unknown: Unknown) -> None:
    """The outcome of both ways is the same, a refusal too."""
    for duplicates in ([], ["twice"]):
        outcomes: list[Any] = []
        for templated in (True, False):
            found = copy.deepcopy(obj)
            told = digest(found.get("spec"))
            try:
                if templated:
                    said = kind.decode_sent(found, told, unknown=unknown, duplicates=duplicates, by_path=False)
                else:
                    said = kind.decode(found, unknown=unknown, duplicates=duplicates, by_path=False)
            except StatusError as error:
                said, found = [error.message], {}
            outcomes.append((said, found, list(found)))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("first", MODES)
@pytest.mark.parametrize("then", MODES)
@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"nodeName": "n"},
        {"nodeName": None},
        {"nodeName": 7},
        {"nonsense": 1},
        {"containers": [{"name": "a", "nonsense": 1}]},
        {"containers": [{"name": "a"}]},
        {"containers": None},
    ],
    ids=str,
)
def test_a_spec_that_was_decoded_before_is_decoded_alike(spec: Object, first: Unknown, then: Unknown) -> None:
    kind = TemplatedKind("v1", "Pod")
    for unknown in (first, then, then):
        both(kind, a_pod(**spec), unknown)
    both(kind, a_pod(**spec) | {"nonsense": 1, "status": {"nonsense": 2}}, then)
    both(kind, {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": None}, then)


def test_only_what_is_sound_as_it_came_is_known_by_digest_and_within_bounds() -> None:
    kind = TemplatedKind("v1", "Pod")
    for spec in ({"nodeName": "hidden"}, {"nodeName": "hidden", "nonsense": 1}, {"nodeName": None}):
        obj = a_pod(**spec)
        kind.decode_sent(obj, digest(obj["spec"]), unknown="warn", duplicates=(), by_path=False)
    assert kind._sound == {digest(a_pod(nodeName="hidden")["spec"])}
    for number in range(2000):
        obj = a_pod(nodeName=f"n{number}")
        kind.decode_sent(obj, digest(obj["spec"]), unknown="warn", duplicates=(), by_path=False)
    assert len(kind._sound) <= 512


def test_any_pod_is_decoded_and_owned_alike_the_second_time() -> None:
    kind, plain = TemplatedKind("v1", "Pod"), BuiltinKind("v1", "Pod")
    known, forgetful = FieldManager(BuiltinSchema("v1", "Pod")), FieldManager(BuiltinSchema("v1", "Pod"))
    schema = schema_for("v1", "Pod")
    assert schema is not None
    for seed in range(60):
        sent = random_struct(schema.type, Random(seed // 2), 5)
        sent |= {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"a{seed}"}}
        if seed % 3 == 0:
            plain.decode(sent, unknown="ignore")  # in the shape that makes a spec known
        both(kind, sent, "warn")
        told = digest(sent.get("spec"))
        one, other = copy.deepcopy(sent), copy.deepcopy(sent)
        for obj, manager, digested in ((one, known, told), (other, forgetful, None)):
            plain.decode(obj, unknown="ignore")
            plain.defaults(obj)
            manager.created(obj, "test", "2026-01-01T00:00:00Z", {"f:status": {}}, digested)
        assert one == other
    assert kind._sound
