"""Static pods: what a file says."""

import pytest

from pybernetes.kubelet.mirror_pods import HASH_ANNOTATION, SOURCE_ANNOTATION, is_mirror
from pybernetes.kubelet.static_pods import StaticPodError, is_static, static_pod

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
