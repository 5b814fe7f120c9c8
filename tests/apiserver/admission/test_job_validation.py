"""The parallelism of Jobs and gangs."""

from typing import Any

import pytest
from tests.support.api import Api, running_api

GROUPS = "/apis/scheduling.k8s.io/v1alpha2/namespaces/default/podgroups"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
SERVED: dict[str, Any] = {"runtime_config": {"scheduling.k8s.io/v1alpha2": True}}
GANG, BASIC = {"gang": {"minCount": 2}}, {"basic": {}}
WORDS = 'jobs.batch "j" is forbidden: cannot change parallelism for a Job referencing gang-scheduled PodGroup "g"'


async def job(api: Api, group: str = "") -> str:
    """Makes one and tells its uid."""
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
    if group:
        spec["schedulingGroup"] = {"podGroupName": group}
    made = await api.post(JOBS, {"metadata": {"name": "j"}, "spec": {"parallelism": 2, "template": {"spec": spec}}})
    assert made.code == 201, made
    return str(made.body["metadata"]["uid"])


async def pod_group(api: Api, policy: dict[str, Any], owner: str = "", *, controller: bool = True) -> None:
    metadata: dict[str, Any] = {"name": "g"}
    if owner:
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": owner, "controller": controller}
        metadata["ownerReferences"] = [reference]
    made = await api.post(GROUPS, {"metadata": metadata, "spec": {"schedulingPolicy": policy}})
    assert made.code == 201, made
    await api.settle()


async def change(api: Api, spec: dict[str, Any]) -> tuple[int, str]:
    answer = await api.patch(f"{JOBS}/j", {"spec": spec})
    return answer.code, answer.body.get("message", "")


@pytest.mark.parametrize(("policy", "answer"), [(GANG, (403, WORDS)), (BASIC, (200, ""))])
async def test_a_job_that_controls_a_gang_keeps_its_parallelism(
    policy: dict[str, Any], answer: tuple[int, str]
) -> None:
    async with running_api(**SERVED, feature_gates={"GenericWorkload": True}) as api:
        await pod_group(api, policy, await job(api))
        assert await change(api, {"parallelism": 3}) == answer
        assert await change(api, {"backoffLimit": 3}) == (200, "")


async def test_a_group_that_the_job_only_owns_is_not_its_gang() -> None:
    async with running_api(**SERVED, feature_gates={"GenericWorkload": True}) as api:
        await pod_group(api, GANG, await job(api), controller=False)
        assert await change(api, {"parallelism": 3}) == (200, "")


async def test_the_group_of_the_template_counts() -> None:
    async with running_api(**SERVED, feature_gates={"GenericWorkload": True}) as api:
        await job(api, group="g")
        assert await change(api, {"parallelism": 3}) == (200, "")
        await pod_group(api, GANG)
        assert await change(api, {"parallelism": 2}) == (403, WORDS)
        assert await change(api, {"parallelism": 3}) == (200, "")


async def test_parallelism_is_free_without_the_gate_or_the_group_api() -> None:
    async with running_api(**SERVED) as api:
        await job(api)
        assert await change(api, {"parallelism": 3}) == (200, "")
    async with running_api(feature_gates={"GenericWorkload": True}) as api:
        await job(api)
        assert await change(api, {"parallelism": 3}) == (200, "")
