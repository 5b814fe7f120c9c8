"""What the controllers beside those of workloads have to bring about, however they are disturbed: small things."""

from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from tests.controllers.attach_detach.test_controller import attachments, disk
from tests.controllers.faults.harness import Scenario
from tests.controllers.test_certificates import CLIENT_USAGES, ask
from tests.controllers.test_device_taint_eviction import BROKEN, published, taint, use_device
from tests.controllers.test_endpoint_slice_mirroring import endpoints, mirrored, service, slices
from tests.controllers.test_resource_claim import claim, claims
from tests.controllers.test_resource_claim import template as claim_template
from tests.controllers.test_resource_claim import user as claim_user
from tests.controllers.test_small import ago
from tests.controllers.test_small import token as unused_token
from tests.controllers.test_tokens import pem, secret_names, token_secret
from tests.support.clock import START
from tests.support.control_plane import World, deployment, job, node, pod, replica_set

from pybernetes.api.admissionregistration import ValidatingAdmissionPolicy
from pybernetes.api.apps import Deployment
from pybernetes.api.autoscaling import HorizontalPodAutoscaler
from pybernetes.api.batch import Job
from pybernetes.api.certificates import CertificateSigningRequest
from pybernetes.api.core import (
    ConfigMap,
    Endpoints,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    ResourceQuota,
    Secret,
    ServiceAccount,
)
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.networking import ServiceCIDR
from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.rbac import ClusterRole
from pybernetes.api.storage import VolumeAttributesClass
from pybernetes.base.x509 import CertificateAuthority
from pybernetes.controllers.legacy_token_cleaner import INVALID_SINCE, LAST_USED, TRACKING
from pybernetes.reconcile.certificate_requests import KUBELET_CLIENT

AUTHORITY = CertificateAuthority.create("test-ca", now=START)
KEY = pem(ec.generate_private_key(ec.SECP256R1()))


async def pods(world: World) -> list[str]:
    return sorted(one.metadata.name or "" for one in await world.list(Pod, "default"))


# autoscaling and budgets


async def _autoscaled(world: World) -> None:
    await world.create(deployment("web", 1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5}
    metadata = {"name": "web", "namespace": "default"}
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    await world.create({**kind, "metadata": metadata, "spec": spec})


async def _at_its_least(world: World) -> bool:
    size = (await world.get(Deployment, "web")).spec.replicas
    conditions = (await world.get(HorizontalPodAutoscaler, "web")).status.conditions or ()
    return size == 2 and {"AbleToScale", "ScalingActive"} <= {one.type for one in conditions}


async def _guarded(world: World) -> None:
    await world.run_pods()
    await world.create(replica_set("web", 3))
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    kind = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
    await world.create({**kind, "metadata": {"name": "web", "namespace": "default"}, "spec": spec})


async def _one_may_go(world: World) -> bool:
    status = (await world.get(PodDisruptionBudget, "web")).status
    return (status.expected_pods, status.current_healthy, status.disruptions_allowed) == (3, 3, 1)


# services


async def _custom(world: World) -> None:
    await world.create(service())
    await world.create(endpoints("10.0.0.1", "10.0.0.2"))


async def _mirrored(world: World) -> bool:
    return len(await slices(world)) == 1 and await mirrored(world) == [("10.0.0.1", True), ("10.0.0.2", True)]


async def _change_endpoints(world: World) -> None:
    body = {"subsets": [{"addresses": [{"ip": "10.0.0.3"}], "ports": [{"name": "http", "port": 80}]}]}
    await world.client.patch(Endpoints, "custom", "default", body=body)


async def _mirrored_anew(world: World) -> bool:
    return len(await slices(world)) == 1 and await mirrored(world) == [("10.0.0.3", True)]


async def _a_range(world: World) -> None:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR"}
    await world.create({**kind, "metadata": {"name": "more"}, "spec": {"cidrs": ["10.99.0.0/24"]}})


async def _range_ready(world: World) -> bool:
    found = next((one for one in await world.list(ServiceCIDR) if one.metadata.name == "more"), None)
    conditions = found.status.conditions or () if found is not None else ()
    return [(one.type, one.status) for one in conditions] == [("Ready", "True")]


async def _delete_range(world: World) -> None:
    await world.client.delete(ServiceCIDR, "more")


async def _range_gone(world: World) -> bool:
    return "more" not in {one.metadata.name for one in await world.list(ServiceCIDR)}


# namespaces, quotas, identities


async def _limited(world: World) -> None:
    kind = {"apiVersion": "v1", "kind": "ResourceQuota"}
    hard = {"configmaps": "5", "count/secrets": "5"}
    await world.create({**kind, "metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard}})


async def _used(world: World) -> bool:
    status = (await world.get(ResourceQuota, "q")).status
    return status.used == {"configmaps": "0", "count/secrets": "0"} and status.hard is not None


async def _team(world: World) -> None:
    await world.create(Namespace(metadata=ObjectMeta(name="team")))


async def _has_identity(world: World) -> bool:
    accounts = [one.metadata.name for one in await world.list(ServiceAccount, "team")]
    roots = {one.metadata.name: one.data for one in await world.list(ConfigMap, "team")}
    return accounts == ["default"] and roots == {"kube-root-ca.crt": {"ca.crt": "ROOT"}}


async def _robot(world: World) -> None:
    await world.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="default")))
    await world.create(token_secret("robot-token", "robot"))


async def _has_token(world: World) -> bool:
    return set((await world.get(Secret, "robot-token")).data or {}) == {"ca.crt", "namespace", "token"}


async def _unused_token(world: World) -> None:
    tracking = ObjectMeta(name=TRACKING, namespace="kube-system")
    await world.create(ConfigMap(metadata=tracking, data={"since": ago(400)}))
    await unused_token(world, "old", used=ago(380))
    await unused_token(world, "fresh", used=ago(0))


async def _marked_tokens(world: World) -> list[str]:
    found = await world.list(Secret, "default")
    return [one.metadata.name or "" for one in found if INVALID_SINCE in (one.metadata.labels or {})]


async def _marked(world: World) -> bool:
    return await _marked_tokens(world) == ["old-token"]


async def _a_year_later(world: World) -> None:
    world.clock.offset += timedelta(days=366)
    # What is fresh was used all the time.
    used = {"metadata": {"labels": {LAST_USED: ago(-366)}}}
    await world.client.patch(Secret, "fresh-token", "default", body=used)


async def _only_fresh_is_left(world: World) -> bool:
    return await secret_names(world) == {"fresh-token"} and not await _marked_tokens(world)


async def _delete_robot(world: World) -> None:
    await world.client.delete(ServiceAccount, "robot", "default")


async def _token_gone(world: World) -> bool:
    return "robot-token" not in await secret_names(world)


def _role(name: str, **more: Any) -> dict[str, Any]:
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return {**kind, "metadata": {"name": name, "labels": {"to": "all"} if name != "all" else {}}, **more}


async def _roles(world: World) -> None:
    rule = {"apiGroups": [""], "verbs": ["get"]}
    await world.create(_role("a", rules=[{**rule, "resources": ["pods"]}]))
    await world.create(_role("all", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}))
    await world.create(_role("b", rules=[{**rule, "resources": ["nodes"]}]))


async def _aggregated(world: World) -> bool:
    found = await world.client.get(ClusterRole, "all")
    return [rule.resources for rule in found.rules or ()] == [["pods"], ["nodes"]]


async def _node_asks(world: World) -> None:
    await ask(world, KUBELET_CLIENT, CLIENT_USAGES)


async def _certified(world: World) -> bool:
    found = await world.client.get(CertificateSigningRequest, "csr")
    return bool(found.status.certificate) and [one.type for one in found.status.conditions or ()] == ["Approved"]


async def _forgotten(world: World) -> bool:
    return not await world.list(CertificateSigningRequest)


async def _nothing(world: World) -> None:
    pass


async def _bootstrap(world: World) -> None:
    config = {"kubeconfig": "apiVersion: v1\nkind: Config\n"}
    await world.create(ConfigMap(metadata=ObjectMeta(name="cluster-info", namespace="kube-public"), data=config))
    expiration = (world.clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = {
        "token-id": b"abcdef",
        "token-secret": b"0123456789abcdef",
        "usage-bootstrap-signing": b"true",
        "expiration": expiration.encode(),
    }
    metadata = ObjectMeta(name="bootstrap-token-abcdef", namespace="kube-system")
    await world.create(Secret(metadata=metadata, type="bootstrap.kubernetes.io/token", data=data))


async def _signed(world: World) -> bool:
    return "jws-kubeconfig-abcdef" in ((await world.get(ConfigMap, "cluster-info", "kube-public")).data or {})


async def _expired(world: World) -> bool:
    left = {one.metadata.name for one in await world.list(Secret, "kube-system")}
    return "bootstrap-token-abcdef" not in left and not await _signed(world)


async def _a_policy(world: World) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "object.spec.size > 1"}]}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
    await world.create({**kind, "metadata": {"name": "sized"}, "spec": spec})


async def _checked(world: World) -> bool:
    found = await world.client.get(ValidatingAdmissionPolicy, "sized")
    return found.status.type_checking is not None and bool(found.status.observed_generation)


# nodes


async def _unready(world: World) -> None:
    await world.create(node("n1", ready="False"))
    await world.create(node("n2"))
    toleration = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
    await world.create(pod("leaves", node="n1", tolerations=[{**toleration, "tolerationSeconds": 5}]))
    await world.create(pod("stays", node="n1", tolerations=[toleration]))


async def _evicted(world: World) -> bool:
    found = await world.client.get(Node, "n1")
    effects = sorted(one.effect for one in found.spec.taints or () if one.key == "node.kubernetes.io/not-ready")
    alive = [one.metadata.name for one in await world.list(Pod) if one.metadata.deletion_timestamp is None]
    return effects == ["NoExecute", "NoSchedule"] and alive == ["stays"]


async def _nodes(world: World) -> None:
    for name in ("n1", "n2"):
        await world.create(node(name))


async def _have_ranges(world: World) -> bool:
    found = await world.list(Node)
    ranges = {one.spec.pod_cidr for one in found}
    times = {(one.metadata.annotations or {}).get("node.alpha.kubernetes.io/ttl") for one in found}
    return len(ranges) == 2 and None not in ranges and times == {"0"}


async def _orphans(world: World) -> None:
    await world.create(node("n1"))
    await world.create(pod("here", node="n1"))
    await world.create(pod("lost", node="gone"))


async def _collected(world: World) -> bool:
    return await pods(world) == ["here"]


# volumes and devices


async def _disk_in_use(world: World) -> None:
    await disk(world)
    await world.create(pod("a", node="n1", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]))


async def _attached(world: World) -> bool:
    found = await world.client.get(PersistentVolumeClaim, "data", "default")
    volume = await world.client.get(PersistentVolume, "disk")
    kept = (found.metadata.finalizers, volume.metadata.finalizers)
    attached = await attachments(world) == [("n1", "disk")]
    return attached and kept == (["kubernetes.io/pvc-protection"], ["kubernetes.io/pv-protection"])


async def _delete_user(world: World) -> None:
    await world.client.delete(PersistentVolumeClaim, "data", "default")
    await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
    await world.client.delete(PersistentVolume, "disk")


async def _let_go(world: World) -> bool:
    kinds: tuple[type[Any], ...] = (PersistentVolumeClaim, PersistentVolume)
    return not await attachments(world) and not [one for kind in kinds for one in await world.list(kind)]


async def _scratch(world: World) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    ephemeral = {"volumeClaimTemplate": {"spec": spec}}
    await world.create(pod("a", volumes=[{"name": "scratch", "ephemeral": ephemeral}]))


async def _has_scratch(world: World) -> bool:
    found = await world.list(PersistentVolumeClaim, "default")
    return [(one.metadata.name, len(one.metadata.owner_references or ())) for one in found] == [("a-scratch", 1)]


async def _disk_and_class(world: World) -> None:
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "disks.example.com"}
    await world.create({**kind, "metadata": {"name": "fast"}, "allowVolumeExpansion": True})
    await disk(world, storage_class="fast")
    body = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
    await world.client.patch(PersistentVolumeClaim, "data", "default", body=body, subresource="status")
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "driverName": "disks.example.com"}
    await world.create({**kind, "metadata": {"name": "gold"}, "parameters": {"iops": "1"}})


async def _class_protected(world: World) -> bool:
    found = await world.client.get(VolumeAttributesClass, "gold")
    return found.metadata.finalizers == ["kubernetes.io/vac-protection"]


async def _grow(world: World) -> None:
    body = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    await world.client.patch(PersistentVolumeClaim, "data", "default", body=body)
    await world.client.delete(VolumeAttributesClass, "gold")


async def _growth_is_told(world: World) -> bool:
    return "ExternalExpanding" in await world.reasons() and not await world.list(VolumeAttributesClass)


async def _wants_device(world: World) -> None:
    await world.create(claim_template())
    await world.create(claim_user("work", resourceClaimTemplateName="one-gpu"))


async def _has_claim(world: World) -> bool:
    statuses = (await world.get(Pod, "work")).status.resource_claim_statuses or []
    return [one.resource_claim_name for one in statuses] == [one.metadata.name for one in await claims(world)] != []


async def _finish(world: World) -> None:
    await world.report(await world.get(Pod, "work"), "Succeeded")


async def _no_claim(world: World) -> bool:
    return not await claims(world)


async def _device(world: World) -> None:
    await world.create(published())
    await use_device(world)
    await world.create(claim("idle"))


async def _works(world: World) -> bool:
    return await pods(world) == ["work"]


async def _break_device(world: World) -> None:
    await taint(world, BROKEN)


async def _left(world: World) -> bool:
    found = await world.list(Pod, "default")
    return not found or all(one.metadata.deletion_timestamp is not None for one in found)


async def _short_lived(world: World) -> None:
    informer = await world.run_pods()

    def ended(old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.status.phase == "Running" and new.metadata.deletion_timestamp is None:
            world.later(lambda: world.report(new, "Succeeded", exit_code=0))

    informer.add_handler(ended)
    await world.create(job("work", ttlSecondsAfterFinished=30))


async def _job_gone(world: World) -> bool:
    return not await world.list(Job, "default")


MORE = {
    "autoscaler": Scenario(("horizontal-pod-autoscaler-controller",), _autoscaled, _at_its_least),
    "disruption": Scenario(("replicaset-controller", "disruption-controller"), _guarded, _one_may_go),
    "mirroring": Scenario(
        ("endpointslice-mirroring-controller",), _custom, _mirrored, _change_endpoints, _mirrored_anew
    ),
    "service-cidr": Scenario(("service-cidr-controller",), _a_range, _range_ready, _delete_range, _range_gone),
    "quota": Scenario(("resourcequota-controller",), _limited, _used),
    "identity": Scenario(
        ("serviceaccount-controller", "root-ca-certificate-publisher-controller"),
        _team,
        _has_identity,
        config={"root_ca": b"ROOT"},
    ),
    "token": Scenario(
        ("serviceaccount-token-controller",),
        _robot,
        _has_token,
        _delete_robot,
        _token_gone,
        {"service_account_key": KEY, "root_ca": b"ROOT"},
    ),
    "legacy-token": Scenario(
        ("legacy-serviceaccount-token-cleaner-controller",),
        _unused_token,
        _marked,
        _a_year_later,
        _only_fresh_is_left,
        within_seconds=4 * 86_400,
    ),
    "aggregation": Scenario(("clusterrole-aggregation-controller",), _roles, _aggregated),
    "certificates": Scenario(
        (
            "certificatesigningrequest-approving-controller",
            "certificatesigningrequest-signing-controller",
            "certificatesigningrequest-cleaner-controller",
        ),
        _node_asks,
        _certified,
        _nothing,
        _forgotten,
        {"signing_certificate": AUTHORITY.certificate_pem, "signing_key": AUTHORITY.key_pem},
        within_seconds=10_000,
    ),
    "bootstrap": Scenario(
        ("bootstrap-signer-controller", "token-cleaner-controller"), _bootstrap, _signed, _nothing, _expired
    ),
    "policy": Scenario(("validatingadmissionpolicy-status-controller",), _a_policy, _checked),
    "eviction": Scenario(
        ("node-lifecycle-controller", "taint-eviction-controller"),
        _unready,
        _evicted,
        config={"node_monitor_grace_period_seconds": 1e6},
    ),
    "nodes": Scenario(("node-ipam-controller", "ttl-controller"), _nodes, _have_ranges),
    "pod-collector": Scenario(("pod-garbage-collector-controller",), _orphans, _collected),
    "attachment": Scenario(
        (
            "persistentvolume-attach-detach-controller",
            "persistentvolumeclaim-protection-controller",
            "persistentvolume-protection-controller",
        ),
        _disk_in_use,
        _attached,
        _delete_user,
        _let_go,
    ),
    "ephemeral": Scenario(("ephemeral-volume-controller",), _scratch, _has_scratch),
    "attributes": Scenario(
        ("volumeattributesclass-protection-controller", "persistentvolume-expander-controller"),
        _disk_and_class,
        _class_protected,
        _grow,
        _growth_is_told,
    ),
    "claim": Scenario(("resourceclaim-controller",), _wants_device, _has_claim, _finish, _no_claim),
    "device-taint": Scenario(("device-taint-eviction-controller",), _device, _works, _break_device, _left),
    "ttl-after-finished": Scenario(
        ("job-controller", "ttl-after-finished-controller", "garbage-collector-controller"), _short_lived, _job_gone
    ),
}
