"""Pod-level cgroups, arranged by QoS class.

    /kpods/podUID                Guaranteed
    /kpods/burstable/podUID      Burstable
    /kpods/besteffort/podUID     BestEffort

`ensure` makes the pod's cgroup before its sandbox and returns the path that goes into the sandbox's `cgroup_parent`;
the runtime makes the containers' cgroups below it. A pod's limits then hold for all its containers together. The
burstable class as a whole weighs what its pods request, the best-effort class the least (upstream's
`pkg/kubelet/cm/qos_container_manager_linux.go`). Nothing needs to be remembered over a restart: the tree itself says
which pods have cgroups.
"""

from collections.abc import Callable, Collection

import msgspec

from pybernetes.api.core import Pod
from pybernetes.base.log import logger

from .cgroup_layout import CgroupLayout, CgroupUsage
from .resources import (
    BEST_EFFORT,
    BURSTABLE,
    GUARANTEED,
    MINIMUM_SHARES,
    SHARES_PER_CPU,
    PodResources,
    pod_resources,
    qos_class,
)

log = logger(__name__)

CLASS_DIRECTORIES = {GUARANTEED: "", BURSTABLE: "burstable", BEST_EFFORT: "besteffort"}


def pod_cgroup(root: str, uid: str, qos: str) -> str:
    """The cgroup path of a pod: `/kpods/burstable/pod<uid>`."""
    directory = CLASS_DIRECTORIES[qos]
    return f"/{root}/{directory}/pod{uid}" if directory else f"/{root}/pod{uid}"


class PodCgroups:
    """The cgroups of this node's pods. root names the tree: nodes that share a machine need different ones."""

    def __init__(self, layout: CgroupLayout, *, root: str = "kpods", process_limit: int = 0) -> None:
        self._layout = layout
        self._root = root.strip("/")
        self._process_limit = process_limit
        self._prepared = False
        self._burstable_shares: dict[str, int] = {}
        self.needs_no_quota: Callable[[Pod], bool] = lambda _pod: False
        """Whether a pod's processors are its own: then it may use all of their time."""

    def _resources(self, pod: Pod) -> PodResources:
        found = pod_resources(pod)
        return msgspec.structs.replace(found, cpu_quota=None) if self.needs_no_quota(pod) else found

    def _prepare(self) -> None:
        if self._prepared:
            return
        parts = self._root.split("/")
        for depth in range(1, len(parts) + 1):
            self._layout.create("/" + "/".join(parts[:depth]))
        for directory in ("burstable", "besteffort"):
            self._layout.create(f"/{self._root}/{directory}")
            self._layout.apply(f"/{self._root}/{directory}", PodResources(cpu_shares=MINIMUM_SHARES), 0)
        self._prepared = True

    def ensure(self, pod: Pod) -> str:
        """Make the pod's cgroup (or bring its limits up to date) and return its path. OSError from the kernel."""
        self._prepare()
        uid, qos = pod.metadata.uid or "", qos_class(pod)
        path = pod_cgroup(self._root, uid, qos)
        resources = self._resources(pod)
        try:
            self._layout.create(path)
        except FileNotFoundError:  # somebody has removed the empty ones that it belongs below
            self._prepared = False
            self._prepare()
            self._layout.create(path)
        self._layout.apply(path, resources, self._process_limit)
        if qos == BURSTABLE and self._burstable_shares.get(uid) != resources.cpu_shares:
            self._burstable_shares[uid] = resources.cpu_shares
            self._weigh_burstable()
        return path

    def grows(self, pod: Pod) -> bool:
        """Whether `update` would give the pod at least as much CPU as it may use now."""
        now = self._layout.cpu_quota(pod_cgroup(self._root, pod.metadata.uid or "", qos_class(pod)))
        wanted = self._resources(pod).cpu_quota
        return wanted is None or (now is not None and wanted >= now)

    def update(self, pod: Pod) -> None:
        """Bring the limits of an existing cgroup up to date (in-place resize)."""
        self.ensure(pod)

    def remove(self, pod_uid: str) -> None:
        """Remove the pod's cgroup, whatever its class. What a process still lives in stays for `remove_orphans`."""
        for qos in CLASS_DIRECTORIES:
            path = pod_cgroup(self._root, pod_uid, qos)
            if not self._layout.remove(path):
                log.warning("Pod cgroup still has processes", cgroup=path)
        if self._burstable_shares.pop(pod_uid, None) is not None:
            self._weigh_burstable()

    def remove_orphans(self, known_uids: Collection[str]) -> None:
        """Remove the cgroups of pods that are no longer known: left by a crash, or busy when they were to go."""
        for uid in self.pods().difference(known_uids):
            self.remove(uid)

    def pods(self) -> set[str]:
        """Uids of the pods that have a cgroup: what a restarted kubelet finds and cleans."""
        found: set[str] = set()
        for directory in CLASS_DIRECTORIES.values():
            path = f"/{self._root}/{directory}" if directory else f"/{self._root}"
            found.update(name[3:] for name in self._layout.children(path) if name.startswith("pod"))
        return found

    def usage(self, pod: Pod) -> CgroupUsage:
        """What the pod as a whole has used. FileNotFoundError when it has no cgroup."""
        return self._layout.usage(pod_cgroup(self._root, pod.metadata.uid or "", qos_class(pod)))

    def container_usage(self, pod: Pod, container_id: str) -> CgroupUsage:
        """What one container has used, read where the runtime put it. FileNotFoundError when it is not there."""
        path = pod_cgroup(self._root, pod.metadata.uid or "", qos_class(pod))
        return self._layout.usage(f"{path}/{container_id}")

    def total_usage(self) -> CgroupUsage:
        """What all pods of the node have used together."""
        return self._layout.usage(f"/{self._root}")

    def machine_usage(self) -> CgroupUsage:
        """What the whole machine has used (the root cgroup)."""
        return self._layout.usage("/")

    def destroy(self) -> bool:
        """Remove the whole tree (the node is taken down); False while processes live in it."""
        self._prepared = False
        return self._layout.remove(f"/{self._root}")

    def _weigh_burstable(self) -> None:
        shares = min(max(sum(self._burstable_shares.values()), MINIMUM_SHARES), 256 * SHARES_PER_CPU)
        self._layout.apply(f"/{self._root}/burstable", PodResources(cpu_shares=shares), 0)
