"""Mirror pods: what the API shows of pods that a node runs without having been told to by it.

    wanted pods + mirrors seen ──▶ mirror_plan ──▶ create and delete mirror pods

Such pods come from files (static_pods.py) or are processes of the node itself (host_pods.py). A mirror that somebody
deletes comes back; one of other content is replaced, by the annotation that names the content (page "Create static
Pods").
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import msgspec

from ..api.core import Node, Pod
from ..api.meta import ObjectMeta, OwnerReference
from ..api.status import StatusError, is_already_exists
from ..base.log import logger
from ..client.client import Client
from .pod_deletion import delete_now

log = logger(__name__)

SOURCE_ANNOTATION = "kubernetes.io/config.source"
HASH_ANNOTATION = "kubernetes.io/config.hash"
SEEN_ANNOTATION = "kubernetes.io/config.seen"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
REST_SECONDS = 1.0
"""Between the end of a mirror that somebody deleted and the next. `kubectl delete` waits by a list and then a watch;
where the new mirror is there before it looks, it never sees that the old one went, and waits for ever."""


def is_mirror(pod: Pod) -> bool:
    """A pod of the API that only shows one of the node's own."""
    return MIRROR_ANNOTATION in (pod.metadata.annotations or {})


def source_of(pod: Pod) -> str:
    """Where the pod comes from, "" for the API."""
    return (pod.metadata.annotations or {}).get(SOURCE_ANNOTATION, "")


def mirror_of(pod: Pod, node: Node | None) -> Pod:
    """The pod the API gets to see."""
    annotations = dict(pod.metadata.annotations or {})
    annotations[MIRROR_ANNOTATION] = annotations[HASH_ANNOTATION]
    owners = None
    if node is not None:
        owner = OwnerReference(
            api_version="v1",
            kind="Node",
            name=node.metadata.name or "",
            uid=node.metadata.uid or "",
            controller=True,
        )
        owners = [owner]
    meta: dict[str, Any] = {
        "name": pod.metadata.name,
        "namespace": pod.metadata.namespace,
        "labels": pod.metadata.labels,
        "annotations": annotations,
        "owner_references": owners,
    }
    return Pod(metadata=ObjectMeta(**meta), spec=pod.spec)


class MirrorPlan(msgspec.Struct):
    """What has to change in the API."""

    create: list[Pod]
    delete: list[Pod]


def mirror_plan(
    wanted: Iterable[Pod], mirrors: Mapping[tuple[str, str], Pod], resting: Container[tuple[str, str]] = ()
) -> MirrorPlan:
    """Compare the wanted pods with the mirrors seen, by name; those that rest are not made yet. Pure.

    A mirror of other content is deleted first, and so is one that somebody wants deleted: it is made anew."""
    plan = MirrorPlan([], [])
    names = set()
    for pod in wanted:
        key = (pod.metadata.namespace or "", pod.metadata.name or "")
        names.add(key)
        seen = mirrors.get(key)
        if seen is None:
            if key not in resting:
                plan.create.append(pod)
        elif _is_stale(seen, pod):
            plan.delete.append(seen)
    plan.delete += [mirror for key, mirror in mirrors.items() if key not in names]
    return plan


def _is_stale(mirror: Pod, pod: Pod) -> bool:
    other = (mirror.metadata.annotations or {}).get(MIRROR_ANNOTATION) != pod.metadata.uid
    return other or mirror.metadata.deletion_timestamp is not None


class MirrorPods:
    """Keeps the mirrors of the pods of one source; whoever follows the API tells `seen` and `gone`.

    `node` gives the Node they belong to. As long as `serve` does not run nothing is made or deleted."""

    def __init__(self, client: Client, node: Callable[[], Node | None]) -> None:
        self._client = client
        self._node = node
        self._wanted: Mapping[str, Pod] = {}
        self._mirrors: dict[tuple[str, str], Pod] = {}
        self._resting: set[tuple[str, str]] = set()
        self._wake = asyncio.Event()

    def want(self, pods: Mapping[str, Pod]) -> None:
        """From now on these pods are shown, by uid, and no others."""
        self._wanted = pods
        self._wake.set()

    def seen(self, pod: Pod) -> None:
        """The API has this mirror (as far as we know)."""
        self._mirrors[pod.metadata.namespace or "", pod.metadata.name or ""] = pod
        self._wake.set()

    def gone(self, pod: Pod) -> None:
        """The API has this mirror no more."""
        self._forget(pod)
        self._wake.set()

    def _forget(self, mirror: Pod) -> None:
        """It is gone; where it showed what still runs, somebody wanted that, and the next one takes its time."""
        key = (mirror.metadata.namespace or "", mirror.metadata.name or "")
        if self._mirrors.pop(key, None) is None:
            return
        if (mirror.metadata.annotations or {}).get(MIRROR_ANNOTATION) in self._wanted:
            self._resting.add(key)
            asyncio.get_running_loop().call_later(REST_SECONDS, self._rested, key)

    def _rested(self, key: tuple[str, str]) -> None:
        self._resting.discard(key)
        self._wake.set()

    def mirror(self, pod: Pod) -> Pod | None:
        """The mirror that shows exactly this pod."""
        found = self._mirrors.get((pod.metadata.namespace or "", pod.metadata.name or ""))
        if found is None or (found.metadata.annotations or {}).get(MIRROR_ANNOTATION) != pod.metadata.uid:
            return None
        return found

    async def serve(self, ready: asyncio.Event) -> None:
        """Bring the API in line whenever something changed; failures are tried again a little later. Ready at once."""
        ready.set()
        while True:
            self._wake.clear()
            try:
                for pod in (plan := mirror_plan(self._wanted.values(), self._mirrors, self._resting)).delete:
                    await self._delete(pod)
                for pod in plan.create:
                    await self._create(pod)
            except (StatusError, OSError) as error:
                log.warning("Mirror pods were not brought up to date", err=error)
                await asyncio.sleep(2.0)
                continue
            await self._wake.wait()

    async def _create(self, pod: Pod) -> None:
        try:
            await self._client.create(mirror_of(pod, self._node()))
        except StatusError as error:
            if not is_already_exists(error):
                raise

    async def _delete(self, pod: Pod) -> None:
        await delete_now(self._client, pod)
        self._forget(pod)
