"""The objects every cluster has: system namespaces, priority classes, the first ServiceCIDR, the `kubernetes` Service.

Each is made through the API itself when it is missing; what exists is left alone, except the addresses behind the
`kubernetes` Service, which follow the server's. RBAC is `authz/bootstrap_policy.py`.
"""

import asyncio
import ipaddress
from typing import Any

import orjson

from ..api.resource import ResourceInfo, resource
from ..api.status import StatusError
from ..api.user import SYSTEM_MASTERS, UserInfo
from ..base.http.message import App, Request
from ..base.log import logger
from .config import ApiServerConfig
from .reader import Object, ObjectReader

log = logger(__name__)

HOOK_USER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS,))
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")

_PRIORITY_CLASSES = {
    "system-node-critical": (
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    "system-cluster-critical": (
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
}


class Bootstrap:
    """Writes through `app`, reads through `reader`."""

    def __init__(self, app: App, reader: ObjectReader, config: ApiServerConfig) -> None:
        self._app = app
        self._reader = reader
        self._config = config
        self._cidrs = [cidr.strip() for cidr in config.service_cidr.split(",")]

    async def ensure(self) -> None:
        """Everything of this module; the namespaces first."""
        await asyncio.gather(*(self._ensure(resource("namespaces"), _namespace(name)) for name in NAMESPACES))
        classes = resource("priorityclasses", "scheduling.k8s.io")
        steps = [self._ensure(classes, _priority_class(name, *row)) for name, row in _PRIORITY_CLASSES.items()]
        cidr = {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": self._cidrs}}
        steps.append(self._ensure(resource("servicecidrs", "networking.k8s.io"), cidr))
        await asyncio.gather(*steps)
        await self._kubernetes_service()

    async def _kubernetes_service(self) -> None:
        network = ipaddress.ip_network(self._cidrs[0])
        first = str(network[1])
        port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": self._config.advertise_port}
        service = {
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": first,
                "clusterIPs": [first],
                "ipFamilies": [f"IPv{network.version}"],
                "ipFamilyPolicy": "SingleStack",
                "sessionAffinity": "None",
                "ports": [port],
            },
        }
        await self._ensure(resource("services"), service)
        if self._config.advertise_address and not self._config.shared_store:
            await self.lead_to([self._config.advertise_address])

    async def lead_to(self, addresses: list[str]) -> None:
        """Let the `kubernetes` Service lead to these API servers. Loopback leads nowhere from a pod: it is left out."""
        reachable = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
        if not reachable:
            log.warning("The kubernetes service leads nowhere: the API server advertises loopback", addresses=addresses)
            return
        ports = [{"name": "https", "port": self._config.advertise_port, "protocol": "TCP"}]
        endpoints = {
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{"addresses": [{"ip": address} for address in reachable], "ports": ports}],
        }
        await self._follow(resource("endpoints"), endpoints)
        slice_ = {
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv6" if ":" in reachable[0] else "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in reachable],
            "ports": ports,
        }
        await self._follow(resource("endpointslices", "discovery.k8s.io"), slice_)

    async def _ensure(self, info: ResourceInfo, obj: Object) -> None:
        """Create when missing."""
        metadata = obj["metadata"]
        if self._reader.get(info, metadata.get("namespace", ""), metadata["name"]) is None:
            await self._write("POST", info.path(metadata.get("namespace")), info, obj)

    async def _follow(self, info: ResourceInfo, obj: Object) -> None:
        """Create, or bring to the wanted content."""
        metadata = obj["metadata"]
        current = self._reader.get(info, metadata["namespace"], metadata["name"])
        if current is None:
            await self._ensure(info, obj)
        elif any(current.get(key) != value for key, value in obj.items() if key != "metadata"):
            path = info.path(metadata["namespace"], metadata["name"])
            await self._write("PUT", path, info, obj)

    async def _write(self, method: str, path: str, info: ResourceInfo, obj: Object) -> None:
        body = orjson.dumps({"apiVersion": info.group_version, "kind": info.kind, **obj})
        headers = [("user-agent", "kube-apiserver")]
        request = Request(method, path, headers=headers, body=body, context={"user": HOOK_USER})
        response = await self._app(request)
        if response.status >= 400 and response.status != 409:
            assert isinstance(response.body, bytes)
            raise StatusError.from_status(orjson.loads(response.body), response.status)


def _namespace(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def _priority_class(name: str, value: int, description: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "value": value, "description": description}
