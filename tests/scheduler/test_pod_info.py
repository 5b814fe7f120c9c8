"""A pod's effective requests (KEP-753 sidecars, KEP-2837 pod-level resources, KEP-688 overhead)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scheduling import pod

from pybernetes.api.core import (
    Container,
    ContainerStatus,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from pybernetes.api.meta import ObjectMeta
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.requests import Requests, requests_of

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


SIZES = st.fixed_dictionaries({}, optional={"cpu": st.integers(1, 4), "memory": st.integers(1, 4)})
RESIZED = st.fixed_dictionaries(
    {"wanted": SIZES, "promised": SIZES, "has": SIZES | st.none(), "role": st.sampled_from(["", "sidecar", "init"])}
)


INFEASIBLE = PodCondition(type="PodResizePending", status="True", reason="Infeasible")


def texts(sizes):
    return {name: str(amount) for name, amount in sizes.items()}


@given(st.lists(RESIZED, min_size=1, max_size=4), st.booleans(), SIZES | st.none(), SIZES)
def test_a_pod_that_is_resized_takes_the_most_of_what_it_wants_was_promised_and_has(
    rows, infeasible, whole, held_whole
):
    """Containers without resources in their status and init containers that end count by their spec."""
    containers, statuses = {"": [], "sidecar": [], "init": []}, {"": [], "sidecar": [], "init": []}
    effective = {"": [], "sidecar": [], "init": []}
    for number, row in enumerate(rows):
        name, role = f"c{number}", row["role"]
        containers[role].append(
            Container(
                name=name,
                resources=ResourceRequirements(requests=texts(row["wanted"])),
                restart_policy="Always" if role == "sidecar" else None,
            )
        )
        statuses[role].append(
            ContainerStatus(
                name=name,
                allocated_resources=texts(row["promised"]),
                resources=None if row["has"] is None else ResourceRequirements(requests=texts(row["has"])),
            )
        )
        if row["has"] is None or role == "init":
            effective[role].append(row["wanted"])
        else:
            sides = [row["promised"], row["has"], *([] if infeasible else [row["wanted"]])]
            # an unchanged container is not being resized, whatever the condition says
            effective[role].append({key: max(side.get(key, 0) for side in sides) for key in ("cpu", "memory")})
    one = Pod(
        metadata=ObjectMeta(name="p"),
        spec=PodSpec(
            containers=containers[""],
            init_containers=[*containers["sidecar"], *containers["init"]] or None,
            resources=None if whole is None else ResourceRequirements(requests=texts(whole)),
        ),
        status=PodStatus(
            container_statuses=statuses[""] or None,
            init_container_statuses=[*statuses["sidecar"], *statuses["init"]] or None,
            resources=None if whole is None else ResourceRequirements(requests=texts(held_whole)),
            conditions=[PodCondition(type="PodResizePending", status="True", reason="Infeasible")]
            if infeasible
            else None,
        ),
    )

    def expected(key):
        side = sum(sizes.get(key, 0) for sizes in effective["sidecar"])
        total = sum(sizes.get(key, 0) for sizes in effective[""]) + side
        total = max([total, *(side + sizes.get(key, 0) for sizes in effective["init"])])
        if whole:
            asked = {} if infeasible and held_whole != whole else whole
            if key in whole or key in held_whole:
                total = max(asked.get(key, 0), held_whole.get(key, 0)) or total
        return total

    found = requests_of(one)
    assert (found.milli_cpu // 1000, found.memory) == (expected("cpu"), expected("memory"))


def test_host_ports_default_to_tcp_on_every_address():
    assert PodInfo(pod("p", ports=[8080])).host_ports == (("0.0.0.0", "TCP", 8080),)
