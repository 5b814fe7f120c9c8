"""The smallest valid object of every stored kind, and a status where it has one."""

from typing import Any

Object = dict[str, Any]

LABELS = {"app": "x"}
POD_SPEC: Object = {"containers": [{"name": "c", "image": "i"}]}
TEMPLATE: Object = {"metadata": {"labels": LABELS}, "spec": POD_SPEC}
NEVER: Object = {"metadata": {"labels": LABELS}, "spec": {**POD_SPEC, "restartPolicy": "Never"}}
WORKLOAD: Object = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
SUBJECTS = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u"}]
CLIENT = {"url": "https://hook.example.com/"}
HOOK = {"name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": CLIENT}
MATCH = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}
MUTATION = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}
CRD_SCHEMA = {"openAPIV3Schema": {"type": "object"}}
CONDITION = {
    "type": "Ready",
    "status": "True",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "reason": "R",
    "message": "",
}

SAMPLES: dict[str, Object] = {
    "configmaps": {"data": {"a": "b"}},
    "endpoints": {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
    "events": {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "R", "message": "m"},
    "limitranges": {"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}},
    "namespaces": {},
    "nodes": {},
    "persistentvolumeclaims": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    "persistentvolumes": {
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}
    },
    "pods": {"spec": POD_SPEC},
    "podtemplates": {"template": TEMPLATE},
    "replicationcontrollers": {"spec": {"selector": LABELS, "template": TEMPLATE, "replicas": 1}},
    "resourcequotas": {"spec": {"hard": {"pods": "5"}}},
    "secrets": {"stringData": {"a": "b"}},
    "serviceaccounts": {},
    "services": {"spec": {"ports": [{"port": 80}], "selector": LABELS}},
    "apiservices.apiregistration.k8s.io": {
        "spec": {
            "group": "example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
            "service": {"name": "s", "namespace": "default"},
            "insecureSkipTLSVerify": True,
        }
    },
    "controllerrevisions.apps": {"revision": 1, "data": {"a": 1}},
    "daemonsets.apps": {"spec": WORKLOAD},
    "deployments.apps": {"spec": WORKLOAD},
    "replicasets.apps": {"spec": WORKLOAD},
    "statefulsets.apps": {"spec": {**WORKLOAD, "serviceName": "s"}},
    "horizontalpodautoscalers.autoscaling": {
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}
    },
    "cronjobs.batch": {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": NEVER}}}},
    "jobs.batch": {"spec": {"template": NEVER}},
    "certificatesigningrequests.certificates.k8s.io": {
        "spec": {"signerName": "example.com/x", "usages": ["client auth"], "request": ""}
    },
    "ingressclasses.networking.k8s.io": {"spec": {"controller": "example.com/x"}},
    "ingresses.networking.k8s.io": {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
    "ipaddresses.networking.k8s.io": {
        "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "s"}}
    },
    "networkpolicies.networking.k8s.io": {"spec": {"podSelector": {}}},
    "servicecidrs.networking.k8s.io": {"spec": {"cidrs": ["10.1.0.0/16"]}},
    "poddisruptionbudgets.policy": {"spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}}},
    "clusterrolebindings.rbac.authorization.k8s.io": {"roleRef": ROLE_REF, "subjects": SUBJECTS},
    "clusterroles.rbac.authorization.k8s.io": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "rolebindings.rbac.authorization.k8s.io": {"roleRef": ROLE_REF, "subjects": SUBJECTS},
    "roles.rbac.authorization.k8s.io": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "csidrivers.storage.k8s.io": {"spec": {"attachRequired": False}},
    "csinodes.storage.k8s.io": {"spec": {"drivers": [{"name": "d", "nodeID": "n"}]}},
    "csistoragecapacities.storage.k8s.io": {"storageClassName": "sc", "capacity": "1Gi"},
    "storageclasses.storage.k8s.io": {"provisioner": "example.com/x"},
    "volumeattachments.storage.k8s.io": {
        "spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}
    },
    "volumeattributesclasses.storage.k8s.io": {"driverName": "d", "parameters": {"a": "b"}},
    "mutatingadmissionpolicies.admissionregistration.k8s.io": {
        "spec": {"matchConstraints": MATCH, "mutations": [MUTATION], "reinvocationPolicy": "Never"}
    },
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": {"spec": {"policyName": "x"}},
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": [HOOK]},
    "validatingadmissionpolicies.admissionregistration.k8s.io": {
        "spec": {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}
    },
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
        "spec": {"policyName": "x", "validationActions": ["Deny"]}
    },
    "validatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks": [HOOK]},
    "customresourcedefinitions.apiextensions.k8s.io": {},
    "priorityclasses.scheduling.k8s.io": {"value": 5},
    "leases.coordination.k8s.io": {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 10}},
    "runtimeclasses.node.k8s.io": {"handler": "h"},
    "endpointslices.discovery.k8s.io": {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]},
    "deviceclasses.resource.k8s.io": {"spec": {}},
    "resourceclaims.resource.k8s.io": {"spec": {}},
    "resourceclaimtemplates.resource.k8s.io": {"spec": {"spec": {}}},
    "resourceslices.resource.k8s.io": {
        "spec": {
            "driver": "d.example.com",
            "nodeName": "n",
            "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        }
    },
    "flowschemas.flowcontrol.apiserver.k8s.io": {
        "spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 9000}
    },
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}
    },
}

NAMES: dict[str, list[str]] = {
    "ipaddresses.networking.k8s.io": ["10.96.3.1", "10.96.3.2", "10.96.3.3"],
    "apiservices.apiregistration.k8s.io": ["v1.a.example.com", "v1.b.example.com", "v1.c.example.com"],
    "customresourcedefinitions.apiextensions.k8s.io": ["as.example.com", "bs.example.com", "cs.example.com"],
}

STATUSES: dict[str, Object] = {
    "nodes": {"conditions": [CONDITION]},
    "pods": {"message": "m"},
    "namespaces": {"conditions": [CONDITION]},
    "persistentvolumeclaims": {"phase": "Bound"},
    "persistentvolumes": {"phase": "Available", "message": "m"},
    "resourcequotas": {"hard": {"pods": "5"}, "used": {"pods": "1"}},
    "services": {"conditions": [{**CONDITION, "message": "m"}]},
    "ingresses.networking.k8s.io": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    "volumeattachments.storage.k8s.io": {"attached": True},
    "apiservices.apiregistration.k8s.io": {"conditions": [{**CONDITION, "type": "Available"}]},
    "customresourcedefinitions.apiextensions.k8s.io": {"conditions": [{**CONDITION, "type": "Other"}]},
    "resourceclaims.resource.k8s.io": {},
    "horizontalpodautoscalers.autoscaling": {"currentReplicas": 1, "desiredReplicas": 2},
    "poddisruptionbudgets.policy": {
        "currentHealthy": 1,
        "desiredHealthy": 1,
        "expectedPods": 1,
        "disruptionsAllowed": 0,
    },
    "daemonsets.apps": {
        "currentNumberScheduled": 1,
        "desiredNumberScheduled": 1,
        "numberMisscheduled": 0,
        "numberReady": 1,
    },
    "cronjobs.batch": {"lastScheduleTime": "2026-01-01T00:00:00Z"},
    "jobs.batch": {"active": 1},
}
DEFAULT_STATUS: Object = {"conditions": [{**CONDITION, "type": "Available"}]}


def sample(group_resource: str, name: str) -> Object:
    """A private object of this resource."""
    import copy

    obj = copy.deepcopy(SAMPLES[group_resource])
    obj["metadata"] = {"name": name, "labels": {"test": "operations"}}
    if group_resource == "apiservices.apiregistration.k8s.io":
        obj["spec"]["group"] = name.partition(".")[2]
    if group_resource == "customresourcedefinitions.apiextensions.k8s.io":
        plural, _, group = name.partition(".")
        names = {"plural": plural, "kind": plural.upper(), "singular": plural[:-1]}
        version = {"name": "v1", "served": True, "storage": True, "schema": CRD_SCHEMA, "subresources": {"status": {}}}
        obj["spec"] = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    if group_resource == "certificatesigningrequests.certificates.k8s.io":
        obj["spec"]["request"] = certificate_request()
    return obj


def certificate_request() -> str:
    """A PKCS #10 request of a fresh key, base64."""
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
