"""A pod's effective requests (KEP-753 sidecars, KEP-2837 pod-level resources, KEP-688 overhead)."""

import pytest
from tests.support.scheduling import pod

from pybernetes.api.core import Container, Pod, PodSpec, ResourceRequirements
from pybernetes.api.meta import ObjectMeta
from pybernetes.scheduler.pod_info import PodInfo, Requests, requests_of

MIB = 1 << 20


def container(cpu="", memory="", restart_policy=None, **more) -> Container:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value} | more
    return Container(name="c", resources=ResourceRequirements(requests=requests or None), restart_policy=restart_policy)


def made(containers, init=(), **spec) -> Requests:
    whole = PodSpec(containers=list(containers), init_containers=list(init) or None, **spec)
    return requests_of(Pod(metadata=ObjectMeta(name="p"), spec=whole))


@pytest.mark.parametrize(
    ("containers", "init", "spec", "cpu", "memory"),
    [
        ([container("100m", "1Mi"), container("0.2", "2Mi")], [], {}, 300, 3 * MIB),
        ([container("100m")], [container("500m")], {}, 500, 0),
        ([container("100m")], [container("50m"), container("60m")], {}, 100, 0),
        ([container("100m")], [container("200m", restart_policy="Always")], {}, 300, 0),
        ([container("100m")], [container("200m", restart_policy="Always"), container("300m")], {}, 500, 0),
        ([container("100m")], [container("300m"), container("200m", restart_policy="Always")], {}, 300, 0),
        ([container("100m")], [], {"overhead": {"cpu": "10m", "memory": "1Mi"}}, 110, MIB),
        ([container("100m", "1Mi")], [], {"resources": ResourceRequirements(requests={"cpu": "1"})}, 1000, MIB),
        ([container()], [], {}, 0, 0),
    ],
    ids=[
        "containers add up",
        "an init container may need more",
        "init containers run one after another",
        "sidecars run beside the containers",
        "an init container runs beside earlier sidecars",
        "an init container does not run beside later sidecars",
        "overhead is added",
        "pod-level requests override",
        "nothing is nothing",
    ],
)
def test_effective_requests(containers, init, spec, cpu, memory):
    found = made(containers, init, **spec)
    assert (found.milli_cpu, found.memory) == (cpu, memory)


def test_extended_resources_are_counted_by_name():
    assert made([container("1", **{"example.com/gpu": "2"}), container(**{"example.com/gpu": "1"})]).scalars == {
        "example.com/gpu": 3
    }


def test_containers_without_requests_count_at_a_default_when_nodes_are_scored():
    found = made([container("300m"), container()])
    assert (found.scoring_cpu, found.scoring_memory) == (400, 400 * MIB)


def test_host_ports_default_to_tcp_on_every_address():
    assert PodInfo(pod("p", ports=[8080])).host_ports == (("0.0.0.0", "TCP", 8080),)
