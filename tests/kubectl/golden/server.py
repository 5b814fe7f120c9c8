"""An API server in memory that holds the objects of `topics/*.yaml` just as they are written there.

    topics/*.yaml ──POST──▶ API server (defaults, validation) ──▶ store ──▶ uid, times and status of the file ──▶ store

Objects are created through the API, so that what is served is what a server would serve; then each is stored once more
with the metadata, the status and the ephemeral containers of its file, which no client could set. A uid that a file
does not name follows from kind, namespace and name, also in ownerReferences and in events.

Times: files and recorded answers speak of a world in which it is noon of 15 January 2025. Served objects are moved to
today (`Times.served`), answers are moved back (`Times.recorded`), by the same number of seconds: what was made on
5 January is `10d` old for the first day of a test run, and its date is in the recording as it is in the file. So files
use ages that a slow run does not change (10 days, 30 hours), never minutes.
"""

import asyncio
import re
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from tests.support.api import Api
from tests.support.kubectl_api import kubectl_api

from pybernetes.api.resource import resource_for_kind
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.kubectl.wire.yaml_read import load_all
from pybernetes.store.memory import MemoryStore

TOPICS = Path(__file__).with_name("topics")
NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
MADE = "2025-01-05T11:30:00Z"
"""When an object was made whose file does not say."""
_PLUGINS_OFF = (
    "ServiceAccount", "DefaultTolerationSeconds", "LimitRanger", "ResourceQuota", "Priority", "RuntimeClass",
    "DefaultStorageClass",
)  # fmt: skip
"""They would ask for objects that are not there, or write into those that are."""

Object = dict[str, Any]


class Times:
    """The seconds between the world of the files and now."""

    _FORMATS = (
        (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=(\.\d+)?Z)"), "%Y-%m-%dT%H:%M:%S"),
        (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "%a, %d %b %Y %H:%M:%S +0000"),
        (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= \+0000 UTC)"), "%Y-%m-%d %H:%M:%S"),
    )

    def __init__(self) -> None:
        self._shift = timedelta(seconds=int((datetime.now(UTC) - NOON).total_seconds()))

    def served(self, text: str) -> str:
        return self._moved(text, self._shift)

    def recorded(self, text: str) -> str:
        return self._moved(text, -self._shift)

    def _moved(self, text: str, by: timedelta) -> str:
        for pattern, form in self._FORMATS:
            text = pattern.sub(lambda found, form=form: _moved(found[0], form, by), text)
        return text


def _moved(text: str, form: str, by: timedelta) -> str:
    instant = datetime.strptime(text, form)
    return text if instant.year < 2000 else (instant + by).strftime(form)


@contextmanager
def golden_server() -> Iterator[tuple[Path, Times]]:
    """The administrator's kubeconfig and the times; the server runs in a thread of its own."""
    with tempfile.TemporaryDirectory() as directory:
        times = Times()
        ready: list[BaseException | None] = []
        told, loop, done = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

        async def serve() -> None:
            try:
                store = MemoryStore()
                async with kubectl_api(Path(directory), store=store, disable_admission=_PLUGINS_OFF) as k:
                    await _plant(k.api, store, times)
                    ready.append(None)
                    told.set()
                    await done.wait()
            except BaseException as error:
                ready.append(error)
            finally:
                told.set()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        told.wait()
        try:
            if ready[0] is not None:
                raise ready[0]
            yield Path(directory, "config"), times
        finally:
            loop.call_soon_threadsafe(done.set)
            thread.join()
            loop.close()


async def _plant(api: Api, store: MemoryStore, times: Times) -> None:
    """Every object of every topic, in the order of the files' names."""
    plurals: dict[tuple[str, str], str] = {}
    refused = []
    for file in sorted(TOPICS.glob("*.yaml")):
        for written in load_all(times.served(file.read_text())):
            obj = _with_uids(written)
            if obj["kind"] == "CustomResourceDefinition":
                spec = obj["spec"]
                plurals[(spec["group"], spec["names"]["kind"])] = spec["names"]["plural"]
            path = _path(obj, plurals)
            sent = {key: value for key, value in obj.items() if key != "status"}
            if "ephemeralContainers" in obj.get("spec", ()):
                sent["spec"] = {key: value for key, value in obj["spec"].items() if key != "ephemeralContainers"}
            answer = await api.post(path, sent)
            if answer.code != 201:
                refused.append(f"{file.name}: {obj['kind']} {obj['metadata']['name']}: {answer}")
                continue
            if obj["kind"] == "CustomResourceDefinition":
                await _established(api, f"{path}/{obj['metadata']['name']}")
            await _put(store, answer.body["metadata"]["uid"], obj, times.served(MADE))
    assert not refused, "\n".join(refused)
    await api.settle()


async def _put(store: MemoryStore, uid: str, written: Object, made: str) -> None:
    """Over what is stored with a uid, the metadata and the status of the file."""
    page = await store.list("/registry/")
    found = next(item for item in page.items if uid.encode() in item.value)
    created = orjson.loads(found.value)
    metadata = {key: value for key, value in created["metadata"].items() if key != "managedFields"}
    obj = {**created, "metadata": {**metadata, "creationTimestamp": made, **written["metadata"]}}
    if "status" in written:
        obj["status"] = written["status"]
    if "ephemeralContainers" in written.get("spec", ()):
        obj["spec"]["ephemeralContainers"] = written["spec"]["ephemeralContainers"]
    await store.put(found.key, encode(obj), expected=found.mod_revision)


def uid_of(kind: str, namespace: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{namespace}/{name}"))


def _with_uids(obj: Object) -> Object:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    metadata.setdefault("uid", uid_of(obj["kind"], namespace, metadata["name"]))
    for owner in metadata.get("ownerReferences", ()):
        owner.setdefault("uid", uid_of(owner["kind"], namespace, owner["name"]))
    about = obj.get("involvedObject")
    if about is not None:
        about.setdefault("uid", uid_of(about["kind"], about.get("namespace", ""), about["name"]))
    return obj


def _path(obj: Object, plurals: dict[tuple[str, str], str]) -> str:
    version, kind, namespace = obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace", "")
    plural = plurals.get((version.partition("/")[0], kind))
    if plural is None:
        return resource_for_kind(version, kind).path(namespace)
    return f"/apis/{version}/" + (f"namespaces/{namespace}/" if namespace else "") + plural


async def _established(api: Api, path: str) -> None:
    name = path.rpartition("/")[2]
    watching = await api.watch(path.rpartition("/")[0], f"fieldSelector=metadata.name%3D{name}")
    count = 0
    while True:
        count += 1
        await watching.received(count)
        conditions = watching.events[-1]["object"].get("status", {}).get("conditions", ())
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
