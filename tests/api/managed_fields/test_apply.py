"""Server-side apply: merging, conflicts, sharing, giving up (Kubernetes docs, "Server-Side Apply"; KEP-555)."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.managed_fields.objects import LATER, NOW, Kind, config_map, conformed, deployment

from pybernetes.api.managed_fields import ApplyConflict, FieldManager
from pybernetes.api.managed_fields.last_applied import ANNOTATION
from pybernetes.api.managed_fields.manager import Unfit
from pybernetes.api.managed_fields.structural import StructuralSchema
from pybernetes.api.status import StatusError

C1 = {"name": "c1", "image": "i1"}
C2 = {"name": "c2", "image": "i2"}


def names(kind: Kind) -> list[str]:
    assert kind.live is not None
    return [container["name"] for container in kind.live["spec"]["template"]["spec"]["containers"]]


def test_an_applier_owns_what_it_names() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(C1, replicas=3, app="a"), "me")
    assert kind.owned("me") == {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:containers": {'k:{"name":"c1"}': {".": {}, "f:image": {}, "f:name": {}}}},
            },
        },
    }


def test_a_changed_value_conflicts_and_force_takes_it() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.update(deployment(C1, replicas=1), "kubectl-create")
    with pytest.raises(ApplyConflict) as caught:
        kind.apply(deployment(C1, replicas=3), "me")
    error = caught.value.error()
    assert (error.code, error.reason) == (409, "Conflict")
    assert error.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.replicas'
    )
    assert error.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-create" using apps/v1',
                "field": ".spec.replicas",
            }
        ]
    }
    kind.apply(deployment(C1, replicas=3), "me", force=True)
    assert kind.live is not None and kind.live["spec"]["replicas"] == 3
    assert "f:replicas" not in kind.owned("kubectl-create", "Update")["f:spec"]


def test_several_conflicts_are_listed_by_manager() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.apply(config_map(a="1", b="1"), "one")
    kind.apply(config_map(c="1"), "two")
    with pytest.raises(ApplyConflict) as caught:
        kind.apply(config_map(a="2", b="2", c="2"), "three")
    assert caught.value.error().message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two":\n- .data.c'
    )


def test_equal_values_are_shared_and_go_with_the_last_owner() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.apply(config_map(a="1", b="1"), "one")
    kind.apply(config_map(a="1"), "two")
    live = kind.apply(config_map(b="1"), "one")
    assert live["data"] == {"a": "1", "b": "1"}
    live = kind.apply(config_map(), "two")
    assert live["data"] == {"b": "1"}


def test_a_field_that_is_named_no_more_goes() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(C1, C2), "me")
    kind.apply(deployment(C1), "me")
    assert names(kind) == ["c1"]


def test_a_given_up_field_of_an_updater_stays() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.apply(config_map(a="1", b="1"), "me")
    kind.update(config_map(a="1", b="2"), "other", LATER)
    live = kind.apply(config_map(a="1"), "me")
    assert live["data"] == {"a": "1", "b": "2"}


def test_handing_over_replicas_to_an_autoscaler() -> None:
    """The documentation's example: the autoscaler updates, then the user leaves the field out."""
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(C1, replicas=3), "kubectl")
    kind.update(deployment(C1, replicas=5), "autoscaler", LATER)
    live = kind.apply(deployment(C1), "kubectl")
    assert live["spec"]["replicas"] == 5
    assert kind.owned("autoscaler", "Update") == {"f:spec": {"f:replicas": {}}}


def test_a_given_up_field_gets_its_default() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(C1, replicas=3), "me")
    assert kind.apply(deployment(C1), "me")["spec"]["replicas"] == 1


def test_items_of_others_stay_in_place() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(C1, C2), "one")
    kind.apply(deployment({"name": "c3", "image": "i"}, {"name": "c2", "image": "i2"}), "two")
    assert names(kind) == ["c1", "c3", "c2"]
    kind.apply(deployment({"name": "c2", "image": "i2"}), "two")
    assert names(kind) == ["c1", "c2"]


def test_an_apply_that_changes_nothing_keeps_its_time() -> None:
    kind = Kind("v1", "ConfigMap")
    first = kind.apply(config_map(a="1"), "me", now=NOW)
    again = kind.apply(config_map(a="1"), "me", now=LATER)
    assert again == first


def test_finalizers_are_a_set() -> None:
    kind = Kind("v1", "ConfigMap")
    one, two = config_map(), config_map()
    one["metadata"]["finalizers"] = ["x/a", "x/b"]
    two["metadata"]["finalizers"] = ["x/b", "x/c"]
    kind.apply(one, "one")
    live = kind.apply(two, "two")
    assert live["metadata"]["finalizers"] == ["x/a", "x/b", "x/c"]
    assert kind.owned("two") == {"f:metadata": {"f:finalizers": {'v:"x/b"': {}, 'v:"x/c"': {}}}}
    one["metadata"]["finalizers"] = ["x/a"]
    assert kind.apply(one, "one")["metadata"]["finalizers"] == ["x/a", "x/b", "x/c"]
    two["metadata"]["finalizers"] = []
    assert kind.apply(two, "two")["metadata"]["finalizers"] == ["x/a"]


def test_the_protocol_of_a_port_may_be_left_out_of_its_key() -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment({**C1, "ports": [{"containerPort": 80, "name": "a"}]}), "me")
    kind.apply(deployment({**C1, "ports": [{"containerPort": 80, "name": "b", "protocol": "TCP"}]}), "me")
    assert kind.live is not None
    (container,) = kind.live["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 80, "name": "b", "protocol": "TCP"}]


UNFIT: list[tuple[str, Any, str]] = [
    ("unknown field", {"spec": {"x": 1}}, ".spec.x: field not declared in schema"),
    ("no number", {"spec": {"replicas": "3"}}, ".spec.replicas: expected numeric (int or float), got string"),
    (
        "no list",
        {"spec": {"template": {"spec": {"containers": {"a": 1}}}}},
        "containers: expected list, got &{map[a:1]}",
    ),
    ("no map", {"spec": [1]}, ".spec: expected map, got &{[1]}"),
    (
        "no key",
        {"spec": {"template": {"spec": {"containers": [{"image": "i"}]}}}},
        'element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default',
    ),
    (
        "twice",
        {"spec": {"template": {"spec": {"containers": [C1, C1]}}}},
        '.spec.template.spec.containers: duplicate entries for key [name="c1"]',
    ),
]


@pytest.mark.parametrize(("config", "words"), [row[1:] for row in UNFIT], ids=[row[0] for row in UNFIT])
def test_a_configuration_must_fit_its_type(config: Any, words: str) -> None:
    with pytest.raises(Unfit) as caught:
        Kind("apps/v1", "Deployment").apply({"metadata": {"name": "a"}, **config}, "me")
    assert words in str(caught.value)


def test_another_version_or_entries_in_a_configuration_are_refused() -> None:
    kind = Kind("v1", "ConfigMap")
    with pytest.raises(StatusError, match=r"metadata\.managedFields must be nil"):
        kind.apply({"metadata": {"name": "a", "managedFields": []}}, "me")
    with pytest.raises(StatusError, match=r"Incorrect version specified in apply patch\. Specified patch version: v2"):
        kind.apply({"apiVersion": "v2", "metadata": {"name": "a"}}, "me")


# -- from client-side apply


def client_side(**data: str) -> dict[str, Any]:
    """A config map as `kubectl apply` leaves it."""
    obj = config_map(**data)
    text = orjson.dumps({"apiVersion": "v1", "kind": "ConfigMap", **obj}).decode()
    obj["metadata"]["annotations"] = {ANNOTATION: text}
    return obj


def test_kubectl_takes_over_what_client_side_apply_left() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(client_side(a="1", b="1"), "kubectl-client-side-apply")
    live = kind.apply(config_map(a="2"), "kubectl")
    assert live["data"] == {"a": "2", "b": "1"}
    recorded = orjson.loads(live["metadata"]["annotations"][ANNOTATION])
    assert recorded["data"] == {"a": "2"}


def test_other_managers_conflict_with_client_side_apply() -> None:
    kind = Kind("v1", "ConfigMap")
    kind.update(client_side(a="1"), "kubectl-client-side-apply")
    with pytest.raises(ApplyConflict):
        kind.apply(config_map(a="2"), "argocd")


def test_what_changed_since_client_side_apply_conflicts() -> None:
    kind = Kind("v1", "ConfigMap")
    created = kind.update(client_side(a="1", b="1"), "kubectl-client-side-apply")
    changed = {**created, "data": {"a": "1", "b": "9"}}
    kind.update(changed, "edit", LATER)
    with pytest.raises(ApplyConflict) as caught:
        kind.apply(config_map(a="2", b="2"), "kubectl")
    assert caught.value.error().message == ('Apply failed with 1 conflict: conflict with "edit" using v1: .data.b')


# -- custom resources

GADGET = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["id"],
                    "items": {"type": "object", "properties": {"id": {"type": "integer"}, "size": {"type": "string"}}},
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "place": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {"x": {"type": "integer"}},
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}
HEAD = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}


def test_custom_resources_merge_by_their_schema() -> None:
    fields = FieldManager(StructuralSchema("example.com/v1", "Gadget", GADGET))
    one = {**HEAD, "spec": {"parts": [{"id": 1, "size": "a"}], "tags": ["x"], "free": {"a": {"b": 1}}}}
    two = {
        **HEAD,
        "spec": {"parts": [{"id": 2, "size": "b"}], "tags": ["y"], "place": {"x": 1}, "free": {"a": {"c": [1]}}},
    }
    live = fields.applied(None, one, "one", NOW, force=False)
    live = fields.applied(live, two, "two", NOW, force=False)
    assert live["spec"] == {
        "parts": [{"id": 1, "size": "a"}, {"id": 2, "size": "b"}],
        "tags": ["x", "y"],
        "place": {"x": 1},
        "free": {"a": {"b": 1, "c": [1]}},
    }
    owned = {entry["manager"]: entry["fieldsV1"] for entry in live["metadata"]["managedFields"]}
    assert owned["two"]["f:spec"] == {
        "f:parts": {'k:{"id":2}': {".": {}, "f:id": {}, "f:size": {}}},
        "f:tags": {'v:"y"': {}},
        "f:place": {},
        "f:free": {"f:a": {".": {}, "f:c": {}}},
    }
    with pytest.raises(Unfit, match=r"\.spec\.nope: field not declared in schema"):
        fields.applied(live, {**HEAD, "spec": {"nope": 1}}, "two", NOW, force=False)


def test_without_a_schema_maps_merge_and_lists_do_not() -> None:
    fields = FieldManager(StructuralSchema("example.com/v1", "Gadget", None))
    live = fields.applied(None, {**HEAD, "spec": {"a": {"b": 1}, "l": [1]}}, "one", NOW, force=False)
    live = fields.applied(live, {**HEAD, "spec": {"a": {"c": 2}}}, "two", NOW, force=False)
    assert live["spec"] == {"a": {"b": 1, "c": 2}, "l": [1]}
    with pytest.raises(ApplyConflict):
        fields.applied(live, {**HEAD, "spec": {"l": [2]}}, "two", NOW, force=False)


# -- laws

keys = st.sampled_from(["a", "b", "c"])
datas = st.dictionaries(keys, st.sampled_from(["1", "2"]), max_size=3)
steps = st.lists(st.tuples(st.sampled_from(["apply", "update"]), st.sampled_from(["m", "n", "o"]), datas), max_size=8)


@given(steps)
def test_applying_twice_changes_nothing_and_owned_fields_exist(history: list[tuple[str, str, dict[str, str]]]) -> None:
    kind = Kind("v1", "ConfigMap")
    kind.apply(config_map(seed="1"), "seed")
    for verb, manager, data in history:
        if verb == "update":
            kind.update(config_map(**data), manager)
            continue
        live = kind.apply(config_map(**data), manager, force=True)
        assert live.get("data", {}).items() >= data.items()
        assert kind.apply(config_map(**data), manager, now=LATER) == live
        owned = kind.owned(manager)
        assert set(owned["f:data"] if owned else ()) == {f"f:{key}" for key in data}
    assert kind.live is not None
    present = {f"f:{key}" for key in kind.live.get("data", {})}
    for entry in kind.live["metadata"].get("managedFields", ()):
        assert set(entry["fieldsV1"].get("f:data", ())) - {"."} <= present


containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "c"]), "image": st.sampled_from(["1", "2"])},
        optional={"args": st.lists(st.sampled_from(["x", "y"]), max_size=2)},
    ),
    max_size=3,
    unique_by=lambda container: container["name"],
)


@given(containers, containers, containers)
def test_what_two_appliers_name_is_there_whatever_else_is(one: Any, two: Any, again: Any) -> None:
    kind = Kind("apps/v1", "Deployment")
    kind.apply(deployment(*one), "one")
    kind.apply(deployment(*two), "two", force=True)
    live = kind.apply(deployment(*again), "one", force=True)
    found = {c["name"]: c for c in (live["spec"]["template"]["spec"]["containers"] or ())}
    assert set(found) == {c["name"] for c in [*two, *again]}
    for container in again:
        assert found[container["name"]]["image"] == container["image"]
    assert conformed(live) == live


def test_what_has_become_atomic_is_owned_as_a_whole() -> None:
    """A list that merged by key when it was applied, and is atomic in the schema of today."""
    atomic = {**GADGET, "properties": {"spec": {"type": "object", "properties": {"parts": {"type": "array"}}}}}
    before = FieldManager(StructuralSchema("example.com/v1", "Gadget", GADGET))
    after = FieldManager(StructuralSchema("example.com/v1", "Gadget", atomic))
    config = {**HEAD, "spec": {"parts": [{"id": 1, "size": "a"}]}}
    live = before.applied(None, config, "one", NOW, force=False)
    with pytest.raises(ApplyConflict) as caught:
        after.applied(live, {**HEAD, "spec": {"parts": [{"id": 2}]}}, "two", NOW, force=False)
    assert caught.value.error().message == 'Apply failed with 1 conflict: conflict with "one": .spec.parts'
    live = after.applied(live, config, "one", LATER, force=False)
    (entry,) = live["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:spec": {"f:parts": {}}}
