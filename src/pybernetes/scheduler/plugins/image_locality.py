"""ImageLocality: prefer nodes that have the pod's large images already, weighed by how many nodes have them."""

from collections.abc import Sequence

from pybernetes.scheduler.framework import MAX_SCORE, Code, CycleState, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_MIN_BYTES = 23 * 1024 * 1024
_MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024


class ImageLocality:
    name = "ImageLocality"

    def __init__(self) -> None:
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        spec = pod.pod.spec
        images = [_normal(c.image or "") for c in (*(spec.init_containers or ()), *(spec.containers or ()))]
        total = len(snapshot.rows)
        spread = [(image, snapshot.image_nodes[image] / total) for image in images if image in snapshot.image_nodes]
        if not spread:
            return self._skip
        state.data[self.name] = (spread, _MAX_BYTES_PER_CONTAINER * len(images))
        return None

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        spread, most = state.data[self.name]
        scores = []
        for node in nodes:
            here = node.images
            total = sum(int(here[image] * share) for image, share in spread if image in here)
            total = min(max(total, _MIN_BYTES), most)
            scores.append(MAX_SCORE * (total - _MIN_BYTES) // (most - _MIN_BYTES))
        return scores

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores


def _normal(image: str) -> str:
    """The name with its tag: `latest` when there is none."""
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
