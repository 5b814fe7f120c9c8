"""Which mirrors the API has to have."""

from datetime import UTC, datetime

from pybernetes.api.core import Pod
from pybernetes.kubelet.mirror_pods import MIRROR_ANNOTATION, mirror_of, mirror_plan
from pybernetes.kubelet.static_pods import static_pod

FILE = b"""
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: web}]}
"""


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
