"""Feature gates that change which objects are sound: the same request at a server with the gate on, and with it off."""

from typing import Any

import pytest
from tests.support.api import PODS, Answer, Api, running_api

Object = dict[str, Any]
BATCH = "/apis/batch/v1/namespaces/default/jobs"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
SERVICES = "/api/v1/namespaces/default/services"
VOLUMES = "/api/v1/persistentvolumes"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
BOTH = pytest.mark.parametrize("on", [True, False], ids=["on", "off"])


def container(**more: Any) -> Object:
    return {"name": "c", "image": "i", **more}


def pod(**spec: Any) -> Object:
    return {"metadata": {"name": "p"}, "spec": {"containers": [container()], **spec}}


def judged(answer: Answer, on: bool, refusal: str) -> None:
    """Accepted with the gate on, refused in these words with it off."""
    if on:
        assert answer.code in (200, 201), answer
    else:
        assert answer.code == 422, answer
        assert refusal in answer.message


@BOTH
async def test_autoscalers_that_scale_to_zero(on: bool) -> None:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "minReplicas": 0,
        "maxReplicas": 3,
        "metrics": [
            {"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "3"}}}
        ],
    }
    async with running_api(feature_gates={"HPAScaleToZero": on}) as api:
        answer = await api.post(AUTOSCALERS, {"metadata": {"name": "a"}, "spec": spec})
        judged(answer, on, "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1")
        if on:
            metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
            without = {**spec, "metrics": [{"type": "Resource", "resource": metric}]}
            refused = await api.post(AUTOSCALERS, {"metadata": {"name": "b"}, "spec": without})
            assert refused.message.endswith(
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to "
                "zero replicas"
            )


@BOTH
async def test_tolerations_that_compare(on: bool) -> None:
    row = {"key": "example.com/speed", "operator": "Gt", "value": "700" if on else "701", "effect": "NoSchedule"}
    async with running_api(feature_gates={"TaintTolerationComparisonOperators": on}) as api:
        answer = await api.post(PODS, pod(tolerations=[row]))
        judged(answer, on, 'spec.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists"')


@BOTH
async def test_services_whose_names_begin_with_a_digit(on: bool) -> None:
    async with running_api(feature_gates={"RelaxedServiceNameValidation": on}) as api:
        answer = await api.post(SERVICES, {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 80}]}})
        judged(answer, on, 'metadata.name: Invalid value: "1a": a DNS-1035 label must consist of')


@BOTH
async def test_host_network_in_a_user_namespace(on: bool) -> None:
    async with running_api(feature_gates={"UserNamespacesHostNetworkSupport": on}) as api:
        answer = await api.post(PODS, pod(hostUsers=False, hostNetwork=True))
        judged(answer, on, "spec.hostNetwork: Forbidden: when `hostUsers` is false")


@BOTH
async def test_where_a_volume_is_may_change(on: bool) -> None:
    def volume(zone: str) -> Object:
        term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}
        return {
            "metadata": {"name": "v"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "csi": {"driver": "d.example.com", "volumeHandle": "h"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
        }

    async with running_api(feature_gates={"MutablePVNodeAffinity": on}) as api:
        assert (await api.post(VOLUMES, volume("a"))).code == 201
        answer = await api.put(f"{VOLUMES}/v", volume("b"))
        judged(answer, on, "field is immutable, except for updating from beta label to GA")


@BOTH
async def test_strict_addresses(on: bool) -> None:
    block = {"cidr": "10.0.0.1/8"}
    spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}]}
    async with running_api(feature_gates={"StrictIPCIDRValidation": on}) as api:
        answer = await api.post(POLICIES, {"metadata": {"name": "n"}, "spec": spec})
        judged(
            answer,
            not on,
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the '
            "prefix length",
        )


@BOTH
async def test_init_containers_are_resized(on: bool) -> None:
    resources = {"requests": {"cpu": "1"}}
    async with running_api(feature_gates={"InPlacePodVerticalScalingInitContainers": on}) as api:
        first = {"name": "first", "image": "i", "resources": resources}
        assert (await api.post(PODS, pod(initContainers=[first]))).code == 201
        more = {"spec": {"initContainers": [{**first, "resources": {"requests": {"cpu": "2"}}}]}}
        answer = await api.patch(f"{PODS}/p/resize", more)
        judged(answer, on, "spec: Forbidden: resources for non-sidecar init containers are immutable")


async def suspended_job(api: Api, *, started: bool) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [container()]}}
    made = await api.post(BATCH, {"metadata": {"name": "j"}, "spec": {"suspend": True, "template": template}})
    assert made.code == 201, made
    if started:
        condition = {"type": "Suspended", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        status = {"startTime": "2026-01-01T00:00:00Z", "conditions": [condition]}
        patched = await api.patch(f"{BATCH}/j/status", {"status": status})
        assert patched.code == 200, patched


@BOTH
async def test_resources_of_a_suspended_job(on: bool) -> None:
    change = {"spec": {"template": {"spec": {"containers": [container(resources={"requests": {"cpu": "2"}})]}}}}
    async with running_api(feature_gates={"MutablePodResourcesForSuspendedJobs": on}) as api:
        await suspended_job(api, started=False)
        answer = await api.patch(f"{BATCH}/j", change)
        judged(answer, on, "field is immutable")


@BOTH
async def test_where_a_job_runs_that_was_suspended_while_it_ran(on: bool) -> None:
    change = {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}
    async with running_api(feature_gates={"MutableSchedulingDirectivesForSuspendedJobs": on}) as api:
        await suspended_job(api, started=True)
        answer = await api.patch(f"{BATCH}/j", change)
        judged(answer, on, "field is immutable")
