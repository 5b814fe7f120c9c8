"""One good object per kind, and what its mistakes are called."""

from copy import deepcopy
from typing import Any

import pytest

from pybernetes.api.defaulting import apply_defaults
from pybernetes.api.resource import resource_for_kind
from pybernetes.api.schema import schema_for
from pybernetes.api.validation import MODULES, validation_of

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
SELECTOR = {"matchLabels": {"a": "b"}}
ONCE = {"metadata": TEMPLATE["metadata"], "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
PATHS = [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}

GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "Deployment": ("apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "ReplicaSet": ("apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "DaemonSet": ("apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "StatefulSet": ("apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "s"}}),
    "ReplicationController": ("v1", {"spec": {"selector": {"a": "b"}, "template": TEMPLATE}}),
    "Job": ("batch/v1", {"spec": {"manualSelector": True, "selector": SELECTOR, "template": ONCE}}),
    "CronJob": ("batch/v1", {"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": ONCE}}}}),
    "Service": ("v1", {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}),
    "ConfigMap": ("v1", {"data": {"a": "b"}}),
    "Secret": ("v1", {"data": {"a": "Yg=="}}),
    "Node": ("v1", {"spec": {}}),
    "PersistentVolume": ("v1", {"spec": VOLUME}),
    "PersistentVolumeClaim": ("v1", {"spec": CLAIM}),
    "LimitRange": ("v1", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}}),
    "ResourceQuota": ("v1", {"spec": {"hard": {"pods": "2"}}}),
    "Endpoints": ("v1", {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}),
    "EndpointSlice": ("discovery.k8s.io/v1", {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]}),
    "PodDisruptionBudget": ("policy/v1", {"spec": {"minAvailable": 1, "selector": SELECTOR}}),
    "Ingress": ("networking.k8s.io/v1", {"spec": {"rules": [{"host": "a.example", "http": {"paths": PATHS}}]}}),
    "IngressClass": ("networking.k8s.io/v1", {"spec": {"controller": "example.com/x"}}),
    "NetworkPolicy": ("networking.k8s.io/v1", {"spec": {"podSelector": {}}}),
    "Role": ("rbac.authorization.k8s.io/v1", {"rules": [RULE]}),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]}),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", {"roleRef": ROLE_REF}),
    "PriorityClass": ("scheduling.k8s.io/v1", {"value": 10}),
    "StorageClass": ("storage.k8s.io/v1", {"provisioner": "example.com/p"}),
    "RuntimeClass": ("node.k8s.io/v1", {"handler": "runc"}),
    "Lease": ("coordination.k8s.io/v1", {"spec": {"leaseDurationSeconds": 15}}),
    "HorizontalPodAutoscaler": (
        "autoscaling/v2",
        {"spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}},
    ),
}


def made(kind: str, changes: dict[str, Any]) -> dict[str, Any]:
    """A good object, decoded and defaulted; `changes` are merged into it, None takes a field away."""
    api_version, body = GOOD[kind]
    obj: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "n", "namespace": "default"}}
    merge(obj, deepcopy(body))
    merge(obj, deepcopy(changes))
    schema = schema_for(api_version, kind)
    assert schema is not None
    schema.decode(obj)
    apply_defaults(obj, api_version, kind)
    return obj


def merge(target: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        elif value is None:
            target.pop(key, None)
        else:
            target[key] = value


def rules(kind: str) -> Any:
    return validation_of(resource_for_kind(GOOD[kind][0], kind).group_resource)


@pytest.mark.parametrize("kind", GOOD)
def test_good_objects(kind: str) -> None:
    obj = made(kind, {})
    assert rules(kind).create(obj) == []
    assert rules(kind).update(deepcopy(obj), obj) == []


@pytest.mark.parametrize("group_resource", MODULES)
def test_every_module_can_be_loaded(group_resource: str) -> None:
    assert validation_of(group_resource).create is not None


CREATES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "Deployment",
        {"spec": {"selector": {"matchLabels": {"a": "x"}}}},
        [
            'spec.template.metadata.labels: Invalid value: {"a":"b"}: '
            "`selector` does not match template `labels`"
        ],
    ),
    ("Deployment", {"spec": {"selector": None}}, ["spec.selector: Required value"]),
    (
        "Deployment",
        {"spec": {"replicas": -1}},
        ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        "Deployment",
        {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}}},
        [
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: "
            "may not be 0 when `maxSurge` is 0"
        ],
    ),
    (
        "Deployment",
        {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
        ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ),
    (
        "Deployment",
        {"spec": {"progressDeadlineSeconds": 5, "minReadySeconds": 5}},
        ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
    ),
    (
        "Job",
        {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}},
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    (
        "Job",
        {"spec": {"completionMode": "Indexed", "parallelism": 2}},
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    (
        "CronJob",
        {"spec": {"schedule": "* * *"}},
        ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'],
    ),
    (
        "CronJob",
        {"spec": {"schedule": "61 * * * *"}},
        ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
    ),
    (
        "CronJob",
        {"metadata": {"name": "n" * 53}},
        [f'metadata.name: Invalid value: "{"n" * 53}": must be no more than 52 characters'],
    ),
    (
        "CronJob",
        {"spec": {"timeZone": "Europe/Pariss"}},
        ['spec.timeZone: Invalid value: "Europe/Pariss": unknown time zone Europe/Pariss'],
    ),
    ("Service", {"spec": {"ports": None}}, ["spec.ports: Required value"]),
    (
        "Service",
        {"spec": {"ports": [{"port": 0}]}},
        [
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ],
    ),
    (
        "Service",
        {"spec": {"ports": [{"port": 80}, {"port": 81}]}},
        ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ),
    (
        "Service",
        {"spec": {"type": "Nothing"}},
        [
            'spec.type: Unsupported value: "Nothing": '
            'supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
        ],
    ),
    ("Service", {"spec": {"type": "ExternalName"}}, ["spec.externalName: Required value"]),
    (
        "Service",
        {"spec": {"ports": [{"port": 80, "nodePort": 30000}]}},
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ),
    (
        "Service",
        {"spec": {"externalIPs": ["127.0.0.1"]}},
        [
            'spec.externalIPs[0]: Invalid value: "127.0.0.1": '
            "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        ],
    ),
    (
        "ConfigMap",
        {"data": {"a/b": ""}},
        [
            "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' "
            "or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        ],
    ),
    ("ConfigMap", {"data": {"a": "x" * (1 << 20)}, "binaryData": {"b": "eA=="}},
     [": Too long: may not be more than 1048576 bytes"]),
    ("Secret", {"type": "kubernetes.io/tls"}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    ("Node", {"spec": {"taints": [{"key": "a"}]}}, ["metadata.taints[0].effect: Required value"]),
    ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": None}}}},
     ["spec.resources[storage]: Required value"]),
    ("PersistentVolume", {"spec": {"hostPath": None}}, ["spec: Required value: must specify a volume type"]),
    (
        "LimitRange",
        {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"}}]}},
        [
            'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": '
            "min value 2 is greater than default request value 1",
            'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
        ],
    ),
    (
        "ResourceQuota",
        {"spec": {"hard": {"stuff": "1"}}},
        [
            'spec.hard[stuff]: Invalid value: "stuff": must be a standard resource type or fully qualified',
            'spec.hard[stuff]: Invalid value: "stuff": must be a standard resource for quota',
        ],
    ),
    (
        "PodDisruptionBudget",
        {"spec": {"maxUnavailable": "101%", "minAvailable": None}},
        ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    (
        "Ingress",
        {"spec": {"rules": [{"host": "10.0.0.1"}]}},
        ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    ),
    (
        "NetworkPolicy",
        {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]}},
        [
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": '
            "must not have bits set beyond the prefix length"
        ],
    ),
    ("Role", {"rules": [{"apiGroups": [""], "resources": ["pods"]}]},
     ["rules[0].verbs: Required value: verbs must contain at least one value"]),
    (
        "RoleBinding",
        {"subjects": [{"kind": "Robot", "name": "r"}]},
        [
            'subjects[0].kind: Unsupported value: "Robot": '
            'supported values: "ServiceAccount", "User", "Group"'
        ],
    ),
    ("PriorityClass", {"value": 2_000_000_000},
     ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
    ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 0, "minReplicas": 1}},
     ["spec.maxReplicas: Invalid value: 0: must be greater than 0",
      "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]),
    ("StatefulSet", {"spec": {"podManagementPolicy": "Random"}},
     ['spec.podManagementPolicy: Invalid value: "Random": must be \'OrderedReady\' or \'Parallel\'']),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes", "expected"), CREATES, ids=[f"{row[0]}-{at}" for at, row in enumerate(CREATES)]
)
def test_what_new_objects_get_wrong(kind: str, changes: dict[str, Any], expected: list[str]) -> None:
    assert [str(error) for error in rules(kind).create(made(kind, changes))] == expected


UPDATES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "Deployment",
        {},
        {"spec": {"selector": {"matchLabels": {"a": "b", "c": "d"}}, "template": {"metadata": {"labels": {"c": "d"}}}}},
        ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable'],
    ),
    (
        "StatefulSet",
        {},
        {"spec": {"serviceName": "t"}},
        [
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
            "are forbidden"
        ],
    ),
    ("StatefulSet", {}, {"spec": {"replicas": 5}}, []),
    ("Job", {"spec": {"parallelism": 1}}, {"spec": {"parallelism": 5}}, []),
    ("Job", {}, {"spec": {"completions": 5}}, ["spec.completions: Invalid value: 5: field is immutable"]),
    (
        "Service",
        {"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}},
        {"spec": {"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"]}},
        ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
    ),
    (
        "ConfigMap",
        {"immutable": True},
        {"immutable": True, "data": {"a": "c"}},
        ["data: Forbidden: field is immutable when `immutable` is set"],
    ),
    (
        "ConfigMap",
        {"immutable": True},
        {},
        ["immutable: Forbidden: field is immutable when `immutable` is set"],
    ),
    ("Secret", {}, {"type": "example.com/x"}, ['type: Invalid value: "example.com/x": field is immutable']),
    (
        "RoleBinding",
        {},
        {"roleRef": {"name": "edit"}},
        [
            'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: '
            "cannot change roleRef"
        ],
    ),
    ("PriorityClass", {}, {"value": 11}, ["value: Forbidden: may not be changed in an update."]),
    (
        "StorageClass",
        {},
        {"provisioner": "example.com/q"},
        ["provisioner: Forbidden: updates to provisioner are forbidden."],
    ),
    ("RuntimeClass", {}, {"handler": "gvisor"}, ['handler: Invalid value: "gvisor": field is immutable']),
    (
        "Node",
        {"spec": {"podCIDRs": ["10.1.0.0/24"]}},
        {"spec": {"podCIDRs": ["10.2.0.0/24"]}},
        ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ),
    ("PersistentVolumeClaim", {}, {"spec": {"volumeName": "v"}}, []),
    (
        "PersistentVolumeClaim",
        {"status": {"phase": "Bound"}},
        {"status": {"phase": "Bound"}, "spec": {"resources": {"requests": {"storage": "2Gi"}}}},
        [],
    ),
    (
        "PersistentVolumeClaim",
        {},
        {"spec": {"accessModes": ["ReadOnlyMany"]}},
        [
            "spec: Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        ],
    ),
]


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"), UPDATES, ids=[f"{row[0]}-{at}" for at, row in enumerate(UPDATES)]
)
def test_what_changes_get_wrong(kind: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    errors = rules(kind).update(made(kind, after), made(kind, before))
    assert [str(error).partition("\n")[0] for error in errors] == expected


def test_a_kind_without_rules_is_judged_by_its_type() -> None:
    judge = validation_of("no.such.kind", "admissionregistration/v1.ValidatingWebhookConfiguration")
    hook = {"name": "a.example.com", "clientConfig": {}, "admissionReviewVersions": ["v1"], "sideEffects": "Perhaps"}
    errors = judge.create({"metadata": {"name": "n"}, "webhooks": [hook, {**hook, "name": "", "sideEffects": "None"}]})
    assert [str(error) for error in errors] == [
        'webhooks[0].sideEffects: Unsupported value: "Perhaps": '
        'supported values: "None", "NoneOnDryRun", "Some", "Unknown"',
        "webhooks[1].name: Required value",
    ]
