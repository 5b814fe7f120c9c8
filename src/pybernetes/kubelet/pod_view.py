"""What is known of a node's pods: what its 10250 server, its statistics and its log rotation see (`RuntimeView`)."""

from ..api.core import Pod
from .config import KubeletConfig
from .container_config import log_name, pod_logs_directory
from .cri.protocol import ContainerRuntime
from .pod_loop import PodLoop


class PodView:
    """The loops of a node's pods, by uid, and what may be asked about them."""

    def __init__(self, config: KubeletConfig, runtime: ContainerRuntime) -> None:
        self.config = config
        self.cri = runtime
        self._loops: dict[str, PodLoop] = {}

    def pods(self) -> list[Pod]:
        """The pods of this node with their latest computed status."""
        return [_with_status(loop) for loop in self._loops.values()]

    def pod(self, namespace: str, name: str) -> Pod | None:
        for loop in self._loops.values():
            if loop.pod.metadata.name == name and loop.pod.metadata.namespace == namespace:
                return _with_status(loop)
        return None

    def container_id(self, pod_uid: str, container_name: str) -> str | None:
        found = self._loops[pod_uid].runtime.newest(container_name) if pod_uid in self._loops else None
        return found.id if found is not None else None

    def sandbox_id(self, pod_uid: str) -> str | None:
        found = self._loops[pod_uid].runtime.sandbox if pod_uid in self._loops else None
        return found.id if found is not None else None

    def log_path(self, pod: Pod, container_name: str, previous: bool = False) -> str | None:
        loop = self._loops.get(pod.metadata.uid or "")
        runs = loop.runtime.runs(container_name) if loop is not None else []
        index = 1 if previous else 0
        if len(runs) <= index:
            return None
        if runs[index].log_path:
            return runs[index].log_path
        meta = pod.metadata
        directory = pod_logs_directory(
            self.config.logs_directory, meta.namespace or "", meta.name or "", meta.uid or ""
        )
        return f"{directory}/{log_name(container_name, runs[index].restarts)}"


def _with_status(loop: PodLoop) -> Pod:
    pod = loop.pod
    return Pod(metadata=pod.metadata, spec=pod.spec, status=loop.status)
