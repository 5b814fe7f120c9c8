"""The class of a pod by what it asks for."""

from typing import Any

import pytest

from pybernetes.api.quality_of_service import qos_class


def container(**resources: dict[str, str]) -> dict[str, Any]:
    return {"resources": resources}


LIMITED = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([container()], "BestEffort"),
        ([container(requests={"cpu": "1"})], "Burstable"),
        ([container(limits={"cpu": "1", "memory": "1Gi"})], "Guaranteed"),
        ([container(limits={"cpu": "1", "memory": "1Gi"}), container()], "Burstable"),
        (
            [container(requests={"cpu": "1000m", "memory": "1Gi"}, limits={"cpu": "1", "memory": "1024Mi"})],
            "Guaranteed",
        ),
        ([container(requests={"cpu": "1", "memory": "1Gi"}, limits={"cpu": "2", "memory": "1Gi"})], "Burstable"),
        ([container(requests={"cpu": "0"})], "BestEffort"),
    ],
)
def test_quality_of_service(containers: list[dict[str, Any]], expected: str) -> None:
    assert qos_class({"containers": containers}) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": LIMITED}, "Guaranteed"),
        ({"limits": LIMITED, "requests": {"cpu": "500m"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"hugepages-2Mi": "2Mi"}}, "BestEffort"),
        ({}, "Burstable"),
    ],
)
def test_what_the_pod_as_a_whole_asks_for_counts_alone(resources: dict[str, Any], expected: str) -> None:
    containers = [container(requests={"cpu": "1"}), container()]
    assert qos_class({"containers": containers, "resources": resources}) == expected
