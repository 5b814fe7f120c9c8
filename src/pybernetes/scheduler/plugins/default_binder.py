"""DefaultBinder: bind through the `binding` subresource of the pod.

A single binding is a `POST pods/NAME/binding`. While requests are under way further ones gather, and go together in one
request of the API server's own media type (apiserver/resources/bulk_binding.py): stored one by one all the same, but
without the cost of a request each. A server that does not know the media type gets them singly.
"""

import asyncio
import json

from pybernetes.api.core import Binding, ObjectReference, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.resource import resource_for_kind
from pybernetes.api.status import StatusError
from pybernetes.client.client import Client, read_body
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo

_BULK = "application/vnd.pybernetes.bindings+json"
_HEADERS = [("content-type", _BULK), ("accept", "application/json")]
_MAX_TOGETHER = 128
_MAX_UNDER_WAY = 2
_SECONDS = 30.0
_UNKNOWN = (404, 405, 415)


class _Wanted:
    """A binding that waits. `answer` is False when it is bound, an exception when it is not, and True when it is this
    one's turn to send for its namespace."""

    __slots__ = ("answer", "node_name", "pod")

    def __init__(self, pod: PodInfo, node_name: str) -> None:
        self.pod = pod
        self.node_name = node_name
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def settle(self, error: Exception | None) -> None:
        """The outcome is known."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(False)
        else:
            self.answer.set_exception(error)


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pods = resource_for_kind(Pod.API_VERSION, Pod.KIND)
        self._waiting: dict[str, list[_Wanted]] = {}
        self._under_way = 0
        self._bulk = True

    async def bind(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """StatusError when the server refuses: the pod is gone, bound already, or another one by now (uid)."""
        if not self._bulk:
            await self._bind_one(pod, node_name)
            return
        wanted = _Wanted(pod, node_name)
        self._waiting.setdefault(pod.namespace, []).append(wanted)
        try:
            await asyncio.sleep(0)  # others decided in the same breath come along
            self._give_turns()
            while await wanted.answer:
                wanted.answer = asyncio.get_running_loop().create_future()
                await self._send(pod.namespace)
        except asyncio.CancelledError:
            self._withdraw(wanted)
            raise

    def _give_turns(self) -> None:
        """Let somebody send while there are ways free and bindings waiting."""
        for group in self._waiting.values():
            if self._under_way >= _MAX_UNDER_WAY:
                return
            if not any(wanted.answer.done() for wanted in group):
                self._under_way += 1
                group[0].answer.set_result(True)

    def _withdraw(self, wanted: _Wanted) -> None:
        """Nobody waits for this one any more."""
        group = self._waiting.get(wanted.pod.namespace, [])
        if wanted in group:
            group.remove(wanted)
            if not group:
                del self._waiting[wanted.pod.namespace]
            if wanted.answer.done() and not wanted.answer.cancelled():
                self._under_way -= 1
                self._give_turns()

    async def _send(self, namespace: str) -> None:
        """Send what waits in one namespace, and answer for it."""
        group = self._waiting.pop(namespace)
        if len(group) > _MAX_TOGETHER:
            self._waiting[namespace] = group[_MAX_TOGETHER:]
            group = group[:_MAX_TOGETHER]
        failure: Exception = ConnectionError("the request was given up")
        try:
            if len(group) == 1:
                await self._settle(group[0])
            else:
                await self._send_together(namespace, group)
        except (StatusError, OSError) as error:
            failure = error
        finally:
            self._under_way -= 1
            for wanted in group:
                wanted.settle(failure)
            self._give_turns()

    async def _send_together(self, namespace: str, group: list[_Wanted]) -> None:
        rows = [[wanted.pod.name, wanted.pod.pod.metadata.uid or "", wanted.node_name] for wanted in group]
        path = f"/api/v1/namespaces/{namespace}/bindings"
        async with asyncio.timeout(_SECONDS):
            response = await self._client.request(
                "POST", path, body=json.dumps(rows, separators=(",", ":")).encode(), headers=_HEADERS
            )
            data = await read_body(response)
        if response.status != 200:
            self._bulk = response.status not in _UNKNOWN
            await asyncio.gather(*map(self._settle, group))
            return
        for wanted, answer in zip(group, json.loads(data), strict=True):
            wanted.settle(None if answer is None else StatusError.from_status(answer))

    async def _settle(self, wanted: _Wanted) -> None:
        """Bind one, and tell who waits for it."""
        try:
            await self._bind_one(wanted.pod, wanted.node_name)
        except (StatusError, OSError) as error:
            wanted.settle(error)
        else:
            wanted.settle(None)

    async def _bind_one(self, pod: PodInfo, node_name: str) -> None:
        binding = Binding(
            metadata=ObjectMeta(name=pod.name, namespace=pod.namespace, uid=pod.pod.metadata.uid),
            target=ObjectReference(kind="Node", name=node_name),
        )
        await self._client.create(binding, subresource="binding", resource=self._pods)
