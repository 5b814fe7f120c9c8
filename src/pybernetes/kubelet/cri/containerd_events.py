"""The messages of containerd's own event service (`containerd.services.events.v1`), which stands in for the CRI's
GetContainerEvents where a containerd (1.6) does not have it."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class SubscribeRequest(Message):
    filters: A[list[str], 1] = field(default_factory=list)


class Any(Message):
    type_url: A[str, 1] = ""
    value: A[bytes, 2] = b""


class Timestamp(Message):
    seconds: A[int, 1] = 0
    nanos: A[int, 2] = 0


class Envelope(Message):
    timestamp: A[Timestamp | None, 1] = None
    namespace: A[str, 2] = ""
    topic: A[str, 3] = ""
    event: A[Any | None, 4] = None


class TaskExit(Message):
    """A process ended: the container's own when id equals container_id, else an exec's."""

    container_id: A[str, 1] = ""
    id: A[str, 2] = ""
    pid: A[int, 3] = 0
    exit_status: A[int, 4] = 0
    exited_at: A[Timestamp | None, 5] = None


class TaskOOM(Message):
    container_id: A[str, 1] = ""
