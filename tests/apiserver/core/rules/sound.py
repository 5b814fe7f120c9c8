"""Sound objects of most kinds, and how a case says what is wrong with one: data of `test_upstream_rules.py`."""

from typing import Any

Object = dict[str, Any]
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def path_of(group_version: str, plural: str, *, namespaced: bool = True) -> str:
    root = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    return f"{root}/namespaces/default/{plural}" if namespaced else f"{root}/{plural}"


def merged(base: Object, change: Object) -> Object:
    found = dict(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = merged(found[key], value)
        elif value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


CONTAINER: Object = {"name": "c", "image": "i"}
TEMPLATE: Object = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
SELECTOR: Object = {"matchLabels": {"a": "b"}}
REFERENCE: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
CLIENT: Object = {"service": {"namespace": "n", "name": "s"}}
HOOK: Object = {
    "name": "h.example.com",
    "clientConfig": CLIENT,
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
}

BASES: dict[str, tuple[str, Object]] = {
    "pod": (path_of("v1", "pods"), {"spec": {"containers": [CONTAINER]}}),
    "service": (path_of("v1", "services"), {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}),
    "configmap": (path_of("v1", "configmaps"), {"data": {"k": "v"}}),
    "secret": (path_of("v1", "secrets"), {"type": "Opaque"}),
    "pvc": (
        path_of("v1", "persistentvolumeclaims"),
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    "pv": (
        path_of("v1", "persistentvolumes", namespaced=False),
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/tmp"},
            }
        },
    ),
    "quota": (path_of("v1", "resourcequotas"), {"spec": {"hard": {"pods": "1"}}}),
    "limits": (path_of("v1", "limitranges"), {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}),
    "deployment": (path_of("apps/v1", "deployments"), {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "statefulset": (
        path_of("apps/v1", "statefulsets"),
        {"spec": {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "s"}},
    ),
    "daemonset": (path_of("apps/v1", "daemonsets"), {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "job": (
        path_of("batch/v1", "jobs"),
        {"spec": {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}},
    ),
    "cronjob": (
        path_of("batch/v1", "cronjobs"),
        {
            "spec": {
                "schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}},
            }
        },
    ),
    "hpa": (
        path_of("autoscaling/v2", "horizontalpodautoscalers"),
        {"spec": {"scaleTargetRef": REFERENCE, "maxReplicas": 3}},
    ),
    "pdb": (path_of("policy/v1", "poddisruptionbudgets"), {"spec": {"selector": SELECTOR, "minAvailable": 1}}),
    "ingress": (
        path_of("networking.k8s.io/v1", "ingresses"),
        {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
    ),
    "policy": (path_of("networking.k8s.io/v1", "networkpolicies"), {"spec": {"podSelector": {}}}),
    "role": (
        path_of("rbac.authorization.k8s.io/v1", "roles"),
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    ),
    "rolebinding": (
        path_of("rbac.authorization.k8s.io/v1", "rolebindings"),
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}},
    ),
    "storageclass": (
        path_of("storage.k8s.io/v1", "storageclasses", namespaced=False),
        {"provisioner": "p.example.com"},
    ),
    "csinode": (path_of("storage.k8s.io/v1", "csinodes", namespaced=False), {"spec": {"drivers": []}}),
    "lease": (path_of("coordination.k8s.io/v1", "leases"), {"spec": {"holderIdentity": "h"}}),
    "priorityclass": (path_of("scheduling.k8s.io/v1", "priorityclasses", namespaced=False), {"value": 1}),
    "slice": (
        path_of("discovery.k8s.io/v1", "endpointslices"),
        {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]},
    ),
    "crd": (
        path_of("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
        {
            "metadata": {"name": "things.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"plural": "things", "kind": "Thing"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object"}},
                    }
                ],
            },
        },
    ),
    "webhook": (
        path_of("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", namespaced=False),
        {"webhooks": [HOOK]},
    ),
    "flowschema": (
        path_of("flowcontrol.apiserver.k8s.io/v1", "flowschemas", namespaced=False),
        {"spec": {"priorityLevelConfiguration": {"name": "l"}, "matchingPrecedence": 1000}},
    ),
    "servicecidr": (
        path_of("networking.k8s.io/v1", "servicecidrs", namespaced=False),
        {"spec": {"cidrs": ["10.1.0.0/16"]}},
    ),
    "runtimeclass": (path_of("node.k8s.io/v1", "runtimeclasses", namespaced=False), {"handler": "runc"}),
    "ingressclass": (
        path_of("networking.k8s.io/v1", "ingressclasses", namespaced=False),
        {"spec": {"controller": "example.com/c"}},
    ),
    "csidriver": (path_of("storage.k8s.io/v1", "csidrivers", namespaced=False), {"spec": {}}),
    "attachment": (
        path_of("storage.k8s.io/v1", "volumeattachments", namespaced=False),
        {"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}},
    ),
    "namespace": (path_of("v1", "namespaces", namespaced=False), {}),
    "node": (path_of("v1", "nodes", namespaced=False), {}),
}


def made(kind: str, change: Object) -> tuple[str, Object]:
    path, base = BASES[kind]
    return path, merged(merged({"metadata": {"name": "x"}}, base), change)


CREATES: list[tuple[str, Object, str]] = []
"""(kind, what is wrong with it, the message behind `KIND "NAME" is invalid: `)."""
UPDATES: list[tuple[str, Object, str]] = []
"""(kind, a change of a stored object, the message)."""


def refuse(kind: str, change: Object, message: str) -> None:
    CREATES.append((kind, change, message))


def keep(kind: str, change: Object, message: str) -> None:
    UPDATES.append((kind, change, message))
