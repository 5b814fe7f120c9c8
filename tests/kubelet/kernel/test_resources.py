"""Shares, quotas, QoS classes and OOM scores, against numbers observed on upstream."""

import msgspec
import pytest
from tests.kubelet.pods import pod_of, with_resources

from pybernetes.api.core import Container
from pybernetes.kubelet.kernel.resources import (
    PodResources,
    container_resources,
    oom_score_adjustment,
    pod_resources,
    qos_class,
    quota_from_milli_cpu,
    shares_from_milli_cpu,
    weight_from_shares,
)

GIB = 1 << 30
FULL = {"cpu": "500m", "memory": "64Mi"}


@pytest.mark.parametrize(("milli", "shares"), [(0, 2), (1, 2), (3, 3), (100, 102), (1000, 1024), (10**9, 262144)])
def test_shares(milli: int, shares: int) -> None:
    assert shares_from_milli_cpu(milli) == shares


@pytest.mark.parametrize(("milli", "quota"), [(0, 0), (1, 1000), (5, 1000), (200, 20000), (1500, 150000)])
def test_quota(milli: int, quota: int) -> None:
    assert quota_from_milli_cpu(milli) == quota


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 39), (262144, 10000)])
def test_weight(shares: int, weight: int) -> None:
    assert weight_from_shares(shares) == weight


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(pod_of(), "BestEffort", id="nothing"),
        pytest.param(with_resources((FULL, FULL)), "Guaranteed", id="requests equal limits"),
        pytest.param(with_resources((FULL, FULL), ({}, {})), "Burstable", id="one container without"),
        pytest.param(with_resources(({"cpu": "1"}, {})), "Burstable", id="requests only"),
        pytest.param(with_resources(({"cpu": "1"}, {"cpu": "1"})), "Burstable", id="no memory"),
        pytest.param(with_resources(({"cpu": "0"}, {})), "BestEffort", id="zero counts as nothing"),
        pytest.param(pod_of({"resources": {"requests": FULL, "limits": FULL}}), "Guaranteed", id="pod level"),
        pytest.param(pod_of({"resources": {"limits": {"cpu": "1"}}}), "Burstable", id="pod level part"),
    ],
)
def test_qos_class(pod: object, expected: str) -> None:
    assert qos_class(pod) == expected  # type: ignore[arg-type]


def container(**fields: object) -> Container:
    return msgspec.convert({"name": "c0", **fields}, Container)


def test_oom_score_grows_with_less_requested_memory() -> None:
    pod = with_resources(({"memory": "1Gi"}, {}))
    assert oom_score_adjustment(pod, pod.spec.containers[0], 4 * GIB) == 750


@pytest.mark.parametrize(
    ("memory", "score"), [("1Ki", 999), ("4Gi", 3)], ids=["never as low as best effort", "never as high as guaranteed"]
)
def test_oom_score_bounds_of_burstable(memory: str, score: int) -> None:
    pod = with_resources(({"memory": memory}, {}))
    assert oom_score_adjustment(pod, pod.spec.containers[0], 4 * GIB) == score


def test_oom_scores_of_the_other_classes() -> None:
    assert oom_score_adjustment(pod_of(), container(), GIB) == 1000
    guaranteed = with_resources((FULL, FULL))
    assert oom_score_adjustment(guaranteed, guaranteed.spec.containers[0], GIB) == -997
    assert oom_score_adjustment(pod_of({"priority": 2000001000}), container(), GIB) == -997


def test_a_sidecar_is_as_safe_as_what_it_serves() -> None:
    pod = pod_of(
        {
            "initContainers": [{"name": "side", "restartPolicy": "Always"}],
            "containers": [{"name": "main", "resources": {"requests": {"memory": "2Gi"}}}],
        }
    )
    assert oom_score_adjustment(pod, pod.spec.init_containers[0], 4 * GIB) == 500  # type: ignore[index]


def test_container_resources() -> None:
    pod = with_resources(({"cpu": "250m", "memory": "64Mi"}, {"cpu": "500m", "memory": "128Mi"}))
    found = container_resources(pod, pod.spec.containers[0], {"memory": "1Gi"})
    assert (found.cpu_shares, found.cpu_quota, found.cpu_period) == (256, 50000, 100000)
    assert found.memory_limit_in_bytes == 128 << 20


def test_shares_come_from_the_limit_when_there_is_no_request() -> None:
    pod = with_resources(({}, {"cpu": "500m"}))
    assert container_resources(pod, pod.spec.containers[0], {}).cpu_shares == 512


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(pod_of(), PodResources(cpu_shares=2), id="best effort"),
        pytest.param(
            with_resources((FULL, FULL), (FULL, FULL)),
            PodResources(cpu_shares=1024, cpu_quota=100000, memory_limit_bytes=128 << 20),
            id="guaranteed sums",
        ),
        pytest.param(
            with_resources(({"cpu": "1"}, {"memory": "1Gi"}), ({}, {})),
            PodResources(cpu_shares=1024),
            id="partly limited",
        ),
        pytest.param(
            pod_of(
                {
                    "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "2"}}}],
                    "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
                }
            ),
            PodResources(cpu_shares=2048),
            id="init container is the peak",
        ),
        pytest.param(
            pod_of({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}}),
            PodResources(cpu_shares=1024, cpu_quota=200000, memory_limit_bytes=GIB),
            id="pod level",
        ),
    ],
)
def test_pod_resources(pod: object, expected: PodResources) -> None:
    assert pod_resources(pod) == expected  # type: ignore[arg-type]
