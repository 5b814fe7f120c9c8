"""Which managed fields change hands when server-side apply follows client-side apply."""

from typing import Any

from pybernetes.kubectl.apply.ownership import migration

ANNOTATION = {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def obj(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "resourceVersion": "5", "managedFields": list(entries)}}


def test_nothing_to_do() -> None:
    assert migration({}, "kubectl") is None
    assert migration(obj(entry("kubectl-edit", "Update", {"f:data": {}})), "kubectl") is None
    # An owner by apply is none of an earlier client-side apply.
    assert migration(obj(entry("kubectl-last-applied", "Apply", {"f:metadata": ANNOTATION})), "kubectl") is None


def test_fields_join_those_of_the_applier_and_others_stay() -> None:
    other = entry("controller", "Update", {"f:status": {}}, subresource="status")
    before = obj(
        entry("kubectl", "Apply", {"f:data": {"f:a": {}}}),
        other,
        entry("kubectl-client-side-apply", "Update", {"f:data": {".": {}, "f:b": {}}, "f:metadata": ANNOTATION}),
    )
    joined = entry("kubectl", "Apply", {"f:data": {"f:a": {}, ".": {}, "f:b": {}}, "f:metadata": ANNOTATION})
    assert migration(before, "kubectl") == [
        {"op": "replace", "path": "/metadata/managedFields", "value": [joined, other]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "5"},
    ]


def test_without_an_applier_the_entry_itself_changes_its_name() -> None:
    labels = {"f:labels": {"f:x": {}}}
    before = obj(entry("mine", "Update", {"f:data": {"f:b": {}}, "f:metadata": {**ANNOTATION, **labels}}))
    patch = migration(before, "other")
    assert patch is not None
    assert patch[0]["value"] == [
        entry("other", "Apply", {"f:data": {"f:b": {}}, "f:metadata": {**ANNOTATION, **labels}})
    ]
    assert before["metadata"]["managedFields"][0]["manager"] == "mine"
