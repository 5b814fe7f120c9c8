"""Pods from files: read from a directory, run without an API server, mirrored into it.

    directory ──inotify──▶ read_pods ──▶ on_change(pods) ──▶ loops
    static pods + mirrors seen ──▶ mirror_plan ──▶ create and delete mirror pods

A static pod gets the node's name as suffix, a uid from its content and the annotations upstream gives it (page "Create
static Pods"); changed content is another pod. The API only knows the mirror, to which the pod's status is written.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ..api.codec import from_wire
from ..api.core import Node, Pod, Toleration
from ..api.defaulting import apply_defaults
from ..api.meta import ObjectMeta, OwnerReference
from ..api.status import StatusError, is_already_exists, is_conflict, is_not_found
from ..base.inotify import FILE_SET_EVENTS, DirectoryWatch
from ..base.log import logger
from ..client.client import Client

log = logger(__name__)

SOURCE_ANNOTATION = "kubernetes.io/config.source"
HASH_ANNOTATION = "kubernetes.io/config.hash"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
RESCAN_SECONDS = 300.0
REST_SECONDS = 1.0
"""Between the end of a mirror that somebody deleted and the next. `kubectl delete` waits by a list and then a watch;
where the new mirror is there before it looks, it never sees that the old one went, and waits for ever."""


class StaticPodError(ValueError):
    """A file in the directory is not a pod."""


def is_mirror(pod: Pod) -> bool:
    """A pod of the API that only shows a static one."""
    return MIRROR_ANNOTATION in (pod.metadata.annotations or {})


def is_static(pod: Pod) -> bool:
    """A pod from a file."""
    return (pod.metadata.annotations or {}).get(SOURCE_ANNOTATION) == "file"


def static_pod(content: bytes, node_name: str) -> Pod:
    """The pod a file describes. Pure. StaticPodError."""
    try:
        wire = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise StaticPodError(f"not YAML: {error}") from None
    if not isinstance(wire, dict) or wire.get("kind") != "Pod" or wire.get("apiVersion") != "v1":
        raise StaticPodError("not a v1 Pod")
    try:
        apply_defaults(wire, "v1", "Pod")
        pod = from_wire(Pod, wire)
    except (msgspec.ValidationError, StatusError, AttributeError, TypeError) as error:
        raise StaticPodError(str(error)) from None
    if not pod.metadata.name or not pod.spec.containers:
        raise StaticPodError("a pod needs a name and containers")
    uid = hashlib.md5(node_name.encode() + b"\0" + content, usedforsecurity=False).hexdigest()
    annotations = {**(pod.metadata.annotations or {}), HASH_ANNOTATION: uid, SOURCE_ANNOTATION: "file"}
    pod.metadata = msgspec.structs.replace(
        pod.metadata,
        name=f"{pod.metadata.name}-{node_name}".lower(),
        namespace=pod.metadata.namespace or "default",
        uid=uid,
        annotations=annotations,
    )
    pod.spec.node_name = node_name
    pod.spec.tolerations = [*(pod.spec.tolerations or ()), Toleration(operator="Exists", effect="NoExecute")]
    return pod


def read_pods(directory: str, node_name: str) -> dict[str, Pod]:
    """All static pods by uid. Files that are none are logged and left out; hidden files are ignored."""
    found: dict[str, Pod] = {}
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return found
    for name in names:
        path = Path(directory, name)
        if name.startswith(".") or not path.is_file():
            continue
        try:
            pod = static_pod(path.read_bytes(), node_name)
        except (StaticPodError, OSError) as error:
            log.error("Static pod file is not usable", path=str(path), err=error)
            continue
        found[pod.metadata.uid or ""] = pod
    return found


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
    static: Iterable[Pod], mirrors: Mapping[tuple[str, str], Pod], resting: Container[tuple[str, str]] = ()
) -> MirrorPlan:
    """Compare static pods with the mirrors seen, by name; those that rest are not made yet. Pure.

    A mirror of other content is deleted first, and so is one that somebody wants deleted: it is made anew."""
    plan = MirrorPlan([], [])
    wanted = {}
    for pod in static:
        key = (pod.metadata.namespace or "", pod.metadata.name or "")
        wanted[key] = pod
        seen = mirrors.get(key)
        if seen is None:
            if key not in resting:
                plan.create.append(pod)
        elif _is_stale(seen, pod):
            plan.delete.append(seen)
    plan.delete += [mirror for key, mirror in mirrors.items() if key not in wanted]
    return plan


def _is_stale(mirror: Pod, pod: Pod) -> bool:
    other = (mirror.metadata.annotations or {}).get(MIRROR_ANNOTATION) != pod.metadata.uid
    return other or mirror.metadata.deletion_timestamp is not None


class StaticPods:
    """Follows the directory; `pods` is what is in it now."""

    def __init__(
        self, directory: str, node_name: str, client: Client, on_change: Callable[[dict[str, Pod]], None]
    ) -> None:
        self._directory = directory
        self._node_name = node_name
        self._client = client
        self._on_change = on_change
        self._mirrors: dict[tuple[str, str], Pod] = {}
        self._resting: set[tuple[str, str]] = set()
        self._wake = asyncio.Event()
        self.pods: dict[str, Pod] = {}
        self.node: Node | None = None

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow until cancelled; ready after the first reading."""
        if not self._directory:
            ready.set()
            await asyncio.get_running_loop().create_future()
        os.makedirs(self._directory, 0o755, exist_ok=True)
        async with asyncio.TaskGroup() as group:
            self._read()
            ready.set()
            group.create_task(self._follow(), name="static pod directory")
            group.create_task(self._mirror(), name="mirror pods")

    async def _follow(self) -> None:
        watch = DirectoryWatch(self._directory, FILE_SET_EVENTS)
        try:
            while True:
                await watch.wait(RESCAN_SECONDS)
                self._read()
        finally:
            watch.close()

    def _read(self) -> None:
        found = read_pods(self._directory, self._node_name)
        if found.keys() != self.pods.keys():
            self.pods = found
            self._on_change(found)
            self._wake.set()

    def mirror_seen(self, pod: Pod) -> None:
        """The API has this mirror (as far as we know)."""
        self._mirrors[pod.metadata.namespace or "", pod.metadata.name or ""] = pod
        self._wake.set()

    def mirror_gone(self, pod: Pod) -> None:
        """The API has this mirror no more."""
        self._forget(pod)
        self._wake.set()

    def _forget(self, mirror: Pod) -> None:
        """It is gone; where it showed what still runs, somebody wanted that, and the next one takes its time."""
        key = (mirror.metadata.namespace or "", mirror.metadata.name or "")
        if self._mirrors.pop(key, None) is None:
            return
        if (mirror.metadata.annotations or {}).get(MIRROR_ANNOTATION) in self.pods:
            self._resting.add(key)
            asyncio.get_running_loop().call_later(REST_SECONDS, self._rested, key)

    def _rested(self, key: tuple[str, str]) -> None:
        self._resting.discard(key)
        self._wake.set()

    def mirror(self, pod: Pod) -> Pod | None:
        """The mirror that shows exactly this static pod."""
        found = self._mirrors.get((pod.metadata.namespace or "", pod.metadata.name or ""))
        if found is None or (found.metadata.annotations or {}).get(MIRROR_ANNOTATION) != pod.metadata.uid:
            return None
        return found

    async def _mirror(self) -> None:
        """Bring the API in line whenever something changed; failures are tried again a little later."""
        while True:
            self._wake.clear()
            try:
                for pod in (plan := mirror_plan(self.pods.values(), self._mirrors, self._resting)).delete:
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
            await self._client.create(mirror_of(pod, self.node))
        except StatusError as error:
            if not is_already_exists(error):
                raise

    async def _delete(self, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self._client.delete(
                Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_seconds=0
            )
        except StatusError as error:
            if not (is_not_found(error) or is_conflict(error)):
                raise
        self._forget(pod)
