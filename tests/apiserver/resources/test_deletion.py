"""The plan of a deletion, as a pure decision."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pybernetes.api.resource import resource
from pybernetes.apiserver.resources.deletion import DeleteOptions, Plan, finalizers_for, plan
from pybernetes.apiserver.resources.namespace import NamespaceStrategy
from pybernetes.apiserver.resources.pod import PodStrategy
from pybernetes.apiserver.resources.strategy import Strategy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THEN = "2026-01-01T00:00:30Z"


class _Nobody:
    def get(self, *args: Any) -> None:
        return None

    def list(self, *args: Any) -> list[Any]:
        return []

    def subscribe(self, *args: Any) -> None:
        return None


def decided(kind: str, obj: dict[str, Any], **options: Any) -> Plan:
    strategies = {"pods": PodStrategy, "namespaces": NamespaceStrategy}
    strategy: Strategy = strategies.get(kind, Strategy)(resource(kind), _Nobody())
    return plan(strategy, obj, DeleteOptions(**options), NOW)


def pod(**metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata, "spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}, "status": {}}


def test_nothing_holds_a_plain_object() -> None:
    assert decided("configmaps", {"metadata": {}}) == Plan(True)


def test_a_finalizer_holds_it() -> None:
    found = decided("configmaps", {"metadata": {"finalizers": ["a/b"], "generation": 1}})
    assert found.obj is not None and not found.remove
    assert found.obj["metadata"] == {
        "finalizers": ["a/b"],
        "generation": 2,
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
    }


def test_a_running_pod_gets_its_own_grace() -> None:
    found = decided("pods", pod())
    assert found.obj is not None
    assert found.obj["metadata"] == {"deletionTimestamp": THEN, "deletionGracePeriodSeconds": 30}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, Plan(False)),
        (30, Plan(False)),
        (40, Plan(False)),
        (0, Plan(True)),
    ],
)
def test_a_pending_deletion(asked: int | None, expected: Plan) -> None:
    pending = pod(deletionTimestamp=THEN, deletionGracePeriodSeconds=30)
    assert decided("pods", pending, grace_period_seconds=asked) == expected


def test_a_shorter_grace_counts_from_the_first_request() -> None:
    pending = pod(deletionTimestamp=THEN, deletionGracePeriodSeconds=30)
    found = decided("pods", pending, grace_period_seconds=10)
    assert found.obj is not None
    assert found.obj["metadata"] == {"deletionTimestamp": "2026-01-01T00:00:10Z", "deletionGracePeriodSeconds": 10}


def test_a_negative_grace_is_one_second() -> None:
    found = decided("pods", pod(), grace_period_seconds=-5)
    assert found.obj is not None and found.obj["metadata"]["deletionGracePeriodSeconds"] == 1


def test_a_namespace_waits_for_its_contents() -> None:
    obj = {"metadata": {}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    found = decided("namespaces", obj)
    assert found.obj is not None
    assert found.obj["metadata"] == {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert found.obj["status"] == {"phase": "Terminating"}
    assert decided("namespaces", {"metadata": {}, "spec": {}}) == Plan(True)


@pytest.mark.parametrize(
    ("kind", "before", "options", "after"),
    [
        ("pods", [], {}, []),
        ("pods", ["foregroundDeletion"], {}, ["foregroundDeletion"]),
        ("pods", ["orphan"], {"propagation_policy": "Foreground"}, ["foregroundDeletion"]),
        ("pods", ["a/b"], {"propagation_policy": "Orphan"}, ["a/b", "orphan"]),
        ("pods", ["orphan"], {"orphan_dependents": False}, []),
        ("replicationcontrollers", [], {}, ["orphan"]),
        ("replicationcontrollers", [], {"propagation_policy": "Background"}, []),
        ("events", [], {"propagation_policy": "Orphan"}, []),
    ],
)
def test_propagation(kind: str, before: list[str], options: dict[str, Any], after: list[str]) -> None:
    assert finalizers_for(resource(kind), before, DeleteOptions(**options)) == after
