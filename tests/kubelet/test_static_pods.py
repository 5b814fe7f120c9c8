"""Static pods: what a file says, and which mirrors the API has to have."""

from datetime import UTC, datetime

import pytest

from pybernetes.api.core import Pod
from pybernetes.kubelet.static_pods import (
    HASH_ANNOTATION,
    MIRROR_ANNOTATION,
    SOURCE_ANNOTATION,
    StaticPodError,
    is_mirror,
    is_static,
    mirror_of,
    mirror_plan,
    static_pod,
)

FILE = b"""
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: web}]}
"""


def test_a_file_is_a_pod_of_this_node() -> None:
    pod = static_pod(FILE, "N1")
    assert (pod.metadata.name, pod.metadata.namespace, pod.spec.node_name) == ("web-n1", "default", "N1")
    annotations = pod.metadata.annotations or {}
    assert annotations == {SOURCE_ANNOTATION: "file", HASH_ANNOTATION: pod.metadata.uid}
    assert is_static(pod) and not is_mirror(pod)
    assert (pod.spec.restart_policy, pod.spec.termination_grace_period_seconds) == ("Always", 30)
    assert [(t.operator, t.effect) for t in pod.spec.tolerations or ()] == [("Exists", "NoExecute")]


def test_other_content_and_another_node_make_another_uid() -> None:
    uids = {static_pod(content, node).metadata.uid for content in (FILE, FILE + b"#") for node in ("a", "b")}
    assert len(uids) == 4


@pytest.mark.parametrize(
    "content",
    [b"a: [", b"[]", b"kind: Pod", b"apiVersion: v1\nkind: Service", b"apiVersion: v1\nkind: Pod\nspec: {}"],
)
def test_files_that_are_no_pods(content: bytes) -> None:
    with pytest.raises(StaticPodError):
        static_pod(content, "n")


def _seen(pod: Pod) -> dict[tuple[str, str], Pod]:
    return {(pod.metadata.namespace or "", pod.metadata.name or ""): pod}


def test_a_mirror_is_made_once() -> None:
    pod = static_pod(FILE, "n")
    assert mirror_plan([pod], {}).create == [pod]
    assert mirror_plan([pod], {}, _seen(pod).keys()).create == []
    mirror = mirror_of(pod, None)
    assert (mirror.metadata.annotations or {})[MIRROR_ANNOTATION] == pod.metadata.uid
    plan = mirror_plan([pod], _seen(mirror))
    assert (plan.create, plan.delete) == ([], [])


def test_a_mirror_of_other_content_one_of_nothing_and_one_that_is_deleted_go() -> None:
    pod = static_pod(FILE, "n")
    mirror = mirror_of(pod, None)
    changed = static_pod(FILE + b"#", "n")
    assert mirror_plan([changed], _seen(mirror)).delete == [mirror]
    assert mirror_plan([], _seen(mirror)).delete == [mirror]
    mirror.metadata.deletion_timestamp = datetime(2026, 1, 1, tzinfo=UTC)
    assert mirror_plan([pod], _seen(mirror)).delete == [mirror]
