"""Pods as the API takes them: each broken rule with its path and words."""

from copy import deepcopy
from typing import Any

import pytest

from pybernetes.api.defaulting import apply_defaults
from pybernetes.api.schema import schema_for
from pybernetes.api.validation import validation_of

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def pod(**spec: Any) -> dict[str, Any]:
    """A good pod, decoded and defaulted, with parts of its spec replaced."""
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "web", "image": "web:1"}], **deepcopy(spec)},
    }
    schema = schema_for("v1", "Pod")
    assert schema is not None
    schema.decode(found)
    apply_defaults(found, "v1", "Pod")
    return found


def web(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "web", "image": "web:1", **fields}]


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a good pod", {}, []),
    ("no containers", {"containers": []}, ["spec.containers: Required value"]),
    (
        "a container without name and image",
        {"containers": [{}]},
        ["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
    ),
    (
        "a container named in capitals",
        {"containers": [{"name": "Web", "image": "web"}]},
        [f'spec.containers[0].name: Invalid value: "Web": {LABEL}'],
    ),
    (
        "two containers of one name",
        {"containers": [*web(), *web()]},
        ['spec.containers[1].name: Duplicate value: "web"'],
    ),
    (
        "white space around an image",
        {"containers": [{"name": "web", "image": " web"}]},
        ['spec.containers[0].image: Invalid value: " web": must not have leading or trailing whitespace'],
    ),
    (
        "ports out of range and repeated",
        {"containers": web(ports=[{"containerPort": 70000, "name": "a"}, {"containerPort": 80, "name": "a"}])},
        [
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            'spec.containers[0].ports[1].name: Duplicate value: "a"',
        ],
    ),
    (
        "an unknown protocol",
        {"containers": web(ports=[{"containerPort": 80, "protocol": "HTTP"}])},
        ['spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
    ),
    (
        "the same host port twice",
        {"containers": web(ports=[{"containerPort": n, "hostPort": 80} for n in (1, 2)])},
        ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ),
    (
        "a request above its limit",
        {"containers": web(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})},
        ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ),
    (
        "a negative limit",
        {"containers": web(resources={"limits": {"memory": "-1"}, "requests": {"memory": "-1"}})},
        [
            'spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
            'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
        ],
    ),
    (
        "a resource that nobody knows",
        {"containers": web(resources={"limits": {"gpu": "1"}, "requests": {"gpu": "1"}})},
        [
            'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": '
            "must be a standard resource type or fully qualified",
            "spec.containers[0].resources.limits[gpu]: "
            'Invalid value: "gpu": must be a standard resource for containers',
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": '
            "must be a standard resource type or fully qualified",
            'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": '
            "must be a standard resource for containers",
        ],
    ),
    (
        "a mount of no volume",
        {"containers": web(volumeMounts=[{"name": "data", "mountPath": "/data"}])},
        ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ),
    (
        "two mounts in one place",
        {
            "volumes": [{"name": "a", "emptyDir": {}}],
            "containers": web(volumeMounts=[{"name": "a", "mountPath": "/a"}] * 2),
        },
        ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique'],
    ),
    (
        "a volume of two kinds",
        {"volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    (
        "volumes of one name",
        {"volumes": [{"name": "a", "emptyDir": {}}] * 2},
        ['spec.volumes[1].name: Duplicate value: "a"'],
    ),
    (
        "a path that leaves the volume",
        {"volumes": [{"name": "a", "configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}}]},
        ["spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'"],
    ),
    (
        "a probe without handler",
        {"containers": web(livenessProbe={"periodSeconds": 1})},
        ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
    ),
    (
        "a liveness probe that must succeed twice",
        {"containers": web(livenessProbe={"tcpSocket": {"port": 80}, "successThreshold": 2})},
        ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ),
    (
        "a probe on an init container",
        {"initContainers": [{"name": "i", "image": "i", "livenessProbe": {"tcpSocket": {"port": 80}}}]},
        [
            "spec.initContainers[0].livenessProbe: Forbidden: "
            "may not be set for init containers without restartPolicy=Always"
        ],
    ),
    (
        "a probe on a sidecar",
        {
            "initContainers": [
                {"name": "i", "image": "i", "restartPolicy": "Always", "livenessProbe": {"tcpSocket": {"port": 80}}}
            ]
        },
        [],
    ),
    (
        "a variable from two places",
        {
            "containers": web(
                env=[{"name": "A", "value": "b", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
            )
        },
        [
            'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ],
    ),
    (
        "a variable from an unknown field",
        {"containers": web(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.foo"}}}])},
        [
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.foo": '
            "error converting fieldPath: field label not supported: status.foo"
        ],
    ),
    (
        "an unknown restart policy",
        {"restartPolicy": "Sometimes"},
        ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ),
    (
        "a toleration of nothing",
        {"tolerations": [{"operator": "Equal", "value": "x"}]},
        [
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, '
            'which means "match all values and all keys"'
        ],
    ),
    (
        "DNS without servers",
        {"dnsPolicy": "None"},
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    (
        "a spread that says too little",
        {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Maybe"}]},
        [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": '
            'supported values: "DoNotSchedule", "ScheduleAnyway"',
        ],
    ),
    (
        "node affinity without terms",
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
        [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
            "Required value: must have at least one node selector term"
        ],
    ),
    (
        "privileged without the right to escalate",
        {"containers": web(securityContext={"privileged": True, "allowPrivilegeEscalation": False})},
        [
            "spec.containers[0].securityContext: Invalid value: "
            '{"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,'
            '"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,'
            '"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: '
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        ],
    ),
    (
        "a user that cannot be",
        {"securityContext": {"runAsUser": -1}},
        ["spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ),
    (
        "ephemeral containers at creation",
        {"ephemeralContainers": [{"name": "d", "image": "d"}]},
        ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    ),
    (
        "a node for a gated pod",
        {"nodeName": "n", "schedulingGates": [{"name": "example.com/g"}]},
        ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_new_pods(spec: dict[str, Any], expected: list[str]) -> None:
    assert [str(error) for error in validation_of("pods").create(pod(**spec))] == expected


FIELDS = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
LASTING = {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
GATE = {"name": "example.com/g"}

UPDATES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("another image", {}, {"containers": web(image="web:2")}, ""),
    ("another command", {}, {"containers": web(command=["x"])}, f"spec: Forbidden: {FIELDS}"),
    ("one more container", {}, {"containers": [*web(), {"name": "b", "image": "b"}]},
     "spec.containers: Forbidden: pod updates may not add or remove containers"),
    ("a deadline", {}, {"activeDeadlineSeconds": 5}, ""),
    ("a shorter deadline", {"activeDeadlineSeconds": 9}, {"activeDeadlineSeconds": 5}, ""),
    ("a longer deadline", {"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 9},
     "spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value"),
    ("one more toleration", {}, {"tolerations": [LASTING]}, ""),
    ("a longer toleration", {"tolerations": [LASTING]}, {"tolerations": [{**LASTING, "tolerationSeconds": 9}]}, ""),
    ("a toleration less", {"tolerations": [LASTING]}, {},
     "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"),
    ("a gate less", {"schedulingGates": [GATE]}, {}, ""),
    ("a new gate", {}, {"schedulingGates": [GATE]},
     "spec.schedulingGates[0].name: Forbidden: "
     "only deletion is allowed, but found new scheduling gate 'example.com/g'"),
    ("a narrower selector behind a gate", {"schedulingGates": [GATE]},
     {"schedulingGates": [GATE], "nodeSelector": {"a": "b"}}, ""),
    ("a narrower selector", {}, {"nodeSelector": {"a": "b"}}, f"spec: Forbidden: {FIELDS}"),
    ("a grace period that was negative", {"terminationGracePeriodSeconds": -1},
     {"terminationGracePeriodSeconds": 1}, ""),
    ("another grace period", {}, {"terminationGracePeriodSeconds": 1}, f"spec: Forbidden: {FIELDS}"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), [row[1:] for row in UPDATES], ids=[r[0] for r in UPDATES])
def test_changed_pods(before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    errors = validation_of("pods").update(pod(**after), pod(**before))
    assert [str(error).partition("\n")[0] for error in errors] == ([expected] if expected else [])


def test_a_refused_change_shows_what_differs() -> None:
    (error,) = validation_of("pods").update(pod(hostname="b"), pod(hostname="a"))
    assert '-  "hostname": "a",' in error.message
    assert '+  "hostname": "b",' in error.message


def status(**fields: Any) -> dict[str, Any]:
    return {**pod(restartPolicy="Never"), "status": {"qosClass": "BestEffort", **fields}}


STATUSES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("another phase", {"phase": "Pending"}, {"phase": "Running"}, []),
    (
        "another class",
        {},
        {"qosClass": "Burstable"},
        ['status.qosClass: Invalid value: "Burstable": field is immutable'],
    ),
    (
        "an address that is none",
        {},
        {"podIPs": [{"ip": "10.0.0.300"}]},
        [
            'status.podIPs[0]: Invalid value: "10.0.0.300": '
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        ],
    ),
    (
        "two addresses of one family",
        {},
        {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]},
        [
            'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: '
            "may specify no more than one IP for each IP family"
        ],
    ),
    (
        "a container that rises again",
        {"containerStatuses": [{"name": "web", "state": {"terminated": {"exitCode": 0}}}]},
        {"containerStatuses": [{"name": "web", "state": {"running": {}}}]},
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), [row[1:] for row in STATUSES], ids=[r[0] for r in STATUSES])
def test_reported_status(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    errors = validation_of("pods").update(status(**after), status(**before), subresource="status")
    assert [str(error) for error in errors] == expected


def test_ephemeral_containers_are_only_added() -> None:
    debug = {"name": "d", "image": "d"}
    rules = validation_of("pods")
    assert rules.update(pod(ephemeralContainers=[debug]), pod(), subresource="ephemeralcontainers") == []
    (error,) = rules.update(pod(), pod(ephemeralContainers=[debug]), subresource="ephemeralcontainers")
    assert error.message == 'Forbidden: existing ephemeral containers "d" may not be removed\n'


def test_ephemeral_containers_have_no_ports() -> None:
    changed = pod(ephemeralContainers=[{"name": "d", "image": "d", "ports": [{"containerPort": 80}]}])
    (error,) = validation_of("pods").update(changed, pod(), subresource="ephemeralcontainers")
    assert str(error) == "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"


def test_a_resize_takes_no_limit_away() -> None:
    requests = {"cpu": "500m", "memory": "1Gi"}
    before = pod(containers=web(resources={"limits": {"cpu": "1", "memory": "1Gi"}, "requests": requests}))
    after = pod(containers=web(resources={"limits": {"cpu": "1"}, "requests": requests}))
    (error,) = validation_of("pods").update(after, before, subresource="resize")
    assert str(error) == "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"
