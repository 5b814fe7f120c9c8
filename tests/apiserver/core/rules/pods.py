"""Pods that cannot be created or changed."""

from tests.apiserver.core.rules.sound import CONTAINER, LABEL, SUBDOMAIN, keep, refuse

refuse("pod", {"spec": {"containers": []}}, "spec.containers: Required value")
refuse(
    "pod",
    {"spec": {"containers": [{"name": "C", "image": "i"}]}},
    f'spec.containers[0].name: Invalid value: "C": {LABEL}',
)
refuse("pod", {"spec": {"containers": [{"name": "c"}]}}, "spec.containers[0].image: Required value")
refuse(
    "pod",
    {"spec": {"containers": [CONTAINER, CONTAINER]}},
    'spec.containers[1].name: Duplicate value: "c"',
)
refuse(
    "pod",
    {"spec": {"restartPolicy": "Sometimes"}},
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "imagePullPolicy": "Often"}]}},
    'spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", '
    '"Never"',
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "ports": [{"containerPort": 0}]}]}},
    "spec.containers[0].ports[0].containerPort: Required value",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "ports": [{"containerPort": 70000}]}]}},
    "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}},
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}]}},
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
)
refuse(
    "pod",
    {"spec": {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}},
    "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "livenessProbe": {"periodSeconds": 1}}]}},
    "spec.containers[0].livenessProbe: Required value: must specify a handler type",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "env": [{"name": "A=B"}]}]}},
    'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of '
    "printable ASCII characters other than '='",
)
refuse(
    "pod",
    {"spec": {"activeDeadlineSeconds": 0}},
    "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
)
refuse(
    "pod",
    {"spec": {"dnsPolicy": "None"}},
    "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
)
refuse(
    "pod",
    {"metadata": {"labels": {"a b": "c"}}},
    "metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
    "used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
)
keep(
    "pod",
    {"spec": {"activeDeadlineSeconds": -1}},
    "[spec.activeDeadlineSeconds: Invalid value: -1: must be between 1 and 2147483647, inclusive, "
    "spec.activeDeadlineSeconds: Invalid value: -1: must be between 0 and 2147483647, inclusive]",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "ports": [{"containerPort": 80, "protocol": "ICMP"}]}]}},
    'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
)
refuse(
    "pod",
    {
        "spec": {
            "containers": [
                {**CONTAINER, "ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]}
            ]
        }
    },
    'spec.containers[0].ports[1].name: Duplicate value: "a"',
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "resources": {"requests": {"thing": "1"}}}]}},
    '[spec.containers[0].resources.requests[thing]: Invalid value: "thing": must be a standard resource type or fully '
    'qualified, spec.containers[0].resources.requests[thing]: Invalid value: "thing": must be a standard resource for '
    "containers]",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "livenessProbe": {"httpGet": {"path": "/", "port": 0}}}]}},
    "spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "livenessProbe": {"exec": {"command": []}}}]}},
    "spec.containers[0].livenessProbe.exec.command: Required value",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "livenessProbe": {"exec": {"command": ["a"]}, "successThreshold": 2}}]}},
    "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
)
refuse(
    "pod",
    {
        "spec": {
            "containers": [{**CONTAINER, "securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}]
        }
    },
    'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,'
    '"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,'
    '"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set '
    "`allowPrivilegeEscalation` to false and `privileged` to true",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "terminationMessagePolicy": "Never"}]}},
    'spec.containers[0].terminationMessagePolicy: Unsupported value: "Never": supported values: "File", '
    '"FallbackToLogsOnError"',
)
refuse(
    "pod",
    {"spec": {"hostAliases": [{"ip": "x", "hostnames": ["a"]}]}},
    'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
)
refuse("pod", {"spec": {"serviceAccountName": "A"}}, f'spec.serviceAccountName: Invalid value: "A": {SUBDOMAIN}')
refuse("pod", {"spec": {"nodeName": "A"}}, f'spec.nodeName: Invalid value: "A": {SUBDOMAIN}')
refuse("pod", {"spec": {"hostname": "A"}}, f'spec.hostname: Invalid value: "A": {LABEL}')
refuse(
    "pod",
    {"spec": {"tolerations": [{"operator": "Equal", "value": "a"}]}},
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means '
    '"match all values and all keys"',
)
refuse(
    "pod",
    {
        "spec": {
            "topologySpreadConstraints": [
                {"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
            ]
        }
    },
    "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
)
refuse(
    "pod",
    {"spec": {"readinessGates": [{"conditionType": "a b"}]}},
    'spec.readinessGates[0].conditionType: Invalid value: "a b": name part must consist of alphanumeric characters, '
    "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
    "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
)
refuse(
    "pod",
    {"spec": {"securityContext": {"sysctls": [{"name": "A!", "value": "1"}]}}},
    'spec.securityContext.sysctls[0].name: Invalid value: "A!": must have at most 253 characters and match regex '
    "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
)
refuse(
    "pod",
    {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]}},
    "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
)
refuse(
    "pod",
    {"spec": {"volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 1000}}]}},
    "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both "
    "inclusive",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "envFrom": [{"configMapRef": {}, "secretRef": {"name": "s"}}]}]}},
    '[spec.containers[0].envFrom[0].configMapRef.name: Required value, spec.containers[0].envFrom: Invalid value: "": '
    "may not have more than one field specified at a time]",
)
refuse(
    "pod",
    {
        "spec": {
            "containers": [
                {
                    **CONTAINER,
                    "env": [{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                }
            ]
        }
    },
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
)
refuse(
    "pod",
    {
        "spec": {
            "containers": [
                {**CONTAINER, "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.hostIP"}}}]}
            ]
        }
    },
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostIP": error converting fieldPath: '
    "field label not supported: spec.hostIP",
)
refuse(
    "pod",
    {"spec": {"containers": [{**CONTAINER, "lifecycle": {"preStop": {}}}]}},
    "spec.containers[0].lifecycle.preStop: Required value: must specify a handler type",
)
refuse(
    "pod",
    {"spec": {"initContainers": [{**CONTAINER, "name": "first", "livenessProbe": {"exec": {"command": ["a"]}}}]}},
    "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
)
refuse(
    "pod",
    {"metadata": {"annotations": {"a": "x" * (257 << 10)}}},
    "metadata.annotations: Too long: may not be more than 262144 bytes",
)
