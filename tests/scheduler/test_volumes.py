"""Claims and volumes with the whole scheduler: what a pod waits for, what is written for it, what sends it back."""

import pytest
from tests.scheduler.test_scheduler import cluster
from tests.support.scheduling import node, pod

from pybernetes.api.core import (
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    ResourceRequirements,
    Volume,
    VolumeNodeAffinity,
    VolumeResourceRequirements,
)
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.storage import StorageClass


def claim(name, volume="", storage_class="local"):
    return PersistentVolumeClaim(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"c-{name}"),
        spec=PersistentVolumeClaimSpec(
            access_modes=["ReadWriteOnce"],
            storage_class_name=storage_class,
            volume_name=volume or None,
            resources=VolumeResourceRequirements(requests={"storage": "1Gi"}),
        ),
        status=PersistentVolumeClaimStatus(phase="Bound" if volume else "Pending"),
    )


def volume(name, on):
    requirement = NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=[on])
    return PersistentVolume(
        metadata=ObjectMeta(name=name, uid=f"v-{name}"),
        spec=PersistentVolumeSpec(
            capacity={"storage": "2Gi"},
            access_modes=["ReadWriteOnce"],
            storage_class_name="local",
            node_affinity=VolumeNodeAffinity(
                required=NodeSelector(node_selector_terms=[NodeSelectorTerm(match_expressions=[requirement])])
            ),
        ),
        status=PersistentVolumeStatus(phase="Available"),
    )


def with_claim(name, claim_name):
    source = PersistentVolumeClaimVolumeSource(claim_name=claim_name)
    return pod(name, volumes=[Volume(name="data", persistent_volume_claim=source)])


WAITS = StorageClass(
    metadata=ObjectMeta(name="local"), provisioner="example.com/disk", volume_binding_mode="WaitForFirstConsumer"
)


async def test_a_missing_claim_is_waited_for():
    async with cluster(node("a")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: api.patches)
        assert api.condition("p").message.startswith('0/1 nodes are available: persistentvolumeclaim "data" not found.')
        api.put(volume("v", "a"), claim("data", "v"))
        await api.until(lambda: api.bound)


async def test_a_pod_goes_where_its_volume_is():
    async with cluster(node("a"), node("b"), volume("v", "b"), claim("data", "v")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}


async def test_an_unbound_claim_with_immediate_binding_is_waited_for():
    async with cluster(node("a"), claim("data")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: api.patches)
        assert "pod has unbound immediate PersistentVolumeClaims" in api.condition("p").message


async def test_a_waiting_claim_is_provisioned_for_the_node_of_the_pod():
    async with cluster(node("a"), WAITS, claim("data")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: len(api.patches) == 2)
        assert api.patches == [
            ("p", {"status": {"nominatedNodeName": "a"}}),
            ("data", {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "a"}}}),
        ]
        assert not api.bound
        api.put(volume("v", "a"), claim("data", "v"))
        await api.until(lambda: api.bound)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ({"other": ""}, 'provisioning failed for PVC "data"'),
        (None, 'selectedNode annotation reset for PVC "data"'),
    ],
    ids=["taken away", "all gone"],
)
async def test_a_claim_that_cannot_be_provisioned_sends_the_pod_back(annotations, message):
    async with cluster(node("a"), WAITS, claim("data")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: len(api.patches) == 2)
        given_up = claim("data")
        given_up.metadata.annotations = annotations
        api.put(given_up)
        await api.until(lambda: api.pod("p").status.conditions)
        condition = api.condition("p")
        assert (condition.reason, condition.message, api.pod("p").status.nominated_node_name) == (
            "SchedulerError",
            f'running PreBind plugin "VolumeBinding": binding volumes: {message}',
            None,
        )
        assert api.scheduler.snapshot.rows[0].pods == {}


async def test_a_pod_that_waits_for_its_volume_gives_way_and_lives():
    low = with_claim("low", "data")
    low.spec.containers[0].resources = ResourceRequirements(requests={"cpu": "3"})
    async with cluster(node("a"), WAITS, claim("data")) as api:
        api.put(low)
        await api.until(lambda: len(api.patches) == 2)
        api.put(pod("high", cpu="3", priority=10))
        await api.until(lambda: api.bound and api.pod("low").status.conditions)
        assert (api.bound, api.deleted) == ({"high": "a"}, [])
        assert api.condition("low").message == 'running PreBind plugin "VolumeBinding": preempted'
        assert len(api.scheduler.queue) == 1


async def test_a_claim_that_goes_while_it_is_provisioned_sends_the_pod_back():
    async with cluster(node("a"), WAITS, claim("data")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: len(api.patches) == 2)
        api.remove(claim("data"))
        await api.until(lambda: api.pod("p").status.conditions)
        assert api.condition("p").message.endswith('persistentvolumeclaim "data" not found')


async def test_a_waiting_claim_takes_an_existing_volume():
    async with cluster(node("b"), WAITS, volume("v", "b"), claim("data")) as api:
        api.put(with_claim("p", "data"))
        await api.until(lambda: len(api.patches) == 2)
        reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "name": "data"}
        reference |= {"namespace": "default", "uid": "c-data"}
        assert api.patches[1:] == [("v", {"spec": {"claimRef": reference}})]
        assert not api.bound
        api.put(claim("data", "v"))
        await api.until(lambda: api.bound)
