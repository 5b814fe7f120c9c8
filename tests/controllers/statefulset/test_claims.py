"""Who owns the claims of a pod under each retention policy."""

import pytest
from tests.controllers.statefulset.test_plan import make, make_set

from pybernetes.api.apps import StatefulSetPersistentVolumeClaimRetentionPolicy
from pybernetes.api.core import PersistentVolumeClaim
from pybernetes.api.meta import ObjectMeta, OwnerReference
from pybernetes.controllers.statefulset.claims import is_stale, with_owner
from pybernetes.reconcile.ownership import controller_reference


def owner_of(deleted: str, scaled: str, ordinal: int) -> str | None:
    owner = make_set(2)
    owner.spec.persistent_volume_claim_retention_policy = StatefulSetPersistentVolumeClaimRetentionPolicy(
        when_deleted=deleted, when_scaled=scaled
    )
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name="data-web-0", uid="claim"))
    owners = with_owner(owner, make(ordinal), claim, pod_exists=True)
    return None if owners is None else owners[0].kind


@pytest.mark.parametrize(
    ("deleted", "scaled", "in_range", "beyond"),
    [
        ("Retain", "Retain", None, None),
        ("Delete", "Retain", "StatefulSet", "StatefulSet"),
        ("Retain", "Delete", None, "Pod"),
        ("Delete", "Delete", "StatefulSet", "Pod"),
    ],
)
def test_owner_follows_the_policy(deleted: str, scaled: str, in_range: str | None, beyond: str | None) -> None:
    assert owner_of(deleted, scaled, 1) == in_range
    assert owner_of(deleted, scaled, 2) == beyond


def test_changed_policy_takes_the_owner_away_and_leaves_others() -> None:
    owner = make_set(2)
    other = OwnerReference(api_version="v1", kind="ConfigMap", name="x", uid="x")
    claim = PersistentVolumeClaim(metadata=ObjectMeta(owner_references=[controller_reference(owner), other]))
    assert with_owner(owner, make(0), claim, pod_exists=True) == [other]


def test_claim_of_another_controller_is_left_alone() -> None:
    owner = make_set(2)
    owner.spec.persistent_volume_claim_retention_policy = StatefulSetPersistentVolumeClaimRetentionPolicy(
        when_deleted="Delete"
    )
    foreign = OwnerReference(api_version="v1", kind="ConfigMap", name="x", uid="x", controller=True)
    claim = PersistentVolumeClaim(metadata=ObjectMeta(owner_references=[foreign]))
    assert with_owner(owner, make(0), claim, pod_exists=True) is None


def test_claim_of_an_earlier_pod_is_stale() -> None:
    reference = OwnerReference(api_version="v1", kind="Pod", name="web-0", uid="earlier")
    claim = PersistentVolumeClaim(metadata=ObjectMeta(owner_references=[reference]))
    assert is_stale(claim, make(0))
    assert not is_stale(claim, make(1))
