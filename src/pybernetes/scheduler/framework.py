"""The scheduling framework: the points at which plugins take part, and the values they exchange.

    PreEnqueue ▶ QueueSort ▶ PreFilter ▶ Filter ─┬▶ PreScore ▶ Score ▶ Reserve ▶ Permit ▶ PreBind ▶ Bind ▶ PostBind
                                                 └▶ PostFilter (no node fits)

Up to Reserve everything is one synchronous decision about one pod (cycle.py); from Permit on a pod has its own task.

Filter and Score are asked about *many nodes at once*, not node by node: a plugin may loop over the rows or keep arrays
beside `Snapshot.rows` (`NodeInfo.row` is the index) and answer with NumPy. A filter names only the nodes it rejects, so
a plugin with nothing to say costs one call per pod.

A verdict is a value, never an exception; `None` stands for success. Exceptions are bugs or failed calls: the pod is
tried again after a back-off.
"""

from collections.abc import Sequence
from enum import Enum, Flag, auto
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import msgspec

from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

if TYPE_CHECKING:
    from pybernetes.scheduler.diagnosis import Diagnosis

MAX_SCORE = 100


class Code(Enum):
    """What a plugin decided."""

    UNSCHEDULABLE = "Unschedulable"
    """Not now; taking other pods away may help."""
    UNRESOLVABLE = "UnschedulableAndUnresolvable"
    """Not now, and no preemption helps."""
    PENDING = "Pending"
    """Not now; something else has to happen first, which the plugin will see."""
    WAIT = "Wait"
    """Permit: hold the pod until allowed, rejected or timed out."""
    SKIP = "Skip"
    """PreFilter, PreScore: leave this plugin out for this pod. Bind: not mine."""
    ERROR = "Error"
    """The plugin failed."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """Anything but success. `reasons` end up in the pod's condition; `seconds` is Permit's patience."""

    code: Code
    plugin: str
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def rejects(self) -> bool:
        """Whether it is a no (as opposed to an error, a wait or a skip)."""
        return self.code in (Code.UNSCHEDULABLE, Code.UNRESOLVABLE, Code.PENDING)


class CycleState:
    """What the plugins remember about one pod within one cycle, by plugin name."""

    __slots__ = ("data",)

    def __init__(self, data: dict[str, Any] | None = None) -> None:
        self.data: dict[str, Any] = data if data is not None else {}

    def clone(self) -> "CycleState":
        """For trying "what if": values with a `clone` method are cloned, others shared."""
        return CycleState(
            {name: value.clone() if hasattr(value, "clone") else value for name, value in self.data.items()}
        )


Rejections = dict[int, Verdict]
"""By `NodeInfo.row`."""


class Action(Flag):
    """What happened to an object, as far as scheduling cares."""

    ADD = auto()
    DELETE = auto()
    NODE_ALLOCATABLE = auto()
    NODE_LABELS = auto()
    NODE_TAINTS = auto()
    NODE_CONDITIONS = auto()
    NODE_IMAGES = auto()
    POD_LABELS = auto()
    POD_SCALED_DOWN = auto()
    UPDATE = auto()
    """Any other change."""


class ClusterEvent(msgspec.Struct, frozen=True):
    """A change that may make a waiting pod schedulable. `old`/`new`: PodInfo for pods on a node, else the object."""

    kind: str
    action: Action
    old: Any = None
    new: Any = None


class Plugin(Protocol):
    """What all plugins share."""

    @property
    def name(self) -> str: ...


class EnqueueExtensions(Plugin, Protocol):
    """A plugin that rejects pods says which changes may end that, so that waiting pods wake at the right moment."""

    @property
    def interests(self) -> dict[str, Action]:
        """Kind -> the actions worth looking at; "*" stands for the kinds that are not named."""

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        """Whether a pod this plugin rejected may fit after the event. When in doubt, True."""


class AnyEvent:
    """For whoever rejects pods without saying what may end that: every change wakes them."""

    interests: ClassVar[dict[str, Action]] = {"*": ~Action(0)}

    def __init__(self, name: str) -> None:
        self.name = name

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        """Always."""
        return True


class PreEnqueue(Plugin, Protocol):
    """Before a pod enters the active queue."""

    def pre_enqueue(self, pod: PodInfo) -> Verdict | None: ...


class QueueSort(Plugin, Protocol):
    """The order of the active queue; exactly one plugin."""

    def sort_key(self, pod: PodInfo, queued_at: float) -> tuple[Any, ...]: ...


class PreFilter(Plugin, Protocol):
    """Once per pod, before Filter."""

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        """None: go on. Names: only these nodes come into question. SKIP: no need to ask `filter`. Else: no node."""


class PreFilterExtensions(Plugin, Protocol):
    """A PreFilter plugin whose state depends on other pods follows a "what if" about them."""

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None: ...

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None: ...


class Filter(Plugin, Protocol):
    """Which nodes cannot take the pod."""

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections: ...


class PostFilter(Plugin, Protocol):
    """No node fits: something that may change that."""

    def post_filter(self, state: CycleState, pod: PodInfo, diagnosis: "Diagnosis") -> str | None:
        """The node the pod is to be nominated for, None for no help."""


@runtime_checkable
class Release(Plugin, Protocol):
    """A PostFilter plugin that writes things before a pod is bound, which may then keep the pod from every node."""

    def told(self, state: CycleState, pod: PodInfo) -> str:
        """What the pod's owner reads of it, before it is done."""

    async def release(self, state: CycleState, pod: PodInfo) -> None:
        """No node fits: give back what stands in the way, if it is the pod's alone. Called when all is reported."""


class PreScore(Plugin, Protocol):
    """Once per pod, before Score, with the nodes that fit."""

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None: ...


class Score(Plugin, Protocol):
    """How good each node is."""

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """One number per node, in their order, on the plugin's own scale."""

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        """The same on the scale 0 to MAX_SCORE."""


class Reserve(Plugin, Protocol):
    """Claim what the pod needs besides the node's resources; undone when anything later fails."""

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None: ...

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None: ...


class Permit(Plugin, Protocol):
    """Last say before binding; WAIT holds the pod for at most `Verdict.seconds`."""

    def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None: ...


class PreBind(Plugin, Protocol):
    """Work that must be done before the pod is bound."""

    async def pre_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None: ...


class PreBindPreFlight(Plugin, Protocol):
    """A PreBind plugin that knows beforehand whether it has anything to do for a pod."""

    def pre_bind_pre_flight(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """SKIP: nothing. None: some work, during which the pod's status names the node (KEP-5278)."""


class Bind(Plugin, Protocol):
    """Bind; SKIP hands over to the next binder."""

    async def bind(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None: ...


class PostBind(Plugin, Protocol):
    """After a successful binding."""

    def post_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> None: ...


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins act where, in order. `score` carries weights."""

    scheduler_name: str
    queue_sort: QueueSort
    pre_enqueue: tuple[PreEnqueue, ...] = ()
    pre_filter: tuple[PreFilter, ...] = ()
    pre_filter_extensions: tuple[PreFilterExtensions, ...] = ()
    filter: tuple[Filter, ...] = ()
    post_filter: tuple[PostFilter, ...] = ()
    pre_score: tuple[PreScore, ...] = ()
    score: tuple[tuple[Score, int], ...] = ()
    reserve: tuple[Reserve, ...] = ()
    permit: tuple[Permit, ...] = ()
    pre_bind: tuple[PreBind, ...] = ()
    bind: tuple[Bind, ...] = ()
    post_bind: tuple[PostBind, ...] = ()
    interests: tuple[EnqueueExtensions, ...] = ()


def scaled(scores: list[int], *, reverse: bool = False) -> list[int]:
    """The default normalisation: the largest becomes MAX_SCORE (reversed: 0), the others in proportion."""
    largest = max(scores, default=0)
    if largest == 0:
        return [MAX_SCORE] * len(scores) if reverse else scores
    if reverse:
        return [MAX_SCORE - score * MAX_SCORE // largest for score in scores]
    return [score * MAX_SCORE // largest for score in scores]
