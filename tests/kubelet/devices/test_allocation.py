"""Which devices a container gets, for any numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kubelet.pods import pod_of

from pybernetes.kubelet.devices.allocation import NoDevices, amounts, choose, free, reusable, wanted

NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(count=st.integers(1, 5), own=NAMES, available=NAMES, preferred=NAMES)
def test_only_own_and_available_devices_and_exactly_as_many(
    count: int, own: list[str], available: list[str], preferred: list[str]
) -> None:
    if len({*own, *available}) < count:
        with pytest.raises(NoDevices):
            choose("r", count, own, available, preferred)
        return
    chosen = choose("r", count, own, available, preferred)
    assert len(set(chosen)) == count == len(chosen)
    assert set(chosen) <= {*own, *available}
    assert set(sorted(own)[:count]) <= set(chosen)
    liked = [one for one in preferred if one in available and one not in own]
    assert len(set(liked) & set(chosen)) == min(len(liked), max(count - len(own), 0))


def test_what_is_free() -> None:
    assert free(["b", "a", "c"], ["b"]) == ["a", "c"]


def test_limits_of_resources_with_plugins_count() -> None:
    limits = {"cpu": "1", "x/a": "2", "x/b": "0", "x/c": "1"}
    pod = pod_of({"containers": [{"name": "web", "resources": {"limits": limits}}]})
    assert wanted(pod.spec.containers[0], ["x/a", "x/b"]) == {"x/a": 2}


def test_init_containers_before_a_container_but_no_sidecars() -> None:
    inits = [{"name": "i1"}, {"name": "s", "restartPolicy": "Always"}, {"name": "i2"}]
    pod = pod_of({"initContainers": inits})
    assert reusable(pod, pod.spec.containers[0]) == ["i1", "i2"]
    assert pod.spec.init_containers is not None
    assert reusable(pod, pod.spec.init_containers[2]) == ["i1"]
    assert reusable(pod, pod.spec.init_containers[0]) == []


def test_amounts() -> None:
    assert amounts({"r": {"a": True, "b": False}, "s": {}}) == ({"r": "2", "s": "0"}, {"r": "1", "s": "0"})
