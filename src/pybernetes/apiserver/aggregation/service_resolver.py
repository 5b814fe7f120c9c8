"""From a reference to a Service to an address that can be dialled.

Endpoints are chosen directly, as upstream's `--enable-aggregator-routing` does: it saves the way through the service
network, which the API server's machine need not be part of. A Service of type ExternalName leads to its name.
"""

import random

from ...api.resource import resource
from ...api.status import not_found, service_unavailable
from ..reader import Object, ObjectReader

_SERVICE_LABEL = "kubernetes.io/service-name"


def resolve(reader: ObjectReader, namespace: str, name: str, port: int) -> tuple[str, int]:
    """(host, port) of a ready endpoint. StatusError 404 without the Service, 503 without an endpoint."""
    service = reader.get(resource("services"), namespace, name)
    if service is None:
        raise not_found("", "services", name)
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return str(spec["externalName"]), port
    declared = next((row for row in spec.get("ports") or () if row.get("port") == port), None)
    if declared is None:
        raise service_unavailable(f'no service port {port} found for service "{name}"')
    found = _endpoints(reader, namespace, name, str(declared.get("name") or ""))
    if not found:
        raise service_unavailable(f'no endpoints available for service "{name}"')
    return random.choice(found)


def _endpoints(reader: ObjectReader, namespace: str, name: str, port_name: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for endpoint_slice in reader.list(resource("endpointslices", "discovery.k8s.io"), namespace):
        if (endpoint_slice["metadata"].get("labels") or {}).get(_SERVICE_LABEL) == name:
            ports = [row["port"] for row in endpoint_slice.get("ports") or () if (row.get("name") or "") == port_name]
            found += [(address, port) for address in _ready(endpoint_slice) for port in ports]
    return found


def _ready(endpoint_slice: Object) -> list[str]:
    rows = endpoint_slice.get("endpoints") or ()
    return [row["addresses"][0] for row in rows if (row.get("conditions") or {}).get("ready") is not False]
