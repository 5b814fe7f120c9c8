"""Volumes and devices: who is rejected where and why; what is written before a pod with devices is bound."""

from contextlib import asynccontextmanager
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock, settle
from tests.scheduler.test_waking import reject, scheduler_of
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    AWSElasticBlockStoreVolumeSource,
    Container,
    ContainerRestartRule,
    CSIPersistentVolumeSource,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    Pod,
    Volume,
    VolumeResourceRequirements,
)
from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.base.tasks import running
from pybernetes.scheduler.plugins.volume_binding import SELECTED_NODE
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.queue import Place
from pybernetes.scheduler.scheduler import Scheduler

ZONE = "topology.kubernetes.io/zone"


def volume(name, labels=None, handle=""):
    spec = PersistentVolumeSpec(csi=CSIPersistentVolumeSource(driver="d", volume_handle=handle) if handle else None)
    return PersistentVolume(
        metadata=ObjectMeta(name=name, uid=name, labels=labels), spec=spec, status=PersistentVolumeStatus(phase="Bound")
    )


def claim(name, to, modes=("ReadWriteOnce",)):
    return PersistentVolumeClaim(
        metadata=ObjectMeta(name=name, namespace="default", uid=name),
        spec=PersistentVolumeClaimSpec(volume_name=to, access_modes=list(modes)),
        status=PersistentVolumeClaimStatus(phase="Bound"),
    )


def using(name, *claims, on="", **more):
    volumes = [
        Volume(name=one, persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=one)) for one in claims
    ]
    return pod(name, on=on, volumes=volumes, **more)


def disk(name, on=""):
    source = AWSElasticBlockStoreVolumeSource(volume_id="vol")
    return pod(name, on=on, volumes=[Volume(name="v", aws_elastic_block_store=source)])


def limit(name, count):
    driver = {"name": "d", "nodeID": name, "allocatable": {"count": count}}
    return msgspec.convert({"metadata": {"name": name, "uid": name}, "spec": {"drivers": [driver]}}, CSINode)


def attachment(volume_name, node_name):
    spec = {"attacher": "d", "nodeName": node_name, "source": {"persistentVolumeName": volume_name}}
    return msgspec.convert(
        {"metadata": {"name": f"va-{volume_name}", "uid": volume_name}, "spec": spec}, VolumeAttachment
    )


WAITS = StorageClass(
    metadata=ObjectMeta(name="fast", uid="fast"), provisioner="d", volume_binding_mode="WaitForFirstConsumer"
)


def waiting_claim(name, selected=""):
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=name, namespace="default", uid=name, annotations={SELECTED_NODE: selected} if selected else None
        ),
        spec=PersistentVolumeClaimSpec(
            storage_class_name="fast",
            access_modes=["ReadWriteOnce"],
            resources=VolumeResourceRequirements(requests={"storage": "2Gi"}),
        ),
        status=PersistentVolumeClaimStatus(phase="Pending"),
    )


def driver(tells):
    return msgspec.convert({"metadata": {"name": "d", "uid": "d"}, "spec": {"storageCapacity": tells}}, CSIDriver)


def capacity(name, amount, zone="", most=None):
    return CSIStorageCapacity(
        metadata=ObjectMeta(name=name, namespace="kube-system", uid=name),
        storage_class_name="fast",
        capacity=amount,
        maximum_volume_size=most,
        node_topology=LabelSelector(match_labels={ZONE: zone}) if zone else None,
    )


def decide(wanted, *objects, many=64):
    api = FakeApi()
    api.put(*objects)
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(0))  # type: ignore[arg-type]
    scheduler._cycles["default-scheduler"]._many = many
    api.informers.of(Node).add_handler(scheduler.intake.node_changed)
    api.informers.of(Pod).add_handler(scheduler.intake.pod_changed)
    return scheduler.cycle_of(PodInfo(wanted)).decide(PodInfo(wanted))


def restarting_all(name):
    one = pod(name)
    rules = [ContainerRestartRule(action="RestartAllContainers")]
    container = Container(name="app", image="i", restart_policy_rules=rules)
    return msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, containers=[container]))


REJECTED = {
    "a disk of its own": (
        disk("p"),
        [node("a"), disk("q", on="a")],
        "0/1 nodes are available: 1 node(s) had no available disk.",
    ),
    "a claim for one pod": (
        using("p", "c"),
        [node("a"), node("b"), claim("c", "v", ["ReadWriteOncePod"]), volume("v"), using("q", "c", on="a")],
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod"
        " access mode.",
    ),
    "another zone": (
        using("p", "c"),
        [node("a", labels={ZONE: "1"}), claim("c", "v"), volume("v", {ZONE: "2__3"})],
        "0/1 nodes are available: 1 node(s) had no available volume zone.",
    ),
    "too many volumes": (
        using("p", "c"),
        [
            node("a"),
            limit("a", 1),
            claim("c", "v"),
            volume("v", handle="1"),
            claim("d", "w"),
            volume("w", handle="2"),
            using("q", "d", on="a"),
        ],
        "0/1 nodes are available: 1 node(s) exceed max volume count.",
    ),
    "too many volumes that are attached still": (
        using("p", "c"),
        [
            node("a"),
            limit("a", 1),
            claim("c", "v"),
            volume("v", handle="1"),
            volume("w", handle="2"),
            attachment("w", "a"),
        ],
        "0/1 nodes are available: 1 node(s) exceed max volume count.",
    ),
    "no capacity reported": (
        using("p", "c"),
        [node("a"), waiting_claim("c"), WAITS, driver(True)],
        "0/1 nodes are available: 1 node(s) did not have enough free storage.",
    ),
    "too little capacity near the node": (
        using("p", "c"),
        [
            node("a", labels={ZONE: "1"}),
            waiting_claim("c"),
            WAITS,
            driver(True),
            capacity("far", "9Gi", zone="2"),
            capacity("near", "1Gi", zone="1"),
            capacity("split", "9Gi", zone="1", most="1Gi"),
            capacity("nowhere", "9Gi"),
        ],
        "0/1 nodes are available: 1 node(s) did not have enough free storage.",
    ),
    "a claim promised to another node": (
        using("p", "c"),
        [node("a"), waiting_claim("c", selected="b"), WAITS],
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
    ),
    "a feature the kubelet lacks": (
        restarting_all("p"),
        [node("a")],
        "0/1 nodes are available: 1 node declared features check failed - unsatisfied requirements:"
        " RestartAllContainersOnContainerExits.",
    ),
}


@pytest.mark.parametrize("many", [0, 64], ids=["over arrays", "plainly"])
@pytest.mark.parametrize("name", REJECTED)
def test_rejected(name, many):
    wanted, objects, message = REJECTED[name]
    decision = decide(wanted, *objects, many=many)
    assert decision.node_name == ""
    assert decision.diagnosis.message() == message


@pytest.mark.parametrize("many", [0, 64], ids=["over arrays", "plainly"])
@pytest.mark.parametrize(
    "objects",
    [
        [node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "3"}), claim("c", "v"), volume("v", {ZONE: "2__3"})],
        [
            node("a"),
            node("b"),
            limit("a", 1),
            claim("c", "v"),
            volume("v", handle="1"),
            claim("d", "w"),
            volume("w", handle="2"),
            using("q", "d", on="a"),
        ],
        [
            node("a", labels={ZONE: "1"}),
            node("b", labels={ZONE: "2"}),
            waiting_claim("c"),
            WAITS,
            driver(True),
            capacity("some", "2Gi", zone="2"),
        ],
        [node("a"), node("b"), waiting_claim("c", selected="b"), WAITS, driver(False)],
    ],
    ids=["the right zone", "room for a volume", "capacity", "the node promised before"],
)
def test_accepted_elsewhere(objects, many):
    assert decide(using("p", "c"), *objects, many=many).node_name == "b"


def test_the_same_volume_counts_once():
    objects = [node("a"), limit("a", 1), claim("c", "v"), volume("v", handle="1"), using("q", "c", on="a")]
    assert decide(using("p", "c"), *objects).node_name == "a"


@pytest.mark.parametrize(
    ("before", "change", "wakes"),
    [
        ([driver(True)], capacity("new", "2Gi", zone="1"), True),
        ([driver(True), capacity("one", "1Gi", zone="1")], capacity("one", "2Gi", zone="1"), True),
        ([driver(True), capacity("one", "1Gi", zone="1")], capacity("one", "1Gi", zone="2"), True),
        ([driver(True), capacity("one", "1Gi", zone="1")], capacity("one", "500Mi", zone="1"), False),
        ([driver(True)], driver(False), True),
        ([driver(True)], waiting_claim("other"), False),
    ],
    ids=["reported", "more", "elsewhere", "less", "no longer told", "another claim"],
)
async def test_a_pod_without_storage_wakes_when_there_may_be_some(before, change, wakes):
    api = FakeApi()
    api.put(node("a", labels={ZONE: "1"}), waiting_claim("c"), WAITS, *before)
    scheduler = scheduler_of(api)
    for kind in (CSIDriver, CSIStorageCapacity, PersistentVolumeClaim):
        api.informers.of(kind).add_handler(scheduler.intake.storage_handler(kind.KIND))
    queued = await reject(scheduler, api, using("p", "c"))
    assert queued.plugins == {"VolumeBinding"}
    api.put(change)
    assert (queued.place is not Place.WAITING) is wakes


async def test_a_pod_without_room_for_its_volume_wakes_when_one_is_detached():
    api = FakeApi()
    held = attachment("w", "a")
    api.put(node("a"), limit("a", 1), claim("c", "v"), volume("v", handle="1"), volume("w", handle="2"), held)
    scheduler = scheduler_of(api)
    for kind in (CSINode, VolumeAttachment):
        api.informers.of(kind).add_handler(scheduler.intake.storage_handler(kind.KIND))
    queued = await reject(scheduler, api, using("p", "c"))
    assert queued.plugins == {"NodeVolumeLimits"}
    api.put(limit("a", 0))
    assert queued.place is Place.WAITING
    api.remove(held)
    assert queued.place is not Place.WAITING


# devices


def device(name, **attributes):
    return {"name": name, "attributes": {key: {"string": value} for key, value in attributes.items()}}


def slices(node_name, *devices, count=1):
    pool = {"name": node_name, "generation": 1, "resourceSliceCount": count}
    spec = {"driver": "gpu.example.com", "nodeName": node_name, "pool": pool, "devices": list(devices)}
    return msgspec.convert({"metadata": {"name": f"s-{node_name}", "uid": node_name}, "spec": spec}, ResourceSlice)


GPU = msgspec.convert(
    {
        "metadata": {"name": "gpu", "uid": "gpu"},
        "spec": {"selectors": [{"cel": {"expression": 'device.driver == "gpu.example.com"'}}]},
    },
    DeviceClass,
)


def wants(name, *requests, constraints=None, status=None):
    spec = {"devices": {"requests": list(requests), "constraints": constraints}}
    metadata = {"name": name, "namespace": "default", "uid": f"claim-{name}"}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status or {}}, ResourceClaim)


def exactly(name="r", count=1, cel="", **more):
    selectors = [{"cel": {"expression": cel}}] if cel else None
    return {"name": name, "exactly": {"deviceClassName": "gpu", "count": count, "selectors": selectors, **more}}


def pod_with(name, *claims):
    one = pod(name)
    body = msgspec.to_builtins(one)
    body["spec"]["resourceClaims"] = [{"name": c, "resourceClaimName": c} for c in claims]
    return msgspec.convert(body, Pod)


BIG = 'device.attributes["gpu.example.com"].size == "big"'


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([wants("c", exactly())], {"a", "b"}),
        ([wants("c", exactly(count=2))], {"b"}),
        ([wants("c", exactly(cel=BIG))], {"b"}),
        ([wants("c", exactly(allocationMode="All"))], {"a", "b"}),
        ([wants("c", exactly("x"), exactly("y"))], {"b"}),
        (
            [wants("c", exactly(count=2), constraints=[{"matchAttribute": "gpu.example.com/size"}])],
            set(),
        ),
        (
            [wants("c", exactly(count=2), constraints=[{"distinctAttribute": "gpu.example.com/size"}])],
            {"b"},
        ),
        (
            [
                wants(
                    "c",
                    {
                        "name": "r",
                        "firstAvailable": [
                            {"name": "two", "deviceClassName": "gpu", "count": 2},
                            {"name": "one", "deviceClassName": "gpu", "count": 1},
                        ],
                    },
                )
            ],
            {"b"},
        ),
    ],
    ids=["any", "two", "selector", "all", "two requests", "match", "distinct", "first available is scored"],
)
def test_devices_decide_the_node(objects, expected):
    nodes = [node("a"), node("b"), node("c")]
    found = [slices("a", device("0", size="small")), slices("b", device("0", size="small"), device("1", size="big"))]
    chosen = {decide(pod_with("p", "c"), *nodes, *found, GPU, *objects).node_name or None for _ in range(3)}
    assert chosen - {None} <= expected
    assert (chosen == {None}) is not bool(expected)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([], 'could not find ResourceClaim "default/c"'),
        ([wants("c", exactly())], "request r: device class gpu does not exist"),
        ([GPU, wants("c", exactly())], "1 cannot allocate all claims"),
        (
            [GPU, slices("a", device("0"), count=2), wants("c", exactly())],
            "1 cannot allocate all claims",
        ),
    ],
    ids=["no claim", "no class", "no devices", "incomplete pool"],
)
def test_why_devices_are_missing(objects, message):
    decision = decide(pod_with("p", "c"), node("a"), *objects)
    assert decision.node_name == ""
    assert message in decision.diagnosis.message()


class Cluster(FakeApi):
    """Answers for claims as the API server does."""

    async def get(self, kind, name, namespace="", **_):
        found = self.informers.of(kind).get(name, namespace)
        assert found is not None
        return found

    async def update(self, obj, **_):
        self.put(obj)
        return self.informers.of(type(obj)).get(obj.metadata.name, obj.metadata.namespace or "")

    async def patch(self, kind, name, namespace="", *, body, **more):
        if kind is not ResourceClaim:
            return await super().patch(kind, name, namespace, body=body, **more)
        found = self.informers.of(kind).get(name, namespace)
        status = msgspec.to_builtins(found.status) | body["status"]
        self.put(msgspec.structs.replace(found, status=msgspec.convert(status, type(found.status))))
        self._note()
        return self.informers.of(kind).get(name, namespace)


@asynccontextmanager
async def cluster(*objects):
    api = Cluster()
    api.put(*objects)
    api.clock = FakeClock()  # type: ignore[attr-defined]
    scheduler = Scheduler(api, api.informers, clock=api.clock, recorder=Recorder(), random=Random(0))  # type: ignore
    async with running("scheduler", scheduler.serve):
        yield api


async def test_a_claim_is_allocated_and_reserved_before_the_pod_is_bound():
    objects = [
        node("a"),
        slices("a", device("0"), device("1")),
        GPU,
        wants("c", exactly()),
        wants("d", exactly(count=2)),
    ]
    async with cluster(*objects) as api:
        api.put(pod_with("p", "c"))
        await api.until(lambda: api.bound)
        found = api.informers.of(ResourceClaim).get("c", "default")
        assert found.metadata.finalizers == ["resource.kubernetes.io/delete-protection"]
        result = found.status.allocation.devices.results[0]
        assert (result.request, result.driver, result.pool, result.device) == ("r", "gpu.example.com", "a", "0")
        assert found.status.allocation.node_selector is not None
        assert [user.name for user in found.status.reserved_for] == ["p"]
        api.put(pod_with("q", "d"))  # only one device is left
        await api.until(lambda: any(name == "q" for name, _ in api.patches))
        assert "q" not in api.bound
        api.put(wants("c", exactly()))  # given back
        await api.clock.advance(2)
        await settle()
        await api.until(lambda: "q" in api.bound)


async def test_an_allocated_claim_is_shared():
    status = {
        "allocation": {
            "devices": {"results": [{"request": "r", "driver": "gpu.example.com", "pool": "a", "device": "0"}]},
            "nodeSelector": {
                "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}]
            },
        },
        "reservedFor": [{"resource": "pods", "name": "other", "uid": "x"}],
    }
    async with cluster(node("a"), node("b"), GPU, wants("c", exactly(), status=status)) as api:
        api.put(pod_with("p", "c"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}
        users = api.informers.of(ResourceClaim).get("c", "default").status.reserved_for
        assert [user.name for user in users] == ["other", "p"]
