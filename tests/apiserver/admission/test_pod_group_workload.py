"""A PodGroup is made by a template that is there."""

from typing import Any

from tests.support.api import running_api

GROUPS = "/apis/scheduling.k8s.io/v1alpha2/namespaces/default/podgroups"
WORKLOADS = "/apis/scheduling.k8s.io/v1alpha2/namespaces/default/workloads"
ALPHA: dict[str, Any] = {
    "runtime_config": {"scheduling.k8s.io/v1alpha2": True},
    "feature_gates": {"GenericWorkload": True},
}
POLICY = {"gang": {"minCount": 2}}


def pod_group(workload: str, template: str) -> dict[str, Any]:
    reference = {"workload": {"workloadName": workload, "podGroupTemplateName": template}}
    return {"metadata": {"name": "g"}, "spec": {"podGroupTemplateRef": reference, "schedulingPolicy": POLICY}}


async def test_the_workload_and_its_template_must_be_there() -> None:
    async with running_api(**ALPHA) as api:
        start = 'podgroups.scheduling.k8s.io "g" is forbidden: PodGroup rejected: '
        answer = await api.post(GROUPS, pod_group("w", "t"))
        assert (answer.code, answer.message) == (403, f'{start}Workload "w" not found')
        templates = [{"name": "t", "schedulingPolicy": POLICY}]
        metadata = {"name": "w", "finalizers": ["example.com/hold"]}
        made = await api.post(WORKLOADS, {"metadata": metadata, "spec": {"podGroupTemplates": templates}})
        assert made.code == 201, made
        answer = await api.post(GROUPS, pod_group("w", "other"))
        assert (answer.code, answer.message) == (403, f'{start}PodGroupTemplate "other" not found in Workload "w"')
        made = await api.post(GROUPS, pod_group("w", "t"))
        assert made.code == 201, made
        await api.delete(f"{WORKLOADS}/w")
        await api.settle()
        answer = await api.post(GROUPS, pod_group("w", "t"))
        assert (answer.code, answer.message) == (403, f'{start}Workload "w" is being deleted')


async def test_a_group_without_a_template_needs_none() -> None:
    async with running_api(**ALPHA) as api:
        made = await api.post(GROUPS, {"metadata": {"name": "g"}, "spec": {"schedulingPolicy": POLICY}})
        assert made.code == 201, made


async def test_the_plugin_may_be_switched_off() -> None:
    async with running_api(**ALPHA, disable_admission=("PodGroupWorkloadExists",)) as api:
        assert (await api.post(GROUPS, pod_group("w", "t"))).code == 201
