"""Add-ons are made where they are missing, mended where they differ, and a refusal is no success."""

import pytest

from pybernetes.api.resource import resource
from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster.addons.apply import apply, exists
from pybernetes.cluster.addons.objects import endpoint_slice
from pybernetes.testing import ADMIN, api_server

SLICES = resource("endpointslices", "discovery.k8s.io")
PORTS = [("dns", 53, "UDP")]


def slice_of(*addresses: str) -> dict:
    return endpoint_slice("kube-dns", addresses, PORTS)


async def test_a_missing_object_is_made_and_another_one_mended() -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        assert not await exists(client, slice_of("10.0.0.1"))
        await apply(client, [slice_of("10.0.0.1")])
        assert await exists(client, slice_of("10.0.0.1"))
        before = await client.get(SLICES, "kube-dns", "kube-system")
        await apply(client, [slice_of("10.0.0.1")])
        assert await client.get(SLICES, "kube-dns", "kube-system") == before, "nothing was written"
        await apply(client, [slice_of("10.0.0.1", "10.0.0.2")])
        found = await client.get(SLICES, "kube-dns", "kube-system")
        assert [endpoint["addresses"] for endpoint in found["endpoints"]] == [["10.0.0.1"], ["10.0.0.2"]]


async def test_a_refusal_is_an_error() -> None:
    async with api_server(authorization_modes=("RBAC",)) as server:
        client = Client(InProcessTransport(server.app, UserInfo("nobody")))
        with pytest.raises(StatusError, match="cannot create resource"):
            await apply(client, [slice_of("10.0.0.1")])
        with pytest.raises(StatusError, match="cannot get resource"):
            await exists(client, slice_of("10.0.0.1"))
