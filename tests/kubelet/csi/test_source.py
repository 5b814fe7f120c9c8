"""What a driver is told about a volume: tables."""

from typing import Any

import msgspec
import pytest
from tests.kubelet.pods import pod_of

from pybernetes.api.core import PersistentVolume, Volume
from pybernetes.api.storage import CSIDriver
from pybernetes.controllers.attach_detach import plan
from pybernetes.kubelet.csi.messages import Capability, Mode
from pybernetes.kubelet.csi.source import (
    CsiSource,
    UnsupportedMode,
    access_mode,
    attachment_name,
    capability,
    check_lifecycle,
    group_is_ours,
    inline_handle,
    needs_attaching,
    of_inline,
    of_persistent,
    pod_info,
    tokens_entry,
)

FINE = frozenset({Capability.SINGLE_NODE_MULTI_WRITER})


def about(**spec: Any) -> CSIDriver:
    return msgspec.convert({"metadata": {"name": "d"}, "spec": spec}, CSIDriver)


def volume(**spec: Any) -> PersistentVolume:
    csi = {"driver": "d", "volumeHandle": "h", **spec.pop("csi", {})}
    return msgspec.convert({"metadata": {"name": "pv"}, "spec": {"csi": csi, **spec}}, PersistentVolume)


def source(**fields: Any) -> CsiSource:
    return CsiSource(driver="d", handle="h", spec_name="pv", **fields)


@pytest.mark.parametrize(
    ("mode", "plain", "fine"),
    [
        ("ReadWriteOnce", Mode.SINGLE_NODE_WRITER, Mode.SINGLE_NODE_MULTI_WRITER),
        ("ReadWriteOncePod", Mode.SINGLE_NODE_WRITER, Mode.SINGLE_NODE_SINGLE_WRITER),
        ("ReadOnlyMany", Mode.MULTI_NODE_READER_ONLY, Mode.MULTI_NODE_READER_ONLY),
        ("ReadWriteMany", Mode.MULTI_NODE_MULTI_WRITER, Mode.MULTI_NODE_MULTI_WRITER),
    ],
)
def test_access_modes_in_the_words_of_the_csi(mode: str, plain: Mode, fine: Mode) -> None:
    assert access_mode(mode, frozenset()) is plain
    assert access_mode(mode, FINE) is fine


def test_a_persistent_volume_as_a_source() -> None:
    csi = {
        "fsType": "ext4",
        "volumeAttributes": {"a": "1"},
        "nodeStageSecretRef": {"name": "s", "namespace": "ns"},
        "nodePublishSecretRef": {"name": "p", "namespace": "ns"},
    }
    spec = {"accessModes": ["ReadWriteMany"], "mountOptions": ["noatime"], "capacity": {"storage": "1Gi"}}
    found = of_persistent(volume(csi=csi, **spec), read_only=True)
    assert found == CsiSource(
        driver="d",
        handle="h",
        spec_name="pv",
        fs_type="ext4",
        read_only=True,
        attributes={"a": "1"},
        access_modes=("ReadWriteMany",),
        mount_options=("noatime",),
        capacity="1Gi",
        stage_secret=("ns", "s"),
        publish_secret=("ns", "p"),
    )
    told = capability(found, frozenset(), 7)
    assert told.block is None and told.mount is not None and told.access_mode is not None
    assert (told.mount.fs_type, told.mount.mount_flags, told.mount.volume_mount_group) == ("ext4", ["noatime"], "")
    told = capability(found, frozenset({Capability.VOLUME_MOUNT_GROUP}), 7)
    assert told.mount is not None and told.mount.volume_mount_group == "7"


def test_a_block_volume_has_no_file_system() -> None:
    told = capability(of_persistent(volume(volumeMode="Block"), read_only=False), frozenset(), 7)
    assert told.block is not None and told.mount is None


def test_an_inline_volume_as_a_source() -> None:
    body = {"name": "v", "csi": {"driver": "d", "readOnly": True, "nodePublishSecretRef": {"name": "s"}}}
    found = of_inline(pod_of(uid="u"), msgspec.convert(body, Volume))
    assert found.handle == inline_handle("u", "v") != inline_handle("u", "w")
    assert (found.spec_name, found.is_inline, found.read_only) == ("v", True, True)
    assert found.publish_secret == ("default", "s")


@pytest.mark.parametrize(
    ("lifecycle", "driver", "error"),
    [
        ("Persistent", None, ""),
        ("Persistent", about(), ""),
        ("Persistent", about(volumeLifecycleModes=["Ephemeral"]), '(only supports ["Ephemeral"])'),
        ("Ephemeral", None, "(no CSIDriver object)"),
        ("Ephemeral", about(), '(only supports ["Persistent"])'),
        ("Ephemeral", about(volumeLifecycleModes=["Persistent", "Ephemeral"]), ""),
    ],
)
def test_life_cycles_a_driver_takes(lifecycle: str, driver: CSIDriver | None, error: str) -> None:
    if not error:
        check_lifecycle(source(lifecycle=lifecycle), driver)
        return
    with pytest.raises(UnsupportedMode) as caught:
        check_lifecycle(source(lifecycle=lifecycle), driver)
    assert str(caught.value) == f'volume mode "{lifecycle}" not supported by driver d {error}'


@pytest.mark.parametrize(
    ("fields", "driver", "can", "ours"),
    [
        ({"fs_type": "ext4"}, None, (), True),
        ({}, None, (), False),
        ({"fs_type": "ext4", "access_modes": ("ReadWriteMany",)}, None, (), False),
        ({"fs_type": "ext4", "access_modes": ("ReadWriteOncePod",)}, None, (), True),
        ({"fs_type": "ext4", "read_only": True}, None, (), False),
        ({"fs_type": "ext4", "lifecycle": "Ephemeral"}, None, (), True),
        ({"access_modes": ("ReadWriteMany",)}, about(fsGroupPolicy="File"), (), True),
        ({"fs_type": "ext4"}, about(fsGroupPolicy="None"), (), False),
        ({"fs_type": "ext4"}, about(fsGroupPolicy="File"), (Capability.VOLUME_MOUNT_GROUP,), False),
        ({"is_block": True}, about(fsGroupPolicy="File"), (), False),
    ],
)
def test_whose_business_the_group_is(
    fields: dict[str, Any], driver: CSIDriver | None, can: tuple[Capability, ...], ours: bool
) -> None:
    assert group_is_ours(source(**fields), driver, frozenset(can)) is ours


def test_attaching() -> None:
    assert needs_attaching(source(), None) and needs_attaching(source(), about())
    assert not needs_attaching(source(), about(attachRequired=False))
    assert not needs_attaching(source(lifecycle="Ephemeral"), None)


def test_kubelet_and_controller_name_attachments_and_devices_alike() -> None:
    found = of_persistent(volume(), read_only=False)
    assert attachment_name(found, "n") == plan.attachment_name(volume(), "n")
    assert found.device == plan.device_of(volume()) == "kubernetes.io/csi/d^h"


def test_what_drivers_learn_of_the_pod() -> None:
    pod = pod_of({"serviceAccountName": "sa"}, uid="u", name="p")
    assert pod_info(pod, source()) == {
        "csi.storage.k8s.io/pod.name": "p",
        "csi.storage.k8s.io/pod.namespace": "default",
        "csi.storage.k8s.io/pod.uid": "u",
        "csi.storage.k8s.io/serviceAccount.name": "sa",
        "csi.storage.k8s.io/ephemeral": "false",
    }
    text = tokens_entry({"b": ("t2", "2026-01-01T00:00:00Z"), "": ("t1", "2026-01-01T00:00:00Z")})
    assert text == (
        '{"":{"token":"t1","expirationTimestamp":"2026-01-01T00:00:00Z"},'
        '"b":{"token":"t2","expirationTimestamp":"2026-01-01T00:00:00Z"}}'
    )
