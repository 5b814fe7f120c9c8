"""Taking a node for a pod, before anything is written: assume, Reserve, Permit; and giving it all back.

decision ──▶ assume ──▶ Reserve ──▶ Permit ──▶ yes, or "wait"
               ▲           └──┬────────┘ no
               └── Unreserve ◀┘
"""

from collections.abc import Callable

from pybernetes.scheduler.framework import Code, CycleState, Profile, Verdict
from pybernetes.scheduler.permit import Permits
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class Reservations:
    """Synchronous: the next decision sees what this one took."""

    def __init__(self, snapshot: Snapshot, permits: Permits, profile_of: Callable[[PodInfo], Profile]) -> None:
        self._snapshot = snapshot
        self._permits = permits
        self._profile_of = profile_of

    def take(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """Assume the pod on the node and let the plugins claim what it needs; None, or who refused (all is undone)."""
        self._snapshot.assume(pod, node_name)
        state.data["node"] = self._snapshot.node(node_name)
        verdict: Verdict | None = None
        for plugin in self._profile_of(pod).reserve:
            verdict = plugin.reserve(state, pod, node_name)
            if verdict is not None:
                break
        else:
            verdict = self._ask_permission(state, pod, node_name)
        if verdict is not None:
            self.give_back(state, pod, node_name)
        return verdict

    def _ask_permission(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """None: now, or once `Permits.wait` says so."""
        waits: list[Verdict] = []
        for plugin in self._profile_of(pod).permit:
            verdict = plugin.permit(state, pod, node_name)
            if verdict is not None and verdict.code is not Code.WAIT:
                return verdict
            if verdict is not None:
                waits.append(verdict)
        if waits:
            self._permits.hold(pod.uid, waits)
        return None

    def give_back(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """The pod is not going to that node after all."""
        for plugin in reversed(self._profile_of(pod).reserve):
            plugin.unreserve(state, pod, node_name)
        self._snapshot.forget(pod.uid)
