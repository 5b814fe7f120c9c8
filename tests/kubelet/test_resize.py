"""What becomes of a wish for other resources: granted or not, in place or by a restart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kubelet.pods import pod_of

from pybernetes.api.core import Container, ContainerResizePolicy, Pod, ResourceRequirements
from pybernetes.kubelet.resize import Pending, event_message, resizable, same, step, verdict, wanted, with_allocation

ALLOCATABLE = {"cpu": "2", "memory": "4Gi", "pods": "10"}


def resources(cpu: str = "", memory: str = "", cpu_limit: str = "", memory_limit: str = "") -> ResourceRequirements:
    def amounts(**given: str) -> dict[str, str] | None:
        return {name: text for name, text in given.items() if text} or None

    return ResourceRequirements(
        requests=amounts(cpu=cpu, memory=memory), limits=amounts(cpu=cpu_limit, memory=memory_limit)
    )


def asking(cpu: str = "", memory: str = "", *, uid: str = "uid-1", **spec: Any) -> Pod:
    requests = {name: text for name, text in (("cpu", cpu), ("memory", memory)) if text}
    return pod_of({"containers": [{"name": "c", "resources": {"requests": requests}}], **spec}, uid=uid)


@pytest.mark.parametrize(
    ("pod", "used", "found"),
    [
        (asking("1"), asking("1"), None),
        (
            asking("1500m"),
            asking("1"),
            Pending("Deferred", "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"),
        ),
        (
            asking("3"),
            asking(),
            Pending("Infeasible", "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"),
        ),
        (
            asking("3", "5Gi"),
            asking(),
            Pending(
                "Infeasible", "Node didn't have enough capacity: memory, requested: 5368709120, capacity: 4294967296"
            ),
        ),
        (asking("2", priority=2_000_000_000), asking("1"), None),
    ],
)
def test_what_the_node_grants(pod: Pod, used: Pod, found: Pending | None) -> None:
    used.metadata.uid = "other"
    assert verdict(pod, [used], ALLOCATABLE) == found


def test_cpus_that_a_pod_has_alone_stay_as_many() -> None:
    def guaranteed(cpu: str, memory: str) -> Pod:
        amounts = {"cpu": cpu, "memory": memory}
        return pod_of({"containers": [{"name": "c", "resources": {"requests": amounts, "limits": amounts}}]})

    before = guaranteed("2", "1Gi")
    told = 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"'
    assert verdict(guaranteed("1", "1Gi"), [], ALLOCATABLE, before) == Pending("Infeasible", told)
    assert verdict(guaranteed("2", "512Mi"), [], ALLOCATABLE, before) is None
    assert verdict(asking("1", "1Gi"), [], ALLOCATABLE, asking("2", "1Gi")) is None


def test_static_pods_stay_as_they_are() -> None:
    pod = asking("1")
    pod.metadata.annotations = {"kubernetes.io/config.source": "file"}
    found = verdict(pod, [], ALLOCATABLE)
    assert found == Pending("Infeasible", "In-place resize of static-pods is not supported")


RESTART_FOR_MEMORY = [ContainerResizePolicy(resource_name="memory", restart_policy="RestartContainer")]


@pytest.mark.parametrize(
    ("before", "after", "policies", "policy_of_pod", "found"),
    [
        (resources("1"), resources("1000m"), RESTART_FOR_MEMORY, "Always", None),
        (resources("1"), resources("2"), RESTART_FOR_MEMORY, "Always", "update"),
        (resources("1", "1Mi"), resources("2", "2Mi"), RESTART_FOR_MEMORY, "Always", "restart"),
        (resources(memory_limit="1Mi"), resources(memory_limit="2Mi"), RESTART_FOR_MEMORY, "OnFailure", "restart"),
        (resources(memory_limit="1Mi"), resources(memory_limit="2Mi"), RESTART_FOR_MEMORY, "Never", "update"),
        (resources(memory="1Mi"), resources(memory="2Mi"), None, "Always", "update"),
    ],
)
def test_in_place_or_by_a_restart(
    before: ResourceRequirements, after: ResourceRequirements, policies: Any, policy_of_pod: str, found: str | None
) -> None:
    container = Container(name="c", resources=after, resize_policy=policies)
    assert step(container, before, policy_of_pod=policy_of_pod) == found


def test_only_regular_containers_and_sidecars_are_resized() -> None:
    pod = pod_of(
        {
            "initContainers": [{"name": "once"}, {"name": "side", "restartPolicy": "Always"}],
            "containers": [{"name": "c"}],
        }
    )
    assert [container.name for container in resizable(pod)] == ["side", "c"]


def test_an_allocation_stands_in_for_the_spec() -> None:
    pod = asking("2")
    assert with_allocation(pod, wanted(pod)) is pod
    assert with_allocation(pod, {"c": resources("2000m")}) is pod
    allocated = with_allocation(pod, {"c": resources("1")})
    assert allocated.spec.containers is not None and allocated.spec.containers[0].resources == resources("1")
    assert wanted(pod)["c"].requests == {"cpu": "2"}, "the pod itself is shared and stays"


amounts = st.sampled_from(["", "1", "500m", "0.5", "2"])


@given(amounts, amounts, amounts, amounts)
def test_sameness_is_about_amounts(a: str, b: str, c: str, d: str) -> None:
    def value(text: str) -> float | None:
        return (float(text[:-1]) / 1000 if text.endswith("m") else float(text)) if text else None

    one, other = resources(cpu=a, cpu_limit=b), resources(cpu=c, cpu_limit=d)
    assert same(one, other) == ((value(a), value(b)) == (value(c), value(d)))


def test_events_carry_the_resources_as_json() -> None:
    pod = asking("1")
    pod.metadata.generation = 3
    text = '{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}],"generation":3}'
    assert event_message(pod, "Pod resize started") == f"Pod resize started: {text}"
    assert event_message(pod, "Pod resize error", "no").endswith('"generation":3,"error":"no"}')
