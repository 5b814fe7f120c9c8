"""A new ID token for one that has expired: OpenID Connect discovery, then the refresh grant (RFC 6749, section 6)."""

from __future__ import annotations

from ..client import quote
from ..errors import Unreachable, quoted
from ..transport.connection import Address, Connection
from ..wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHOWN = 80
_NO_TOKEN = (
    'token response did not contain an id_token, either the scope "openid" wasn\'t requested upon login, or the '
    "provider doesn't support id_tokens as part of the refresh response"
)


def refreshed(config: dict[str, Any]) -> dict[str, Any]:
    """The provider's configuration with a new `id-token`, and `refresh-token` if the issuer gave one. Unreachable."""
    old = str(config.get("refresh-token") or "")
    if not old:
        raise Unreachable("No valid id-token, and cannot refresh without refresh-token")
    issuer = _Issuer(config)
    answer = issuer.refresh(issuer.token_endpoint(), old)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise Unreachable(_NO_TOKEN)
    return {**config, "id-token": token, "refresh-token": str(answer.get("refresh_token") or "") or old}


class _Refused(Unreachable):
    """The issuer gives no token."""


class _Issuer:
    def __init__(self, config: dict[str, Any]) -> None:
        from .target import pem

        self._url = str(config["idp-issuer-url"]).removesuffix("/")
        self._client, self._secret = str(config["client-id"]), str(config.get("client-secret") or "")
        self._ca = pem(config, "idp-certificate-authority")

    def token_endpoint(self) -> str:
        status, reason, body = self._ask("GET", f"{self._url}/.well-known/openid-configuration", [], b"")
        if status != 200:
            shown = body[:_SHOWN].decode("utf-8", "replace") + ("..." if len(body) > _SHOWN else "")
            raise Unreachable(f"oidc: failed to query metadata endpoint {status} {reason}: {quoted(shown)}")
        try:
            endpoint = loads(body).get("token_endpoint")
        except (JsonError, AttributeError) as error:
            raise Unreachable(f"oidc: failed to decode provider discovery object: {error}") from None
        if not endpoint:
            raise Unreachable("oidc: discovery object doesn't contain a token_endpoint")
        return str(endpoint)

    def refresh(self, endpoint: str, token: str) -> dict[str, Any]:
        """The issuer's answer. Some issuers want the client's secret in a header, others in the form."""
        from binascii import b2a_base64

        form = f"grant_type=refresh_token&refresh_token={quote(token)}"
        pair = b2a_base64(f"{quote(self._client)}:{quote(self._secret)}".encode(), newline=False).decode()
        try:
            return self._post(endpoint, form, [("Authorization", f"Basic {pair}")])
        except _Refused:
            secret = f"&client_secret={quote(self._secret)}" if self._secret else ""
            return self._post(endpoint, f"client_id={quote(self._client)}{secret}&{form}", [])

    def _post(self, endpoint: str, form: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        status, reason, body = self._ask("POST", endpoint, [kind, *headers], form.encode())
        try:
            answer = loads(body)
        except JsonError:
            answer = None
        if not isinstance(answer, dict):
            answer = {}
        if status // 100 != 2 or answer.get("error"):
            raise _Refused(f"failed to refresh token: oauth2: {_refusal(answer, f'{status} {reason}', body)}")
        if not answer.get("access_token"):
            raise _Refused("failed to refresh token: oauth2: server response missing access_token")
        return answer

    def _ask(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, str, bytes]:
        from .target import Target

        address, target = Address(url), Target()
        target.server, target.ca = f"{address.scheme}://{address.with_port()}", self._ca
        connection = Connection(target)
        try:
            connection.send(method, f"/{url.partition('://')[2].partition('/')[2]}", headers, body)
            response = connection.answer()
            return response.status, response.reason, response.read()
        except Unreachable as error:
            why = error.detail or error.message
            if method == "POST":
                why = f"failed to refresh token: {why}"
            raise Unreachable(error.message if error.refused else why, refused=error.refused, detail=why) from None
        except OSError as error:
            raise Unreachable(str(error)) from None
        finally:
            connection.close()


def _refusal(answer: dict[str, Any], status: str, body: bytes) -> str:
    if not answer.get("error"):
        return f"cannot fetch token: {status}\nResponse: {body.decode('utf-8', 'replace')}"
    found = [answer.get(key) for key in ("error", "error_description", "error_uri")]
    return " ".join(quoted(one) for one in found if one)
