"""`GET /history`: the operations of this cluster, oldest first, as far back as they are kept.

Query: `resource` (plural, singular, short name or kind, with `.group` where it is ambiguous), `namespace`, `name`,
`since` (a revision, a time, or so long ago), `limit` (the newest N). It is a non-resource path: only who may `get`
`/history` sees it, which in the default roles is the administrator.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from ...api import status
from ...api.resource import ResourceInfo
from ...base.clock import Clock
from ...base.http.message import Request, Response
from ...store.store import Compacted, Store
from .moment import moment, oldest, revision_at
from .operations import ROOT, Operation, operations

PATH = "/history"
_DEFAULT_LIMIT = 500


class HistoryPage:
    """`infos` are the resources that are served now."""

    def __init__(self, past: Store, infos: Callable[[], list[ResourceInfo]], clock: Clock) -> None:
        self._past = past
        self._infos = infos
        self._clock = clock

    async def serve(self, request: Request) -> Response:
        """The answer. StatusError 400, 404, 410."""
        if request.method != "GET":
            raise status.StatusError(405, "MethodNotAllowed", "the history is read with GET")
        params = request.params()
        by_prefix = {info.storage_prefix: info for info in reversed(self._infos()) if info.storage_prefix}
        info = self._find(params["resource"]) if params.get("resource") else None
        namespace, name = params.get("namespace", ""), params.get("name", "")
        lowest = await oldest(self._past)
        kept: deque[Operation] = deque(maxlen=_limit(params.get("limit", "")))
        try:
            async for found in operations(self._past, _locate(by_prefix), _prefix(info), await self._after(params)):
                if (not namespace or found.namespace == namespace) and (not name or found.name == name):
                    kept.append(found)
        except Compacted as error:
            raise status.expired(f"the history reaches back to revision {error.oldest} only") from None
        body = {
            "kind": "OperationList",
            "apiVersion": "history.pybernetes.io/v1",
            "metadata": {"resourceVersion": str(await self._past.revision()), "oldest": str(lowest)},
            "items": list(kept),
        }
        return Response(200, [("content-type", "application/json")], msgspec.json.encode(body))

    async def _after(self, params: dict[str, str]) -> int:
        if not params.get("since"):
            return max(await oldest(self._past) - 1, 1)
        wanted = moment(params["since"], self._clock.now().timestamp())
        try:
            return await revision_at(self._past, wanted)
        except status.StatusError as error:
            if error.code == 410 and isinstance(wanted, float):
                return max(await oldest(self._past) - 1, 1)
            raise

    def _find(self, text: str) -> ResourceInfo:
        word, _, group = text.lower().partition(".")
        for info in self._infos():
            names = (info.plural, info.singular, info.kind.lower(), *info.short_names)
            if info.storage_prefix and word in names and (not group or info.group == group):
                return info
        raise status.StatusError(404, "NotFound", f'the server doesn\'t have a resource type "{text}"')


def _limit(text: str) -> int:
    if text and not text.isdecimal():
        raise status.bad_request(f"limit: {text!r} is not a number")
    return int(text or _DEFAULT_LIMIT) or _DEFAULT_LIMIT


def _prefix(info: ResourceInfo | None) -> str:
    return f"{info.storage_prefix}/" if info is not None else ROOT


def _locate(by_prefix: dict[str, ResourceInfo]) -> Callable[[str], ResourceInfo | None]:
    def locate(key: str) -> ResourceInfo | None:
        end = key.rfind("/")
        while end > 0:
            info = by_prefix.get(key[:end])
            if info is not None:
                return info
            end = key.rfind("/", 0, end)
        return None

    return locate
