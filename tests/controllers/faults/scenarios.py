"""What each workload controller has to bring about, however it is disturbed."""

from typing import Any

from tests.controllers.faults.harness import Scenario
from tests.support.control_plane import World, deployment, job, node, replica_set, template

from pybernetes.api.apps import ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet
from pybernetes.api.batch import CronJob, Job
from pybernetes.api.core import (
    Endpoints,
    Namespace,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    ReplicationController,
)
from pybernetes.api.discovery import EndpointSlice
from pybernetes.api.meta import ObjectMeta
from pybernetes.client.client import STRATEGIC_MERGE_PATCH


async def alive(world: World) -> list[Pod]:
    return [found for found in await world.list(Pod, "default") if found.metadata.deletion_timestamp is None]


def is_owned(found: Any) -> bool:
    return bool(found.metadata.owner_references)


async def set_image(world: World, kind: type[Any], image: str) -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await world.client.patch(kind, "web", "default", body=body, content_type=STRATEGIC_MERGE_PATCH)


async def set_replicas(world: World, kind: type[Any], replicas: int) -> None:
    await world.client.patch(kind, "web", "default", body={"spec": {"replicas": replicas}})


def with_image(pods: list[Pod], image: str) -> list[Pod]:
    return [found for found in pods if found.spec.containers and found.spec.containers[0].image == image]


# ReplicaSet, ReplicationController


def replicas_of(kind: type[Any], body: dict[str, Any], controller: str) -> Scenario:
    async def setup(world: World) -> None:
        await world.run_pods()
        await world.create(body)

    def has(count: int) -> Any:
        async def check(world: World) -> bool:
            pods = await world.list(Pod, "default")
            status = (await world.get(kind, "web")).status
            return len(pods) == count and all(map(is_owned, pods)) and (status.ready_replicas or 0) == count

        return check

    return Scenario((controller,), setup, has(3), lambda world: set_replicas(world, kind, 1), has(1))


REPLICA_SET = replicas_of(ReplicaSet, replica_set("web", 3), "replicaset-controller")
_RC = {
    "apiVersion": "v1",
    "kind": "ReplicationController",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"replicas": 3, "selector": {"app": "web"}, "template": template({"app": "web"})},
}
REPLICATION_CONTROLLER = replicas_of(ReplicationController, _RC, "replicationcontroller-controller")


# Deployment


async def _deploy(world: World) -> None:
    await world.run_pods()
    await world.create(deployment("web", 2))


def _deployed(image: str, sets: int) -> Any:
    async def check(world: World) -> bool:
        pods = await world.list(Pod, "default")
        found = await world.list(ReplicaSet, "default")
        status = (await world.get(Deployment, "web")).status
        return (
            len(pods) == 2 == len(with_image(pods, image))
            and len(found) == sets
            and sum(one.spec.replicas or 0 for one in found) == 2
            and (status.updated_replicas, status.available_replicas, status.replicas) == (2, 2, 2)
        )

    return check


DEPLOYMENT = Scenario(
    ("deployment-controller", "replicaset-controller"),
    _deploy,
    _deployed("example/web:1", 1),
    lambda world: set_image(world, Deployment, "example/web:2"),
    _deployed("example/web:2", 2),
)


# StatefulSet


async def _stateful(world: World) -> None:
    await world.run_pods()
    claims = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template({"app": "web"}),
            "volumeClaimTemplates": [claims],
        },
    }
    await world.create(body)


def _stands(image: str, revisions: int) -> Any:
    async def check(world: World) -> bool:
        pods = await world.list(Pod, "default")
        status = (await world.get(StatefulSet, "web")).status
        claims = sorted(found.metadata.name or "" for found in await world.list(PersistentVolumeClaim))
        return (
            sorted(found.metadata.name or "" for found in pods) == ["web-0", "web-1"]
            and len(with_image(pods, image)) == 2
            and claims == ["data-web-0", "data-web-1"]
            and len(await world.list(ControllerRevision)) == revisions
            and status.current_revision == status.update_revision
            and (status.ready_replicas, status.updated_replicas) == (2, 2)
        )

    return check


STATEFUL_SET = Scenario(
    ("statefulset-controller",),
    _stateful,
    _stands("example/web:1", 1),
    lambda world: set_image(world, StatefulSet, "example/web:2"),
    _stands("example/web:2", 2),
)


# DaemonSet


async def _daemons(world: World) -> None:
    await world.run_pods()
    for name in ("n1", "n2"):
        await world.create(node(name))
    body = deployment("web")
    del body["spec"]["replicas"]
    await world.create({**body, "kind": "DaemonSet"})


def _daemonized(image: str, revisions: int) -> Any:
    async def check(world: World) -> bool:
        pods = await world.list(Pod, "default")
        status = (await world.get(DaemonSet, "web")).status
        return (
            len(pods) == 2 == len(with_image(pods, image))
            and len(await world.list(ControllerRevision)) == revisions
            and (status.number_ready, status.updated_number_scheduled) == (2, 2)
        )

    return check


DAEMON_SET = Scenario(
    # Nodes are born tainted: the node lifecycle controller lets pods on.
    ("daemonset-controller", "node-lifecycle-controller"),
    _daemons,
    _daemonized("example/web:1", 1),
    lambda world: set_image(world, DaemonSet, "example/web:2"),
    _daemonized("example/web:2", 2),
    {"node_monitor_grace_period_seconds": 1e6},
)


# Job


def job_of(**spec: Any) -> Scenario:
    """Pods succeed as soon as they run; each has to be counted exactly once."""

    async def setup(world: World) -> None:
        informer = await world.run_pods()

        def ended(old: Pod | None, new: Pod | None) -> None:
            if new is not None and new.status.phase == "Running" and new.metadata.deletion_timestamp is None:
                world.later(lambda: world.report(new, "Succeeded", exit_code=0))

        informer.add_handler(ended)
        await world.create(job("work", **spec))

    async def done(world: World) -> bool:
        found = await world.get(Job, "work")
        pods = await world.list(Pod, "default")
        conditions = [one.type for one in found.status.conditions or () if one.status == "True"]
        uncounted = found.status.uncounted_terminated_pods
        assert (found.status.succeeded or 0) <= 3
        return (
            conditions == ["SuccessCriteriaMet", "Complete"]
            and found.status.succeeded == 3
            and not found.status.failed
            and not (uncounted and (uncounted.succeeded or uncounted.failed))
            and len(pods) == 3
            and not any(one.metadata.finalizers for one in pods)
        )

    return Scenario(("job-controller",), setup, done)


JOB = job_of(completions=3, parallelism=2)
INDEXED_JOB = job_of(completions=3, parallelism=2, completionMode="Indexed")


async def _retry(world: World) -> None:
    """The first pod of each index fails, the second one succeeds."""
    informer = await world.run_pods()

    def ended(old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.status.phase == "Running" and new.metadata.deletion_timestamp is None:
            is_first = (new.metadata.annotations or {})["batch.kubernetes.io/job-index-failure-count"] == "0"
            phase, code = ("Failed", 1) if is_first else ("Succeeded", 0)
            world.later(lambda: world.report(new, phase, exit_code=code))

    informer.add_handler(ended)
    indexed = {"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1}
    await world.create(job("work", **indexed))


async def _retried(world: World) -> bool:
    status = (await world.get(Job, "work")).status
    pods = await world.list(Pod, "default")
    conditions = [one.type for one in status.conditions or () if one.status == "True"]
    uncounted = status.uncounted_terminated_pods
    assert (status.failed or 0) <= 2 and not status.failed_indexes
    return (
        conditions == ["SuccessCriteriaMet", "Complete"]
        and (status.succeeded, status.failed, status.completed_indexes) == (2, 2, "0,1")
        and not (uncounted and (uncounted.succeeded or uncounted.failed))
        and len(pods) == 4
        and not any(one.metadata.finalizers for one in pods)
    )


RETRIED_JOB = Scenario(("job-controller",), _retry, _retried)


# CronJob


async def _tick(world: World) -> None:
    await world.create(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "tick", "namespace": "default"},
            "spec": {
                "schedule": "0 * * * *",
                "startingDeadlineSeconds": 1000,
                "jobTemplate": {"spec": {"template": template({}, restartPolicy="Never")}},
            },
        }
    )


async def _ticked(world: World) -> bool:
    jobs = await world.list(Job, "default")
    status = (await world.get(CronJob, "tick")).status
    return len(jobs) == 1 and [found.name for found in status.active or ()] == [jobs[0].metadata.name]


CRON_JOB = Scenario(("cronjob-controller",), _tick, _ticked, within_seconds=4200)


# EndpointSlice, Endpoints


async def _serve(world: World) -> None:
    await world.run_pods()
    await world.create(replica_set("web", 3))
    await world.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
    )


async def _served(world: World) -> bool:
    slices = [one for one in await world.list(EndpointSlice, "default") if (one.metadata.name or "").startswith("web")]
    addresses = sorted(endpoint.addresses or [] for one in slices for endpoint in one.endpoints or ())
    pods = sorted([found.status.pod_ip or ""] for found in await alive(world))
    endpoints = await world.list(Endpoints, "default")
    found = [one for one in endpoints if one.metadata.name == "web"]
    listed = sorted([address.ip] for one in found for subset in one.subsets or () for address in subset.addresses or ())
    return len(slices) == 1 and len(pods) == 3 and addresses == pods == listed


ENDPOINTS = Scenario(("replicaset-controller", "endpointslice-controller", "endpoints-controller"), _serve, _served)


# Garbage and namespaces


async def _cascade(world: World) -> None:
    await world.run_pods()
    await world.create(deployment("web", 2))


async def _started(world: World) -> bool:
    return len(await alive(world)) == 2


async def _delete_deployment(world: World) -> None:
    await world.client.delete(Deployment, "web", "default", propagation_policy="Foreground")


async def _nothing_left(world: World) -> bool:
    kinds: tuple[type[Any], ...] = (Deployment, ReplicaSet, Pod)
    return not [found for kind in kinds for found in await world.list(kind, "default")]


GARBAGE = Scenario(
    ("deployment-controller", "replicaset-controller", "garbage-collector-controller"),
    _cascade,
    _started,
    _delete_deployment,
    _nothing_left,
)


async def _populate(world: World) -> None:
    await world.create(Namespace(metadata=ObjectMeta(name="team")))
    for name in ("a", "b"):
        body = deployment(name)
        body["metadata"]["namespace"] = "team"
        await world.create(body)


async def _populated(world: World) -> bool:
    return len(await world.list(Deployment, "team")) == 2


async def _delete_namespace(world: World) -> None:
    await world.client.delete(Namespace, "team")


async def _namespace_gone(world: World) -> bool:
    names = {found.metadata.name for found in await world.list(Namespace)}
    return "team" not in names and not await world.list(Deployment, "team")


NAMESPACE = Scenario(("namespace-controller",), _populate, _populated, _delete_namespace, _namespace_gone)


# Volumes


async def _claims(world: World) -> None:
    for name in ("a", "b"):
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "",
            },
        }
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"disk-{name}"},
            "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}},
        }
        await world.create(claim)
        await world.create(volume)


async def _bound(world: World) -> bool:
    claims = await world.list(PersistentVolumeClaim)
    volumes = await world.list(PersistentVolume)
    pairs = {found.spec.volume_name: found.metadata.uid for found in claims if found.status.phase == "Bound"}
    owners = {one.metadata.name: one.spec.claim_ref.uid for one in volumes if one.spec.claim_ref is not None}
    return len(pairs) == 2 and pairs == owners and all(one.status.phase == "Bound" for one in volumes)


VOLUMES = Scenario(("persistentvolume-binder-controller",), _claims, _bound)

ALL = {
    "replicaset": REPLICA_SET,
    "replicationcontroller": REPLICATION_CONTROLLER,
    "deployment": DEPLOYMENT,
    "statefulset": STATEFUL_SET,
    "daemonset": DAEMON_SET,
    "job": JOB,
    "indexed-job": INDEXED_JOB,
    "retried-job": RETRIED_JOB,
    "cronjob": CRON_JOB,
    "endpoints": ENDPOINTS,
    "garbage": GARBAGE,
    "namespace": NAMESPACE,
    "volumes": VOLUMES,
}
