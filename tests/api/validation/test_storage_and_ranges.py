"""Mistakes in objects of storage.k8s.io and in service ranges and addresses, with their exact words."""

from copy import deepcopy
from typing import Any

import pytest

from pybernetes.api.validation import validation_of

Object = dict[str, Any]

DRIVER: Object = {
    "metadata": {"name": "csi.example.com"},
    "spec": {"attachRequired": True, "podInfoOnMount": False, "storageCapacity": False, "seLinuxMount": False},
}
NODE: Object = {
    "metadata": {"name": "n"},
    "spec": {"drivers": [{"name": "d.example.com", "nodeID": "n", "topologyKeys": None}]},
}
CAPACITY: Object = {"metadata": {"name": "c"}, "storageClassName": "sc", "capacity": "1Gi"}
ATTACHMENT: Object = {
    "metadata": {"name": "a"},
    "spec": {"attacher": "d.example.com", "nodeName": "n", "source": {"persistentVolumeName": "pv"}},
}
CLASS: Object = {"metadata": {"name": "c"}, "driverName": "d.example.com", "parameters": {"iops": "5"}}
ADDRESS: Object = {
    "metadata": {"name": "10.96.0.5"},
    "spec": {"parentRef": {"group": "", "resource": "services", "namespace": "default", "name": "s"}},
}
RANGE: Object = {"metadata": {"name": "r"}, "spec": {"cidrs": ["10.96.0.0/16"]}}
GOOD = {
    "csidrivers.storage.k8s.io": DRIVER,
    "csinodes.storage.k8s.io": NODE,
    "csistoragecapacities.storage.k8s.io": CAPACITY,
    "volumeattachments.storage.k8s.io": ATTACHMENT,
    "volumeattributesclasses.storage.k8s.io": CLASS,
    "ipaddresses.networking.k8s.io": ADDRESS,
    "servicecidrs.networking.k8s.io": RANGE,
}


def changed(obj: Object, path: str, value: Any) -> Object:
    found = deepcopy(obj)
    *holders, last = path.split(".")
    holder: Any = found
    for name in holders:
        holder = holder[int(name)] if name.isdigit() else holder[name]
    holder[last] = value
    return found


@pytest.mark.parametrize("resource", GOOD)
def test_good_objects(resource: str) -> None:
    rules = validation_of(resource)
    assert rules.create(deepcopy(GOOD[resource])) == []
    assert rules.update(deepcopy(GOOD[resource]), GOOD[resource]) == []


EXACTLY = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
FAMILIES = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
CREATES: list[tuple[str, str, Any, list[str]]] = [
    ("csidrivers.storage.k8s.io", "spec.attachRequired", None, ["spec.attachedRequired: Required value"]),
    (
        "csidrivers.storage.k8s.io",
        "spec.fsGroupPolicy",
        "Sometimes",
        [
            'spec.fsGroupPolicy: Unsupported value: "Sometimes": supported values: "File", "None", '
            '"ReadWriteOnceWithFSType"'
        ],
    ),
    (
        "csidrivers.storage.k8s.io",
        "spec.tokenRequests",
        [{"audience": "a", "expirationSeconds": 60}, {"audience": "a"}],
        [
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 60: "
            "may not specify a duration less than 10 minutes",
            'spec.tokenRequests[1].audience: Duplicate value: "a"',
        ],
    ),
    ("csinodes.storage.k8s.io", "spec.drivers.0.nodeID", "", ["spec.drivers[0].nodeID: Required value"]),
    ("csinodes.storage.k8s.io", "spec.drivers.0.topologyKeys", ["a", "a"], ['spec.drivers[0]: Duplicate value: "a"']),
    (
        "csistoragecapacities.storage.k8s.io",
        "capacity",
        "-1Gi",
        ['capacity: Invalid value: "-1Gi": must be greater than or equal to 0'],
    ),
    ("volumeattachments.storage.k8s.io", "spec.attacher", "", ["spec.attacher: Required value"]),
    ("volumeattachments.storage.k8s.io", "spec.source", {}, [f"spec.source: Required value: {EXACTLY}"]),
    (
        "volumeattachments.storage.k8s.io",
        "spec.source.inlineVolumeSpec",
        {"capacity": {}},
        [f"spec.source: Forbidden: {EXACTLY}"],
    ),
    (
        "volumeattributesclasses.storage.k8s.io",
        "parameters",
        {},
        ["parameters: Required value: must contain at least one key/value pair"],
    ),
    ("volumeattributesclasses.storage.k8s.io", "driverName", "", ["driverName: Required value"]),
    ("ipaddresses.networking.k8s.io", "spec.parentRef", None, ["spec.parentRef: Required value"]),
    ("ipaddresses.networking.k8s.io", "spec.parentRef.resource", "", ["spec.parentRef.resource: Required value"]),
    (
        "ipaddresses.networking.k8s.io",
        "spec.parentRef.name",
        "a/b",
        ["spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'"],
    ),
    ("servicecidrs.networking.k8s.io", "spec.cidrs", [], ["spec.cidrs: Required value: at least one CIDR required"]),
    (
        "servicecidrs.networking.k8s.io",
        "spec.cidrs",
        ["10.0.0.0/24", "10.1.0.0/24"],
        [f'spec.cidrs: Invalid value: {{"cidrs":["10.0.0.0/24","10.1.0.0/24"]}}: {FAMILIES}'],
    ),
    (
        "servicecidrs.networking.k8s.io",
        "spec.cidrs",
        ["10.0.0.1/24"],
        ['spec.cidrs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length'],
    ),
]


@pytest.mark.parametrize(("resource", "path", "value", "expected"), CREATES)
def test_what_new_objects_get_wrong(resource: str, path: str, value: Any, expected: list[str]) -> None:
    assert [str(error) for error in validation_of(resource).create(changed(GOOD[resource], path, value))] == expected


UPDATES: list[tuple[str, str, Any, list[str]]] = [
    ("csidrivers.storage.k8s.io", "spec.podInfoOnMount", True, []),
    (
        "csidrivers.storage.k8s.io",
        "spec.attachRequired",
        False,
        ["spec.attachedRequired: Invalid value: false: field is immutable"],
    ),
    ("csinodes.storage.k8s.io", "spec.drivers.0.allocatable", {"count": 3}, []),
    ("csistoragecapacities.storage.k8s.io", "capacity", "2Gi", []),
    (
        "csistoragecapacities.storage.k8s.io",
        "storageClassName",
        "other",
        ['storageClassName: Invalid value: "other": field is immutable'],
    ),
    (
        "volumeattributesclasses.storage.k8s.io",
        "parameters",
        {"iops": "6"},
        ['parameters: Invalid value: {"iops":"6"}: field is immutable'],
    ),
    ("servicecidrs.networking.k8s.io", "spec.cidrs", ["10.96.0.0/16", "fd00::/112"], []),
    (
        "servicecidrs.networking.k8s.io",
        "spec.cidrs",
        ["10.97.0.0/16"],
        ['spec.cidrs: Invalid value: ["10.97.0.0/16"]: field is immutable'],
    ),
]


@pytest.mark.parametrize(("resource", "path", "value", "expected"), UPDATES)
def test_what_changes_get_wrong(resource: str, path: str, value: Any, expected: list[str]) -> None:
    new = changed(GOOD[resource], path, value)
    assert [str(error) for error in validation_of(resource).update(new, GOOD[resource])] == expected


@pytest.mark.parametrize(
    ("resource", "path", "value", "start"),
    [
        ("volumeattachments.storage.k8s.io", "spec.nodeName", "other", "spec: Invalid value: "),
        ("ipaddresses.networking.k8s.io", "spec.parentRef.name", "other", "spec.parentRef: Invalid value: "),
        ("csinodes.storage.k8s.io", "spec.drivers.0.nodeID", "other", "CSINodeDriver: Invalid value: "),
    ],
)
def test_what_never_changes(resource: str, path: str, value: Any, start: str) -> None:
    (error,) = validation_of(resource).update(changed(GOOD[resource], path, value), GOOD[resource])
    assert str(error).startswith(start) and str(error).endswith("field is immutable")
