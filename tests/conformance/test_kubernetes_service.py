"""The Service `kubernetes`: Endpoints and EndpointSlices that point to the API server, and to every one of several."""

from tests.support.api import running_api

from pybernetes.api.core import Endpoints, Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.testing import ADMIN


async def test_endpoints_and_slices_of_the_api_server() -> None:
    async with running_api(advertise_address="10.1.2.3", advertise_port=6443) as api:
        client = Client(InProcessTransport(api.server.app, ADMIN))
        (port,) = (await client.get(Service, "kubernetes", "default")).spec.ports or []
        assert (port.name, port.port, port.target_port) == ("https", 443, 6443)
        (subset,) = (await client.get(Endpoints, "kubernetes", "default")).subsets or []
        assert [address.ip for address in subset.addresses or ()] == ["10.1.2.3"]
        (found,) = await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=kubernetes")
        assert [address for endpoint in found.endpoints or () for address in endpoint.addresses] == ["10.1.2.3"]
        for ports in (subset.ports, found.ports):
            (row,) = ports or []
            assert (row.name, row.port) == ("https", 6443)
