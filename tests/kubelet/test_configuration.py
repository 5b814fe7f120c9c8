"""The kubelet's configuration file: what it becomes, what is refused, and what `/configz` shows of it."""

from typing import Any

import pytest
import yaml

from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.configuration import API_VERSION, KIND, TABLE, configured, shown
from pybernetes.kubelet.configuration_checks import ConfigurationError
from pybernetes.kubelet.configuration_fields import DECIDED_ELSEWHERE, NOT_HERE

OWN = KubeletConfig(node_name="n1")
HEAD = f"apiVersion: {API_VERSION}\nkind: {KIND}\n"

SAMPLES: dict[str, Any] = {
    "allowedUnsafeSysctls": ["kernel.msg*"],
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "example.org",
    "containerLogMaxFiles": 3,
    "containerLogMaxSize": "50Mi",
    "cpuManagerPolicy": "static",
    "cpuManagerPolicyOptions": {"full-pcpus-only": "true"},
    "cpuManagerReconcilePeriod": "5s",
    "crashLoopBackOff": {"maxContainerRestartPeriod": "30s"},
    "evictionHard": {"memory.available": "1Gi", "nodefs.available": "20%"},
    "evictionMaxPodGracePeriod": 20,
    "evictionMinimumReclaim": {"memory.available": "500Mi"},
    "evictionPressureTransitionPeriod": "1m0s",
    "evictionSoft": {"memory.available": "2Gi"},
    "evictionSoftGracePeriod": {"memory.available": "1m30s"},
    "imageGCHighThresholdPercent": 70,
    "imageGCLowThresholdPercent": 60,
    "imageMinimumGCAge": "5m0s",
    "imagePullCredentialsVerificationPolicy": "NeverVerifyAllowlistedImages",
    "kubeReserved": {"cpu": "100m"},
    "maxParallelImagePulls": 4,
    "maxPods": 30,
    "nodeLeaseDurationSeconds": 20,
    "nodeStatusReportFrequency": "1m0s",
    "nodeStatusUpdateFrequency": "5s",
    "podLogsDir": "/logs",
    "podPidsLimit": 100,
    "preloadedImagesVerificationAllowlist": ["localhost/*"],
    "registerNode": False,
    "registerWithTaints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
    "reservedSystemCPUs": "0,4-5",
    "resolvConf": "/etc/other",
    "seccompDefault": True,
    "serializeImagePulls": False,
    "shutdownGracePeriod": "30s",
    "shutdownGracePeriodCriticalPods": "10s",
    "staticPodPath": "/manifests",
    "systemReserved": {"memory": "1Gi"},
    "topologyManagerPolicy": "restricted",
    "topologyManagerScope": "pod",
}


def test_every_field_comes_back_as_it_was_given() -> None:
    given = yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, **SAMPLES})
    found = shown(configured(OWN, given))
    assert {name: found[name] for name in SAMPLES} == SAMPLES
    assert set(TABLE) == {*SAMPLES, "shutdownGracePeriodByPodPriority"}


def test_fields_are_known_once() -> None:
    tables = [set(TABLE), set(DECIDED_ELSEWHERE), set(NOT_HERE)]
    assert sum(map(len, tables)) == len(set.union(*tables)) == 124


def test_grace_periods_by_priority() -> None:
    text = "shutdownGracePeriodByPodPriority:\n- {priority: 1000, shutdownGracePeriodSeconds: 20}\n"
    assert configured(OWN, HEAD + text).shutdown_by_priority == ((1000, 20),)


def test_defaults_of_eviction_are_merged_when_asked_for() -> None:
    text = "evictionHard: {memory.available: 1Gi}\n"
    assert configured(OWN, HEAD + text).eviction_hard == {"memory.available": "1Gi"}
    merged = configured(OWN, f"{HEAD}{text}mergeDefaultEvictionSettings: true\n").eviction_hard
    assert merged == {**OWN.eviction_hard, "memory.available": "1Gi"}


MADE_BY_KUBEADM = """
authentication: {anonymous: {enabled: false}, webhook: {cacheTTL: 0s, enabled: true}}
authorization: {mode: Webhook}
cgroupDriver: systemd
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging: {flushFrequency: 0, verbosity: 0}
memorySwap: {}
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
"""


def test_what_kubeadm_writes_leaves_everything_as_it_is() -> None:
    assert configured(OWN, HEAD + MADE_BY_KUBEADM) == OWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "maxPods: 3\nmaxpods: 4\n", 'line 4: unknown field "maxpods"'),
        (HEAD + "maxPods: 3\nmaxPods: 4\n", 'line 4: key "maxPods" already set in map'),
        (HEAD + "maxPods: many\n", "line 3: maxPods: many is no whole number"),
        (HEAD + "\nimageMinimumGCAge: 5\n", "line 4: imageMinimumGCAge: 5 is no text"),
        (HEAD + "imageMinimumGCAge: soon\n", 'line 3: imageMinimumGCAge: time: invalid duration "soon"'),
        (HEAD + "serializeImagePulls: 1\n", "line 3: serializeImagePulls: 1 is neither true nor false"),
        (HEAD + "clusterDNS: 10.0.0.1\n", "line 3: clusterDNS: 10.0.0.1 is no list"),
        (HEAD + "crashLoopBackOff: {max: 1s}\n", 'line 3: crashLoopBackOff: unknown field "max"'),
        (HEAD + "memoryManagerPolicy: Static\n", "line 3: memoryManagerPolicy: this kubelet cannot do that"),
        (HEAD + "cpuManagerPolicy: static\n", "invalid configuration: the static policy requires systemreserved.cpu"),
        (HEAD + "evictionHard: {disk: 1Gi}\n", "invalid configuration: there is no eviction signal disk"),
        (
            HEAD + "shutdownGracePeriodCriticalPods: 5s\n",
            "invalid configuration: shutdownGracePeriodCriticalPods 5s must be <= shutdownGracePeriod 0s",
        ),
        (HEAD + "imagePullCredentialsVerificationPolicy: Often\n", "invalid imagePullCredentialsVerificationPolicy"),
        (HEAD + "preloadedImagesVerificationAllowlist: [a]\n", "can only be set with the policy NeverVerifyAllow"),
        (HEAD + "shutdownGracePeriod: 500ms\n", "must be either zero or otherwise >= 1 sec"),
        ("kind: KubeletConfiguration\n", 'no kind "KubeletConfiguration" is registered for version ""'),
        ("- a\n", "Object 'Kind' is missing"),
        ("a: [\n", "it is no YAML"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        configured(OWN, text)
    assert message in str(told.value)
