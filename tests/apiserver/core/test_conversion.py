"""Served versions that are not the stored one."""

from pybernetes.apiserver import conversion

EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e"},
    "involvedObject": {"name": "p"},
    "reason": "Started",
    "message": "m",
    "source": {"component": "kubelet"},
    "firstTimestamp": "2026-01-01T00:00:00Z",
    "lastTimestamp": "2026-01-01T00:00:00Z",
    "count": 2,
    "type": "Normal",
    "eventTime": None,
    "reportingComponent": "kubelet",
    "reportingInstance": "n1",
}

AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "h", "annotations": {"a": "b"}},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            },
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
            },
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 10}},
    },
    "status": {
        "currentReplicas": 1,
        "desiredReplicas": 2,
        "currentMetrics": [
            {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "2Gi"}}},
        ],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    },
}


def test_events_survive_the_way_round() -> None:
    served = conversion.event_to_v1(EVENT)
    assert (served["apiVersion"], served["note"], served["regarding"]) == ("events.k8s.io/v1", "m", {"name": "p"})
    assert served["deprecatedSource"] == {"component": "kubelet"}
    assert conversion.event_from_v1(served) == EVENT


def test_autoscalers_survive_the_way_round() -> None:
    served = conversion.autoscaler_to_v1(AUTOSCALER)
    assert served["spec"]["targetCPUUtilizationPercentage"] == 50
    assert "metrics" not in served["spec"]
    assert set(served["metadata"]["annotations"]) == {
        "a",
        conversion.METRICS_ANNOTATION,
        conversion.CURRENT_METRICS_ANNOTATION,
        conversion.CONDITIONS_ANNOTATION,
        conversion.BEHAVIOR_ANNOTATION,
    }
    assert conversion.autoscaler_from_v1(served) == AUTOSCALER


def test_an_old_autoscaler_becomes_a_new_one() -> None:
    old = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 80},
    }
    (metric,) = conversion.autoscaler_from_v1(old)["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
