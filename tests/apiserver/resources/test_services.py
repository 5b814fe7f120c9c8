"""Service addresses and node ports: given out once, taken back, held by IPAddress objects, out of every ServiceCIDR."""

import asyncio
from typing import Any

import pytest
from tests.support.api import Api, running_api

from pybernetes.apiserver.resources.service_allocation import Exhausted, OutOfRange, ServiceNetwork, Taken
from pybernetes.apiserver.server import ApiServer
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.testing import api_server

SERVICES = "/api/v1/namespaces/default/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
RANGES = "/apis/networking.k8s.io/v1/servicecidrs"


async def service(api: Api, name: str, code: int = 201, **spec: Any) -> Any:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    answer = await api.post(SERVICES, body)
    assert answer.code == code, answer
    return answer.body


async def holders(api: Api) -> dict[str, str]:
    await api.settle()
    items = (await api.get(ADDRESSES)).body["items"]
    return {item["metadata"]["name"]: item["spec"]["parentRef"]["name"] for item in items}


async def test_an_address_is_held_by_its_object_until_the_service_goes() -> None:
    async with running_api() as api:
        assert await holders(api) == {"10.96.0.1": "kubernetes"}
        made = await service(api, "a")
        ip = made["spec"]["clusterIP"]
        assert made["spec"]["clusterIPs"] == [ip]
        assert (await holders(api))[ip] == "a"
        found = (await api.get(f"{ADDRESSES}/{ip}")).body
        assert found["metadata"]["labels"] == {
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        }
        await api.delete(SERVICES + "/a")
        assert ip not in await holders(api)
        again = await service(api, "b", clusterIP=ip)
        assert again["spec"]["clusterIP"] == ip


async def test_a_taken_or_foreign_address_is_refused() -> None:
    async with running_api() as api:
        await service(api, "a", clusterIP="10.96.0.9")
        refused = await service(api, "b", 422, clusterIP="10.96.0.9")
        assert refused["message"] == (
            'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.9"]: '
            "failed to allocate IP 10.96.0.9: provided IP is already allocated"
        )
        refused = await service(api, "b", 422, clusterIP="10.1.0.9")
        assert "is not in the valid range. The range of valid IPs is 10.96.0.0/16" in refused["message"]
        assert "10.1.0.9" not in await holders(api)


async def test_services_without_an_address_hold_none() -> None:
    async with running_api() as api:
        await service(api, "headless", clusterIP="None")
        await service(api, "external", type="ExternalName", externalName="example.com")
        assert await holders(api) == {"10.96.0.1": "kubernetes"}


async def test_without_external_addresses_the_policy_for_them_goes() -> None:
    async with running_api() as api:
        await service(api, "a", externalIPs=["198.51.100.1"])
        assert (await api.get(SERVICES + "/a")).body["spec"]["externalTrafficPolicy"] == "Cluster"
        answer = await api.patch(SERVICES + "/a", {"spec": {"externalIPs": None}})
        assert answer.code == 200 and "externalTrafficPolicy" not in answer.body["spec"]


async def test_a_change_of_type_gives_the_address_back() -> None:
    async with running_api() as api:
        ip = (await service(api, "a"))["spec"]["clusterIP"]
        answer = await api.patch(SERVICES + "/a", {"spec": {"type": "ExternalName", "externalName": "example.com"}})
        assert answer.code == 200, answer
        assert "clusterIP" not in answer.body["spec"]
        assert ip not in await holders(api)
        answer = await api.patch(SERVICES + "/a", {"spec": {"type": "ClusterIP", "externalName": None}})
        assert (await holders(api))[answer.body["spec"]["clusterIP"]] == "a"


async def test_a_refused_service_leaves_nothing_behind() -> None:
    async with running_api() as api:
        await service(api, "a", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
        before = await holders(api)
        await service(api, "b", 422, type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
        await service(api, "a", 409)
        assert await holders(api) == before


async def test_node_ports_are_given_out_once_and_taken_back() -> None:
    async with running_api(node_port_range="30000-30001") as api:
        first = await service(api, "a", type="NodePort")
        second = await service(api, "b", type="NodePort")
        ports = {body["spec"]["ports"][0]["nodePort"] for body in (first, second)}
        assert ports == {30000, 30001}
        refused = await service(api, "c", 422, type="NodePort")
        assert "failed to allocate a nodePort: range is full" in refused["message"]
        await api.delete(SERVICES + "/a")
        await api.settle()
        third = await service(api, "c", type="NodePort")
        assert third["spec"]["ports"][0]["nodePort"] in ports


async def test_a_service_cidr_adds_addresses() -> None:
    async with running_api(service_cidr="10.96.0.0/30") as api:
        await service(api, "a")
        full = await service(api, "b", 422)
        assert "failed to allocate a serviceIP: range is full" in full["message"]
        made = await api.post(RANGES, {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.97.0.0/24"]}})
        assert made.code == 201, made
        await api.settle()
        ip = (await service(api, "b"))["spec"]["clusterIP"]
        assert ip.startswith("10.97.0.")
        await service(api, "c", clusterIP="10.97.0.77")
        # A range that is being deleted gives out nothing more; what it gave out stays.
        await api.patch(RANGES + "/more", {"metadata": {"finalizers": ["example.com/hold"]}})
        await api.delete(RANGES + "/more")
        await api.settle()
        await service(api, "d", 422)
        assert (await holders(api))[ip] == "b"


async def test_many_at_once_all_get_another_address() -> None:
    async with running_api() as api:
        made = await asyncio.gather(*(service(api, f"s{at}", type="NodePort") for at in range(40)))
        assert len({body["spec"]["clusterIP"] for body in made}) == 40
        assert len({body["spec"]["ports"][0]["nodePort"] for body in made}) == 40


async def test_two_servers_on_one_store_never_give_out_one_address_twice() -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with api_server(store=store, service_cidr="10.96.0.0/26") as first:
        from pybernetes.apiserver.config import ApiServerConfig

        config = ApiServerConfig(
            authorization_modes=("AlwaysAllow",), disable_admission=("ServiceAccount",), service_cidr="10.96.0.0/26"
        )
        second = ApiServer(config, store)
        async with running("second", second.serve):
            apis = [Api(first), Api(second)]
            made = await asyncio.gather(*(service(apis[at % 2], f"s{at}") for at in range(50)))
            assert len({body["spec"]["clusterIP"] for body in made}) == 50


async def test_at_the_start_services_and_addresses_are_brought_together() -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with api_server(store=store) as server:
        api = Api(server)
        ip = (await service(api, "a"))["spec"]["clusterIP"]
        await api.delete(f"{ADDRESSES}/{ip}")
        assert ip not in await holders(api)
        strategy = server.registry.stored(server.registry.find("", "v1", "services").info).strategy  # type: ignore[union-attr]
        await strategy.repair(SYSTEM_CLOCK.now())  # type: ignore[attr-defined]
        assert (await holders(api))[ip] == "a"


def test_a_pool_is_used_up_and_freed() -> None:
    network = ServiceNetwork("10.0.0.0/29")
    given = {network.take_any_address(f"o{at}") for at in range(6)}
    assert given == {f"10.0.0.{at}" for at in range(1, 7)}
    with pytest.raises(Exhausted):
        network.take_any_address("x")
    with pytest.raises(Taken):
        network.take_address("10.0.0.1", "nobody")
    with pytest.raises(OutOfRange):
        network.take_address("10.0.0.8", "x")
    network.release_address("10.0.0.3", "nobody")
    with pytest.raises(Exhausted):
        network.take_any_address("x")


def test_ranges_may_be_of_the_other_family() -> None:
    network = ServiceNetwork("10.0.0.0/30")
    network.ranges(["fd00::/112"])
    network.take_address("fd00::5", "a")
    assert {network.take_any_address("b") for _ in range(2)} == {"10.0.0.1", "10.0.0.2"}
    assert network.take_any_address("c", "IPv6").startswith("fd00::")
    with pytest.raises(Exhausted):
        network.take_any_address("d")
