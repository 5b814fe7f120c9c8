"""Patches of `apply`, `set` and `edit`: the live object becomes what was asked, what others added stays."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubectl.apply import json_merge
from pybernetes.kubectl.apply.strategic import patched, three_way, two_way

ROOT = Path(__file__).parents[2]
NAMES = st.sampled_from(["a", "b", "c"])
CONTAINERS = st.dictionaries(
    NAMES, st.dictionaries(st.sampled_from(["X", "Y", "Z"]), st.text("123", min_size=1)), max_size=3
)
LABELS = st.dictionaries(NAMES, st.text("xyz", min_size=1), max_size=3)


def pod(labels: dict[str, str], containers: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": labels},
        "spec": {
            "containers": [
                {"name": name, "image": "i", "env": [{"name": key, "value": value} for key, value in env.items()]}
                for name, env in containers.items()
            ]
        },
    }


def normal(obj: dict[str, Any]) -> Any:
    """Order of merged lists aside, and empty ones the same as absent ones."""
    spec = {
        container["name"]: {variable["name"]: variable["value"] for variable in container.get("env") or ()}
        for container in (obj.get("spec") or {}).get("containers") or ()
    }
    return (obj["metadata"].get("labels") or {}), spec


@given(LABELS, LABELS, CONTAINERS, CONTAINERS)
def test_two_way_patch_turns_one_into_the_other(
    one: dict[str, str], other: dict[str, str], before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = pod(one, before), pod(other, after)
    assert normal(patched(old, two_way(old, new))) == normal(new)


@given(LABELS, LABELS, LABELS)
def test_what_others_added_stays_and_what_was_dropped_goes(
    last: dict[str, str], wanted: dict[str, str], others: dict[str, str]
) -> None:
    live = {**last, **others}
    patch = three_way(pod(last, {}), pod(wanted, {}), pod(live, {}), "core/v1.Pod")
    expected = {key: value for key, value in live.items() if key not in last or key in wanted} | wanted
    assert normal(patched(pod(live, {}), patch))[0] == expected
    merge = json_merge.three_way(pod(last, {}), pod(wanted, {}), pod(live, {}))
    from pybernetes.api.patch.merge_patch import merge as apply_merge

    assert normal(apply_merge(pod(live, {}), merge))[0] == expected


def test_equal_objects_make_no_patch() -> None:
    obj = pod({"a": "b"}, {"a": {"X": "1"}})
    assert two_way(obj, obj) == {}
    assert three_way(obj, obj, obj, "core/v1.Pod") == {}


def test_a_dropped_item_is_deleted_by_its_key_and_the_order_is_told() -> None:
    last, wanted = pod({}, {"a": {}, "b": {}}), pod({}, {"a": {}})
    patch = three_way(last, wanted, last, "core/v1.Pod")
    assert patch["spec"]["containers"] == [{"$patch": "delete", "name": "b"}]
    assert patch["spec"]["$setElementOrder/containers"] == [{"name": "a"}]


def test_retain_keys_for_a_strategy() -> None:
    def deployment(strategy: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": strategy}}

    live = deployment({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    patch = three_way({}, deployment({"type": "Recreate"}), live, "apps/v1.Deployment")
    assert patch["spec"]["strategy"] == {"type": "Recreate", "$retainKeys": ["type"]}


def test_the_table_of_merge_keys_is_that_of_the_types() -> None:
    loader = importlib.machinery.SourceFileLoader("merge_keys_tool", str(ROOT / "tools/merge-keys"))
    spec = importlib.util.spec_from_loader("merge_keys_tool", loader)
    assert spec is not None
    tool = importlib.util.module_from_spec(spec)
    loader.exec_module(tool)
    types = json.loads((ROOT / "src/pybernetes/api/data/types.json").read_text())
    table = json.loads((ROOT / "src/pybernetes/kubectl/data/merge_keys.json").read_text())
    assert table == tool.merge_keys(types)


@pytest.mark.parametrize("kind", ["v1/Pod", "apps/v1/Deployment", "batch/v1/CronJob", "v1/Service"])
def test_common_kinds_are_in_the_table(kind: str) -> None:
    from pybernetes.kubectl.apply.merge_keys import type_of

    version, _, name = kind.rpartition("/")
    assert type_of(version, name)
