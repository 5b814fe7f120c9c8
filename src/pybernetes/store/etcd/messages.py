"""The messages of etcd's v3 API that the store uses, as Structs (names are the proto's own, enums are plain numbers).

Field numbers are those of `etcdserverpb/rpc.proto` and `mvccpb/kv.proto` of etcd 3.4, which later versions keep. A
one-of is a Struct whose unused members are None.
"""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

PUT, DELETE = 0, 1
"""`Event.type`."""
EQUAL, MOD = 0, 2
"""`Compare.result`; `Compare.target`: the mod revision, 0 for a key that does not exist."""


class KeyValue(Message):
    key: A[bytes, 1] = b""
    create_revision: A[int, 2] = 0
    mod_revision: A[int, 3] = 0
    value: A[bytes, 5] = b""
    lease: A[int, 6] = 0


class Event(Message):
    type: A[int, 1] = PUT
    kv: A[KeyValue | None, 2] = None
    prev_kv: A[KeyValue | None, 3] = None


class ResponseHeader(Message):
    revision: A[int, 3] = 0


class MemberHeader(Message):
    """The header of an answer, when it matters who answered."""

    member_id: A[int, 2] = 0


class RangeRequest(Message):
    key: A[bytes, 1] = b""
    range_end: A[bytes, 2] = b""
    limit: A[int, 3] = 0
    revision: A[int, 4] = 0
    count_only: A[bool, 9] = False
    min_mod_revision: A[int, 10] = 0
    max_mod_revision: A[int, 11] = 0


class RangeResponse(Message):
    header: A[ResponseHeader | None, 1] = None
    kvs: A[list[KeyValue], 2] = field(default_factory=list)
    count: A[int, 4] = 0


class PutRequest(Message):
    key: A[bytes, 1] = b""
    value: A[bytes, 2] = b""
    lease: A[int, 3] = 0


class PutResponse(Message):
    header: A[ResponseHeader | None, 1] = None


class DeleteRangeRequest(Message):
    key: A[bytes, 1] = b""
    prev_kv: A[bool, 3] = False


class DeleteRangeResponse(Message):
    header: A[ResponseHeader | None, 1] = None
    prev_kvs: A[list[KeyValue], 3] = field(default_factory=list)


class RequestOp(Message):
    request_range: A[RangeRequest | None, 1] = None
    request_put: A[PutRequest | None, 2] = None
    request_delete_range: A[DeleteRangeRequest | None, 3] = None


class ResponseOp(Message):
    response_range: A[RangeResponse | None, 1] = None
    response_put: A[PutResponse | None, 2] = None
    response_delete_range: A[DeleteRangeResponse | None, 3] = None


class Compare(Message):
    result: A[int, 1] = EQUAL
    target: A[int, 2] = MOD
    key: A[bytes, 3] = b""
    mod_revision: A[int, 6] = 0


class TxnRequest(Message):
    compare: A[list[Compare], 1] = field(default_factory=list)
    success: A[list[RequestOp], 2] = field(default_factory=list)
    failure: A[list[RequestOp], 3] = field(default_factory=list)


class TxnResponse(Message):
    header: A[ResponseHeader | None, 1] = None
    succeeded: A[bool, 2] = False
    responses: A[list[ResponseOp], 3] = field(default_factory=list)


class CompactionRequest(Message):
    revision: A[int, 1] = 0


class CompactionResponse(Message):
    header: A[ResponseHeader | None, 1] = None


class WatchCreateRequest(Message):
    key: A[bytes, 1] = b""
    range_end: A[bytes, 2] = b""
    start_revision: A[int, 3] = 0
    prev_kv: A[bool, 6] = False
    fragment: A[bool, 8] = False


class WatchRequest(Message):
    create_request: A[WatchCreateRequest | None, 1] = None


class WatchResponse(Message):
    header: A[ResponseHeader | None, 1] = None
    created: A[bool, 3] = False
    canceled: A[bool, 4] = False
    compact_revision: A[int, 5] = 0
    cancel_reason: A[str, 6] = ""
    fragment: A[bool, 7] = False
    events: A[list[Event], 11] = field(default_factory=list)


class StatusRequest(Message):
    pass


class StatusResponse(Message):
    header: A[MemberHeader | None, 1] = None
    db_size: A[int, 3] = 0
    leader: A[int, 4] = 0
    db_size_in_use: A[int, 9] = 0
    is_learner: A[bool, 10] = False


class SnapshotRequest(Message):
    pass


class SnapshotResponse(Message):
    """A piece of the database; its SHA-256 comes last."""

    blob: A[bytes, 3] = b""


class LeaseGrantRequest(Message):
    ttl: A[int, 1] = 0


class LeaseGrantResponse(Message):
    id: A[int, 2] = 0
    ttl: A[int, 3] = 0


class LeaseRevokeRequest(Message):
    id: A[int, 1] = 0


class LeaseRevokeResponse(Message):
    header: A[ResponseHeader | None, 1] = None


class LeaseKeepAliveRequest(Message):
    id: A[int, 1] = 0


class LeaseKeepAliveResponse(Message):
    id: A[int, 2] = 0
    ttl: A[int, 3] = 0


class Member(Message):
    """One member of the cluster; its name is "" until it has been started for the first time."""

    id: A[int, 1] = 0
    name: A[str, 2] = ""
    peer_urls: A[list[str], 3] = field(default_factory=list)
    client_urls: A[list[str], 4] = field(default_factory=list)
    is_learner: A[bool, 5] = False


class MemberAddRequest(Message):
    peer_urls: A[list[str], 1] = field(default_factory=list)
    is_learner: A[bool, 2] = False


class MemberAddResponse(Message):
    member: A[Member | None, 2] = None
    members: A[list[Member], 3] = field(default_factory=list)


class MemberRequest(Message):
    """To remove a member, or to promote one."""

    id: A[int, 1] = 0


class MemberListRequest(Message):
    """Answered from what the member in use knows, with a majority or without."""


class MembersResponse(Message):
    """The answer to removing, promoting and listing."""

    members: A[list[Member], 2] = field(default_factory=list)
