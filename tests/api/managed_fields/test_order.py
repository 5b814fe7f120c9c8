"""Field sets in the order in which they are written."""

import orjson
import pytest

from pybernetes.api.managed_fields.managers import UPDATE, Owned, encode, key_for
from pybernetes.api.managed_fields.order import in_order


@pytest.mark.parametrize(
    "text",
    [
        '{"f:a":{".":{},"f:b":{},"f:c":{}},"f:b":{}}',
        '{"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{},"k:{\\"containerPort\\":443,\\"protocol\\":\\"TCP\\"}":{},'
        '"k:{\\"containerPort\\":443,\\"protocol\\":\\"UDP\\"}":{}}',
        '{".":{},"k:{\\"name\\":\\"a\\"}":{},"k:{\\"name\\":\\"a b\\"}":{},"k:{\\"name\\":\\"a-b\\"}":{}}',
        '{".":{},"v:9":{},"v:10.5":{},"v:100":{},"v:\\"1\\"":{},"v:false":{},"v:true":{}}',
        '{".":{},"i:2":{},"i:10":{}}',
        '{"f:x":{},"k:{\\"name\\":\\"a\\"}":{},"v:1":{},"i:0":{}}',
        '{"f:Z":{},"f:a":{},"f:é":{}}',
    ],
)
def test_elements_are_in_order_whatever_order_they_came_in(text: str) -> None:
    fields = orjson.loads(text)
    backwards = dict(reversed(list(fields.items())))
    for given in (fields, backwards):
        assert orjson.dumps(in_order(given)).decode() == text


def large(*names: str) -> dict[str, object]:
    keys = {"f:value": {}, ".": {}, "f:name": {}}
    return {"f:spec": {"f:env": {f'k:{{"name":"{name}"}}': dict(keys) for name in names}}}


def test_a_large_set_is_put_in_order_once_and_shared() -> None:
    names = [f"VARIABLE_{number}" for number in range(10, 30)]
    first, again = in_order(large(*reversed(names))), in_order(large(*reversed(names)))
    assert first is again
    assert list(first["f:spec"]["f:env"]) == [f'k:{{"name":"{name}"}}' for name in names]
    assert list(first["f:spec"]["f:env"]['k:{"name":"VARIABLE_10"}']) == [".", "f:name", "f:value"]
    assert in_order(first) is first


def test_what_is_given_stays_as_it_was() -> None:
    fields = {"f:b": {}, "f:a": {}}
    entries = encode({key_for("m", UPDATE, "v1", ""): Owned(fields, "v1")})
    assert list(entries[0]["fieldsV1"]) == ["f:a", "f:b"]
    assert list(fields) == ["f:b", "f:a"]
