"""Extended resources that come as devices: which class backs one, and what the claim made for a pod asks for."""

from datetime import UTC, datetime

import msgspec
import pytest
from tests.support.scheduling import pod

from pybernetes.api.core import Container, ResourceRequirements
from pybernetes.api.dynamic_resource import DeviceClass
from pybernetes.scheduler.extended_resources import class_for, may_be_backed, requests_for

GPU, NIC = "example.com/gpu", "example.com/nic"


def a_class(name, resource=None, day=1):
    metadata = {"name": name, "creationTimestamp": datetime(2026, 1, day, tzinfo=UTC)}
    return msgspec.convert({"metadata": metadata, "spec": {"extendedResourceName": resource}}, DeviceClass)


CLASSES = {
    "by its field": (GPU, [a_class("a", "other.com/gpu"), a_class("b", GPU)], "b"),
    "the youngest": (GPU, [a_class("a", GPU, day=1), a_class("b", GPU, day=3), a_class("c", GPU, day=2)], "b"),
    "of one age the first by name": (GPU, [a_class("c", GPU), a_class("b", GPU)], "b"),
    "by its own name": ("deviceclass.resource.kubernetes.io/b", [a_class("a"), a_class("b")], "b"),
    "none": (GPU, [a_class("a")], None),
}


@pytest.mark.parametrize("case", CLASSES)
def test_the_class_that_backs_a_resource(case):
    resource, classes, expected = CLASSES[case]
    found = class_for(resource, classes)
    assert (found.metadata.name if found is not None else None) == expected


def test_only_extended_resources_are_backed():
    names = ("cpu", "hugepages-2Mi", "kubernetes.io/batch", "requests.example.com/gpu")
    assert not any(map(may_be_backed, names))
    assert may_be_backed(GPU)
    assert may_be_backed("deviceclass.resource.kubernetes.io/gpu")


def container(name, restart=None, **requests):
    amounts = {{"gpu": GPU, "nic": NIC}.get(key, key): str(value) for key, value in requests.items()}
    return Container(
        name=name, image="i", restart_policy=restart, resources=ResourceRequirements(requests=amounts or None)
    )


def asked(containers, inits=()):
    one = pod("p")
    spec = msgspec.structs.replace(one.spec, containers=list(containers), init_containers=list(inits) or None)
    requests, uses = requests_for(msgspec.structs.replace(one, spec=spec), {GPU: "gpus", NIC: "nics"})
    return (
        [(row.name, row.exactly.device_class_name, row.exactly.count) for row in requests],
        [(row["containerName"], row["resourceName"], row["requestName"]) for row in uses],
    )


def test_each_container_has_a_request_for_each_resource():
    """The names count the container, init containers first, and the resource among all that it requests, sorted."""
    requests, uses = asked([container("a", cpu=1, gpu=2, nic=1), container("b"), container("c", gpu=1)])
    assert requests == [
        ("container-0-request-1", "gpus", 2),
        ("container-0-request-2", "nics", 1),
        ("container-2-request-0", "gpus", 1),
    ]
    assert uses == [
        ("a", GPU, "container-0-request-1"),
        ("c", GPU, "container-2-request-0"),
        ("a", NIC, "container-0-request-2"),
    ]


def test_an_init_container_uses_the_devices_of_those_that_run_later():
    requests, uses = asked([container("main", gpu=2)], [container("init", gpu=2)])
    assert requests == [("container-1-request-0", "gpus", 2)]
    assert uses == [("main", GPU, "container-1-request-0"), ("init", GPU, "container-1-request-0")]


def test_init_containers_share_what_they_need_beyond_that():
    inits = [container("small", gpu=2), container("large", gpu=4)]
    requests, uses = asked([container("main", gpu=1)], inits)
    assert requests == [("container-1-request-0", "gpus", 3), ("container-2-request-0", "gpus", 1)]
    assert uses == [
        ("main", GPU, "container-2-request-0"),
        ("small", GPU, "container-2-request-0"),
        ("small", GPU, "container-1-request-0"),
        ("large", GPU, "container-2-request-0"),
        ("large", GPU, "container-1-request-0"),
    ]


def test_a_sidecar_keeps_its_devices_and_lends_none_to_what_runs_after_it():
    inits = [container("before", gpu=1), container("side", "Always", gpu=1), container("after", gpu=1)]
    requests, uses = asked([container("main")], inits)
    assert requests == [("container-1-request-0", "gpus", 1), ("container-2-request-0", "gpus", 1)]
    assert ("before", GPU, "container-1-request-0") in uses
    assert ("after", GPU, "container-2-request-0") in uses
