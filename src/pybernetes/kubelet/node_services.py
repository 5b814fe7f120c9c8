"""What the pods of a node need to know about their node and cluster: `NodeView` of pod_sync.py over the API.

Services are followed by an informer, since every container start needs all of a namespace; config maps, secrets and
pull secrets are read when they are needed, so nothing secret stays in memory.
"""

import asyncio
from collections.abc import Mapping, Sequence

from ..api.core import ConfigMap, Pod, Secret, Service
from ..api.node import RuntimeClass
from ..api.status import StatusError, is_not_found
from ..client.client import Client
from ..client.informer import Informer
from .cri.messages import AuthConfig
from .environment import service_variables
from .image_names import docker_config
from .pod_sync import Recorder


class NodeServices:
    """One node's view. `network` is set once pods can be given a network."""

    def __init__(
        self,
        client: Client,
        services: Informer[Service],
        host_ips: Sequence[str],
        allocatable: Mapping[str, str],
        event: Recorder,
        default_handler: str = "",
    ) -> None:
        self._event = event
        self._default_handler = default_handler
        self.host_ips = host_ips
        self.network = asyncio.Event()
        self._client = client
        self._services = services
        self._allocatable = allocatable

    def allocatable(self) -> Mapping[str, str]:
        return self._allocatable

    def service_variables(self, pod: Pod) -> dict[str, str]:
        namespace = pod.metadata.namespace or ""
        links = pod.spec.enable_service_links is not False
        found = self._services.list(namespace) if links else []
        if namespace != "default":
            kubernetes = self._services.get("kubernetes", "default")
            found = [*found, kubernetes] if kubernetes is not None else found
        elif not links:
            found = [s for s in self._services.list("default") if s.metadata.name == "kubernetes"]
        return service_variables(found, namespace, links)

    async def services_synced(self) -> None:
        await self._services.synced.wait()

    async def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        try:
            return await self._client.get(ConfigMap, name, namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def secret(self, namespace: str, name: str) -> Secret | None:
        try:
            return await self._client.get(Secret, name, namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def runtime_handler(self, pod: Pod) -> str:
        if not pod.spec.runtime_class_name:
            return self._default_handler
        return (await self._client.get(RuntimeClass, pod.spec.runtime_class_name)).handler

    async def network_ready(self) -> None:
        await self.network.wait()

    async def keyrings(self, pod: Pod) -> list[dict[str, AuthConfig]]:
        """The credentials of the pod's imagePullSecrets (admission has added its service account's).

        Those that do not exist are told in an event: a public image needs none of them."""
        found, absent = [], []
        for reference in pod.spec.image_pull_secrets or ():
            secret = await self.secret(pod.metadata.namespace or "", reference.name or "")
            if secret is not None:
                found.append(docker_config(secret.type or "", secret.data or {}))
            else:
                absent.append(reference.name or "")
        if absent:
            message = (
                f"Unable to retrieve some image pull secrets ({', '.join(absent)}); "
                "attempting to pull the image may not succeed."
            )
            self._event(pod, "", "Warning", "FailedToRetrieveImagePullSecret", message)
        return found
