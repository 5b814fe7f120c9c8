"""Who is behind the present request: set by a filter, read by the journal when the request writes."""

import time
from collections.abc import Awaitable
from contextvars import ContextVar

import msgspec

from ...api.user import UserInfo
from ...base.http.message import App, Request, Response
from ..request_info import RequestInfo


class Note(msgspec.Struct, frozen=True, omit_defaults=True, rename={"time": "t", "user": "u", "verb": "v", "sub": "s"}):
    """What is kept with a revision. `time` in seconds since the epoch; `sub` is the subresource."""

    time: float
    user: str = ""
    verb: str = ""
    sub: str = ""


_AUTHOR: ContextVar[tuple[str, str, str] | None] = ContextVar("author", default=None)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


def remember_author(next: App) -> App:
    """The filter: behind authentication and impersonation."""

    def remembering(request: Request) -> Awaitable[Response]:
        return next(request) if request.method in _READS else written(request)

    async def written(request: Request) -> Response:
        info: RequestInfo = request.context["info"]
        user: UserInfo = request.context["user"]
        token = _AUTHOR.set((user.name, info.verb, info.subresource))
        try:
            return await next(request)
        finally:
            _AUTHOR.reset(token)

    return remembering


def present_verb() -> str:
    """The verb of the request that is being served, such as `patch`; "" outside of one."""
    return (_AUTHOR.get() or ("", "", ""))[1]


def note() -> bytes:
    """The note for a write that happens now."""
    user, verb, sub = _AUTHOR.get() or ("", "", "")
    return _encode(Note(int(time.time() * 1000) / 1000, user, verb, sub))


def read_note(data: bytes) -> Note | None:
    """A note from the store; None where there is none (a lease that ended, another writer)."""
    try:
        return _decode(data) if data else None
    except msgspec.DecodeError:
        return None
