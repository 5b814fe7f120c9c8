"""`GET /history`: the operations of this cluster, oldest first, as far back as they are kept.

Query: `resource` (plural, singular, short name or kind, with `.group` where it is ambiguous), `namespace`, `name`,
`since` (a revision, a time, or so long ago), `limit` (the newest N). It is a non-resource path: only who may `get`
`/history` may ask, which in the default roles is the administrator, and sees operations on what they may list.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from ...api import status
from ...api.resource import ResourceInfo
from ...api.user import UserInfo
from ...base.clock import Clock
from ...base.http.message import Request, Response
from ...store.store import Compacted, Event, Store
from ..authz.authorizer import Attributes, Authorizer
from .moment import moment, oldest, revision_at
from .operations import ROOT, Locate, events, former, operation, place

PATH = "/history"
_DEFAULT_LIMIT = 500
_MOST = 100_000


class HistoryPage:
    """`infos` are the resources that are served now."""

    def __init__(
        self,
        past: Store,
        infos: Callable[[], list[ResourceInfo]],
        authorizer: Callable[[], Authorizer],
        clock: Clock,
    ) -> None:
        self._past = past
        self._infos = infos
        self._authorizer = authorizer
        self._clock = clock

    async def serve(self, request: Request) -> Response:
        """The answer. StatusError 400, 404, 410."""
        if request.method != "GET":
            raise status.StatusError(405, "MethodNotAllowed", "the history is read with GET")
        params = request.params()
        wanted, namespace, name = params.get("resource", ""), params.get("namespace", ""), params.get("name", "")
        prefix, is_served = self._prefix(wanted)
        locate = _locate({info.storage_prefix: info for info in reversed(self._infos()) if info.storage_prefix})
        rights = _Rights(self._authorizer(), request.context["user"])
        kept: deque[tuple[Event, ResourceInfo]] = deque(maxlen=_limit(params.get("limit", "")))
        lowest, known = await oldest(self._past), is_served
        try:
            async for event in events(self._past, prefix, await self._after(params)):
                info = locate(event.kv.key) or former(event)
                if info is None:
                    continue
                known = True
                at = place(event, info)
                asked = (not namespace or at[0] == namespace) and (not name or at[1] == name)
                if asked and await rights.may_list(info, at[0]):
                    kept.append((event, info))
        except Compacted as error:
            raise status.expired(f"the history reaches back to revision {error.oldest} only") from None
        if not known:
            raise _unknown(wanted)
        body = {
            "kind": "OperationList",
            "apiVersion": "history.pybernetes.io/v1",
            "metadata": {"resourceVersion": str(await self._past.revision()), "oldest": str(lowest)},
            "items": [operation(event, info) for event, info in kept],
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

    def _prefix(self, text: str) -> tuple[str, bool]:
        """(the key prefix of what is asked for, whether it is served now). StatusError 404 for what cannot be."""
        if not text:
            return ROOT, True
        word, _, group = text.lower().partition(".")
        for info in self._infos():
            names = (info.plural, info.singular, info.kind.lower(), *info.short_names)
            if info.storage_prefix and word in names and (not group or info.group == group):
                return f"{info.storage_prefix}/", True
        if "." not in group or "/" in text:
            raise _unknown(text)
        return f"{ROOT}{group}/{word}/", False


class _Rights:
    """What one user may list, each question asked once."""

    def __init__(self, authorizer: Authorizer, user: UserInfo) -> None:
        self._authorizer = authorizer
        self._user = user
        self._known: dict[tuple[str, str, str], bool] = {}

    async def may_list(self, info: ResourceInfo, namespace: str) -> bool:
        key = (info.group, info.plural, namespace)
        found = self._known.get(key)
        if found is None:
            asked = Attributes(self._user, "list", info.group, info.version, info.plural, "", namespace)
            found = self._known[key] = (await self._authorizer.authorize(asked)).allowed
        return found


def _unknown(text: str) -> status.StatusError:
    return status.StatusError(404, "NotFound", f'the server doesn\'t have a resource type "{text}"')


def _limit(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise status.bad_request(f"limit: {text!r} is not a number")
    return min(int(text or _DEFAULT_LIMIT) or _DEFAULT_LIMIT, _MOST)


def _locate(by_prefix: dict[str, ResourceInfo]) -> Locate:
    def locate(key: str) -> ResourceInfo | None:
        end = key.rfind("/")
        while end > 0:
            info = by_prefix.get(key[:end])
            if info is not None:
                return info
            end = key.rfind("/", 0, end)
        return None

    return locate
