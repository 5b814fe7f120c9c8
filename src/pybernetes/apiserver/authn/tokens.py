"""Bearer tokens: the contract of a token authenticator, their union, and where a token sits in a request.

A token authenticator answers None for a token that is not of its kind and raises `InvalidToken` for one that is but
does not hold. The union tries all of them and reports what it met on the way, as upstream's `tokenunion` does.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ...api.user import UserInfo
from ...base.http.message import Request

_WEBSOCKET_PREFIX = "base64url.bearer.authorization.k8s.io."


class InvalidToken(Exception):
    """A token of a known kind that does not hold (expired, revoked, wrong audience, bad signature)."""


class TokenIdentity(msgspec.Struct, frozen=True):
    """Whom a token stands for. `audiences` are those of the asked ones that it is good for.

    `stale_seconds` > 0: used that long after its `warnafter` instant (audit annotation `stale-token`).
    `holds` tells at any later time, from memory, whether all of this is still so; None where it must be asked again.
    """

    user: UserInfo
    audiences: tuple[str, ...] = ()
    stale_seconds: float = 0.0
    holds: Callable[[], bool] | None = None


class TokenAuthenticator(Protocol):
    """One kind of bearer token."""

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """The identity; None when the token is not of this kind. InvalidToken when it is and does not hold."""


class RemoteTokenAuthenticator(Protocol):
    """A kind of bearer token that another server has to be asked about."""

    async def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """As TokenAuthenticator."""


class TokenUnion:
    """All kinds of tokens in order; the first that knows the token wins. Other servers are asked last."""

    def __init__(
        self,
        authenticators: Sequence[TokenAuthenticator],
        api_audiences: Sequence[str] = (),
        remote: Sequence[RemoteTokenAuthenticator] = (),
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._remote: tuple[RemoteTokenAuthenticator, ...] = tuple(remote)
        self.api_audiences = tuple(api_audiences)

    def ask(self, issuers: Sequence[RemoteTokenAuthenticator], webhook: RemoteTokenAuthenticator | None) -> None:
        """These other servers from now on."""
        self._remote = tuple(RemoteAudienceAgnostic(issuer, self.api_audiences) for issuer in issuers)
        if webhook is not None:
            self._remote += (webhook,)

    def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
        """The identity. InvalidToken otherwise; its text is what TokenReview shows in `status.error`."""
        found, failures = self._local(token, tuple(audiences) or self.api_audiences)
        if found is None:
            raise _refusal(failures)
        return found

    async def authenticate(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
        """As `authenticate_token`, other servers included."""
        wanted = tuple(audiences) or self.api_audiences
        found, failures = self._local(token, wanted)
        if found is not None:
            return found
        for remote in self._remote:
            try:
                found = await remote.authenticate_token(token, wanted)
            except InvalidToken as error:
                failures.append(str(error))
                continue
            if found is not None:
                return found
        raise _refusal(failures)

    def _local(self, token: str, wanted: Sequence[str]) -> tuple[TokenIdentity | None, list[str]]:
        failures: list[str] = ["invalid bearer token"]
        for authenticator in self._authenticators:
            try:
                found = authenticator.authenticate_token(token, wanted)
            except InvalidToken as error:
                failures.append(str(error))
                continue
            if found is not None:
                return found, failures
        return None, failures


def _refusal(failures: Sequence[str]) -> InvalidToken:
    unique = list(dict.fromkeys(failures))
    return InvalidToken(unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]")


class RemoteAudienceAgnostic:
    """As AudienceAgnostic, for tokens of other issuers."""

    def __init__(self, inner: RemoteTokenAuthenticator, api_audiences: Sequence[str]) -> None:
        self._inner = inner
        self._api_audiences = tuple(api_audiences)

    async def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See RemoteTokenAuthenticator."""
        good_for = tuple(audience for audience in self._api_audiences if audience in audiences)
        if audiences and not good_for:
            return None
        found = await self._inner.authenticate_token(token, audiences)
        return TokenIdentity(found.user, good_for) if found is not None else None


class AudienceAgnostic:
    """Gives tokens that know no audience (static, bootstrap) those of the API server, and no other."""

    def __init__(self, inner: TokenAuthenticator, api_audiences: Sequence[str]) -> None:
        self._inner = inner
        self._api_audiences = tuple(api_audiences)

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See TokenAuthenticator."""
        good_for = tuple(audience for audience in self._api_audiences if audience in audiences)
        if audiences and not good_for:
            return None
        found = self._inner.authenticate_token(token, audiences)
        return TokenIdentity(found.user, good_for) if found is not None else None


def bearer_token(request: Request) -> str | None:
    """The token of `Authorization: Bearer TOKEN`, or of a WebSocket's subprotocol list (browsers cannot set headers).

    The list must offer a real subprotocol besides the token, else the token is ignored, as upstream does.
    """
    header = request.header("authorization")
    if header is not None:
        scheme, _, token = header.strip().partition(" ")
        token = token.split(" ")[0] if scheme.lower() == "bearer" else ""
        return token or None
    if request.header("sec-websocket-protocol") is None or (request.header("upgrade") or "").lower() != "websocket":
        return None
    found: str | None = None
    others = 0
    for protocol in _offered(request):
        if not protocol.startswith(_WEBSOCKET_PREFIX):
            others += 1
            continue
        encoded = protocol.removeprefix(_WEBSOCKET_PREFIX)
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    return found if others else None


def strip_token(request: Request) -> None:
    """Remove the proven token from the request, so that nothing behind the filter can log or forward it."""
    kept: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name == "authorization":
            continue
        if name == "sec-websocket-protocol" and _WEBSOCKET_PREFIX in value:
            protocols = [text.strip() for text in value.split(",")]
            value = ", ".join(text for text in protocols if not text.startswith(_WEBSOCKET_PREFIX))
            if not value:
                continue
        kept.append((name, value))
    request.headers = kept


def _offered(request: Request) -> list[str]:
    values = request.header_all("sec-websocket-protocol")
    return [text.strip() for value in values for text in value.split(",") if text.strip()]
