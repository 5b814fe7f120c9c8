"""managedFields through creates and updates."""

from typing import Any

import pytest
from tests.api.managed_fields.objects import LATER, NOW, Kind, config_map, deployment

from pybernetes.api.managed_fields.managers import MAX_UPDATERS


def test_a_creator_owns_what_it_sent_and_what_was_defaulted() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.update(deployment({"name": "c", "image": "i", "ports": [{"containerPort": 80}]}, app="a"), "kubectl-create")
    # As the API server of the documentation's "Server-Side Apply" page shows a created Deployment.
    assert kind.owned("kubectl-create", "Update") == {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:progressDeadlineSeconds": {},
            "f:replicas": {},
            "f:revisionHistoryLimit": {},
            "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"c"}': {
                            ".": {},
                            "f:image": {},
                            "f:imagePullPolicy": {},
                            "f:name": {},
                            "f:ports": {
                                ".": {},
                                'k:{"containerPort":80,"protocol":"TCP"}': {
                                    ".": {},
                                    "f:containerPort": {},
                                    "f:protocol": {},
                                },
                            },
                            "f:resources": {},
                            "f:terminationMessagePath": {},
                            "f:terminationMessagePolicy": {},
                        }
                    },
                    "f:dnsPolicy": {},
                    "f:restartPolicy": {},
                    "f:schedulerName": {},
                    "f:securityContext": {},
                    "f:terminationGracePeriodSeconds": {},
                },
            },
        },
    }


def test_an_updater_takes_what_it_changes() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1", b="1"), "one")
    kind.update(config_map(a="1", b="2", c="2"), "two", LATER)
    assert kind.owned("one", "Update") == {"f:data": {".": {}, "f:a": {}}}
    assert kind.owned("two", "Update") == {"f:data": {"f:b": {}, "f:c": {}}}


def test_what_is_removed_is_nobodys() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1", b="1"), "one")
    kind.update(config_map(b="1"), "two", LATER)
    assert kind.managers() == [("one", "Update")]
    assert kind.owned("one", "Update") == {"f:data": {".": {}, "f:b": {}}}


def test_the_time_moves_only_with_a_change() -> None:
    kind = Kind("v1", "ConfigMap")
    first = kind.update(config_map(a="1"), "one", NOW)
    again = kind.update(config_map(a="1"), "one", LATER)
    assert again["metadata"]["managedFields"] == first["metadata"]["managedFields"]
    third = kind.update(config_map(a="2"), "one", LATER)
    assert [entry["time"] for entry in third["metadata"]["managedFields"]] == [LATER]


def test_subresources_are_managers_of_their_own() -> None:
    kind = Kind("apps/v1", "Deployment")
    obj = deployment({"name": "c", "image": "i"})
    kind.update(obj, "one")
    live = kind.update({**obj, "status": {"replicas": 1}}, "one", LATER, "status")
    entries = live["metadata"]["managedFields"]
    assert [(e["manager"], e.get("subresource", "")) for e in entries] == [("one", ""), ("one", "status")]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:replicas": {}}}


def test_the_status_is_not_owned_through_the_object_itself() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.update({**deployment({"name": "c", "image": "i"}), "status": {"replicas": 1}}, "one")
    assert "f:status" not in kind.owned("one", "Update")


def test_one_empty_entry_forgets_all_managers() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1"), "one")
    reset = config_map(a="2")
    reset["metadata"]["managedFields"] = [{}]
    kind.update(reset, "two")
    assert kind.managers() == []
    kind.update(config_map(a="3"), "three")
    assert kind.managers() == []  # untracked until somebody applies
    kind.apply(config_map(b="1"), "four")
    assert kind.owned("before-first-apply", "Update") == {"f:data": {".": {}, "f:a": {}}}


def test_an_empty_list_of_entries_keeps_them() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1"), "one")
    sent = config_map(a="1")
    sent["metadata"]["managedFields"] = []
    kind.update(sent, "two")
    assert kind.managers() == [("one", "Update")]


def test_clients_may_write_entries() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1"), "one")
    sent = config_map(a="1")
    entry = {"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    sent["metadata"]["managedFields"] = [{**entry, "fieldsV1": {"f:data": {"f:a": {}}}}]
    kind.update(sent, "two")
    assert kind.managers() == [("x", "Apply")]


@pytest.mark.parametrize(
    "entries",
    [
        [{"manager": "x", "operation": "Nonsense", "apiVersion": "v1"}],
        [{"manager": "x", "operation": "Update"}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"bad": {}}}],
        [{"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2"}],
    ],
)
def test_entries_that_cannot_be_read_are_passed_over(entries: Any) -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(config_map(a="1"), "one")
    sent = config_map(a="1")
    sent["metadata"]["managedFields"] = entries
    kind.update(sent, "two")
    assert kind.managers() == [("one", "Update")]


def test_updaters_are_capped_by_joining_the_oldest() -> None:
    kind = Kind("v1", "ConfigMap")
    data: dict[str, str] = {}
    for at in range(MAX_UPDATERS + 3):
        data[f"k{at:02}"] = "v"
        kind.update(config_map(**data), f"m{at:02}", f"2026-01-01T00:00:{at:02}Z")
    names = [name for name, _ in kind.managers()]
    assert len(names) == MAX_UPDATERS
    assert names[0] == "ancient-changes"
    assert kind.owned("ancient-changes", "Update") == {
        "f:data": {".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}, "f:k03": {}}
    }


def test_items_of_lists_are_owned_one_by_one() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.update(deployment({"name": "a", "image": "1"}, {"name": "b", "image": "1"}), "one")
    kind.update(deployment({"name": "b", "image": "2"}, {"name": "a", "image": "1"}), "two", LATER)
    assert kind.owned("two", "Update") == {
        "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"b"}': {"f:image": {}}}}}}
    }


def test_atomic_lists_are_owned_whole() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.update(deployment({"name": "a", "image": "1", "args": ["x"]}), "one")
    kind.update(deployment({"name": "a", "image": "1", "args": ["x", "y"]}), "two", LATER)
    container = {"f:containers": {'k:{"name":"a"}': {"f:args": {}}}}
    assert kind.owned("two", "Update") == {"f:spec": {"f:template": {"f:spec": container}}}
