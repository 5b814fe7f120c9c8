"""What objects cost a quota."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.quota import Requirement, evaluator, sources, texts, total_usage
from pybernetes.api.quota.amounts import add, amounts, equal, exceeding, subtract, without_zeros

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Object = dict[str, Any]


def container(name: str = "main", requests: Object | None = None, limits: Object | None = None, **rest: Any) -> Object:
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value is not None}
    return {"name": name, "resources": resources, **rest}


def pod(*containers: Object, init: list[Object] | None = None, status: Object | None = None, **spec: Any) -> Object:
    body: Object = {"containers": list(containers), **spec}
    if init:
        body["initContainers"] = init
    return {"metadata": {"name": "p"}, "spec": body, "status": status or {}}


def used(obj: Object, resource: str = "pods") -> dict[str, str]:
    return texts(evaluator(resource).usage(obj, NOW))


def test_containers_add_up_under_both_names() -> None:
    found = used(pod(container(requests={"cpu": "250m", "memory": "1Gi"}, limits={"cpu": "1"}), container("b")))
    assert found == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "250m",
        "requests.cpu": "250m",
        "limits.cpu": "1",
        "memory": "1Gi",
        "requests.memory": "1Gi",
    }


@pytest.mark.parametrize(
    ("obj", "cpu"),
    [
        (pod(container(requests={"cpu": "1"}), init=[container("i", {"cpu": "3"})]), "3"),
        (pod(container(requests={"cpu": "1"}), init=[container("i", {"cpu": "2"}, restartPolicy="Always")]), "3"),
        (
            pod(
                container(requests={"cpu": "1"}),
                init=[container("s", {"cpu": "2"}, restartPolicy="Always"), container("i", {"cpu": "5"})],
            ),
            "7",
        ),
        (pod(container(requests={"cpu": "1"}), overhead={"cpu": "100m"}), "1100m"),
        (pod(container(requests={"cpu": "1"}), resources={"requests": {"cpu": "4"}}), "4"),
        (
            pod(
                container(requests={"cpu": "1"}),
                status={"containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}]},
            ),
            "2",
        ),
        (
            pod(
                container(requests={"cpu": "9"}),
                status={
                    "containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}],
                    "conditions": [{"type": "PodResizePending", "reason": "Infeasible", "status": "True"}],
                },
            ),
            "2",
        ),
    ],
    ids=["greatest init", "sidecar beside", "init after sidecar", "overhead", "pod level", "resizing", "infeasible"],
)
def test_a_pod_requests(obj: Object, cpu: str) -> None:
    assert used(obj)["requests.cpu"] == cpu


def test_extended_resources_and_huge_pages_are_counted_as_requests() -> None:
    found = used(pod(container(requests={"example.com/gpu": "2", "hugepages-2Mi": "4Mi"})))
    assert found["requests.example.com/gpu"] == "2" and "example.com/gpu" not in found
    assert found["hugepages-2Mi"] == found["requests.hugepages-2Mi"] == "4Mi"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_is_over_is_only_counted_as_an_object(phase: str) -> None:
    assert used(pod(container(requests={"cpu": "1"}), status={"phase": phase})) == {"count/pods": "1"}


def test_a_pod_stuck_in_termination_is_not_charged() -> None:
    obj = pod(container(requests={"cpu": "1"}))
    obj["metadata"] |= {"deletionTimestamp": "2025-12-31T23:59:00Z", "deletionGracePeriodSeconds": 30}
    assert used(obj) == {"count/pods": "1"}
    still = evaluator("pods").usage(obj, NOW - timedelta(seconds=40))
    assert str(still["cpu"]) == "1"


def test_every_container_must_say_what_a_quota_counts() -> None:
    obj = pod(container("b"), container("a", {"cpu": "1"}), init=[container("i")])
    hard = ["limits.memory", "requests.cpu", "pods", "requests.ephemeral-storage"]
    found = evaluator("pods").constraint(hard, obj)
    assert found == "must specify limits.memory for: a,b,i; requests.cpu for: b,i"
    assert evaluator("pods").constraint(["pods"], obj) == ""
    whole = pod(container(), resources={"requests": {"cpu": "1"}})
    assert evaluator("pods").constraint(hard, whole) == ""


AFFINITY = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["x"]}]}}
NO_LIMITS, SOME = pod(container()), pod(container(requests={"cpu": "1"}))
URGENT = pod(container(), priorityClassName="urgent")


@pytest.mark.parametrize(
    ("obj", "scope", "operator", "values", "expected"),
    [
        (pod(container(), activeDeadlineSeconds=5), "Terminating", "Exists", (), True),
        (NO_LIMITS, "Terminating", "Exists", (), False),
        (NO_LIMITS, "NotTerminating", "Exists", (), True),
        (NO_LIMITS, "BestEffort", "Exists", (), True),
        (SOME, "BestEffort", "Exists", (), False),
        (SOME, "NotBestEffort", "Exists", (), True),
        (URGENT, "PriorityClass", "Exists", (), True),
        (NO_LIMITS, "PriorityClass", "Exists", (), False),
        (NO_LIMITS, "PriorityClass", "DoesNotExist", (), True),
        (URGENT, "PriorityClass", "In", ("urgent", "x"), True),
        (URGENT, "PriorityClass", "NotIn", ("urgent",), False),
        (NO_LIMITS, "PriorityClass", "NotIn", ("urgent",), True),
        (pod(container(), affinity=AFFINITY), "CrossNamespacePodAffinity", "Exists", (), True),
        (NO_LIMITS, "CrossNamespacePodAffinity", "Exists", (), False),
    ],
)
def test_scopes(obj: Object, scope: str, operator: str, values: tuple[str, ...], expected: bool) -> None:
    assert evaluator("pods").in_scope(obj, Requirement(scope, operator, values)) is expected


@pytest.mark.parametrize(
    ("spec", "node_ports", "balancers"),
    [
        ({"type": "ClusterIP", "ports": [{}]}, "0", "0"),
        ({"type": "NodePort", "ports": [{}, {}]}, "2", "0"),
        ({"type": "LoadBalancer", "ports": [{}, {}]}, "2", "1"),
        (
            {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{"nodePort": 31000}, {}]},
            "1",
            "1",
        ),
    ],
)
def test_services(spec: Object, node_ports: str, balancers: str) -> None:
    found = used({"spec": spec}, "services")
    assert (found["services.nodeports"], found["services.loadbalancers"]) == (node_ports, balancers)


def test_claims_are_counted_by_class_too() -> None:
    claim = {"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}}
    assert used(claim, "persistentvolumeclaims") == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "1Gi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    }


def test_resource_claims_are_counted_by_device_class() -> None:
    requests = [
        {"exactly": {"deviceClassName": "gpu", "count": 2}},
        {"firstAvailable": [{"deviceClassName": "gpu"}, {"deviceClassName": "nic", "allocationMode": "All"}]},
    ]
    found = used({"spec": {"devices": {"requests": requests}}}, "resourceclaims.resource.k8s.io")
    assert found["gpu.deviceclass.resource.k8s.io/devices"] == "3"
    assert found["nic.deviceclass.resource.k8s.io/devices"] == "32"


def test_any_other_resource_is_counted() -> None:
    assert used({}, "deployments.apps") == {"count/deployments.apps": "1"}
    assert used({}, "secrets") == {"count/secrets": "1", "secrets": "1"}


def test_what_a_quota_looks_at() -> None:
    hard = ["requests.example.com/gpu", "count/deployments.apps", "secrets", "services.nodeports", "unknown"]
    assert sources(hard) == {"pods", "deployments.apps", "secrets", "services"}


def test_the_total_names_every_measured_limit() -> None:
    hard = {"pods": "5", "cpu": "4", "configmaps": "3", "example.com/odd": "1"}
    quota = {"spec": {"hard": hard, "scopes": ["NotBestEffort"]}}
    objects: dict[str, list[Object]] = {"pods": [SOME, NO_LIMITS, SOME], "configmaps": [{}]}
    found = total_usage(quota, lambda resource: objects[resource], NOW)
    assert texts(found) == {"configmaps": "0", "cpu": "2", "pods": "2"}
    everything = total_usage({"spec": {"hard": hard}}, lambda resource: objects[resource], NOW)
    assert texts(everything) == {"configmaps": "1", "cpu": "2", "pods": "3"}


_lists = st.dictionaries(st.sampled_from(["cpu", "memory", "pods"]), st.integers(0, 9).map(str))


@given(_lists, _lists)
def test_amounts_form_a_group(left: dict[str, str], right: dict[str, str]) -> None:
    one, two = amounts(left), amounts(right)
    assert equal(add(one, two), add(two, one))
    assert equal(without_zeros(subtract(add(one, two), two)), without_zeros(one))
    assert exceeding(one, add(one, two)) == []
