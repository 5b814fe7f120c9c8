"""Pods from files: read from a directory, run without an API server, mirrored into it.

    directory ──inotify──▶ read_pods ─┬▶ on_change(pods) ──▶ loops
                                      └▶ mirror_pods.py ──▶ what the API shows

A static pod gets the node's name as suffix, a uid from its content and the annotations upstream gives it (page "Create
static Pods"); changed content is another pod. The API only knows the mirror, to which the pod's status is written.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import yaml

from ..api.codec import from_wire
from ..api.core import Pod, Toleration
from ..api.defaulting import apply_defaults
from ..api.status import StatusError
from ..base.inotify import FILE_SET_EVENTS, DirectoryWatch
from ..base.log import logger
from .mirror_pods import HASH_ANNOTATION, SOURCE_ANNOTATION, MirrorPods, source_of

log = logger(__name__)

SOURCE = "file"
RESCAN_SECONDS = 300.0


class StaticPodError(ValueError):
    """A file in the directory is not a pod."""


def is_static(pod: Pod) -> bool:
    """A pod from a file."""
    return source_of(pod) == SOURCE


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
    annotations = {**(pod.metadata.annotations or {}), HASH_ANNOTATION: uid, SOURCE_ANNOTATION: SOURCE}
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


class StaticPods:
    """Follows the directory; `pods` is what is in it now, `mirrors` what the API shows of it."""

    def __init__(
        self, directory: str, node_name: str, mirrors: MirrorPods, on_change: Callable[[dict[str, Pod]], None]
    ) -> None:
        self._directory = directory
        self._node_name = node_name
        self._on_change = on_change
        self.mirrors = mirrors
        self.pods: dict[str, Pod] = {}

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
            group.create_task(self.mirrors.serve(asyncio.Event()), name="mirror pods")

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
            self.mirrors.want(found)
