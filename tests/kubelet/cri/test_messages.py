"""Our field numbers and types are those of the descriptors embedded in the installed containerd."""

import inspect
import re
import zlib
from functools import cache
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from pybernetes.base.protobuf import Message, fields
from pybernetes.kubelet.cri import containerd_events, messages

CONTAINERD = Path("/usr/bin/containerd")
T = descriptor_pb2.FieldDescriptorProto
KINDS = {T.TYPE_STRING: "str", T.TYPE_BOOL: "bool", T.TYPE_BYTES: "bytes", T.TYPE_ENUM: "int"}
KINDS |= dict.fromkeys([T.TYPE_INT32, T.TYPE_INT64, T.TYPE_UINT32, T.TYPE_UINT64], "int")
WRAPPERS = ("Int64Value", "UInt64Value", "PodSandboxStateValue", "ContainerStateValue")
SAME_SHAPE = {
    "PodSandboxRequest": ["StopPodSandboxRequest", "RemovePodSandboxRequest", "PodSandboxStatusRequest"],
    "ContainerRequest": [
        "StartContainerRequest",
        "RemoveContainerRequest",
        "ContainerStatusRequest",
        "ContainerStatsRequest",
        "ReopenContainerLogRequest",
    ],
    "ImageRequest": ["ImageStatusRequest", "RemoveImageRequest"],
    "UrlResponse": ["ExecResponse", "AttachResponse", "PortForwardResponse"],
    "Empty": ["ImageFsInfoRequest", "StartContainerResponse", "StopPodSandboxResponse", "RemoveImageResponse"],
}
ELSEWHERE = {"Any", "Timestamp"}

pytestmark = pytest.mark.skipif(not CONTAINERD.exists(), reason="containerd is not installed")


@cache
def descriptors() -> dict[str, descriptor_pb2.DescriptorProto]:
    """Message name -> descriptor, for the packages we speak."""
    data = CONTAINERD.read_bytes()
    found: dict[str, descriptor_pb2.DescriptorProto] = {}
    for match in re.finditer(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", data):
        try:
            raw = zlib.decompressobj(31).decompress(data[match.start() : match.start() + 400_000])
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
        except (zlib.error, DecodeError):
            continue
        if file.package in ("runtime.v1", "containerd.services.events.v1", "containerd.events"):
            found.update({message.name: message for message in file.message_type})
    return found


def table(descriptor: descriptor_pb2.DescriptorProto) -> dict[str, tuple[int, str]]:
    rows = {}
    maps = {nested.name for nested in descriptor.nested_type if nested.options.map_entry}
    for field in descriptor.field:
        type_name = field.type_name.rsplit(".", 1)[-1]
        kind = "wrapper" if type_name in WRAPPERS else KINDS.get(field.type, "message")
        if type_name in maps:
            kind = "map"
        elif field.label == T.LABEL_REPEATED:
            kind = f"list.{kind}"
        rows[field.name] = (field.number, kind)
    return rows


def ours() -> list[type[Message]]:
    classes = []
    for module in (messages, containerd_events):
        classes += [
            c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__.startswith(module.__name__)
        ]
    return [c for c in classes if issubclass(c, Message) and c.__name__ not in ELSEWHERE]


@pytest.mark.parametrize("cls", ours(), ids=lambda c: c.__name__)
def test_numbers_and_types_match(cls: type[Message]) -> None:
    names = SAME_SHAPE.get(cls.__name__, [cls.__name__])
    for name in names:
        theirs = table(descriptors()[name])
        for field in fields(cls):
            if field.name not in theirs:
                assert len(names) > 1 and field.name == "verbose", f"{name} has no {field.name}"
                continue
            assert (field.number, field.kind) == theirs[field.name], f"{name}.{field.name}"
            if field.message is not None:
                theirs_inner = next(f for f in descriptors()[name].field if f.name == field.name).type_name
                assert theirs_inner.rsplit(".", 1)[-1] == field.message.__name__
