"""What one pod has been allocated and what each of its containers runs with, kept over a restart of the kubelet.

The two lists lie in `pods/UID/resources.json`. A pod without the file is new, or was started before it was kept: it
has what its spec asks for.
"""

import contextlib
import os

import msgspec

from ..api.core import Pod, ResourceRequirements
from .resize import InProgress, Pending, same, wanted


class Kept(msgspec.Struct):
    """The file's content, by container name."""

    allocated: dict[str, ResourceRequirements] = {}
    actuated: dict[str, ResourceRequirements] = {}


class PodResources:
    """The memory of one pod's resources; `pending` and `in_progress` are what its conditions tell."""

    def __init__(self, pod: Pod, directory: str) -> None:
        self._path = os.path.join(directory, "resources.json")
        self._kept = self._read() or Kept(allocated=wanted(pod), actuated={})
        self.pending: Pending | None = None
        self.in_progress: InProgress | None = None

    @property
    def allocated(self) -> dict[str, ResourceRequirements]:
        """What the node has granted."""
        return self._kept.allocated

    @property
    def by_container(self) -> dict[str, ResourceRequirements]:
        """What the containers, and the pod as a whole, were last configured with."""
        return self._kept.actuated

    def actuated(self, container: str) -> ResourceRequirements | None:
        """What the container was last configured with; None if it was never started by a kubelet that kept it."""
        return self._kept.actuated.get(container)

    def differs(self, pod: Pod) -> bool:
        """The spec asks for something else than is allocated."""
        asked = wanted(pod)
        return any(not same(asked[name], self.allocated[name]) for name in asked if name in self.allocated)

    def grant(self, pod: Pod) -> None:
        """Allocate what the spec asks for."""
        self._kept.allocated = wanted(pod)
        self._write()

    def configured(self, container: str, resources: ResourceRequirements) -> None:
        """The container now runs with these."""
        if self._kept.actuated.get(container) != resources:
            self._kept.actuated[container] = resources
            self._write()

    def _read(self) -> Kept | None:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return None

    def _write(self) -> None:
        """Replace the file; a pod whose directory is not there yet (or not any more) has nothing to keep."""
        with contextlib.suppress(FileNotFoundError):
            part = self._path + ".part"
            with open(part, "wb") as file:
                file.write(msgspec.json.encode(self._kept))
            os.replace(part, self._path)
