"""Pod Security: every check of the levels, versions, modes, exemptions, namespaces that become stricter."""

from typing import Any

import orjson
import pytest
from tests.support.api import PODS, Api, running_api

from pybernetes.apiserver.admission.pod_security_standards import violations

Object = dict[str, Any]
SAFE: Object = {
    "name": "c",
    "image": "c",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


def pod(context: Object | None = None, *, container: Object | None = None, **spec: Any) -> Object:
    """A pod that is allowed everywhere, but for what is given."""
    made = {**SAFE, **(container or {}), "securityContext": {**SAFE["securityContext"], **(context or {})}}
    return {"metadata": {"name": "p"}, "spec": {"containers": [made], **spec}}


PROBE = {"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}


@pytest.mark.parametrize(
    ("obj", "level", "expected"),
    [
        (pod(), "restricted", []),
        (pod(hostPID=True), "baseline", ["host namespaces (hostPID=true)"]),
        (
            pod({"privileged": True}),
            "baseline",
            ['privileged (container "c" must not set securityContext.privileged=true)'],
        ),
        (
            pod({"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}),
            "baseline",
            [
                'non-default capabilities (container "c" must not include "SYS_ADMIN" '
                "in securityContext.capabilities.add)"
            ],
        ),
        (
            pod({"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}}),
            "restricted",
            ['unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)'],
        ),
        (
            pod(container={"ports": [{"containerPort": 1, "hostPort": 80}]}),
            "baseline",
            ['hostPort (container "c" uses hostPort 80)'],
        ),
        (
            pod(container=PROBE),
            "baseline",
            ['probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")'],
        ),
        (
            pod({"windowsOptions": {"hostProcess": True}}),
            "baseline",
            ['hostProcess (container "c" must not set securityContext.windowsOptions.hostProcess=true)'],
        ),
        (
            pod(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}),
            "baseline",
            ["forbidden sysctls (kernel.msgmax)"],
        ),
        (
            pod(volumes=[{"name": "v", "nfs": {}}]),
            "restricted",
            ['restricted volume types (volume "v" uses restricted volume type "nfs")'],
        ),
        (pod({"runAsUser": 0}), "restricted", ['runAsUser=0 (container "c" must not set runAsUser=0)']),
        (
            pod({"runAsNonRoot": False}),
            "restricted",
            ['runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'],
        ),
    ],
)
def test_checks(obj: Object, level: str, expected: list[str]) -> None:
    assert violations(obj, level) == expected


@pytest.mark.parametrize(
    ("obj", "level", "minor", "allowed"),
    [
        (pod(container=PROBE), "baseline", 33, True),
        (pod(container=PROBE), "baseline", 34, False),
        (pod({"allowPrivilegeEscalation": True}), "restricted", 7, True),
        (pod({"capabilities": {}}), "restricted", 21, True),
        (pod({"capabilities": {}}), "restricted", 22, False),
        (pod({"capabilities": {}}, os={"name": "windows"}), "restricted", 25, True),
        (pod({"runAsUser": 0}), "restricted", 22, True),
        (pod({"runAsUser": 0}, hostUsers=False), "restricted", 34, False),
        (pod({"runAsUser": 0}, hostUsers=False), "restricted", 35, True),
        (pod({"procMount": "Unmasked"}, hostUsers=False), "baseline", 35, True),
        (pod({"procMount": "Unmasked"}, hostUsers=False), "restricted", 35, False),
        (pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), "baseline", 31, False),
        (pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), "baseline", 32, True),
        (pod({"seLinuxOptions": {"type": "container_engine_t"}}), "baseline", 30, False),
        (pod({"seLinuxOptions": {"type": "container_engine_t"}}), "baseline", 31, True),
    ],
)
def test_a_level_is_what_it_was_in_its_version(obj: Object, level: str, minor: int, allowed: bool) -> None:
    assert (not violations(obj, level, minor)) is allowed


async def label(api: Api, **labels: str) -> Any:
    full = {f"pod-security.kubernetes.io/{key.replace('_', '-')}": value for key, value in labels.items()}
    return await api.patch("/api/v1/namespaces/default", {"metadata": {"labels": full}})


async def test_the_version_of_a_namespace_counts() -> None:
    async with running_api() as api:
        await label(api, enforce="baseline", enforce_version="v1.33")
        await api.settle()
        assert (await api.post(PODS, pod(container=PROBE))).code == 201
        await label(api, enforce_version="latest")
        await api.settle()
        other = pod(container=PROBE)
        other["metadata"]["name"] = "q"
        refused = await api.post(PODS, other)
        assert refused.code == 403 and 'violates PodSecurity "baseline:latest"' in refused.message


async def test_a_stricter_level_tells_which_pods_it_would_refuse() -> None:
    async with running_api() as api:
        for name in ("a", "b"):
            obj = pod(hostPID=True)
            obj["metadata"]["name"] = name
            await api.post(PODS, obj)
        await api.settle()
        warnings = (await label(api, enforce="baseline")).header("warning")
        assert [text.removeprefix('299 - "').removesuffix('"').replace("\\", "") for text in warnings] == [
            'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
            "a (and 1 other pod): host namespaces",
        ]


async def test_labels_must_make_sense() -> None:
    async with running_api() as api:
        answer = await label(api, enforce="strict")
        assert answer.code == 422 and "must be one of privileged, baseline, restricted" in answer.message
        answer = await label(api, warn_version="1.2")
        assert answer.code == 422 and 'must be "latest" or "v1.x"' in answer.message.replace("\\", "")


async def test_defaults_and_exemptions_are_configured(tmp_path: Any) -> None:
    config = {
        "kind": "PodSecurityConfiguration",
        "defaults": {"enforce": "baseline", "enforce-version": "latest"},
        "exemptions": {"namespaces": ["kube-system"], "usernames": [], "runtimeClasses": []},
    }
    file = tmp_path / "admission.yaml"
    plugins = [{"name": "PodSecurity", "configuration": config}]
    file.write_bytes(orjson.dumps({"kind": "AdmissionConfiguration", "plugins": plugins}))
    async with running_api(admission_config_file=str(file)) as api:
        assert (await api.post(PODS, pod(hostPID=True))).code == 403
        assert (await api.post("/api/v1/namespaces/kube-system/pods", pod(hostPID=True))).code == 201


async def test_audit_mode_leaves_a_note(tmp_path: Any) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(orjson.dumps({"kind": "Policy", "rules": [{"level": "Metadata", "verbs": ["create"]}]}))
    log = tmp_path / "audit.log"
    async with running_api(audit_policy_file=str(policy), audit_log_path=str(log)) as api:
        await label(api, audit="baseline")
        await api.settle()
        assert (await api.post(PODS, pod(hostPID=True))).code == 201
    event = orjson.loads(log.read_bytes().splitlines()[-1])
    assert event["annotations"]["pod-security.kubernetes.io/audit-violations"] == (
        'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)'
    )
    assert event["annotations"]["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"
