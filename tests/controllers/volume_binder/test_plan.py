"""Which volume a claim gets, and what becomes of either."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.codec import from_wire
from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.api.storage import StorageClass
from pybernetes.controllers.volume_binder.match import capacity, find_match, mismatch, requested
from pybernetes.controllers.volume_binder.plan import (
    BIND_COMPLETED,
    PROVISIONED_BY,
    SELECTED_NODE,
    Do,
    default_class,
    plan_claim,
    plan_volume,
    undeletable,
)


def claim(size: str = "1Gi", *, uid: str = "c", annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    body = {
        "metadata": {"name": "data", "namespace": "default", "uid": uid, "annotations": annotations or {}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }
    return from_wire(PersistentVolumeClaim, body)


def volume(name: str = "v", size: str = "1Gi", *, phase: str = "Available", **spec: Any) -> PersistentVolume:
    metadata = {"name": name, "labels": spec.pop("labels", {}), "annotations": spec.pop("annotations", {})}
    base = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "hostPath": {"path": "/x"}}
    return from_wire(PersistentVolume, {"metadata": metadata, "spec": {**base, **spec}, "status": {"phase": phase}})


CSI = {"driver": "disks.example.com", "volumeHandle": "h"}


def reference(uid: str = "", name: str = "data") -> dict[str, str]:
    return {"namespace": "default", "name": name, **({"uid": uid} if uid else {})}


def storage_class(mode: str = "Immediate", **metadata: Any) -> StorageClass:
    body = {"metadata": {"name": "fast", **metadata}, "provisioner": "example.com/x", "volumeBindingMode": mode}
    return from_wire(StorageClass, body)


@pytest.mark.parametrize(
    ("wants", "offers", "chosen"),
    [
        (claim(), [], None),
        (claim(), [volume("small", "500Mi"), volume("large", "9Gi"), volume("fits", "2Gi")], "fits"),
        (claim(), [volume("taken", phase="Bound"), volume("free", "5Gi")], "free"),
        (claim(), [volume("many", accessModes=["ReadWriteOnce", "ReadOnlyMany"]), volume("one", "8Gi")], "one"),
        (claim(), [volume("reserved", "9Gi", claimRef=reference()), volume("free")], "reserved"),
        (claim(), [volume("others", claimRef=reference(name="other"))], None),
        (claim(), [volume("earlier", claimRef=reference(uid="another"))], None),
        (claim(storageClassName="fast"), [volume()], None),
        (claim(storageClassName="fast"), [volume(storageClassName="fast")], "v"),
        (claim(accessModes=["ReadWriteMany"]), [volume()], None),
        (claim(volumeMode="Block"), [volume()], None),
        (claim(selector={"matchLabels": {"a": "b"}}), [volume(), volume("labeled", labels={"a": "b"})], "labeled"),
    ],
)
def test_smallest_fitting_volume_is_chosen(
    wants: PersistentVolumeClaim, offers: list[PersistentVolume], chosen: str | None
) -> None:
    found = find_match(wants, offers, only_reserved=False)
    assert (found.metadata.name if found is not None else None) == chosen


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans(), st.booleans()), max_size=8), st.integers(1, 50))
def test_chosen_volume_always_fits_and_none_smaller_would(offers: list[tuple[int, bool, bool]], size: int) -> None:
    volumes = [
        volume(str(n), f"{gib}Gi", phase="Available" if free else "Bound", storageClassName="x" if other else "")
        for n, (gib, free, other) in enumerate(offers)
    ]
    wants = claim(f"{size}Gi")
    found = find_match(wants, volumes, only_reserved=False)
    fitting = [v for v in volumes if not mismatch(wants, v) and v.status.phase == "Available"]
    assert (found is None) == (not fitting)
    if found is not None:
        assert capacity(found) >= requested(wants)
        assert all(capacity(found) <= capacity(other) for other in fitting)


BOUND = {BIND_COMPLETED: "yes"}
CLAIM_CASES: list[tuple[Any, list[PersistentVolume], StorageClass | None, Do, str]] = [
    (claim(), [volume()], None, Do.BIND, ""),
    (claim(), [], None, Do.WAIT, "FailedBinding"),
    (claim(storageClassName="fast"), [], storage_class(), Do.PROVISION, ""),
    (claim(storageClassName="fast"), [], None, Do.PROVISION, ""),
    (claim(storageClassName="fast"), [], storage_class("WaitForFirstConsumer"), Do.WAIT, "WaitForFirstConsumer"),
    (
        claim(storageClassName="fast"),
        [volume(storageClassName="fast")],
        storage_class("WaitForFirstConsumer"),
        Do.WAIT,
        "WaitForFirstConsumer",
    ),
    (
        claim(storageClassName="fast"),
        [volume(storageClassName="fast", claimRef=reference("c"))],
        storage_class("WaitForFirstConsumer"),
        Do.BIND,
        "",
    ),
    (
        claim(storageClassName="fast", annotations={SELECTED_NODE: "n1"}),
        [],
        storage_class("WaitForFirstConsumer"),
        Do.PROVISION,
        "",
    ),
    (claim(volumeName="v"), [], None, Do.WAIT, ""),
    (claim(volumeName="v"), [volume()], None, Do.BIND, ""),
    (claim(volumeName="v"), [volume(claimRef=reference("c"))], None, Do.BIND, ""),
    (claim(volumeName="v"), [volume(claimRef=reference("z", "other"))], None, Do.WAIT, "FailedBinding"),
    (claim("5Gi", volumeName="v"), [volume()], None, Do.WAIT, "VolumeMismatch"),
    (claim(annotations=BOUND), [], None, Do.LOSE, "ClaimLost"),
    (claim(annotations=BOUND, volumeName="v"), [], None, Do.LOSE, "ClaimLost"),
    (claim(annotations=BOUND, volumeName="v"), [volume(claimRef=reference("z"))], None, Do.LOSE, "ClaimMisbound"),
    (claim(annotations=BOUND, volumeName="v"), [volume(claimRef=reference("c"))], None, Do.BIND, ""),
]


@pytest.mark.parametrize(("wants", "volumes", "cls", "do", "reason"), CLAIM_CASES)
def test_next_step_of_a_claim(
    wants: PersistentVolumeClaim, volumes: list[PersistentVolume], cls: StorageClass | None, do: Do, reason: str
) -> None:
    step = plan_claim(wants, {found.metadata.name or "": found for found in volumes}, cls)
    assert (step.do, step.reason) == (do, reason)


def test_pods_that_wait_are_named() -> None:
    step = plan_claim(claim(storageClassName="fast"), {}, storage_class("WaitForFirstConsumer"), ["b", "a"])
    assert step.message == "waiting for pod a, b to be scheduled"


@pytest.mark.parametrize(
    ("found", "owner", "do"),
    [
        (volume(), None, Do.AVAILABLE),
        (volume(claimRef=reference()), None, Do.AVAILABLE),
        (volume(claimRef=reference("c")), None, Do.RELEASE),
        (volume(claimRef=reference("c")), claim(uid="new"), Do.RELEASE),
        (volume(claimRef=reference("c")), claim(), Do.SYNC_CLAIM),
        (volume(claimRef=reference("c")), claim(volumeName="v"), Do.BOUND),
        (volume(claimRef=reference("c")), claim(volumeName="w"), Do.UNBIND),
        (
            volume(
                claimRef=reference("c"),
                persistentVolumeReclaimPolicy="Delete",
                annotations={PROVISIONED_BY: "example.com/x"},
            ),
            claim(volumeName="w"),
            Do.RELEASE,
        ),
    ],
)
def test_next_step_of_a_volume(found: PersistentVolume, owner: PersistentVolumeClaim | None, do: Do) -> None:
    assert plan_volume(found, owner).do is do


def test_youngest_default_class_wins() -> None:
    marked = {"storageclass.kubernetes.io/is-default-class": "true"}
    old = storage_class(name="old", annotations=marked, creationTimestamp="2025-01-01T00:00:00Z")
    young = storage_class(name="young", annotations=marked, creationTimestamp="2026-01-01T00:00:00Z")
    assert default_class([old, storage_class(), young]) is young
    assert default_class([storage_class()]) is None


NFS = {"server": "files.example.com", "path": "/x"}
NO_DELETER = 'error getting deleter volume plugin for volume "v": no'


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (volume(annotations={PROVISIONED_BY: "disks.example.com"}, csi=CSI, hostPath=None), ""),
        (volume(csi=CSI, hostPath=None), f"{NO_DELETER} deletable volume plugin matched"),
        (volume(nfs=NFS, hostPath=None), f"{NO_DELETER} deletable volume plugin matched"),
        (volume(local={"path": "/x"}, hostPath=None), f"{NO_DELETER} deletable volume plugin matched"),
        (volume(fc={"wwids": ["1"]}, hostPath=None), f"{NO_DELETER} volume plugin matched"),
        (volume(), "host_path deleter only supports /tmp/.+ but received provided /x"),
        (
            volume(annotations={PROVISIONED_BY: "kubernetes.io/gone"}),
            "no volume plugin matched name: kubernetes.io/gone",
        ),
    ],
)
def test_who_would_delete_a_volume(found: PersistentVolume, problem: str) -> None:
    assert undeletable(found) == problem
