"""What clients are warned of, kind by kind, in upstream's words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.validation.pod import validate_create
from pybernetes.api.warnings import MODULES, addresses, advice_of
from pybernetes.api.warnings.pod import of_template

Object = dict[str, Any]
NO_SELECTOR = "a null labelSelector results in matching no pod"
HOSTNAMES = (
    "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended"
)


def container(**more: Any) -> Object:
    return {"name": "c", "image": "i", **more}


def pod(annotations: Object | None = None, **spec: Any) -> Object:
    metadata = {"name": "p", **({"annotations": annotations} if annotations else {})}
    return {"metadata": metadata, "spec": {"containers": [container()], **spec}}


def of(obj: Object, kind: str = "pods", old: Object | None = None) -> list[str]:
    advice = advice_of(kind)
    assert advice is not None
    return advice(obj, old)


PODS: dict[str, tuple[Object, list[str]]] = {
    "nothing": (pod(), []),
    "a name with dots": (
        {**pod(), "metadata": {"name": "a.b"}},
        [
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label "
            "is recommended: [must not contain dots]"
        ],
    ),
    "an old label of nodes": (
        pod(nodeSelector={"beta.kubernetes.io/os": "linux"}),
        ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ),
    "an old label in an affinity": (
        pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "beta.kubernetes.io/arch"}]}]
                    }
                }
            }
        ),
        [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
            '.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" '
            "instead"
        ],
    ),
    "a spread over an old label, of no pod": (
        pod(topologySpreadConstraints=[{"topologyKey": "failure-domain.beta.kubernetes.io/zone"}]),
        [
            "spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since "
            'v1.17; use "topology.kubernetes.io/zone" instead',
            f"spec.topologySpreadConstraints[0].labelSelector: {NO_SELECTOR}",
        ],
    ),
    "affinities to no pod": (
        pod(
            affinity={
                "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a"}]},
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": {"topologyKey": "a"}}]
                },
            }
        ),
        [
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: " + NO_SELECTOR,
            "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm"
            f".labelSelector: {NO_SELECTOR}",
        ],
    ),
    "annotations without function": (
        pod({"scheduler.alpha.kubernetes.io/critical-pod": "", "seccomp.security.alpha.kubernetes.io/pod": "x"}),
        [
            "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "
            '"priorityClassName" field instead',
            "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "
            '"seccompProfile" field instead',
        ],
    ),
    "an annotation that a field takes the place of": (
        pod(
            {"container.seccomp.security.alpha.kubernetes.io/c": "x"},
            containers=[container(securityContext={"seccompProfile": {"type": "Unconfined"}})],
        ),
        [],
    ),
    "old volumes": (
        pod(volumes=[{"name": "a", "gitRepo": {}}, {"name": "b", "storageos": {}}]),
        [
            "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
            "spec.volumes[1].storageOS: deprecated in v1.22, non-functional in v1.25+",
        ],
    ),
    "a file in the place of a token": (
        pod(
            volumes=[
                {
                    "name": "a",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "t"}},
                            {"secret": {"items": [{"path": "s"}, {"path": "t"}]}},
                            {"clusterTrustBundle": {"path": "t"}},
                        ]
                    },
                }
            ]
        ),
        [
            'spec.volumes[0].projected.sources.secrets[1]: has duplicated path with ServiceAccountToken "t"',
            'spec.volumes[0].projected.sources.ClusterTrustBundle: has duplicated path with ServiceAccountToken "t"',
        ],
    ),
    "aliases and secrets twice": (
        pod(hostAliases=[{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}], imagePullSecrets=[{"name": "a"}, {"name": "a"}, {}]),
        [
            'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
            'spec.imagePullSecrets[1].name: duplicate name "a"',
            'spec.imagePullSecrets[2].name: invalid empty name ""',
        ],
    ),
    "parts of a byte": (
        pod(
            containers=[container(resources={"limits": {"memory": "1.5"}, "requests": {"memory": "100m"}})],
            overhead={"memory": "0.5Gi", "ephemeral-storage": "1500m"},
        ),
        [
            'spec.overhead[ephemeral-storage]: fractional byte value "1500m" is invalid, must be an integer',
            'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
            'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an '
            "integer",
        ],
    ),
    "a variable twice": (
        pod(
            containers=[
                container(
                    env=[
                        {"name": "A", "value": "1"},
                        {"name": "A", "value": "$(A)2"},
                        {"name": "A", "value": "3"},
                    ]
                )
            ]
        ),
        ['spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply'],
    ),
    "ports twice": (
        pod(
            containers=[
                container(ports=[{"containerPort": 80}, {"containerPort": 80}, {"containerPort": 80, "hostPort": 1}])
            ],
            initContainers=[container(ports=[{"containerPort": 53, "protocol": "UDP"}])],
        ),
        [
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
        ],
    ),
    "one host port at any and at one address": (
        pod(
            containers=[
                container(
                    ports=[
                        {"containerPort": 80, "hostPort": 80},
                        {"containerPort": 80, "hostPort": 80, "hostIP": "1.1.1.1"},
                    ]
                )
            ]
        ),
        ["spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]"],
    ),
    "a negative grace": (
        pod(terminationGracePeriodSeconds=-1),
        ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_pods(case: str) -> None:
    obj, expected = PODS[case]
    assert of(obj) == expected
    assert of(obj, old=pod()) == []


def test_templates_are_looked_at_when_they_change() -> None:
    template = pod(terminationGracePeriodSeconds=-1)
    deployment = {"metadata": {"name": "a.b"}, "spec": {"template": template}}
    words = "must be >= 0; negative values are invalid and will be treated as 1"
    told = f"spec.template.spec.terminationGracePeriodSeconds: {words}"
    assert of(deployment, "deployments.apps") == [f"metadata.name: {HOSTNAMES}: [must not contain dots]", told]
    assert of(deployment, "daemonsets.apps") == [told]
    assert of(deployment, "deployments.apps", deployment) == []
    assert of(deployment, "deployments.apps", {**deployment, "spec": {}}) == [told]


def test_an_apparmor_annotation_of_a_template() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    spec = {"template": pod({key: "runtime/default"})}
    assert of({"metadata": {"name": "a"}, "spec": spec}, "replicasets.apps") == [
        f'spec.template.metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'
    ]


OTHERS: dict[str, tuple[str, Object, list[str]]] = {
    "a stateful set": (
        "statefulsets.apps",
        {
            "spec": {
                "template": pod(),
                "revisionHistoryLimit": -1,
                "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "1.5"}}}}],
            }
        },
        [
            'spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: fractional byte value "1500m" is invalid, '
            "must be an integer",
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
        ],
    ),
    "a huge job": (
        "jobs.batch",
        {"spec": {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001, "template": pod()}},
        [
            "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
            "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ],
    ),
    "a cron job's template": (
        "cronjobs.batch",
        {"spec": {"jobTemplate": {"spec": {"template": pod(terminationGracePeriodSeconds=-1)}}}},
        [
            "spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are "
            "invalid and will be treated as 1"
        ],
    ),
    "a headless service": (
        "services",
        {
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "None",
                "externalIPs": ["1.1.1.1"],
                "loadBalancerIP": "1.1.1.1",
                "sessionAffinity": "ClientIP",
            }
        },
        [
            "spec.loadBalancerIP is ignored for headless services",
            "spec.externalIPs is ignored for headless services",
            "spec.SessionAffinity is ignored for headless services",
        ],
    ),
    "external addresses": (
        "services",
        {"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "externalIPs": ["::0:1"], "externalName": "x"}},
        [
            'spec.externalIPs[0]: IPv6 address "::0:1" should be in RFC 5952 canonical format ("::1")',
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
            'spec.externalName is ignored when spec.type is not "ExternalName"',
        ],
    ),
    "a service of a name": (
        "services",
        {"spec": {"type": "ExternalName", "externalName": "x", "externalIPs": ["1.1.1.1"]}},
        ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
    ),
    "traffic": (
        "services",
        {
            "metadata": {"name": "a", "annotations": {"service.kubernetes.io/topology-aware-hints": "auto"}},
            "spec": {"clusterIP": "10.0.0.1", "trafficDistribution": "PreferClose"},
        },
        [
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
            "service.kubernetes.io/topology-mode instead",
            'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
        ],
    ),
    "an ingress": (
        "ingresses.networking.k8s.io",
        {"metadata": {"name": "a", "annotations": {"kubernetes.io/ingress.class": "x"}}},
        ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"],
    ),
    "a policy": (
        "networkpolicies.networking.k8s.io",
        {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "0:0::/16", "except": ["10.0.0.1/8"]}}]}]}},
        [
            'spec.egress[0].to[0].ipBlock.cidr: IPv6 CIDR value "0:0::/16" should be in RFC 5952 canonical format '
            '("::/16")',
            'spec.egress[0].to[0].ipBlock.except[0]: CIDR value "10.0.0.1/8" is ambiguous in this context (should be '
            '"10.0.0.0/8" or "10.0.0.1/32"?)',
        ],
    ),
    "endpoints": (
        "endpoints",
        {"subsets": [{"notReadyAddresses": [{"ip": "010.0.0.1"}]}]},
        [
            'subsets[0].notReadyAddresses[0].ip: non-standard IP address "010.0.0.1" will be considered invalid in a '
            'future Kubernetes release: use "10.0.0.1"'
        ],
    ),
    "an endpoint slice": (
        "endpointslices.discovery.k8s.io",
        {"addressType": "IPv6", "endpoints": [{"addresses": ["::ffff:1.2.3.4"]}]},
        [
            'endpoints[0].addresses[0]: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a '
            'future Kubernetes release: use "1.2.3.4"'
        ],
    ),
    "a volume": (
        "persistentvolumes",
        {
            "metadata": {"name": "v", "annotations": {"volume.beta.kubernetes.io/storage-class": "x"}},
            "spec": {"persistentVolumeReclaimPolicy": "Recycle"},
        },
        [
            "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "
            '"storageClassName" attribute instead',
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended "
            "approach is to use dynamic provisioning.",
        ],
    ),
    "a claim": (
        "persistentvolumeclaims",
        {"spec": {"resources": {"requests": {"storage": "500m"}}}},
        ['spec.resources.requests[storage]: fractional byte value "500m" is invalid, must be an integer'],
    ),
    "a storage class": (
        "storageclasses.storage.k8s.io",
        {"allowedTopologies": [{"matchLabelExpressions": [{"key": "failure-domain.beta.kubernetes.io/zone"}]}]},
        [
            "allowedTopologies[0].matchLabelExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated "
            'since v1.17; use "topology.kubernetes.io/zone" instead'
        ],
    ),
    "a node": (
        "nodes",
        {"spec": {"externalID": "x"}},
        ["spec.externalID: this field is deprecated, and is unused by Kubernetes"],
    ),
    "a runtime class": (
        "runtimeclasses.node.k8s.io",
        {"scheduling": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}},
        ['scheduling.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_kinds(case: str) -> None:
    kind, obj, expected = OTHERS[case]
    assert of({"metadata": {"name": "a"}, **obj}, kind) == expected


def test_every_kind_has_its_advice() -> None:
    assert all(advice_of(kind) for kind in MODULES)
    assert advice_of("secrets") is None


SPECS = {
    "nodeSelector": [{"beta.kubernetes.io/os": "linux"}],
    "terminationGracePeriodSeconds": [-1, 30],
    "hostAliases": [[{"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}]],
    "volumes": [
        [{"name": "kube-api-access-abcde"}],
        [{"name": "kube-api-access-fghij"}],
        [{"name": "a", "gitRepo": {}}, {"name": "kube-api-access-fghij"}],
    ],
    "containers": [
        [{"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]}],
        [{"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}],
        [{"name": "kube-api-access-abcde", "resources": {"requests": {"memory": "1.5"}}}],
    ],
}
ANNOTATIONS = [{}, {"a": "b"}, {"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"}]
SOME_PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({"name": st.just("web"), "annotations": st.sampled_from(ANNOTATIONS)}),
        "spec": st.fixed_dictionaries({}, optional={name: st.sampled_from(some) for name, some in SPECS.items()}),
    }
)


@given(pods=st.lists(st.tuples(SOME_PODS, st.booleans()), max_size=6))
def test_pods_that_come_again_are_advised_as_if_alone(pods: list[Any]) -> None:
    """Whether they were just judged by the rules or not."""
    advice = advice_of("pods")
    assert advice is not None
    for obj, judged in pods * 2:
        if judged:
            validate_create(obj)
        assert advice(obj, None) == of_template(obj, "")


@pytest.mark.parametrize("value", ["::1", "::1/", "::1/x", "::/129", "/64", "10.0.0.1", "::1/64/64", "::/²"])
def test_a_range_that_is_none_is_left_to_validation(value: str) -> None:
    assert addresses.ip_range(value, "spec.podCIDR") == []
