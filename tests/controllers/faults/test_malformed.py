"""Objects that no server of today would admit lie in the store: every controller goes on serving the others.

Of every kind there are some: without anything but a name, with fields of the wrong type, with references to nothing,
and half deleted ones. They are written straight to the store, as an older version may have left them.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest
from tests.controllers.cronjob.test_controller import cron_job
from tests.controllers.test_replicationcontroller import controller
from tests.support.clock import LoopClock, eventually
from tests.support.control_plane import World, deployment, node, pod, replica_set, template

from pybernetes.api.apps import Deployment, ReplicaSet, StatefulSet
from pybernetes.api.batch import Job
from pybernetes.api.core import (
    ConfigMap,
    Endpoints,
    Namespace,
    Node,
    PersistentVolumeClaim,
    Pod,
    ReplicationController,
    ResourceQuota,
    ServiceAccount,
)
from pybernetes.api.discovery import EndpointSlice
from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.resource import ResourceInfo, resources
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.store.memory import MemoryStore
from pybernetes.testing import ADMIN, api_server

NOBODY = {"apiVersion": "v1", "kind": "Pod", "name": "nobody", "uid": "nobody", "controller": True}
BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"spec": {}, "status": {}},
    {"spec": "nonsense"},
    {"status": {"conditions": "none"}},
    {"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "Resembles"}]}, "template": {}}},
    {"metadata": {"ownerReferences": [NOBODY]}},
    {"metadata": {"ownerReferences": [{}]}},
    {"metadata": {"labels": {"app": 5}}},
    {"metadata": {"deletionTimestamp": "2025-01-01T00:00:00Z", "finalizers": ["example.com/never"]}},
)

READ_BY_SERVER = ("services", "ipaddresses", "resourcequotas", "limitranges")
"""The API server itself acts on these, and takes for granted that a spec is an object."""


def stored(info: ResourceInfo, number: int) -> tuple[str, bytes]:
    """The key of a malformed object, and itself."""
    name = f"bad-{number}"
    body = BODIES[number]
    metadata = {"name": name, "uid": f"{info.plural}-{name}", "creationTimestamp": "2025-01-01T00:00:00Z"}
    key = f"{info.storage_prefix}/{name}"
    if info.namespaced:
        metadata["namespace"] = "default"
        key = f"{info.storage_prefix}/default/{name}"
    wire = {"apiVersion": info.group_version, "kind": info.kind, **body}
    wire["metadata"] = {**metadata, **body.get("metadata", {})}
    return key, orjson.dumps(wire)


def every_kind() -> list[ResourceInfo]:
    """One version of everything that is stored, but what the server itself could not run with."""
    by_prefix = {info.storage_prefix: info for info in resources().values() if info.enabled and info.storage_prefix}
    own = {"customresourcedefinitions", "apiservices", "flowschemas", "prioritylevelconfigurations", "servicecidrs"}
    policies = {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}
    return [info for info in by_prefix.values() if info.plural not in own | policies and "polic" not in info.plural]


def statefulset() -> dict[str, Any]:
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {}}}]
    claims[0]["spec"]["resources"] = {"requests": {"storage": "1Mi"}}
    body = replica_set("set", 1)
    body["spec"] |= {"serviceName": "set", "volumeClaimTemplates": claims}
    return {**body, "kind": "StatefulSet"}


def budget() -> dict[str, Any]:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "good"}}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "default"},
        "spec": spec,
    }


def core(kind: str, name: str, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


async def populate(world: World) -> None:
    await world.create(node("n1"))
    await world.create(deployment("good", 2))
    await world.create(replica_set("plain", 1))
    await world.create(controller("old"))
    await world.create(statefulset())
    await world.create(cron_job())
    job = {"completions": 1, "template": template({"app": "job"}, restartPolicy="Never")}
    meta = {"name": "job", "namespace": "default"}
    await world.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": job})
    ports = [{"port": 80}]
    await world.create(core("Service", "good", spec={"selector": {"app": "good"}, "ports": ports}))
    await world.create(budget())
    await world.create(core("ResourceQuota", "q", spec={"hard": {"count/configmaps": "100"}}))
    await world.create(core("Namespace", "doomed", ""))
    await world.create(core("ConfigMap", "inside", "doomed", data={"a": "b"}))
    await world.create(core("Namespace", "fresh", ""))
    await world.create(pod("owner"))


async def done(world: World) -> dict[str, bool]:
    """What every controller has to have achieved, by what it is about."""

    async def gone(kind: type[Any], name: str, namespace: str = "") -> bool:
        try:
            await world.client.get(kind, name, namespace)
        except StatusError as error:
            return is_not_found(error)
        return False

    async def there(kind: type[Any], name: str, namespace: str) -> bool:
        return not await gone(kind, name, namespace)

    checks: dict[str, Callable[[], Awaitable[Any]]] = {}

    def check(name: str, ask: Callable[[], Awaitable[Any]]) -> None:
        checks[name] = ask

    async def ready(kind: type[Any], name: str, wanted: int) -> bool:
        return bool((await world.get(kind, name)).status.ready_replicas == wanted)

    async def job_ended() -> bool:
        for found in await world.list(Pod, "default"):
            if (found.metadata.labels or {}).get("app") == "job" and found.status.phase == "Running":
                await world.report(found, "Succeeded", exit_code=0)
        return any(row.type == "Complete" for row in (await world.get(Job, "job")).status.conditions or ())

    async def ticked() -> bool:
        return any((found.metadata.name or "").startswith("tick-") for found in await world.list(Job, "default"))

    async def addresses() -> bool:
        subsets = (await world.get(Endpoints, "good")).subsets or []
        slices = [one for one in await world.list(EndpointSlice, "default") if one.endpoints]
        return bool(subsets and len(subsets[0].addresses or ()) == 2 and slices)

    async def counted() -> bool:
        return "count/configmaps" in ((await world.get(ResourceQuota, "q")).status.used or {})

    async def allowed() -> bool:
        return bool((await world.get(PodDisruptionBudget, "b")).status.disruptions_allowed == 1)

    async def numbered() -> bool:
        return bool((await world.get(Node, "n1", "")).spec.pod_cidr)

    check("deployment", lambda: ready(Deployment, "good", 2))
    check("replicaset", lambda: ready(ReplicaSet, "plain", 1))
    check("replicationcontroller", lambda: ready(ReplicationController, "old", 1))
    check("statefulset", lambda: ready(StatefulSet, "set", 1))
    check("claim of the statefulset", lambda: there(PersistentVolumeClaim, "data-set-0", "default"))
    check("job", job_ended)
    check("cronjob", ticked)
    check("endpoints", addresses)
    check("quota", counted)
    check("budget", allowed)
    check("node range", numbered)
    check("namespace", lambda: gone(Namespace, "doomed"))
    check("service account", lambda: there(ServiceAccount, "default", "fresh"))
    check("root certificate", lambda: there(ConfigMap, "kube-root-ca.crt", "fresh"))
    check("garbage", lambda: gone(ConfigMap, "owned", "default"))
    return {name: await ask() for name, ask in checks.items()}


async def test_every_controller_serves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    clock = LoopClock()
    store = MemoryStore(clock=clock)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(clock=clock, store=store))
        for info in every_kind():
            for number in range(len(BODIES)):
                if info.plural in READ_BY_SERVER and isinstance(BODIES[number].get("spec"), str):
                    continue
                key, body = stored(info, number)
                await store.put(key, body, expected=0)
        client = Client(InProcessTransport(server.app, ADMIN))
        world = World(client, clock, stack)
        settings = ControllerManagerConfig(leader_elect=False, root_ca=b"-----BEGIN")
        with caplog.at_level(logging.ERROR):
            manager = ControllerManager(lambda _: client, settings, clock)
            await stack.enter_async_context(running("manager", manager.serve))
            world.reject = lambda one: (one.metadata.name or "").startswith("bad-")
            await world.run_pods()
            await populate(world)
            owner = await world.get(Pod, "owner")
            reference = {"apiVersion": "v1", "kind": "Pod", "name": "owner", "uid": owner.metadata.uid}
            owned = core("ConfigMap", "owned", data={})
            owned["metadata"]["ownerReferences"] = [reference]
            await world.create(owned)
            await client.delete(Pod, "owner", "default", grace_period_seconds=0)
            await client.delete(Namespace, "doomed")
            missing: dict[str, bool] = {}

            async def all_done() -> bool:
                nonlocal missing
                missing = {name: False for name, is_so in (await done(world)).items() if not is_so}
                return not missing

            try:
                await eventually(all_done, within_seconds=1200)
            except AssertionError:
                raise AssertionError(f"not done: {sorted(missing)}") from None
        crashes = {
            (record.getMessage(), str(getattr(record, "controller", "")), str(record.exc_info[1]))
            for record in caplog.records
            if record.exc_info
        }
        assert not crashes
