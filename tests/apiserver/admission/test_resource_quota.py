"""ResourceQuota admission: exact, in upstream's words, also when many come at once."""

import asyncio
from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

from pybernetes.api.quota import sources, texts, total_usage
from pybernetes.base.clock import SYSTEM_CLOCK

QUOTAS = "/api/v1/namespaces/default/resourcequotas"
Object = dict[str, Any]


async def quota(api: Api, hard: Object, used: Object | None = None, name: str = "q", **spec: Any) -> None:
    """A quota whose controller has counted already."""
    await api.post(QUOTAS, {"metadata": {"name": name}, "spec": {"hard": hard, **spec}})
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    answer = await api.patch(f"{QUOTAS}/{name}/status", {"status": status})
    assert answer.code == 200, answer


async def used(api: Api, name: str = "q") -> Object:
    body: Object = (await api.get(f"{QUOTAS}/{name}")).body
    found: Object = body["status"]["used"]
    return found


def pod(name: str, requests: Object | None = None, **spec: Any) -> Object:
    container: Object = {"name": "c", "image": "c"}
    if requests:
        container["resources"] = {"requests": requests}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


async def test_what_exceeds_is_refused_and_what_fits_is_charged() -> None:
    async with running_api() as api:
        await quota(api, {"pods": "5", "cpu": "1", "memory": "500Mi"})
        assert (await api.post(PODS, pod("a", {"cpu": "500m", "memory": "252Mi"}))).code == 201
        assert await used(api) == {"pods": "1", "cpu": "500m", "memory": "252Mi"}
        answer = await api.post(PODS, pod("b", {"cpu": "600m", "memory": "100Mi"}))
        assert answer.code == 403
        assert answer.message == (
            'pods "b" is forbidden: exceeded quota: q, requested: cpu=600m, used: cpu=500m, limited: cpu=1'
        )
        answer = await api.post(PODS, pod("b"))
        assert answer.message == 'pods "b" is forbidden: failed quota: q: must specify cpu for: c; memory for: c'


async def test_exact_under_concurrency() -> None:
    async with running_api() as api:
        await quota(api, {"count/configmaps": "10"})
        await quota(api, {"configmaps": "12"}, name="wider")
        answers = await asyncio.gather(*(api.post(CONFIG_MAPS, {"metadata": {"name": f"m{i}"}}) for i in range(40)))
        codes = [answer.code for answer in answers]
        assert (codes.count(201), codes.count(403)) == (10, 30)
        assert await used(api) == {"count/configmaps": "10"}
        assert await used(api, "wider") == {"configmaps": "10"}


async def test_several_writers_of_one_quota_lose_nothing() -> None:
    async with running_api() as api:
        await quota(api, {"configmaps": "100"})

        async def spoil(number: int) -> None:
            body = {"metadata": {"labels": {"n": str(number)}}, "status": {"hard": {"configmaps": str(100 + number)}}}
            assert (await api.patch(f"{QUOTAS}/q/status", body)).code == 200

        makes = [api.post(CONFIG_MAPS, {"metadata": {"name": f"m{i}"}}) for i in range(20)]
        answers = await asyncio.gather(*makes, *(spoil(number) for number in range(5)))
        assert [answer.code for answer in answers if answer is not None] == [201] * 20
        assert await used(api) == {"configmaps": "20"}


async def test_a_dry_run_is_judged_and_not_charged() -> None:
    async with running_api() as api:
        await quota(api, {"configmaps": "1"})
        for _ in range(2):
            assert (await api.post(CONFIG_MAPS, {"metadata": {"name": "m"}}, query="dryRun=All")).code == 201
        assert await used(api) == {"configmaps": "0"}


async def test_a_quota_nobody_has_counted_yet_limits_nothing() -> None:
    async with running_api() as api:
        await api.post(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "0"}}})
        assert (await api.post(CONFIG_MAPS, {"metadata": {"name": "m"}})).code == 201


async def test_an_update_is_charged_by_its_difference() -> None:
    path = "/api/v1/namespaces/default/services"
    async with running_api() as api:
        await quota(api, {"services": "2", "services.nodeports": "1"})
        spec = {"ports": [{"port": 80}], "selector": {"a": "b"}}
        assert (await api.post(path, {"metadata": {"name": "s"}, "spec": spec})).code == 201
        assert (await api.patch(f"{path}/s", {"spec": {"type": "NodePort"}})).code == 200
        assert await used(api) == {"services": "1", "services.nodeports": "1"}
        answer = await api.post(path, {"metadata": {"name": "t"}, "spec": {**spec, "type": "NodePort"}})
        assert "exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1" in answer.message
        assert (await api.patch(f"{path}/s", {"spec": {"type": "ClusterIP"}})).code == 200
        assert await used(api) == {"services": "1", "services.nodeports": "0"}


@pytest.mark.parametrize(
    ("spec", "counted"),
    [
        ({"scopes": ["BestEffort"]}, ["plain"]),
        ({"scopes": ["NotBestEffort"]}, ["asks", "ends", "urgent"]),
        ({"scopes": ["Terminating"]}, ["ends"]),
        ({"scopes": ["NotTerminating"]}, ["plain", "asks", "urgent"]),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [
                        {"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}
                    ]
                }
            },
            ["urgent"],
        ),
    ],
)
async def test_scopes_choose_pods(spec: Object, counted: list[str]) -> None:
    pods = {
        "plain": pod("plain"),
        "asks": pod("asks", {"cpu": "1m"}),
        "ends": pod("ends", {"cpu": "1m"}, activeDeadlineSeconds=60),
        "urgent": pod("urgent", {"cpu": "1m"}, priorityClassName="system-node-critical"),
    }
    async with running_api() as api:
        await quota(api, {"pods": "9"}, **spec)
        for name, obj in pods.items():
            before = (await used(api))["pods"]
            assert (await api.post(PODS, obj)).code == 201
            assert ((await used(api))["pods"] != before) is (name in counted)


async def test_the_admission_charge_is_what_the_controller_counts() -> None:
    async with running_api() as api:
        hard = {
            "pods": "9",
            "requests.cpu": "9",
            "limits.memory": "9Gi",
            "requests.example.com/gpu": "3",
            "count/pods": "9",
        }
        await quota(api, hard)
        for number in range(3):
            obj = pod(f"p{number}", {"cpu": "250m", "example.com/gpu": "1"})
            obj["spec"]["containers"][0]["resources"]["limits"] = {"memory": "1Gi", "example.com/gpu": "1"}
            assert (await api.post(PODS, obj)).code == 201
        items = (await api.get(PODS)).body["items"]
        assert sources(hard) == {"pods"}
        counted = total_usage({"spec": {"hard": hard}}, lambda _: items, SYSTEM_CLOCK.now())
        assert texts(counted) == await used(api)


async def test_a_limited_resource_needs_a_quota(tmp_path: Any) -> None:
    settings = {"limitedResources": [{"resource": "pods", "matchContains": ["requests.cpu"]}]}
    file = tmp_path / "admission.yaml"
    plugins = [{"name": "ResourceQuota", "configuration": settings}]
    file.write_bytes(orjson.dumps({"kind": "AdmissionConfiguration", "plugins": plugins}))
    async with running_api(admission_config_file=str(file)) as api:
        answer = await api.post(PODS, pod("p", {"cpu": "1"}))
        assert answer.message == 'pods "p" is forbidden: insufficient quota to consume: requests.cpu'
        await quota(api, {"requests.cpu": "2"})
        assert (await api.post(PODS, pod("p", {"cpu": "1"}))).code == 201
