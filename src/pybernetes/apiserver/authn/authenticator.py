"""The contract of an authenticator: who makes this request?"""

from typing import Protocol

from ...api.user import UserInfo
from ...base.http.message import Request


class Authenticator(Protocol):
    """One way of proving an identity (client certificate, token, ...)."""

    async def authenticate(self, request: Request) -> UserInfo | None:
        """The identity; None when the request carries no credential of this kind.
        StatusError 401 when it carries one that is not valid."""
