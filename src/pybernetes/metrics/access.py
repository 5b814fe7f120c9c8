"""Whom the metrics server believes, and whom it asks what they may do.

    kube-system/extension-apiserver-authentication ──▶ Trust: the front proxy's CA and headers, the clients' CA
    front proxy's headers, client certificate, token (TokenReview) ──▶ user ──SubjectAccessReview──▶ allowed or 403

The same filters as the API server's, with other authenticators and another authorizer behind them. Members of
system:masters are not asked about, as in every extension API server of upstream's.
"""

from collections.abc import Sequence

import msgspec

from ..api.authorization import NonResourceAttributes, ResourceAttributes
from ..api.core import ConfigMap
from ..api.user import SYSTEM_MASTERS, UserInfo
from ..apiserver.authn.authenticator import Authenticator
from ..apiserver.authn.client_certificate import ClientCertificateAuthenticator
from ..apiserver.authn.request_header import RequestHeaderAuthenticator
from ..apiserver.authn.tokens import TokenIdentity, TokenUnion
from ..apiserver.authn.union import BearerTokenAuthenticator, UnionAuthenticator
from ..apiserver.authz.authorizer import ALLOW, Attributes, Decision
from ..apiserver.filters import Filter
from ..apiserver.filters.authentication import AuthenticationFilter
from ..apiserver.filters.authorization import AuthorizationFilter
from ..base.clock import Clock
from ..client.client import Client
from ..client.delegation import Delegation

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
_names = msgspec.json.Decoder(list[str]).decode


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What the API server has published about itself. PEM; empty where it has none."""

    client_ca: bytes = b""
    proxy_ca: bytes = b""
    proxy_names: tuple[str, ...] = ()
    username_headers: tuple[str, ...] = ("X-Remote-User",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)

    @property
    def authorities(self) -> bytes:
        """Every CA whose clients may connect."""
        return b"\n".join(pem for pem in (self.client_ca, self.proxy_ca) if pem)


def trust_of(data: dict[str, str]) -> Trust:
    """The data of the config map. msgspec.DecodeError when a list in it is none."""
    given = {
        "proxy_names": "requestheader-allowed-names",
        "username_headers": "requestheader-username-headers",
        "uid_headers": "requestheader-uid-headers",
        "group_headers": "requestheader-group-headers",
        "extra_prefixes": "requestheader-extra-headers-prefix",
    }
    lists = {field: tuple(_names(data[key])) for field, key in given.items() if key in data}
    return Trust(
        client_ca=data.get("client-ca-file", "").encode(),
        proxy_ca=data.get("requestheader-client-ca-file", "").encode(),
        **lists,
    )


async def read_trust(client: Client) -> Trust:
    """What the API server has published now. StatusError."""
    found = await client.get(ConfigMap, NAME, NAMESPACE)
    return trust_of(found.data or {})


class DelegatedTokens:
    """A RemoteTokenAuthenticator: the API server knows whose token it is."""

    def __init__(self, delegation: Delegation) -> None:
        self._delegation = delegation

    async def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See RemoteTokenAuthenticator."""
        user = await self._delegation.user_of(token)
        return TokenIdentity(user) if user is not None else None


class DelegatedAuthorizer:
    """An Authorizer: the API server decides."""

    def __init__(self, delegation: Delegation) -> None:
        self._delegation = delegation

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        if SYSTEM_MASTERS in attributes.user.groups:
            return ALLOW
        wanted: ResourceAttributes | NonResourceAttributes
        if attributes.is_resource:
            wanted = ResourceAttributes(
                verb=attributes.verb,
                group=attributes.group,
                version=attributes.version,
                resource=attributes.resource,
                subresource=attributes.subresource or None,
                namespace=attributes.namespace or None,
                name=attributes.name or None,
            )
        else:
            wanted = NonResourceAttributes(verb=attributes.verb, path=attributes.path)
        allowed, reason = await self._delegation.may(attributes.user, wanted)
        return Decision(allowed=allowed, reason=reason)

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """Unknown here: the API server holds the rules."""
        return [], [], True


def access_filters(trust: Trust, client: Client, clock: Clock) -> dict[str, Filter]:
    """The filters `authentication` and `authorization`."""
    delegation = Delegation(client, clock)
    authenticators: list[Authenticator] = []
    if trust.proxy_ca:
        authenticators.append(
            RequestHeaderAuthenticator(
                trust.proxy_ca,
                allowed_names=trust.proxy_names,
                username_headers=trust.username_headers,
                uid_headers=trust.uid_headers,
                group_headers=trust.group_headers,
                extra_prefixes=trust.extra_prefixes,
            )
        )
    if trust.client_ca:
        authenticators.append(ClientCertificateAuthenticator(trust.client_ca, clock))
    authenticators.append(BearerTokenAuthenticator(TokenUnion((), (), [DelegatedTokens(delegation)])))
    return {
        "authentication": AuthenticationFilter(UnionAuthenticator(authenticators)),
        "authorization": AuthorizationFilter(DelegatedAuthorizer(delegation)),
    }
