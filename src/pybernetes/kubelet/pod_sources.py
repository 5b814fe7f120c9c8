"""Which pods belong on this node, from the API and from files, as three calls to whoever runs them.

    API informer (spec.nodeName = us) ─┬─ mirror ──▶ MirrorPods of its source
                                       └─ other ───▶ sink.pod_set / sink.pod_gone
    StaticPods ─────────────────────────────────────▶ sink.pod_set / sink.pod_gone

A pod that was replaced by another of the same name between two events is gone first and then set. A static pod whose
predecessor of the same name still runs is held back until that one has ended (`name_free`).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ..api.core import Pod
from ..client.informer import Informer
from .mirror_pods import MirrorPods, is_mirror, source_of
from .static_pods import SOURCE


class PodSink(Protocol):
    """Runs pods."""

    def pod_set(self, pod: Pod) -> None:
        """The pod is new or has changed."""

    def pod_gone(self, pod: Pod) -> None:
        """The pod is not wanted any more, or not known to the API any more."""

    def mirror_changed(self, pod: Pod) -> None:
        """The mirror of a pod of ours appeared or changed, or went."""


class PodSources:
    """Joins the two sources of a node's pods. `mirrors`: by source; those of none belong to no file, and go."""

    def __init__(self, sink: PodSink, name_taken: Callable[[Pod], bool], mirrors: Mapping[str, MirrorPods]) -> None:
        self._sink = sink
        self._name_taken = name_taken
        self._mirrors = mirrors
        self._static: dict[str, Pod] = {}
        self._held: dict[str, Pod] = {}

    def follow(self, informer: Informer[Pod]) -> None:
        """Begin with what the informer has and follow it."""
        informer.add_handler(self._from_api)

    def _from_api(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and is_mirror(new):
            self._mirrors_like(new).seen(new)
            self._sink.mirror_changed(new)
            return
        if old is not None and is_mirror(old):
            self._mirrors_like(old).gone(old)
            self._sink.mirror_changed(old)
        elif old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._sink.pod_gone(old)
        if new is not None:
            self._sink.pod_set(new)

    def _mirrors_like(self, pod: Pod) -> MirrorPods:
        return self._mirrors.get(source_of(pod)) or self._mirrors[SOURCE]

    def from_files(self, pods: dict[str, Pod]) -> None:
        """The directory now holds these pods, by uid."""
        for uid in [u for u in self._static if u not in pods]:
            self._sink.pod_gone(self._static.pop(uid))
        for uid in [u for u in self._held if u not in pods]:
            del self._held[uid]
        for uid, pod in pods.items():
            if uid in self._static or uid in self._held:
                continue
            if self._name_taken(pod):
                self._held[uid] = pod
            else:
                self._static[uid] = pod
                self._sink.pod_set(pod)

    def name_free(self) -> None:
        """A pod has ended: a static pod that waited for its name may begin."""
        for uid, pod in list(self._held.items()):
            if not self._name_taken(pod):
                del self._held[uid]
                self._static[uid] = pod
                self._sink.pod_set(pod)
