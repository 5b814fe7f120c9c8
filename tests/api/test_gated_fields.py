"""Fields behind feature gates are dropped when the gate is off, unless the object uses the feature already."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.feature_gates import FeatureGates, known_gates
from pybernetes.api.gated_fields import Tree, drop_disabled, gated_fields
from pybernetes.api.resource import resources

Object = dict[str, Any]


def gates_of(tree: Tree) -> set[str]:
    return {gate for _, below in tree for gate in ({below} if isinstance(below, str) else gates_of(below))}


@pytest.mark.parametrize(
    ("kind", "settings", "given", "left"),
    [
        pytest.param("apps/v1.StatefulSet", {}, {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}},
                     {"spec": {"updateStrategy": {"rollingUpdate": {}}}}, id="off by default"),
        pytest.param("apps/v1.StatefulSet", {"MaxUnavailableStatefulSet": True},
                     {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}},
                     {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}}, id="switched on"),
        pytest.param("core/v1.Pod", {}, {"spec": {"hostnameOverride": "a"}}, {"spec": {"hostnameOverride": "a"}},
                     id="on by default"),
        pytest.param("core/v1.Pod", {"HostnameOverride": False}, {"spec": {"hostnameOverride": "a"}}, {"spec": {}},
                     id="switched off"),
        pytest.param("batch/v1.Job", {"ContainerRestartRules": False},
                     {"spec": {"template": {"spec": {"containers": [{"restartPolicyRules": []}, {"name": "b"}]}}}},
                     {"spec": {"template": {"spec": {"containers": [{}, {"name": "b"}]}}}}, id="in a template's list"),
        pytest.param("resource/v1.ResourceSlice", {},
                     {"spec": {"devices": [{"attributes": {"a": {"ints": [1]}, "b": {"int": 1}}}]}},
                     {"spec": {"devices": [{"attributes": {"a": {}, "b": {"int": 1}}}]}}, id="in a map"),
        pytest.param("resource/v1.ResourceSlice", {"DRAResourceClaimDeviceStatus": False},
                     {"spec": {"devices": [{"bindsToNode": True}]}}, {"spec": {"devices": [{}]}}, id="two gates"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_new_object(kind: str, settings: dict[str, bool], given: Object, left: Object) -> None:
    drop_disabled(given, None, gated_fields(kind, FeatureGates(settings)))
    assert given == left


def test_what_is_in_use_may_stay_and_change() -> None:
    tree = gated_fields("core/v1.Pod", FeatureGates({"HostnameOverride": False, "PodLevelResources": False}))
    old = {"spec": {"hostnameOverride": "a"}}
    new: Object = {"spec": {"hostnameOverride": "b", "resources": {"limits": {"cpu": "1"}}}}
    drop_disabled(new, old, tree)
    assert new == {"spec": {"hostnameOverride": "b"}}


def test_with_every_gate_on_nothing_is_dropped_and_locked_ones_never_are() -> None:
    on = FeatureGates({"AllAlpha": True, "AllBeta": True})
    off = FeatureGates({name: False for name, gate in known_gates().items() if not gate.locked})
    seen = set()
    for info in resources().values():
        if info.storage_prefix:
            assert not gated_fields(info.schema, on)
            seen |= gates_of(gated_fields(info.schema, off))
    assert seen
    assert not {name for name in seen if known_gates()[name].locked}


POD = gated_fields(
    "core/v1.Pod", FeatureGates({"HostnameOverride": False, "PodLevelResources": False, "ContainerRestartRules": False})
)
PARTS: st.SearchStrategy[Object] = st.fixed_dictionaries(
    {},
    optional={
        "hostnameOverride": st.sampled_from(["a", "b"]),
        "resources": st.just({"limits": {"cpu": "1"}}),
        "containers": st.lists(st.sampled_from([{}, {"restartPolicyRules": []}]).map(dict), max_size=2),
    },
)


@given(before=PARTS, after=PARTS, shared=st.sets(st.sampled_from(["hostnameOverride", "resources", "containers"])))
def test_what_is_shared_with_the_old_object_is_as_if_it_were_a_copy(
    before: Object, after: Object, shared: set[str]
) -> None:
    old: Object = {"spec": before}
    new: Object = {"spec": {**after, **{name: before[name] for name in shared if name in before}}}
    alone = deepcopy(new)
    drop_disabled(new, old, POD)
    drop_disabled(alone, deepcopy(old), POD)
    assert new == alone
    assert old == {"spec": before}
