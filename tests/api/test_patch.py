"""The three patches: published examples, upstream's errors, and laws that hold for all."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.patch import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, apply_patch
from pybernetes.api.patch.json_patch import PatchError, apply_operations
from pybernetes.api.schema import schema_for
from pybernetes.api.status import StatusError

POD = schema_for("v1", "Pod")
DEPLOYMENT = schema_for("apps/v1", "Deployment")


def patched(content_type: str, original: dict[str, Any], patch: Any, schema: Any = POD) -> dict[str, Any]:
    before = deepcopy(original)
    result = apply_patch(content_type, original, json.dumps(patch).encode(), schema)
    assert original == before, "the object given must not change"
    return result


JSON_PATCHES: dict[str, tuple[Any, list[dict[str, Any]], Any]] = {
    "add a member": ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
    "add into a list": ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
    "add behind a list": ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
    "remove": ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
    "remove the last item": ({"a": [1, 2]}, [{"op": "remove", "path": "/a/-1"}], {"a": [1]}),
    "replace": ({"a": {"b": 1}}, [{"op": "replace", "path": "/a/b", "value": None}], {"a": {"b": None}}),
    "move": ({"a": {"x": 1}, "b": {}}, [{"op": "move", "from": "/a/x", "path": "/b/y"}], {"a": {}, "b": {"y": 1}}),
    "copy": ({"a": {"x": [1]}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": [1]}, "b": {"x": [1]}}),
    "escaped names": ({"a/b": 1, "m~n": 2}, [{"op": "remove", "path": "/a~1b"}, {"op": "remove", "path": "/m~0n"}], {}),
    "a test that holds": (
        {"a": [1, {"b": 2}]},
        [{"op": "test", "path": "/a", "value": [1, {"b": 2}]}],
        {"a": [1, {"b": 2}]},
    ),
    "an absent member equals null": ({}, [{"op": "test", "path": "/a", "value": None}], {}),
    "an absent member is replaced": ({}, [{"op": "replace", "path": "/a", "value": 1}], {"a": 1}),
    "an absent member is copied": ({}, [{"op": "copy", "from": "/a", "path": "/b"}], {"b": None}),
    "no value is null": ({}, [{"op": "add", "path": "/a"}], {"a": None}),
}
"""As upstream's library (gopkg.in/evanphx/json-patch.v4) has it, where the RFC is stricter."""


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "test", "path": "/l/0", "value": 2}, "testing value /l/0 failed: test failed"),
        (
            {"op": "remove", "path": "/z"},
            "error in remove for path: '/z': Unable to remove nonexistent key: z: missing value",
        ),
        (
            {"op": "remove", "path": "/n/z"},
            'remove operation does not apply: doc is missing path: "/n/z": missing value',
        ),
        (
            {"op": "add", "path": "/l/5"},
            "error in add for path: '/l/5': Unable to access invalid index: 5: invalid index referenced",
        ),
        (
            {"op": "replace", "path": "/n/z"},
            "replace operation does not apply: doc is missing path: /n/z: missing value",
        ),
        (
            {"op": "move", "from": "/l/5", "path": "/y"},
            "error in move for path: '5': Unable to access invalid index: 5: invalid index referenced",
        ),
        (
            {"op": "move", "path": "/y"},
            "move operation failed to decode from: operation, missing from field: missing value",
        ),
        ({"op": "replace"}, "replace operation failed to decode path: operation missing path field: missing value"),
        ({"path": "/y"}, "Unexpected kind: unknown"),
    ],
)
def test_what_does_not_fit_is_told_in_the_librarys_words(operation: dict[str, Any], message: str) -> None:
    with pytest.raises(PatchError) as caught:
        apply_operations({"l": [1, 2]}, [operation])
    assert str(caught.value) == message


@pytest.mark.parametrize(("original", "patch", "result"), JSON_PATCHES.values(), ids=JSON_PATCHES)
def test_json_patch(original: Any, patch: list[dict[str, Any]], result: Any) -> None:
    assert patched(JSON_PATCH, original, patch, None) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/missing"},
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "add", "path": "/list/5", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "replace", "path": "/list/5", "value": 1},
        {"op": "add", "path": "", "value": {}},
        {"op": "test", "path": "/list/5", "value": None},
        {"op": "test", "path": "/list", "value": [True]},
        {"op": "explode", "path": "/list"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "", "value": 3},
        {"path": "/list"},
    ],
)
def test_an_operation_that_does_not_fit_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as caught:
        patched(JSON_PATCH, {"list": [1]}, [operation], None)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")
    assert caught.value.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON_PATCH, b"{"),
        (JSON_PATCH, b"{}"),
        (JSON_PATCH, b"[1]"),
        (MERGE_PATCH, b"[]"),
        (STRATEGIC_MERGE_PATCH, b"3"),
    ],
)
def test_a_body_that_is_no_patch_is_a_bad_request(content_type: str, body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        apply_patch(content_type, {}, body, POD)
    assert caught.value.code == 400


def test_too_many_operations() -> None:
    with pytest.raises(StatusError) as caught:
        patched(JSON_PATCH, {}, [{"op": "test", "path": "/a", "value": None}] * 10_001, None)
    assert (caught.value.code, caught.value.message) == (
        413,
        "The allowed maximum operations in a JSON patch is 10000, got 10001",
    )


@pytest.mark.parametrize(("content_type", "schema"), [("text/plain", POD), (STRATEGIC_MERGE_PATCH, None)])
def test_other_content_types_are_unsupported(content_type: str, schema: Any) -> None:
    with pytest.raises(StatusError) as caught:
        apply_patch(content_type, {}, b"{}", schema)
    assert caught.value.code == 415


MERGE_PATCHES = [  # RFC 7386, appendix A (objects only)
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "result"), MERGE_PATCHES)
def test_merge_patch(original: Any, patch: Any, result: Any) -> None:
    assert patched(MERGE_PATCH, original, patch, None) == result


documents = st.recursive(
    st.integers(0, 3) | st.booleans() | st.just("x"),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), documents, max_size=3)


@given(objects, objects)
def test_merging_twice_is_merging_once(original: dict[str, Any], patch: dict[str, Any]) -> None:
    once = patched(MERGE_PATCH, original, patch)
    assert patched(MERGE_PATCH, once, patch) == once


@given(objects, objects)
def test_without_lists_that_merge_strategic_merge_is_merge(original: dict[str, Any], patch: dict[str, Any]) -> None:
    assert patched(STRATEGIC_MERGE_PATCH, original, patch) == patched(MERGE_PATCH, original, patch)


@given(objects, st.sampled_from(["/a", "/b", "/a/b", "/a/0", "/c/-"]), documents)
def test_what_was_added_can_be_tested_and_removed(original: dict[str, Any], path: str, value: Any) -> None:
    try:
        added = patched(JSON_PATCH, original, [{"op": "add", "path": path, "value": value}])
    except StatusError as error:
        assert error.code == 422
        return
    if path.endswith("-"):
        holder = added["c"]
        assert holder[-1] == value if isinstance(holder, list) else holder["-"] == value
    else:
        assert patched(JSON_PATCH, added, [{"op": "test", "path": path, "value": value}]) == added


def containers(*items: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


A, B, C = ({"name": name, "image": f"{name}:1"} for name in "abc")

STRATEGIC: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "items merge by key": (
        containers(A, B),
        containers({"name": "b", "image": "b:2"}),
        containers(A, {"name": "b", "image": "b:2"}),
    ),
    "a new item comes first": (containers(A), containers(C), containers(C, A)),
    "an item is deleted": (containers(A, B), containers({"name": "a", "$patch": "delete"}), containers(B)),
    "a list is replaced": (containers(A, B), containers({"$patch": "replace"}, C), containers(C)),
    "a map is replaced": (
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"$patch": "replace", "c": "3"}}},
        {"metadata": {"labels": {"c": "3"}}},
    ),
    "a map is emptied": (
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "delete"}}},
        {"metadata": {"labels": {}}},
    ),
    "null removes": (
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"a": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    "scalars of a merged list unite": (
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"finalizers": ["b", "c"]}},
        {"metadata": {"finalizers": ["a", "b", "c"]}},
    ),
    "scalars are deleted from a list": (
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "c"]}},
        {"metadata": {"finalizers": ["b"]}},
    ),
    "atomic lists are replaced": (
        containers({"name": "a", "args": ["x", "y"]}),
        containers({"name": "a", "args": ["z"]}),
        containers({"name": "a", "args": ["z"]}),
    ),
    "the order is set": (
        containers(A, B, C),
        {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
        containers(B, C, A),
    ),
    "the order is set together with changes": (
        containers(A, B),
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
                "containers": [{"name": "b", "image": "b:2"}, C],
            }
        },
        containers({"name": "b", "image": "b:2"}, C, A),
    ),
    "other keys are dropped": (
        {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
        {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}},
        {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}},
    ),
    "nulls and directives do not enter new values": (
        {},
        {
            "spec": {
                "nodeName": "n",
                "hostname": None,
                "containers": [{"name": "a", "image": None}, {"name": "b", "$patch": "delete"}],
            }
        },
        {"spec": {"nodeName": "n", "containers": [{"name": "a"}]}},
    ),
    "ports merge by number": (
        containers({"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}),
        containers({"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}),
        containers({"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}),
    ),
}


@pytest.mark.parametrize(("original", "patch", "result"), STRATEGIC.values(), ids=STRATEGIC)
def test_strategic_merge_patch(original: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert patched(STRATEGIC_MERGE_PATCH, original, patch) == result


def test_strategies_are_known_below_templates() -> None:
    def deployment(*items: Any) -> dict[str, Any]:
        return {
            "spec": {
                "replicas": 1,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                "template": containers(*items),
            }
        }

    patch = {
        "spec": {
            "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
            "template": {"spec": {"containers": [{"name": "b", "image": "b:2"}]}},
        }
    }
    result = patched(STRATEGIC_MERGE_PATCH, deployment(A, B), patch, DEPLOYMENT)
    assert result["spec"]["strategy"] == {"type": "Recreate"}
    assert result["spec"]["template"] == containers(A, {"name": "b", "image": "b:2"})
    assert result["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        (containers({"image": "x"}), 422),
        (containers({"name": "a", "$patch": "explode"}), 422),
        (containers("a"), 422),
        ({"$patch": "explode"}, 422),
        ({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [A, B]}}, 422),
        ({"spec": {"$setElementOrder/containers": "a"}}, 400),
        ({"spec": {"$retainKeys": "a"}}, 400),
        ({"spec": {"$retainKeys": ["a"], "nodeName": "x"}}, 400),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}}, 400),
    ],
)
def test_broken_strategic_patches(patch: dict[str, Any], code: int) -> None:
    with pytest.raises(StatusError) as caught:
        patched(STRATEGIC_MERGE_PATCH, {**containers(A, B), "metadata": {"finalizers": ["x"]}}, patch)
    assert caught.value.code == code


named = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@given(named, named)
def test_merged_lists_hold_every_item_once_in_an_order_that_respects_both(live: list[str], patch: list[str]) -> None:
    merged = patched(
        STRATEGIC_MERGE_PATCH,
        containers(*({"name": name, "image": "live"} for name in live)),
        containers(*({"name": name, "image": "new"} for name in patch)),
    )["spec"]["containers"]
    order = [item["name"] for item in merged]
    assert sorted(order) == sorted({*live, *patch})
    assert [name for name in order if name in patch] == patch
    assert [name for name in order if name not in patch] == [name for name in live if name not in patch]
    assert all(item["image"] == ("new" if item["name"] in patch else "live") for item in merged)
