"""ImageLocality: prefer nodes that have the pod's large images already, weighed by how many nodes have them."""

from collections.abc import Mapping, Sequence

import msgspec

from pybernetes.scheduler.framework import MAX_SCORE, Code, CycleState, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_MIN_BYTES = 23 * 1024 * 1024
_MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024


class ImageShares(msgspec.Struct, frozen=True, gc=False):
    """The pod's images that are on some node, each with the share of nodes that have it."""

    shares: list[tuple[str, float]]
    most: int
    """Bytes from which on more do not count."""

    @staticmethod
    def of(pod: PodInfo, snapshot: Snapshot) -> "ImageShares | None":
        """None when no node has any of the images."""
        spec = pod.pod.spec
        images = [_normal(c.image or "") for c in (*(spec.init_containers or ()), *(spec.containers or ()))]
        total, nodes = len(snapshot.rows), snapshot.image_nodes
        shares = [(image, nodes[image] / total) for image in images if image in nodes]
        return ImageShares(shares, _MAX_BYTES_PER_CONTAINER * len(images)) if shares else None

    def score(self, here: Mapping[str, int]) -> int:
        """For a node with these images (name -> bytes)."""
        total = sum(int(here[image] * share) for image, share in self.shares if image in here)
        total = min(max(total, _MIN_BYTES), self.most)
        return MAX_SCORE * (total - _MIN_BYTES) // (self.most - _MIN_BYTES)


class ImageLocality:
    name = "ImageLocality"

    def __init__(self) -> None:
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        shares = ImageShares.of(pod, snapshot)
        if shares is None:
            return self._skip
        state.data[self.name] = shares
        return None

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        shares: ImageShares = state.data[self.name]
        return [shares.score(node.images) for node in nodes]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores


def _normal(image: str) -> str:
    """The name with its tag: `latest` when there is none."""
    return image if ":" in image.rsplit("/", 1)[-1] or "@" in image else f"{image}:latest"
