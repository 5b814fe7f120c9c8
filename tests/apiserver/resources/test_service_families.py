"""Which families and addresses a service gets, on clusters of one family and of two (KEP-563)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.api import Api, running_api

from pybernetes.apiserver.resources.service_allocation import ServiceNetwork
from pybernetes.apiserver.resources.service_families import complete, family_of, keep_in_step

SERVICES = "/api/v1/namespaces/default/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
FOUR, SIX = "10.96.0.0/16", "fd00:10:96::/112"
BOTH = f"{FOUR},{SIX}"
SELECTOR = {"app": "web"}
Spec = dict[str, Any]


@asynccontextmanager
async def cluster(cidrs: str) -> AsyncIterator[Api]:
    async with running_api(service_cidr=cidrs) as api:
        yield api


def body(**spec: Any) -> Spec:
    return {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "selector": SELECTOR, **spec}}


def families(spec: Spec) -> tuple[str, list[str], list[str]]:
    """Policy, families, and the families of its addresses."""
    addresses = [one if one == "None" else family_of(one) for one in spec["clusterIPs"]]
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    return spec["ipFamilyPolicy"], spec["ipFamilies"], addresses


FIRST_FOUR, FIRST_SIX = ["IPv4", "IPv6"], ["IPv6", "IPv4"]
HEADLESS = {"clusterIP": "None"}
FREE = {"clusterIP": "None", "selector": None}

CREATED = [
    (FOUR, {}, ("SingleStack", ["IPv4"], ["IPv4"])),
    (FOUR, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", ["IPv4"], ["IPv4"])),
    (FOUR, HEADLESS, ("SingleStack", ["IPv4"], ["None"])),
    (FOUR, FREE, ("RequireDualStack", FIRST_FOUR, ["None"])),
    (FOUR, {**FREE, "ipFamilyPolicy": "SingleStack"}, ("SingleStack", ["IPv4"], ["None"])),
    (FOUR, {**FREE, "ipFamilies": ["IPv6"]}, ("RequireDualStack", FIRST_SIX, ["None"])),
    (SIX, {}, ("SingleStack", ["IPv6"], ["IPv6"])),
    (SIX, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", ["IPv6"], ["IPv6"])),
    (BOTH, {}, ("SingleStack", ["IPv4"], ["IPv4"])),
    (BOTH, {"ipFamilies": ["IPv6"]}, ("SingleStack", ["IPv6"], ["IPv6"])),
    (BOTH, {"clusterIP": "fd00:10:96::77"}, ("SingleStack", ["IPv6"], ["IPv6"])),
    (BOTH, {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", FIRST_FOUR, FIRST_FOUR)),
    (BOTH, {"ipFamilyPolicy": "RequireDualStack"}, ("RequireDualStack", FIRST_FOUR, FIRST_FOUR)),
    (
        BOTH,
        {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]},
        ("RequireDualStack", FIRST_SIX, FIRST_SIX),
    ),
    (
        BOTH,
        {"ipFamilyPolicy": "RequireDualStack", "clusterIP": "fd00:10:96::77"},
        ("RequireDualStack", FIRST_SIX, FIRST_SIX),
    ),
    (BOTH, {**HEADLESS, "ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", FIRST_FOUR, ["None"])),
    (f"{SIX},{FOUR}", {}, ("SingleStack", ["IPv6"], ["IPv6"])),
    (f"{SIX},{FOUR}", {"ipFamilyPolicy": "PreferDualStack"}, ("PreferDualStack", FIRST_SIX, FIRST_SIX)),
]


@pytest.mark.parametrize("cidrs", [FOUR, SIX, BOTH, f"{SIX},{FOUR}"])
async def test_what_a_client_leaves_open_follows_from_what_it_says_and_from_the_cluster(cidrs: str) -> None:
    async with cluster(cidrs) as api:
        for where, spec, expected in CREATED:
            if where != cidrs:
                continue
            answer = await api.post(SERVICES, body(**spec))
            assert answer.code == 201, (spec, answer)
            assert families(answer.body["spec"]) == expected, spec
            await api.delete(SERVICES + "/web")


REFUSED = [
    (
        FOUR,
        {"ipFamilyPolicy": "RequireDualStack"},
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack '
        "services",
    ),
    (FOUR, {"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
    (
        FOUR,
        {"clusterIP": "fd00:10:96::7"},
        'spec.clusterIPs[0]: Invalid value: ["fd00:10:96::7"]: IPv6 is not configured on this cluster',
    ),
    (
        BOTH,
        {"ipFamilies": ["IPv4", "IPv6"]},
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when "
        "multiple IP families are specified",
    ),
    (
        BOTH,
        {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00:10:96::7"]},
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when "
        "multiple cluster IPs are specified",
    ),
    (
        BOTH,
        {"clusterIPs": ["10.96.0.7"]},
        'spec.clusterIPs: Invalid value: ["10.96.0.7"]: must be empty when `clusterIP` is not specified',
    ),
    (
        BOTH,
        {"clusterIP": "10.96.0.7", "ipFamilies": ["IPv6"]},
        'spec.clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ),
    (
        BOTH,
        {
            "clusterIP": "10.96.0.7",
            "clusterIPs": ["10.96.0.7", "10.96.0.8"],
            "ipFamilyPolicy": "RequireDualStack",
        },
        'spec.clusterIPs: Invalid value: ["10.96.0.7","10.96.0.8"]: may specify no more than one IP for each IP family',
    ),
    (
        BOTH,
        {"clusterIP": "fd00:99::7"},
        'spec.clusterIPs: Invalid value: ["fd00:99::7"]: failed to allocate IP fd00:99::7: the provided IP '
        "(fd00:99::7) is not in the valid range. The range of valid IPs is fd00:10:96::/112",
    ),
    (BOTH, {"ipFamilies": ["IPv5"]}, 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'),
]


@pytest.mark.parametrize("cidrs", [FOUR, BOTH])
async def test_contradictions_are_refused_in_the_words_clients_know(cidrs: str) -> None:
    async with cluster(cidrs) as api:
        for where, spec, expected in REFUSED:
            if where == cidrs:
                answer = await api.post(SERVICES, body(**spec))
                assert answer.code == 422, (spec, answer)
                assert answer.message == f'Service "web" is invalid: {expected}'
        await api.settle()
        assert [one["metadata"]["name"] for one in (await api.get(ADDRESSES)).body["items"]] == ["10.96.0.1"]


async def test_a_policy_alone_upgrades_and_downgrades_a_service() -> None:
    async with cluster(BOTH) as api:
        first = (await api.post(SERVICES, body())).body["spec"]["clusterIP"]
        for policy in ("PreferDualStack", "RequireDualStack"):
            answer = await api.patch(SERVICES + "/web", {"spec": {"ipFamilyPolicy": policy}})
            assert answer.code == 200, answer
            spec = answer.body["spec"]
            assert families(spec) == (policy, FIRST_FOUR, FIRST_FOUR) and spec["clusterIP"] == first
            await api.settle()
            named = {one["metadata"]["name"]: one for one in (await api.get(ADDRESSES)).body["items"]}
            assert set(spec["clusterIPs"]) <= set(named)
            label = named[spec["clusterIPs"][1]]["metadata"]["labels"]["ipaddress.kubernetes.io/ip-family"]
            assert label == "IPv6"
            answer = await api.patch(SERVICES + "/web", {"spec": {"ipFamilyPolicy": "SingleStack"}})
            assert families(answer.body["spec"]) == ("SingleStack", ["IPv4"], ["IPv4"])
            await api.settle()
            held = {one["metadata"]["name"] for one in (await api.get(ADDRESSES)).body["items"]}
            assert held == {"10.96.0.1", first}


async def test_an_update_that_says_nothing_of_families_changes_none() -> None:
    async with cluster(BOTH) as api:
        for policy in ("PreferDualStack", "RequireDualStack"):
            made = (await api.post(SERVICES, body(ipFamilyPolicy=policy))).body
            answer = await api.put(SERVICES + "/web", body(ports=[{"port": 81}]))
            assert answer.code == 200, answer
            for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                assert answer.body["spec"][key] == made["spec"][key]
            await api.delete(SERVICES + "/web")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"ipFamilies": ["IPv4"]},
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary "
            "IP family",
        ),
        (
            {"clusterIPs": ["10.96.0.7"]},
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary "
            "cluster IP",
        ),
        (
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"], "clusterIP": "fd00:10:96::7"}
            | {"clusterIPs": ["fd00:10:96::7"]},
            "may not change once set",
        ),
    ],
)
async def test_the_second_address_goes_by_the_policy_only_and_the_first_never(change: Spec, expected: str) -> None:
    async with cluster(BOTH) as api:
        addresses = {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00:10:96::7"]}
        made = await api.post(SERVICES, body(ipFamilyPolicy="RequireDualStack", **addresses))
        assert made.code == 201, made
        answer = await api.patch(SERVICES + "/web", {"spec": change})
        assert answer.code == 422 and expected in answer.message, answer


async def test_a_refused_second_address_gives_the_first_back() -> None:
    async with cluster(BOTH) as api:
        await api.post(SERVICES, {**body(clusterIP="fd00:10:96::7"), "metadata": {"name": "other"}})
        wanted = {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00:10:96:0::7"]}
        answer = await api.post(SERVICES, body(ipFamilyPolicy="RequireDualStack", **wanted))
        assert answer.code == 422
        assert "failed to allocate IP fd00:10:96:0::7: provided IP is already allocated" in answer.message
        answer = await api.post(SERVICES, body(clusterIP="10.96.0.7"))
        assert answer.code == 201, answer


@pytest.mark.parametrize(
    ("cidrs", "message"),
    [
        (f"{BOTH},10.97.0.0/16", "--service-cluster-ip-range must not contain more than two entries"),
        (
            f"{FOUR},10.97.0.0/16",
            "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family",
        ),
    ],
)
def test_ranges_that_do_not_go_together_are_refused(cidrs: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ServiceNetwork(cidrs)


async def test_the_first_service_and_the_first_range_follow_the_servers_own() -> None:
    async with cluster(f"{SIX},{FOUR}") as api:
        spec = (await api.get(SERVICES + "/kubernetes")).body["spec"]
        assert families(spec) == ("SingleStack", ["IPv6"], ["IPv6"]) and spec["clusterIP"] == "fd00:10:96::1"
        found = (await api.get("/apis/networking.k8s.io/v1/servicecidrs/kubernetes")).body
        assert found["spec"]["cidrs"] == [SIX, FOUR]


@given(
    policy=st.sampled_from([None, "SingleStack", "PreferDualStack", "RequireDualStack"]),
    named=st.lists(st.sampled_from(["IPv4", "IPv6"]), unique=True, max_size=2),
    address=st.sampled_from([None, "None", "10.96.0.9", "fd00:10:96::9"]),
    selects=st.booleans(),
    known=st.sampled_from([("IPv4",), ("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4")]),
)
def test_what_is_complete_once_stays_as_it_is(
    policy: str | None, named: list[str], address: str | None, selects: bool, known: tuple[str, ...]
) -> None:
    spec: Spec = {"type": "ClusterIP", "selector": SELECTOR if selects else None}
    spec |= {"ipFamilyPolicy": policy} if policy else {}
    spec |= {"ipFamilies": named} if named else {}
    spec |= {"clusterIP": address} if address else {}
    keep_in_step(spec, None)
    if complete(spec, None, known):
        return
    assert spec["ipFamilyPolicy"] and spec["ipFamilies"]
    assert spec["ipFamilyPolicy"] != "SingleStack" or len(spec["ipFamilies"]) == 1
    assert not named or spec["ipFamilies"][0] == named[0]
    if address not in (None, "None"):
        assert spec["ipFamilies"][0] == family_of(str(address))
    before = {key: list(value) if isinstance(value, list) else value for key, value in spec.items()}
    again = dict(before)
    keep_in_step(again, before)
    assert complete(again, before, known) == []
    assert again == before
