"""Defaults per kind, as observed upstream."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from pybernetes.api.defaulting import apply_defaults, cluster, compiled, pods, services, workloads
from pybernetes.api.defaulting.pods import pull_policy
from pybernetes.api.resource import ResourceInfo, load_data
from pybernetes.api.schema import schema_for

from .objects import ENABLED, random_struct


def defaulted(api_version: str, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    schema = schema_for(api_version, kind)
    assert schema is not None
    obj = deepcopy(obj)
    schema.decode(obj, unknown="strict")
    apply_defaults(obj, api_version, kind)
    again = deepcopy(obj)
    schema.decode(again, unknown="strict")
    apply_defaults(again, api_version, kind)
    assert again == obj, "defaulting twice must change nothing"
    return obj


def picked(obj: dict[str, Any], like: Any) -> Any:
    """The part of `obj` that has the shape of `like`."""
    if isinstance(like, dict) and isinstance(obj, dict) and like:
        return {key: picked(obj[key], inner) if key in obj else "absent" for key, inner in like.items()}
    if isinstance(like, list) and isinstance(obj, list) and len(like) == len(obj):
        return [picked(inner, wanted) for inner, wanted in zip(obj, like, strict=True)]
    return obj


TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}


def test_a_deployment_as_kubectl_creates_it() -> None:
    created = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"creationTimestamp": None, "labels": {"app": "web"}, "name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": {"app": "web"}},
                "spec": {"containers": [{"image": "nginx", "name": "nginx", "resources": {}}]},
            },
        },
        "status": {},
    }
    assert defaulted("apps/v1", "Deployment", created) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"labels": {"app": "web"}, "name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "image": "nginx",
                            "name": "nginx",
                            "resources": {},
                            "imagePullPolicy": "Always",
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                        }
                    ],
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                    "schedulerName": "default-scheduler",
                },
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        "status": {},
    }


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", "image": "a:1"}], **spec}}


def container(**fields: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "a", "image": "a:1", **fields}])


# name -> (apiVersion, kind, given, what must be found in the result; "absent" = not there)
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "pod": (
        "v1",
        "Pod",
        pod(),
        {
            "spec": {
                "enableServiceLinks": True,
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
                "schedulerName": "default-scheduler",
                "priority": "absent",
            }
        },
    ),
    "a pod's explicit zero grace period stays": (
        "v1",
        "Pod",
        pod(terminationGracePeriodSeconds=0),
        {"spec": {"terminationGracePeriodSeconds": 0}},
    ),
    "the old name of the service account follows": (
        "v1",
        "Pod",
        pod(serviceAccountName="robot"),
        {"spec": {"serviceAccountName": "robot", "serviceAccount": "robot"}},
    ),
    "requests follow limits": (
        "v1",
        "Pod",
        container(resources={"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "0.5"}}),
        {
            "spec": {
                "containers": [
                    {
                        "resources": {
                            "limits": {"cpu": "1", "memory": "1Gi"},
                            "requests": {"cpu": "500m", "memory": "1Gi"},
                        }
                    }
                ]
            }
        },
    ),
    "amounts are kept in thousandths": (
        "v1",
        "Pod",
        container(resources={"requests": {"cpu": "100u"}}),
        {"spec": {"containers": [{"resources": {"requests": {"cpu": "1m"}}}]}},
    ),
    "templates keep requests apart from limits": (
        "apps/v1",
        "ReplicaSet",
        {"spec": {"template": container(resources={"limits": {"cpu": "1"}})}},
        {
            "spec": {
                "replicas": 1,
                "template": {
                    "spec": {
                        "containers": [{"resources": {"limits": {"cpu": "1"}, "requests": "absent"}}],
                        "enableServiceLinks": "absent",
                    }
                },
            }
        },
    ),
    "host ports of a pod on the host's network": (
        "v1",
        "Pod",
        {"spec": {"hostNetwork": True, **container(ports=[{"containerPort": 80}])["spec"]}},
        {"spec": {"containers": [{"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}]}},
    ),
    "probes": (
        "v1",
        "Pod",
        container(livenessProbe={"httpGet": {"port": 80}}, startupProbe={"grpc": {"port": 1}, "periodSeconds": 3}),
        {
            "spec": {
                "containers": [
                    {
                        "livenessProbe": {
                            "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                            "timeoutSeconds": 1,
                            "periodSeconds": 10,
                            "successThreshold": 1,
                            "failureThreshold": 3,
                        },
                        "startupProbe": {
                            "grpc": {"port": 1, "service": ""},
                            "timeoutSeconds": 1,
                            "periodSeconds": 3,
                            "successThreshold": 1,
                            "failureThreshold": 3,
                        },
                    }
                ]
            }
        },
    ),
    "volumes": (
        "v1",
        "Pod",
        pod(
            volumes=[
                {"name": "none"},
                {"name": "config", "configMap": {"name": "c"}},
                {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0}},
                {"name": "host", "hostPath": {"path": "/x"}},
                {"name": "image", "image": {"reference": "data"}},
                {
                    "name": "projected",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "token"}},
                            {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                        ]
                    },
                },
            ]
        ),
        {
            "spec": {
                "volumes": [
                    {"emptyDir": {}},
                    {"configMap": {"defaultMode": 420}, "emptyDir": "absent"},
                    {"secret": {"defaultMode": 0}},
                    {"hostPath": {"path": "/x", "type": ""}},
                    {"image": {"pullPolicy": "Always"}},
                    {
                        "projected": {
                            "defaultMode": 420,
                            "sources": [
                                {"serviceAccountToken": {"expirationSeconds": 3600}},
                                {"downwardAPI": {"items": [{"fieldRef": {"apiVersion": "v1"}}]}},
                            ],
                        }
                    },
                ]
            }
        },
    ),
    "resources of the whole pod": (
        "v1",
        "Pod",
        {
            "spec": {
                "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
                "containers": [
                    {"name": "a", "image": "a:1", "resources": {"requests": {"cpu": "250m"}}},
                    {"name": "b", "image": "b:1", "resources": {"requests": {"cpu": "500m"}}},
                ],
                "initContainers": [{"name": "i", "image": "i:1", "resources": {"requests": {"cpu": "1"}}}],
            }
        },
        {"spec": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}},
    ),
    "service": (
        "v1",
        "Service",
        {"spec": {"ports": [{"port": 80}], "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}}},
        {
            "spec": {
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "sessionAffinityConfig": "absent",
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "absent",
                "allocateLoadBalancerNodePorts": "absent",
            }
        },
    ),
    "service that keeps its clients": (
        "v1",
        "Service",
        {"spec": {"type": "NodePort", "sessionAffinity": "ClientIP"}},
        {
            "spec": {
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "externalTrafficPolicy": "Cluster",
            }
        },
    ),
    "service behind a load balancer": (
        "v1",
        "Service",
        {
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "a"}]}},
        },
        {
            "spec": {"allocateLoadBalancerNodePorts": True},
            "status": {"loadBalancer": {"ingress": [{"ipMode": "VIP"}, {"ipMode": "absent"}]}},
        },
    ),
    "external name": (
        "v1",
        "Service",
        {"spec": {"type": "ExternalName", "externalName": "a.b"}},
        {"spec": {"internalTrafficPolicy": "absent", "externalTrafficPolicy": "absent"}},
    ),
    "daemon set": (
        "apps/v1",
        "DaemonSet",
        {},
        {
            "spec": {
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
                "revisionHistoryLimit": 10,
            }
        },
    ),
    "deployment that recreates": (
        "apps/v1",
        "Deployment",
        {"spec": {"strategy": {"type": "Recreate"}, "replicas": 0}},
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": "absent"}, "replicas": 0}},
    ),
    "stateful set": (
        "apps/v1",
        "StatefulSet",
        {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}},
        {
            "spec": {
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"partition": 0, "maxUnavailable": "absent"},
                },
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                "replicas": 1,
                "volumeClaimTemplates": [{"spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}],
            }
        },
    ),
    "stateful set that names its strategy": (
        "apps/v1",
        "StatefulSet",
        {"spec": {"updateStrategy": {"type": "RollingUpdate"}}},
        {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": "absent"}}},
    ),
    "replication controller": (
        "v1",
        "ReplicationController",
        {"spec": {"template": TEMPLATE}},
        {"metadata": {"labels": {"app": "web"}}, "spec": {"selector": {"app": "web"}, "replicas": 1}},
    ),
    "job": (
        "batch/v1",
        "Job",
        {"spec": {"template": TEMPLATE}},
        {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "completions": 1,
                "parallelism": 1,
                "backoffLimit": 6,
                "completionMode": "NonIndexed",
                "suspend": False,
                "podReplacementPolicy": "TerminatingOrFailed",
                "manualSelector": False,
            },
        },
    ),
    "job that works a queue": (
        "batch/v1",
        "Job",
        {
            "spec": {
                "parallelism": 3,
                "backoffLimitPerIndex": 1,
                "podFailurePolicy": {
                    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
                },
                "template": TEMPLATE,
            }
        },
        {
            "spec": {
                "completions": "absent",
                "backoffLimit": 2147483647,
                "podReplacementPolicy": "Failed",
                "podFailurePolicy": {"rules": [{"onPodConditions": [{"status": "True"}]}]},
            }
        },
    ),
    "cron job": (
        "batch/v1",
        "CronJob",
        {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
        {
            "spec": {
                "concurrencyPolicy": "Allow",
                "suspend": False,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"completions": "absent", "template": {"spec": {"restartPolicy": "Always"}}}},
            }
        },
    ),
    "autoscaler": (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        {"spec": {"maxReplicas": 3, "behavior": {"scaleUp": {"selectPolicy": "Min"}}}},
        {
            "spec": {
                "minReplicas": 1,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "selectPolicy": "Min",
                        "policies": [
                            {"type": "Pods", "value": 4, "periodSeconds": 15},
                            {"type": "Percent", "value": 100, "periodSeconds": 15},
                        ],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": "absent",
                        "selectPolicy": "Max",
                        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                    },
                },
            }
        },
    ),
    "autoscaler v1": (
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        {},
        {"spec": {"minReplicas": 1, "targetCPUUtilizationPercentage": 80}},
    ),
    "claim": (
        "v1",
        "PersistentVolumeClaim",
        {},
        {"spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}},
    ),
    "volume": (
        "v1",
        "PersistentVolume",
        {"spec": {"iscsi": {"targetPortal": "a", "iqn": "b", "lun": 0}}},
        {
            "spec": {
                "persistentVolumeReclaimPolicy": "Retain",
                "volumeMode": "Filesystem",
                "iscsi": {"iscsiInterface": "default"},
            },
            "status": {"phase": "Pending"},
        },
    ),
    "namespace": (
        "v1",
        "Namespace",
        {"metadata": {"name": "blue"}},
        {"metadata": {"labels": {"kubernetes.io/metadata.name": "blue"}}, "status": {"phase": "Active"}},
    ),
    "node": (
        "v1",
        "Node",
        {"status": {"capacity": {"cpu": "2"}}},
        {"status": {"allocatable": {"cpu": "2"}}},
    ),
    "secret": ("v1", "Secret", {}, {"type": "Opaque"}),
    "texts of a secret become its data": (
        "v1",
        "Secret",
        {"data": {"a": "AAAA", "b": "AAAA"}, "stringData": {"b": "hello"}},
        {"data": {"a": "AAAA", "b": "aGVsbG8="}, "stringData": "absent"},
    ),
    "addresses of a pod": (
        "v1",
        "Pod",
        {"status": {"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.1"}]}},
        {"status": {"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}]}},
    ),
    "pod range of a node": (
        "v1",
        "Node",
        {"spec": {"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}},
        {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}},
    ),
    "endpoints": (
        "v1",
        "Endpoints",
        {"subsets": [{"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}]},
        {"subsets": [{"ports": [{"protocol": "TCP"}, {"protocol": "UDP"}]}]},
    ),
    "endpoint slice": (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        {"ports": [{"port": 80}]},
        {"ports": [{"name": "", "protocol": "TCP"}]},
    ),
    "limit range": (
        "v1",
        "LimitRange",
        {
            "spec": {
                "limits": [
                    {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}},
                    {"type": "Pod", "max": {"cpu": "2"}},
                ]
            }
        },
        {
            "spec": {
                "limits": [
                    {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "2", "memory": "1Mi"}},
                    {"default": "absent"},
                ]
            }
        },
    ),
    "ingress class": (
        "networking.k8s.io/v1",
        "IngressClass",
        {"spec": {"controller": "x", "parameters": {"kind": "A", "name": "b"}}},
        {"spec": {"parameters": {"scope": "Cluster"}}},
    ),
    "network policy": (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}},
        {"spec": {"policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"protocol": "TCP"}]}]}},
    ),
    "role binding": (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}],
        },
        {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io"}, {"apiGroup": "absent"}],
        },
    ),
    "storage class": (
        "storage.k8s.io/v1",
        "StorageClass",
        {"provisioner": "x"},
        {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    ),
    "storage driver": (
        "storage.k8s.io/v1",
        "CSIDriver",
        {},
        {
            "spec": {
                "attachRequired": True,
                "podInfoOnMount": False,
                "storageCapacity": False,
                "fsGroupPolicy": "ReadWriteOnceWithFSType",
                "volumeLifecycleModes": ["Persistent"],
                "requiresRepublish": False,
                "seLinuxMount": False,
                "preventPodSchedulingIfMissing": "absent",
            }
        },
    ),
    "priority class": (
        "scheduling.k8s.io/v1",
        "PriorityClass",
        {"value": 1},
        {"preemptionPolicy": "PreemptLowerPriority"},
    ),
    "webhook": (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        {"webhooks": [{"name": "a", "clientConfig": {"service": {"name": "s", "namespace": "n"}}, "rules": [{}]}]},
        {
            "webhooks": [
                {
                    "failurePolicy": "Fail",
                    "matchPolicy": "Equivalent",
                    "namespaceSelector": {},
                    "objectSelector": {},
                    "timeoutSeconds": 10,
                    "reinvocationPolicy": "Never",
                    "clientConfig": {"service": {"port": 443}},
                    "rules": [{"scope": "*"}],
                }
            ]
        },
    ),
    "custom resource definition": (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {"spec": {"names": {"kind": "Widget", "plural": "widgets"}, "versions": [{"name": "v1", "storage": True}]}},
        {
            "spec": {"names": {"singular": "widget", "listKind": "WidgetList"}, "conversion": {"strategy": "None"}},
            "status": {"storedVersions": ["v1"]},
        },
    ),
    "flow schema": ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", {}, {"spec": {"matchingPrecedence": 1000}}),
    "priority level": (
        "flowcontrol.apiserver.k8s.io/v1",
        "PriorityLevelConfiguration",
        {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}},
        {
            "spec": {
                "limited": {
                    "nominalConcurrencyShares": 30,
                    "lendablePercent": 0,
                    "limitResponse": {"queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}},
                }
            }
        },
    ),
    "token request": ("authentication.k8s.io/v1", "TokenRequest", {}, {"spec": {"expirationSeconds": 3600}}),
    "resource claim": (
        "resource.k8s.io/v1",
        "ResourceClaim",
        {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c", "tolerations": [{}]}}]}}},
        {
            "spec": {
                "devices": {
                    "requests": [
                        {
                            "exactly": {
                                "allocationMode": "ExactCount",
                                "count": 1,
                                "tolerations": [{"operator": "Equal"}],
                            }
                        }
                    ]
                }
            }
        },
    ),
}


@pytest.mark.parametrize(("api_version", "kind", "given", "wanted"), CASES.values(), ids=CASES)
def test_defaults(api_version: str, kind: str, given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert picked(defaulted(api_version, kind, given), wanted) == wanted


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("localhost:5000/team/nginx", "Always"),
        ("localhost:5000/team/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "a" * 64, "Always"),
        ("", "IfNotPresent"),
        ("Not An Image", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


@pytest.mark.parametrize("info", ENABLED, ids=lambda info: f"{info.group_version}/{info.kind}")
def test_an_empty_object_can_be_defaulted(info: ResourceInfo) -> None:
    defaulted(info.group_version, info.kind, {})


def test_other_kinds_are_left_alone() -> None:
    obj = {"spec": {}}
    apply_defaults(obj, "example.com/v1", "Widget")
    assert obj == {"spec": {}}


_NOT_SET_HERE = {
    "core/v1.ConfigMap": "internal only",
    "core/v1.PodLogOptions": "behind a gate that is off",
    "core/v1.ResourceList": "rounded wherever one is held",
    "certificates/v1beta1.CertificateSigningRequestSpec": "a version that is not served",
}


def test_every_conditional_default_of_the_table_has_code() -> None:
    table = load_data("defaults")
    conditional = {
        name
        for name, rows in table.items()
        if not name.startswith("_") and any(isinstance(row, dict) and "when" in row for row in rows.values())
    }
    written = {*pods.CONDITIONAL, *workloads.CONDITIONAL, *services.CONDITIONAL, *cluster.CONDITIONAL}
    assert conditional - written == conditional & set(_NOT_SET_HERE)


def test_items_that_are_passed_over_have_no_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way over lists leaves out nothing that the plain way fills in."""
    objects = []
    for info in ENABLED:
        schema = schema_for(info.group_version, info.kind)
        assert schema is not None
        for seed in range(8):
            obj = random_struct(schema.type, Random(seed), 6)
            schema.decode(obj)
            objects.append((info, obj))
    quick, plain = deepcopy(objects), deepcopy(objects)
    for info, obj in quick:
        apply_defaults(obj, info.group_version, info.kind)
    monkeypatch.setattr(compiled, "_concerned", lambda type_name: None)
    for kept in (compiled.type_defaulter, compiled._root_defaulter):
        kept.cache_clear()
    try:
        for info, obj in plain:
            apply_defaults(obj, info.group_version, info.kind)
    finally:
        for kept in (compiled.type_defaulter, compiled._root_defaulter):
            kept.cache_clear()
    assert quick == plain
