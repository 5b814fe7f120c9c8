"""The messages of the DRAPlugin service; v1 and v1beta1 have the same. Maps are written as lists of their entries."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

SERVICES = {
    "v1.DRAPlugin": "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/",
    "v1beta1.DRAPlugin": "/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin/",
}
"""The name a driver registers with -> the path of its methods."""


class Claim(Message):
    namespace: A[str, 1] = ""
    uid: A[str, 2] = ""
    name: A[str, 3] = ""


class ClaimsRequest(Message):
    """NodePrepareResourcesRequest and NodeUnprepareResourcesRequest."""

    claims: A[list[Claim], 1] = field(default_factory=list)


class Device(Message):
    request_names: A[list[str], 1] = field(default_factory=list)
    """Of the claim; none means all."""
    pool_name: A[str, 2] = ""
    device_name: A[str, 3] = ""
    cdi_device_ids: A[list[str], 4] = field(default_factory=list)


class Prepared(Message):
    devices: A[list[Device], 1] = field(default_factory=list)
    error: A[str, 2] = ""


class PreparedEntry(Message):
    uid: A[str, 1] = ""
    result: A[Prepared | None, 2] = None


class PrepareResponse(Message):
    claims: A[list[PreparedEntry], 1] = field(default_factory=list)


class Unprepared(Message):
    error: A[str, 1] = ""


class UnpreparedEntry(Message):
    uid: A[str, 1] = ""
    result: A[Unprepared | None, 2] = None


class UnprepareResponse(Message):
    claims: A[list[UnpreparedEntry], 1] = field(default_factory=list)
