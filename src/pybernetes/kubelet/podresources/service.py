"""`pod-resources/kubelet.sock`: List, GetAllocatableResources and Get of podresources v1, and List of v1alpha1."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc
import grpc.aio

from pybernetes.api.core import Pod
from pybernetes.base.log import logger
from pybernetes.base.protobuf import WireError, decode, encode

from . import messages as m
from .listing import Listing

log = logger(__name__)

SOCKET = "kubelet.sock"


class Pods(Protocol):
    """The pods of the node."""

    def active_pods(self) -> Sequence[Pod]:
        """Those that have not ended."""

    def pod(self, namespace: str, name: str) -> Pod | None:
        """One of them, ended or not."""


class PodResourcesService:
    """Serves the API in a directory of its own."""

    def __init__(self, directory: str, pods: Pods, listing: Listing) -> None:
        self._path = os.path.join(directory, SOCKET)
        self._pods = pods
        self._listing = listing

    async def serve(self, ready: asyncio.Event) -> None:
        """Serve until cancelled. Without a socket the API is not there, and that is said."""
        os.makedirs(os.path.dirname(self._path), 0o750, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (
                _service("v1", List=self._list, GetAllocatableResources=self._allocatable, Get=self._get),
                _service("v1alpha1", List=self._list_alpha),
            )
        )
        try:
            try:
                server.add_insecure_port(f"unix://{self._path}")
                await server.start()
            except RuntimeError as error:
                log.error("Resources of pods are not told", err=error)
            ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await server.stop(None)

    async def _list(self, data: bytes, context: Any) -> bytes:
        return encode(m.ListResponse(pod_resources=[self._listing.pod(pod) for pod in self._pods.active_pods()]))

    async def _list_alpha(self, data: bytes, context: Any) -> bytes:
        pods = [self._listing.pod(pod, only_devices=True) for pod in self._pods.active_pods()]
        return encode(m.ListResponse(pod_resources=pods))

    async def _allocatable(self, data: bytes, context: Any) -> bytes:
        return encode(self._listing.allocatable())

    async def _get(self, data: bytes, context: Any) -> bytes:
        try:
            request = decode(m.GetRequest, data)
        except WireError as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))
            raise
        pod = self._pods.pod(request.pod_namespace, request.pod_name)
        if pod is None:
            text = f"pod {request.pod_name} in namespace {request.pod_namespace} not found"
            await context.abort(grpc.StatusCode.UNKNOWN, text)
            raise LookupError(text)
        return encode(m.GetResponse(pod_resources=self._listing.pod(pod)))


def _service(version: str, **methods: Callable[..., Any]) -> Any:
    handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()}
    return grpc.method_handlers_generic_handler(f"{version}.PodResourcesLister", handlers)
