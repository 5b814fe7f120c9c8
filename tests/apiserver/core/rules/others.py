"""Objects of other kinds that cannot be created or changed."""

from tests.apiserver.core.rules.sound import HOOK, LABEL, SUBDOMAIN, keep, refuse

refuse("service", {"spec": {"ports": []}}, "spec.ports: Required value")
refuse(
    "service",
    {"spec": {"type": "Other"}},
    'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
)
refuse(
    "service",
    {"spec": {"ports": [{"port": 80}, {"port": 81}]}},
    "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]",
)
refuse(
    "service",
    {"spec": {"clusterIP": "10.0.0.300"}},
    'spec.clusterIPs[0]: Invalid value: "10.0.0.300": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
)
refuse(
    "service",
    {"spec": {"sessionAffinity": "Always"}},
    'spec.sessionAffinity: Unsupported value: "Always": supported values: "ClientIP", "None"',
)
refuse(
    "service",
    {"spec": {"type": "ExternalName"}},
    "spec.externalName: Required value",
)
refuse(
    "service",
    {"spec": {"type": "ExternalName", "externalName": "A"}},
    'spec.externalName: Invalid value: "A": ' + SUBDOMAIN,
)
keep(
    "service",
    {"spec": {"clusterIP": "10.96.0.77", "clusterIPs": ["10.96.0.77"]}},
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.77"]: may not change once set',
)
refuse(
    "configmap",
    {"data": {"a b": ""}},
    "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
)
refuse(
    "secret",
    {"type": "kubernetes.io/tls"},
    "[data[tls.crt]: Required value, data[tls.key]: Required value]",
)
keep("secret", {"type": "other"}, 'type: Invalid value: "other": field is immutable')
refuse(
    "pvc",
    {"spec": {"accessModes": []}},
    "spec.accessModes: Required value: at least 1 access mode is required",
)
refuse(
    "pvc",
    {"spec": {"resources": {"requests": {"storage": None}}}},
    "spec.resources[storage]: Required value",
)
refuse(
    "pvc",
    {"spec": {"accessModes": ["Often"]}},
    'spec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", "ReadWriteMany", '
    '"ReadWriteOnce", "ReadWriteOncePod"',
)
refuse("pv", {"spec": {"hostPath": None}}, "spec: Required value: must specify a volume type")
refuse(
    "pv",
    {"spec": {"capacity": {"storage": None, "cpu": "1"}}},
    'spec.capacity: Unsupported value: {"cpu":"1"}: supported values: "storage"',
)
keep(
    "storageclass",
    {"provisioner": "other.example.com"},
    "provisioner: Forbidden: updates to provisioner are forbidden.",
)
keep(
    "storageclass",
    {"parameters": {"a": "b"}},
    "parameters: Forbidden: updates to parameters are forbidden.",
)
refuse("storageclass", {"provisioner": ""}, "provisioner: Required value")
refuse(
    "storageclass",
    {"reclaimPolicy": "Recycle"},
    'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
)
refuse(
    "csinode",
    {"spec": {"drivers": [{"name": "d", "nodeID": ""}]}},
    "spec.drivers[0].nodeID: Required value",
)
keep(
    "csidriver", {"spec": {"attachRequired": False}}, "spec.attachedRequired: Invalid value: false: field is immutable"
)
refuse(
    "quota",
    {"spec": {"hard": {"pods": "-1"}}},
    'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
)
refuse(
    "quota",
    {"spec": {"hard": {"pods": "1.5"}}},
    'spec.hard[pods]: Invalid value: "1500m": must be an integer',
)
refuse(
    "limits",
    {"spec": {"limits": [{"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}},
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
)
refuse(
    "pdb",
    {"spec": {"maxUnavailable": 1}},
    'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":1,'
    '"UnhealthyPodEvictionPolicy":null}: '
    "minAvailable and maxUnavailable cannot be both set",
)
refuse(
    "pdb",
    {"spec": {"minAvailable": "150%"}},
    'spec.minAvailable: Invalid value: "150%": must not be greater than 100%',
)
refuse(
    "deployment",
    {"spec": {"selector": {"matchLabels": {"a": "c"}}}},
    'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
)
refuse(
    "deployment",
    {"spec": {"replicas": -1}},
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
)
refuse(
    "deployment",
    {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}},
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
)
refuse(
    "deployment",
    {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}},
    "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
)
keep(
    "deployment",
    {"spec": {"selector": {"matchLabels": {"a": "b", "c": "d"}}, "template": {"metadata": {"labels": {"c": "d"}}}}},
    'spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable',
)
keep(
    "statefulset",
    {"spec": {"serviceName": "other"}},
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden",
)
refuse(
    "daemonset",
    {"spec": {"updateStrategy": {"type": "Sometimes"}}},
    'spec.updateStrategy: Unsupported value: {"Type":"Sometimes","RollingUpdate":null}: supported values: '
    '"RollingUpdate", "OnDelete"',
)
refuse(
    "job",
    {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}},
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
)
refuse(
    "job",
    {"spec": {"completionMode": "Indexed", "parallelism": 2}},
    "spec.completions: Required value: when completion mode is Indexed",
)
keep("job", {"spec": {"completions": 5}}, "spec.completions: Invalid value: 5: field is immutable")
refuse(
    "cronjob",
    {"spec": {"schedule": "* * *"}},
    'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
)
refuse(
    "cronjob",
    {"spec": {"timeZone": "Nowhere/City"}},
    'spec.timeZone: Invalid value: "Nowhere/City": unknown time zone Nowhere/City',
)
refuse(
    "cronjob",
    {"spec": {"concurrencyPolicy": "Maybe"}},
    'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
)
refuse(
    "hpa",
    {"spec": {"minReplicas": 5}},
    "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
)
refuse("hpa", {"spec": {"scaleTargetRef": {"name": ""}}}, "spec.scaleTargetRef.name: Required value")
refuse(
    "ingress",
    {"spec": {"defaultBackend": None}},
    "spec: Invalid value: []: either `defaultBackend` or `rules` must be specified",
)
refuse(
    "ingress",
    {
        "spec": {
            "rules": [
                {
                    "http": {
                        "paths": [
                            {
                                "path": "a",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "s", "port": {"number": 1}}},
                            }
                        ]
                    }
                }
            ]
        }
    },
    'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
)
refuse(
    "ingress",
    {"spec": {"defaultBackend": {"service": {"port": {"number": None}}}}},
    "spec.defaultBackend: Required value: port name or number is required",
)
refuse(
    "policy",
    {"spec": {"policyTypes": ["Sideways"]}},
    'spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"',
)
refuse(
    "policy",
    {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]}},
    'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`',
)
refuse(
    "slice",
    {"endpoints": [{"addresses": []}]},
    "endpoints[0].addresses: Required value: must contain at least 1 address",
)
refuse(
    "slice",
    {"addressType": "Name"},
    'addressType: Unsupported value: "Name": supported values: "FQDN", "IPv4", "IPv6"',
)
keep("slice", {"addressType": "IPv6", "endpoints": []}, 'addressType: Invalid value: "IPv6": field is immutable')
refuse(
    "servicecidr",
    {"spec": {"cidrs": []}},
    "spec.cidrs: Required value: at least one CIDR required",
)
keep(
    "ingressclass",
    {"spec": {"controller": "example.com/d"}},
    'spec.controller: Invalid value: "example.com/d": field is immutable',
)
refuse(
    "role",
    {"rules": [{"apiGroups": [""], "resources": ["pods"]}]},
    "rules[0].verbs: Required value: verbs must contain at least one value",
)
refuse(
    "role",
    {"rules": [{"resources": ["pods"], "verbs": ["get"]}]},
    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
)
refuse(
    "role",
    {"rules": [{"nonResourceURLs": ["/healthz"], "verbs": ["get"]}]},
    'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
)
refuse(
    "rolebinding",
    {"roleRef": {"kind": "Job"}},
    'roleRef.kind: Unsupported value: "Job": supported values: "Role", "ClusterRole"',
)
refuse("rolebinding", {"roleRef": {"name": ""}}, "roleRef.name: Required value")
keep(
    "rolebinding",
    {"roleRef": {"name": "edit"}},
    'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: cannot '
    "change roleRef",
)
refuse(
    "lease",
    {"spec": {"leaseDurationSeconds": 0}},
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
)
refuse(
    "priorityclass",
    {"value": 2000000000},
    "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
)
keep("priorityclass", {"value": 2}, "value: Forbidden: may not be changed in an update.")
refuse("runtimeclass", {"handler": "A"}, f'handler: Invalid value: "A": {LABEL}')
keep("runtimeclass", {"handler": "other"}, 'handler: Invalid value: "other": field is immutable')
refuse(
    "flowschema",
    {"spec": {"matchingPrecedence": 10001}},
    "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
)
refuse(
    "flowschema",
    {"spec": {"priorityLevelConfiguration": {"name": ""}}},
    "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "name": "h"}]},
    'webhooks[0].name: Invalid value: "h": should be a domain with at least three segments separated by dots',
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "timeoutSeconds": 31}]},
    "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "sideEffects": "Some"}]},
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "admissionReviewVersions": []}]},
    "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1",
)
refuse(
    "crd",
    {"metadata": {"name": "wrong.example.com"}},
    'metadata.name: Invalid value: "wrong.example.com": must be spec.names.plural+"."+spec.group',
)
refuse(
    "crd",
    {"spec": {"scope": "Everywhere"}},
    'spec.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"',
)
keep("crd", {"spec": {"scope": "Cluster"}}, 'spec.scope: Invalid value: "Cluster": field is immutable')
keep(
    "attachment",
    {"spec": {"nodeName": "m"}},
    'spec: Invalid value: {"Attacher":"a","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},'
    '"NodeName":"m"}: field is immutable',
)
refuse("namespace", {"metadata": {"name": "a.b"}}, 'metadata.name: Invalid value: "a.b": must not contain dots')
keep(
    "node",
    {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"], "taints": [{"key": "a", "effect": "Never"}]}},
    'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", '
    '"NoExecute"',
)

refuse(
    "service",
    {"spec": {"ports": [{"port": 80, "name": "A"}]}},
    f'spec.ports[0].name: Invalid value: "A": {LABEL}',
)
refuse(
    "service",
    {"spec": {"ports": [{"port": 80, "targetPort": "a_b"}]}},
    'spec.ports[0].targetPort: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and '
    "hyphens "
    "(-)",
)
refuse(
    "service",
    {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}},
    "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is "
    "30000-32767",
)
refuse(
    "service",
    {"spec": {"clusterIP": "10.96.0.1"}},
    'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated',
)
refuse(
    "service",
    {"spec": {"externalTrafficPolicy": "Local"}},
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
)
refuse(
    "service",
    {"spec": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}},
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
)
refuse(
    "service",
    {"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}},
    "spec.ports[1]: Duplicate value: "
    '{"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
)
refuse("pv", {"spec": {"accessModes": []}}, "spec.accessModes: Required value")
refuse(
    "pv",
    {"spec": {"persistentVolumeReclaimPolicy": "Never"}},
    'spec.persistentVolumeReclaimPolicy: Unsupported value: "Never": supported values: "Delete", "Recycle", "Retain"',
)
refuse(
    "job",
    {"spec": {"backoffLimit": -1}},
    "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
)
refuse(
    "cronjob",
    {"metadata": {"name": "a" * 53}},
    f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters',
)
refuse(
    "cronjob",
    {"spec": {"schedule": "TZ=UTC * * * * *"}},
    'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field '
    "instead",
)
refuse(
    "statefulset",
    {"spec": {"podManagementPolicy": "Some"}},
    "spec.podManagementPolicy: Invalid value: \"Some\": must be 'OrderedReady' or 'Parallel'",
)
refuse(
    "hpa",
    {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]}},
    "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a "
    "target "
    "utilization",
)
refuse(
    "limits",
    {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}, {"type": "Container"}]}},
    'spec.limits[1].type: Duplicate value: "Container"',
)
refuse(
    "quota",
    {"spec": {"scopes": ["Everything"]}},
    'spec.scopes: Invalid value: ["Everything"]: unsupported scope',
)
refuse(
    "ingress",
    {"spec": {"tls": [{"hosts": ["A"]}]}},
    f'spec.tls[0].hosts[0]: Invalid value: "A": {SUBDOMAIN}',
)
refuse(
    "slice",
    {"endpoints": [{"addresses": ["127.0.0.1"]}]},
    'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
)
refuse(
    "slice",
    {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]},
    'ports[1].name: Duplicate value: "a"',
)
refuse(
    "policy",
    {"spec": {"ingress": [{"ports": [{"port": 80, "protocol": "ICMP"}]}]}},
    'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
)
refuse(
    "policy",
    {"spec": {"ingress": [{"ports": [{"port": 80, "endPort": 70}]}]}},
    "spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`",
)
refuse(
    "policy",
    {"spec": {"ingress": [{"from": [{}]}]}},
    "spec.ingress[0].from[0]: Required value: must specify a peer",
)
refuse(
    "crd",
    {"spec": {"versions": [{"name": "v1", "served": True, "storage": True}]}},
    "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
)
refuse(
    "crd",
    {"spec": {"names": {"kind": "thing!", "singular": "thing", "listKind": "ThingList"}}},
    'spec.names.kind: Invalid value: "thing!": may have mixed case, but should otherwise match: a DNS-1035 label must '
    "consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
)
keep(
    "crd",
    {"spec": {"group": "other.com"}},
    '[metadata.name: Invalid value: "things.example.com": must be spec.names.plural+"."+spec.group, spec.group: '
    "Invalid "
    'value: "other.com": field is immutable]',
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "clientConfig": {"url": "http://example.com"}}]},
    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
    "https://host[/path]",
)
refuse(
    "webhook",
    {"webhooks": [{**HOOK, "clientConfig": {}}]},
    "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
)
refuse(
    "webhook",
    {"webhooks": [HOOK, HOOK]},
    'webhooks[1].name: Duplicate value: "h.example.com"',
)
