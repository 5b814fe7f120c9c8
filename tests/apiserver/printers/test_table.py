"""Tables: every resource has columns, and the cells that need a decision decide as kubectl users know it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pybernetes.api.resource import ResourceInfo, resource, resources
from pybernetes.apiserver import table

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CREATED = "2026-01-01T23:55:00Z"
META = {"name": "x", "creationTimestamp": CREATED}


def made_of(info: ResourceInfo, obj: dict[str, Any], what: str = "Metadata") -> dict[str, Any]:
    rows = table.ResourceRows(info, table.Included(what), str(obj.get("kind", "")))
    return table.to_table(rows, [obj], {}, now=NOW)


def cells(plural: str, obj: dict[str, Any], group: str = "", version: str = "v1") -> dict[str, Any]:
    info = resource(plural, group, version)
    made = made_of(info, {"metadata": META, **obj})
    names = [column["name"] for column in made["columnDefinitions"]]
    return dict(zip(names, made["rows"][0]["cells"], strict=True))


def test_every_resource_has_columns_whose_cells_accept_an_empty_object() -> None:
    for info in resources().values():
        if "list" in info.verbs:
            made = made_of(info, {"metadata": {"name": "x"}})
            assert "x" in made["rows"][0]["cells"], info.group_resource


SERVICES = {
    "cluster ip": ({"type": "ClusterIP", "clusterIPs": ["10.0.0.1"]}, {}, "<none>"),
    "external ips": ({"type": "ClusterIP", "externalIPs": ["1.2.3.4", "5.6.7.8"]}, {}, "1.2.3.4,5.6.7.8"),
    "balancer pending": ({"type": "LoadBalancer"}, {}, "<pending>"),
    "balancer": ({"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}]}}, "9.9.9.9"),
    "long balancer name": (
        {"type": "LoadBalancer"},
        {"loadBalancer": {"ingress": [{"hostname": "a-very-long-name.example.com"}]}},
        "a-very-long-n...",
    ),
    "external name": ({"type": "ExternalName", "externalName": "example.com"}, {}, "example.com"),
}


@pytest.mark.parametrize("case", SERVICES)
def test_external_ip_of_services(case: str) -> None:
    spec, status, expected = SERVICES[case]
    assert cells("services", {"spec": spec, "status": status})["External-IP"] == expected


def test_ports_of_services() -> None:
    ports = [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert cells("services", {"spec": {"ports": ports}})["Port(s)"] == "80:30080/TCP,53/UDP"


def test_nodes() -> None:
    node = {
        "metadata": {**META, "labels": {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/db": ""}},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.5"}],
            "nodeInfo": {"kernelVersion": "6.1", "architecture": "amd64"},
        },
    }
    found = cells("nodes", node)
    assert found["Status"] == "Ready,SchedulingDisabled"
    assert found["Roles"] == "control-plane,db"
    assert (found["Internal-IP"], found["External-IP"]) == ("10.0.0.5", "<none>")
    assert found["Kernel-Version"] == "6.1 (amd64)"
    assert found["Age"] == "5m"


def test_deployments_count_with_zeros() -> None:
    found = cells("deployments", {"spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}}}, "apps")
    assert (found["Ready"], found["Up-to-date"], found["Available"]) == ("0/3", 0, 0)
    assert found["Selector"] == "a=b"


SELECTORS = {
    "expressions": (
        {
            "matchExpressions": [
                {"key": "t", "operator": "In", "values": ["b", "a"]},
                {"key": "x", "operator": "Exists"},
            ]
        },
        "t in (a,b),x",
    ),
    "absent": ({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, "!x"),
    "empty": ({}, "<none>"),
}


@pytest.mark.parametrize("case", SELECTORS)
def test_selectors(case: str) -> None:
    selector, expected = SELECTORS[case]
    assert cells("replicasets", {"spec": {"selector": selector}}, "apps")["Selector"] == expected


JOBS = {
    "complete": ({"conditions": [{"type": "Complete", "status": "True"}]}, {}, "Complete"),
    "failed": ({"conditions": [{"type": "Failed", "status": "True"}]}, {}, "Failed"),
    "suspended": ({"conditions": [{"type": "Suspended", "status": "True"}]}, {}, "Suspended"),
    "deleted": ({}, {"deletionTimestamp": CREATED}, "Terminating"),
    "running": ({}, {}, "Running"),
}


@pytest.mark.parametrize("case", JOBS)
def test_jobs(case: str) -> None:
    status, meta, expected = JOBS[case]
    assert cells("jobs", {"metadata": {**META, **meta}, "status": status}, "batch")["Status"] == expected


def test_job_completions_and_duration() -> None:
    status = {"succeeded": 2, "startTime": "2026-01-01T23:00:00Z", "completionTime": "2026-01-01T23:01:30Z"}
    found = cells("jobs", {"spec": {"completions": 3}, "status": status}, "batch")
    assert (found["Completions"], found["Duration"]) == ("2/3", "90s")
    assert cells("jobs", {"spec": {"parallelism": 4}}, "batch")["Completions"] == "0/1 of 4"


def test_endpoints_are_shortened() -> None:
    addresses = [{"ip": f"10.0.0.{n}"} for n in range(1, 6)]
    found = cells("endpoints", {"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]})
    assert found["Endpoints"] == "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..."


def test_events_in_both_groups() -> None:
    core = {
        "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
        "lastTimestamp": CREATED,
        "count": 3,
        "source": {"component": "kubelet", "host": "n"},
        "message": " started ",
    }
    found = cells("events", core)
    assert (found["Last Seen"], found["Object"], found["Count"]) == ("5m", "pod/p", "3")
    assert (found["Source"], found["Message"], found["Subobject"]) == ("kubelet, n", "started", "spec.containers{c}")
    modern = {"regarding": {"kind": "Pod", "name": "p"}, "eventTime": CREATED, "note": "hi"}
    found = cells("events", modern, "events.k8s.io")
    assert (found["Object"], found["Message"], found["Last Seen"]) == ("pod/p", "hi", "5m")


def test_rows_carry_what_was_asked_for() -> None:
    info = resource("configmaps")
    obj = {"kind": "ConfigMap", "metadata": META, "data": {"a": "b"}}
    metadata = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}
    for what, carried in {"Metadata": metadata, "Object": obj, "None": None}.items():
        assert made_of(info, obj, what)["rows"][0]["object"] == carried


def test_ended_pods_are_marked() -> None:
    made = made_of(resource("pods"), {"metadata": META, "status": {"phase": "Failed"}})
    assert made["rows"][0]["conditions"] == [{"type": "Completed", "status": "True", "reason": "Failed"}]


def test_hpa_targets() -> None:
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}},
            {"type": "Pods", "pods": {"target": {"averageValue": "10"}}},
            {"type": "Object", "object": {"target": {"value": "5"}}},
        ],
    }
    status = {"currentMetrics": [{"type": "Resource", "resource": {"current": {"averageUtilization": 20}}}]}
    found = cells("horizontalpodautoscalers", {"spec": spec, "status": status}, "autoscaling", "v2")
    assert found["Targets"] == "cpu: 20%/50%, <unknown>/10 + 1 more..."
    assert found["Reference"] == "Deployment/web"
