"""Kinds that are served when --runtime-config says so: what is refused, what is shown, what stays."""

from typing import Any

import pytest
from tests.support.api import Api, running_api

Object = dict[str, Any]
TAINTS = "/apis/resource.k8s.io/{}/devicetaintrules"
POOLS = "/apis/resource.k8s.io/v1alpha3/resourcepoolstatusrequests"
CANDIDATES = "/apis/coordination.k8s.io/{}/namespaces/default/leasecandidates"
VERSIONS = "/apis/internal.apiserver.k8s.io/v1alpha1/storageversions"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def taint(**more: str) -> Object:
    return {"key": "example.com/broken", "effect": "NoSchedule", **more}


def candidate(**more: str) -> Object:
    strategy = "OldestEmulationVersion"
    return {"leaseName": "l", "binaryVersion": "1.36.0", "emulationVersion": "1.35.0", "strategy": strategy, **more}


def server(encoding: str, *decodable: str) -> Object:
    return {"apiServerID": "a", "encodingVersion": encoding, "decodableVersions": list(decodable)}


REFUSED: list[tuple[str, Object, str]] = [
    (TAINTS.format("v1beta2"), {"taint": taint(effect="No")}, 'spec.taint.effect: Unsupported value: "No": '),
    (TAINTS.format("v1alpha3"), {"taint": taint(key="")}, 'spec.taint.key: Invalid value: "": name part must be '),
    (
        TAINTS.format("v1beta2"),
        {"taint": taint(), "deviceSelector": {"pool": "a//b"}},
        f'spec.deviceSelector.pool: Invalid value: "": {SUBDOMAIN}',
    ),
    (POOLS, {"driver": "D_"}, f'spec.driver: Invalid value: "D_": {SUBDOMAIN}'),
    (POOLS, {"driver": "D", "limit": 1001}, "spec.limit: Invalid value: 1001: must be less than or equal to 1000"),
    (POOLS, {}, "spec.driver: Required value"),
    (
        CANDIDATES.format("v1beta1"),
        candidate(binaryVersion="1.34.9"),
        'spec.binaryVersion: Invalid value: "1.34.9": must be greater than or equal to `emulationVersion`',
    ),
    (
        CANDIDATES.format("v1alpha2"),
        candidate(emulationVersion=""),
        "spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'",
    ),
    (
        CANDIDATES.format("v1beta1"),
        candidate(emulationVersion="1.36"),
        'spec.emulationVersion: Invalid value: "1.36": must be a valid semantic version',
    ),
    (CANDIDATES.format("v1beta1"), candidate(strategy="x"), 'spec.strategy.strategy: Unsupported value: "x": '),
    (VERSIONS, {}, 'metadata.name: Invalid value: "x": name must be in the form of <group>.<resource>'),
]


@pytest.fixture
async def api() -> Any:
    async with running_api(runtime_config={"api/all": True}) as found:
        yield found


async def test_mistakes_are_told_in_upstreams_words(api: Api) -> None:
    for path, spec, message in REFUSED:
        answer = await api.post(path, {"metadata": {"name": "x"}, "spec": spec})
        assert answer.code == 422, answer
        assert message in answer.message


async def test_a_taint_of_devices_is_shown_in_each_version_and_may_change(api: Api) -> None:
    made = await api.post(TAINTS.format("v1beta2"), {"metadata": {"name": "x"}, "spec": {"taint": taint()}})
    assert made.code == 201, made
    assert made.body["spec"]["taint"]["timeAdded"]
    row = (await api.get(TAINTS.format("v1alpha3"), accept=TABLE)).body["rows"][0]["cells"]
    assert row[:4] == ["x", "example.com/broken", "", "NoSchedule"]
    changed = await api.patch(TAINTS.format("v1alpha3") + "/x", {"spec": {"taint": {"value": "v"}}})
    assert changed.body["metadata"]["generation"] == 2


async def test_a_question_about_pools_stays_and_is_answered_once(api: Api) -> None:
    made = await api.post(POOLS, {"metadata": {"name": "x"}, "spec": {"driver": "d", "limit": 5}})
    assert made.code == 201, made
    assert "status" not in made.body
    changed = await api.patch(f"{POOLS}/x", {"spec": {"limit": 6}})
    assert (changed.code, changed.message[-18:]) == (422, "field is immutable")
    assert (await api.patch(f"{POOLS}/x/status", {"status": {"poolCount": 0}})).code == 200
    again = await api.patch(f"{POOLS}/x/status", {"status": {"poolCount": 1}})
    assert (again.code, again.message[-18:]) == (422, "field is immutable")


async def test_storage_versions_that_servers_disagree_on(api: Api) -> None:
    made = await api.post(VERSIONS, {"metadata": {"name": "apps.deployments"}, "spec": {}})
    assert made.code == 201, made
    cases: list[tuple[list[Object], str | None, str]] = [
        ([server("v1", "v1")], "v1", ""),
        ([server("v1", "v1")], "v2", "the actual common encoding version is v1"),
        ([server("v1", "v1")], None, "the common encoding version is v1"),
        ([server("v1", "v1"), server("v2", "v2")], "v1", "should be nil if servers do not agree"),
        ([server("v1", "v2")], "v1", "decodableVersions must include encodingVersion v1"),
    ]
    for servers, common, message in cases:
        servers = [{**one, "apiServerID": f"a{at}"} for at, one in enumerate(servers)]
        status = {"storageVersions": servers, "commonEncodingVersion": common}
        answer = await api.patch(f"{VERSIONS}/apps.deployments/status", {"status": status})
        assert answer.code == (422 if message else 200), answer
        assert not message or message in answer.message


async def test_candidates_keep_the_lease_they_ask_for(api: Api) -> None:
    made = await api.post(CANDIDATES.format("v1beta1"), {"metadata": {"name": "A_x-"}, "spec": candidate()})
    assert made.code == 201, made
    changed = await api.patch(CANDIDATES.format("v1alpha2") + "/A_x-", {"spec": {"leaseName": "other"}})
    assert (changed.code, changed.message[-18:]) == (422, "field is immutable")
