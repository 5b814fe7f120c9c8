"""Who has to go when the node runs short."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.base.clock import SystemClock
from pybernetes.kubelet.cri.messages import ContainerStats, MemoryUsage
from pybernetes.kubelet.eviction import (
    Observation,
    Pressures,
    Threshold,
    ThresholdWatch,
    binary_amount,
    eviction_grace_seconds,
    eviction_message,
    rank,
    thresholds_met,
)
from pybernetes.kubelet.eviction_manager import EvictionManager
from pybernetes.kubelet.eviction_storage import storage_excess
from pybernetes.kubelet.eviction_thresholds import all_thresholds
from pybernetes.kubelet.kernel.cgroup_layout import CgroupUsage
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.stats import MachineUsage, PodUsage, Snapshot

MIB = 1 << 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = Threshold(signal="memory.available", amount=100 * MIB)


def usage(name: str, used: int, request: str = "0", priority: int = 0) -> PodUsage:
    container = {"name": "web", "resources": {"requests": {"memory": request}}}
    pod = pod_of({"containers": [container], "priority": priority}, name=name, uid=name)
    stats = ContainerStats(memory=MemoryUsage(working_set_bytes=used * MIB))
    return PodUsage(pod=pod, own=CgroupUsage(memory_working_set_bytes=used * MIB), containers={"web": stats})


@pytest.mark.parametrize(
    ("threshold", "available", "capacity", "met"),
    [
        (MEMORY, 99 * MIB, 1 << 30, True),
        (MEMORY, 100 * MIB, 1 << 30, False),
        (Threshold(signal="nodefs.available", percent=10), 9, 100, True),
        (Threshold(signal="nodefs.available", percent=10), 10, 100, False),
        (Threshold(signal="nodefs.inodesFree", percent=5), 0, 0, False),
    ],
    ids=["amount", "amount reached exactly", "percent", "percent exactly", "file systems without inodes"],
)
def test_thresholds(threshold: Threshold, available: int, capacity: int, met: bool) -> None:
    found = thresholds_met({threshold.signal: Observation(available, capacity)}, [threshold])
    assert found == ([threshold] if met else [])


def test_a_condition_holds_for_five_minutes() -> None:
    pressures = Pressures()
    assert pressures.update([MEMORY], NOW) == {"MemoryPressure"}
    assert pressures.update([], NOW + timedelta(seconds=299)) == {"MemoryPressure"}
    assert pressures.update([], NOW + timedelta(seconds=300)) == frozenset()


def test_ranking() -> None:
    pods = [
        usage("modest", 50, "100Mi"),
        usage("important and greedy", 500, "100Mi", priority=100),
        usage("greedy", 300, "100Mi"),
        usage("greedier", 400, "100Mi"),
        usage("critical", 900, priority=2_000_000_000),
    ]
    found = [entry.pod.metadata.name for entry in rank(pods, "memory.available")]
    assert found == ["greedier", "greedy", "important and greedy", "modest"]


def test_message() -> None:
    text = eviction_message(usage("p", 300, "100Mi"), MEMORY, Observation(50 * MIB, 1 << 30))
    assert text == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container web was using 300Mi, request is 100Mi, has larger consumption of memory. "
    )


@pytest.mark.parametrize(("amount", "text"), [(0, "0"), (1500, "1500"), (2048, "2Ki"), (3 << 30, "3Gi")])
def test_amounts(amount: int, text: str) -> None:
    assert binary_amount(amount) == text


class Node:
    """A node whose free memory the test sets."""

    def __init__(self, pods_directory: str = "/none", **settings: Any) -> None:
        self.free = 1000
        self.pods = [usage("small", 10), usage("big", 500)]
        self.evicted: list[str] = []
        self.graces: list[int] = []
        self.pressures: frozenset[str] = frozenset()
        self.events: list[str] = []
        self.reclaimed = 0
        self.kernel = RecordingKernel()
        self.manager = EvictionManager(
            self,  # type: ignore[arg-type]
            self.evict,
            self.set_pressures,
            reclaim_images=self.reclaim,
            node_event=lambda reason, message: self.events.append(message),
            limited_pods=lambda: True,
            pods_directory=pods_directory,
            machine=self.machine,
            **settings,
        )

    def machine(self) -> MachineUsage:
        return MachineUsage(
            cpu_nanoseconds=0,
            memory_capacity_bytes=1 << 30,
            memory_available_bytes=self.free * MIB,
            memory_usage_bytes=0,
            memory_rss_bytes=0,
            processes=10,
            maximum_processes=32768,
            boot_time=0,
        )

    def node_file_system(self) -> Any:
        return self.kernel.usage

    async def collect(self) -> Snapshot:
        return Snapshot(time=NOW, machine=self.machine(), node_fs=self.kernel.usage, image_fs=[], pods=list(self.pods))

    def evict(
        self, pod_uid: str, reason: str, message: str, grace_seconds: int, *, disruption: str | None = None
    ) -> bool:
        self.evicted.append(pod_uid)
        self.graces.append(grace_seconds)
        return True

    def set_pressures(self, pressures: frozenset[str]) -> None:
        self.pressures = pressures

    async def reclaim(self) -> None:
        self.reclaimed += 1
        self.kernel.usage = RecordingKernel().usage


async def test_nothing_happens_while_there_is_enough() -> None:
    node = Node()
    assert await node.manager.look() is None
    assert (node.evicted, node.pressures) == ([], frozenset())


async def test_one_pod_goes_at_a_time() -> None:
    node = Node()
    node.free = 50
    assert await node.manager.look() == "big"
    assert node.pressures == {"MemoryPressure"}
    assert node.events == ["Attempting to reclaim memory"]
    assert await node.manager.look() is None
    node.pods = node.pods[:1]
    assert await node.manager.look() == "small"


async def test_images_go_before_pods() -> None:
    node = Node()
    full = RecordingKernel().usage
    node.kernel.usage = type(full)(
        capacity_bytes=100, available_bytes=1, used_bytes=99, inodes=full.inodes, inodes_free=full.inodes_free
    )
    assert await node.manager.look() is None
    assert (node.reclaimed, node.evicted, node.pressures) == (1, [], {"DiskPressure"})


SOFT = all_thresholds(
    {"memory.available": "100Mi"},
    {"memory.available": "300Mi"},
    {"memory.available": 90.0},
    {"memory.available": "50Mi"},
)


@pytest.mark.parametrize(
    ("history", "due"),
    [
        ([(0, 200)], []),
        ([(0, 200), (89, 200)], []),
        ([(0, 200), (90, 200)], ["soft"]),
        ([(0, 200), (60, 400), (90, 200)], []),
        ([(0, 50)], ["hard"]),
        ([(0, 50), (90, 50)], ["hard", "soft"]),
        ([(0, 200), (90, 200), (100, 340)], ["soft"]),
        ([(0, 200), (90, 200), (100, 350)], []),
        ([(0, 200), (80, 340), (90, 340)], []),
        ([(0, 50), (10, 149)], ["hard"]),
        ([(0, 50), (10, 150)], []),
    ],
    ids=[
        "crossed", "not for long enough", "for its grace period", "with a pause", "hard at once", "both",
        "not enough reclaimed", "enough reclaimed", "reclaim counts once it is due", "hard: not enough", "hard: enough",
    ],
)  # fmt: skip
def test_which_thresholds_are_due(history: list[tuple[float, int]], due: list[str]) -> None:
    watch = ThresholdWatch(SOFT)
    for seconds, free in history:
        watch.update({"memory.available": Observation(free * MIB, 1 << 30)}, NOW + timedelta(seconds=seconds))
    assert ["soft" if threshold.grace_seconds else "hard" for threshold in watch.due] == due


@pytest.mark.parametrize(
    ("soft", "grace", "message"),
    [
        (
            {"memory.available": "1Gi"},
            {},
            "grace period must be specified for the soft eviction threshold memory.available",
        ),
        ({}, {"disk": 1.0}, "there is no eviction signal disk; there are: memory.available, "),
    ],
)
def test_a_soft_threshold_needs_its_grace_period(soft: Any, grace: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        all_thresholds({}, soft, grace, {})


@pytest.mark.parametrize(("own", "maximum", "expected"), [(None, 20, 20), (5, 20, 5), (30, 20, 20), (30, 0, 1)])
def test_who_is_evicted_softly_has_time(own: int | None, maximum: int, expected: int) -> None:
    pod = pod_of({"containers": [{"name": "web"}], "terminationGracePeriodSeconds": own})
    hard, soft = SOFT
    assert eviction_grace_seconds(pod, soft, maximum) == expected
    assert eviction_grace_seconds(pod, hard, maximum) == 1


class HandClock(SystemClock):
    """A clock that the test sets."""

    time = NOW

    def now(self) -> datetime:
        return self.time


async def test_a_soft_threshold_tells_at_once_and_evicts_later() -> None:
    clock = HandClock()
    node = Node(thresholds=SOFT, maximum_grace_seconds=20, transition_seconds=0, clock=clock)
    node.free = 200
    assert await node.manager.look() is None
    assert (node.pressures, node.events) == ({"MemoryPressure"}, [])
    clock.time += timedelta(seconds=90)
    assert await node.manager.look() == "big"
    assert node.graces == [20]
    node.free = 900
    assert await node.manager.look() is None
    assert node.pressures == frozenset()


LIMITED: dict[str, Any] = {
    "containers": [{"name": "web", "resources": {"limits": {"ephemeral-storage": "1Mi"}}}],
    "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Ki"}}, {"name": "w", "emptyDir": {}}],
}


@pytest.mark.parametrize(
    ("volumes", "containers", "message"),
    [
        ({"v": 1024, "w": 1024}, {"web": 1024}, ""),
        ({"v": 1025}, {}, 'Usage of EmptyDir volume "v" exceeds the limit "1Ki". '),
        ({"w": MIB}, {"web": 1}, "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "),
    ],
    ids=["within", "a volume", "the pod"],
)
def test_limits_on_local_storage(volumes: dict[str, int], containers: dict[str, int], message: str) -> None:
    assert storage_excess(pod_of(LIMITED), volumes, containers) == message


def test_a_container_may_exceed_its_limit_while_the_pod_has_none() -> None:
    pod = pod_of({"containers": [*LIMITED["containers"], {"name": "free"}]})
    excess = storage_excess(pod, {}, {"web": MIB + 1})
    assert excess == 'Container web exceeded its local ephemeral storage limit "1Mi". '


async def test_a_pod_that_fills_its_volume_is_evicted(tmp_path: Path) -> None:
    node = Node(str(tmp_path))
    node.pods = [PodUsage(pod=pod_of(LIMITED), own=None, containers={})]
    volume = tmp_path / "uid-1" / "volumes" / "kubernetes.io~empty-dir" / "v"
    volume.mkdir(parents=True)
    assert await node.manager.look_at_storage() == []
    (volume / "f").write_bytes(b"x" * 8192)
    assert await node.manager.look_at_storage() == ["uid-1"]
