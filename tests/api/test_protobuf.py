"""Protobuf: the table's messages against a second implementation, and against JSON for every kind."""

from random import Random
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.protobuf import ProtobufError, decode, decode_message, encode
from pybernetes.api.protobuf.messages import message
from pybernetes.api.protobuf.wire import read_varint, signed, write_varint
from pybernetes.api.resource import ResourceInfo
from pybernetes.api.schema import schema_for
from pybernetes.api.schema.table import LIST, MAP, element, fields, is_struct

from .objects import ENABLED, random_struct


def as_stored(value: Any, type_name: str) -> Any:
    """A decoded object as protobuf gives it back: empty lists and maps are gone."""
    if value is None:
        return None
    if type_name.startswith((LIST, MAP)):
        inner = element(type_name)
        if isinstance(value, list):
            return [as_stored(item, inner) for item in value] or None
        return {key: as_stored(item, inner) for key, item in value.items()} or None
    if is_struct(type_name):
        return {key: as_stored(inner, fields(type_name)[key].type) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("info", ENABLED, ids=lambda info: f"{info.group_version}/{info.kind}")
def test_an_object_survives_protobuf(info: ResourceInfo) -> None:
    schema = schema_for(info.group_version, info.kind)
    assert schema is not None
    for seed in range(5):
        obj = random_struct(info.schema, Random(f"proto {info.schema} {seed}"), depth=7)
        obj |= {"apiVersion": info.group_version, "kind": info.kind}
        schema.decode(obj, unknown="strict")
        again = decode(encode(obj))
        schema.decode(again, unknown="strict")
        assert as_stored(again, info.schema) == as_stored(obj, info.schema)


def test_a_second_implementation_reads_the_same() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="check.proto", package="check")
    kinds = descriptor_pb2.FieldDescriptorProto
    time = file.message_type.add(name="Time")
    time.field.add(name="seconds", number=1, type=kinds.TYPE_INT64, label=kinds.LABEL_OPTIONAL)
    port = file.message_type.add(name="ContainerPort")
    for number, (name, kind) in enumerate(
        {"name": kinds.TYPE_STRING, "hostPort": kinds.TYPE_INT32, "containerPort": kinds.TYPE_INT32}.items(), start=1
    ):
        port.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    container = file.message_type.add(name="Container")
    container.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    container.field.add(name="command", number=3, type=kinds.TYPE_STRING, label=kinds.LABEL_REPEATED)
    container.field.add(
        name="ports", number=6, type=kinds.TYPE_MESSAGE, type_name=".check.ContainerPort", label=kinds.LABEL_REPEATED
    )
    container.field.add(name="tty", number=18, type=kinds.TYPE_BOOL, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    cls: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("check.Container"))
    wire = {
        "name": "a",
        "command": ["x", "\u00e4"],
        "ports": [{"name": "p", "hostPort": -1, "containerPort": 80}],
        "tty": True,
    }
    other = cls.FromString(bytes(message("core/v1.Container").write(wire)))
    assert (other.name, list(other.command), other.tty) == ("a", ["x", "\u00e4"], True)
    assert (other.ports[0].name, other.ports[0].hostPort, other.ports[0].containerPort) == ("p", -1, 80)
    assert decode_message(other.SerializeToString(), "core/v1.Container") == wire


def test_numbers_may_come_packed() -> None:
    context = {"supplementalGroups": [1, 300]}
    assert message("core/v1.PodSecurityContext").write(context).hex() == "200120ac02"
    assert decode_message(bytes.fromhex("220301ac02"), "core/v1.PodSecurityContext") == context


def test_the_envelope() -> None:
    data = encode({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})
    assert data.startswith(b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12")
    assert decode(data) == {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\0",
        b"k8s\0\x0a\xff",
        b"k8s\0\x12\x01\x00",
        encode({"apiVersion": "v1", "kind": "Pod"})[:-6] + b"\xff",
    ],
)
def test_broken_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode(data)


def test_custom_kinds_have_no_protobuf() -> None:
    with pytest.raises(ProtobufError, match='no kind "Widget" is registered for version'):
        encode({"apiVersion": "example.com/v1", "kind": "Widget"})


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_read_back(number: int) -> None:
    out = bytearray()
    write_varint(out, number)
    found, end = read_varint(memoryview(out), 0)
    assert (signed(found), end) == (number, len(out))


@given(st.binary(max_size=60))
def test_any_bytes_give_an_object_or_an_error(data: bytes) -> None:
    try:
        decode_message(data, "core/v1.Pod")
    except ProtobufError:
        pass
