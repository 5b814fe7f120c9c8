"""What the loops of a node's pods share: effects, probes, where statuses and events go, what the node grants."""

from collections.abc import Callable

import msgspec

from ..api.core import Pod
from ..base.clock import Clock
from .images import ImageManager
from .parts import ProbeManager, StatusSink
from .pod_sync import PodSync
from .resize import Pending


class LoopServices(msgspec.Struct, frozen=True, kw_only=True):
    """What all loops of a node share."""

    sync: PodSync
    images: ImageManager
    probes: ProbeManager
    statuses: StatusSink
    event: Callable[[Pod, str, str, str, str], None]
    clock: Clock
    host_ips: Callable[[], list[str]]
    runtime_name: Callable[[], str]
    grant: Callable[[Pod, Pod], Pending | None]
    """Whether the node grants a pod the resources its spec asks for now, instead of those it is allocated."""
    room_made: Callable[[], None]
    """A pod has given resources back: others may be waiting for them."""
    crash_loop_maximum_seconds: float = 300.0
