"""The authentication filter: puts the proven identity into `request.context["user"]`.

A request that arrives with a user in its context comes from a component in this process and passes as it is.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.http.message import App, Request, Response
from ..authn.authenticator import Authenticator
from ..authn.bootstrap_token import BootstrapTokenAuthenticator
from ..authn.client_certificate import ClientCertificateAuthenticator
from ..authn.request_header import RequestHeaderAuthenticator
from ..authn.service_account import ServiceAccountTokenAuthenticator
from ..authn.static_token import StaticTokenAuthenticator
from ..authn.tokens import (
    AudienceAgnostic,
    RemoteTokenAuthenticator,
    TokenAuthenticator,
    TokenUnion,
)
from ..authn.union import BearerTokenAuthenticator, UnionAuthenticator
from ..reader import ObjectReader
from ..service_account_keys import ServiceAccountKeys


class AuthenticationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the API server believes.

    `client_ca_pem` is needed only when TLS also trusts another CA for clients (`request_header_ca_pem`); TLS has
    otherwise checked the chain already. `token_file` is the text of the static token file.
    """

    client_ca_pem: bytes = b""
    request_header_ca_pem: bytes = b""
    request_header_allowed_names: tuple[str, ...] = ()
    request_header_uid: bool = True
    """Whether front proxies may tell the user's uid (feature gate RemoteRequestHeaderUID)."""
    certificate_uid: bool = True
    """Whether a certificate's subject may (feature gate AllowParsingUserUIDFromCertAuth)."""
    token_file: str = ""
    bootstrap_tokens: bool = True
    anonymous: bool = True
    anonymous_paths: tuple[str, ...] | None = None


def build_tokens(
    config: AuthenticationConfig,
    reader: ObjectReader,
    keys: ServiceAccountKeys | None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    issuers: Sequence[RemoteTokenAuthenticator] = (),
    webhook: RemoteTokenAuthenticator | None = None,
) -> TokenUnion:
    """Every kind of bearer token, in upstream's order; TokenReview asks the same object."""
    api_audiences: Sequence[str] = keys.api_audiences if keys is not None else ()
    authenticators: list[TokenAuthenticator] = []
    if config.token_file:
        authenticators.append(AudienceAgnostic(StaticTokenAuthenticator(config.token_file), api_audiences))
    if keys is not None:
        authenticators.append(ServiceAccountTokenAuthenticator(keys, reader, clock))
    if config.bootstrap_tokens:
        authenticators.append(AudienceAgnostic(BootstrapTokenAuthenticator(reader, clock), api_audiences))
    union = TokenUnion(authenticators, api_audiences)
    union.ask(issuers, webhook)
    return union


class AuthenticationFilter:
    """`filter(next) -> App`. StatusError 401 leaves it when no credential holds and anonymous requests are off."""

    def __init__(
        self, union: UnionAuthenticator, trust: Callable[[bytes, bytes], None] = lambda client_ca, proxy_ca: None
    ) -> None:
        """`trust` takes the CAs of clients and of front proxies when they change."""
        self.union = union
        self.trust = trust

    def __call__(self, next: App) -> App:
        union = self.union

        def authenticated(request: Request) -> Awaitable[Response]:
            context = request.context
            if "user" not in context:
                user = union.proven(request)
                if user is None:
                    return asked(request)
                context["user"] = user
            return next(request)

        async def asked(request: Request) -> Response:
            request.context["user"] = await union.authenticate(request)
            return await next(request)

        return authenticated


def build_authentication(
    config: AuthenticationConfig, tokens: TokenUnion, *, clock: Clock = SYSTEM_CLOCK
) -> AuthenticationFilter:
    """The filter for a configuration; `tokens` comes from `build_tokens`."""
    certificates = ClientCertificateAuthenticator(config.client_ca_pem, clock, uid=config.certificate_uid)
    authenticators: list[Authenticator] = [certificates, BearerTokenAuthenticator(tokens)]
    proxies: RequestHeaderAuthenticator | None = None
    if config.request_header_ca_pem:
        names = config.request_header_allowed_names
        uid = ("x-remote-uid",) if config.request_header_uid else ()
        proxies = RequestHeaderAuthenticator(config.request_header_ca_pem, allowed_names=names, uid_headers=uid)
        authenticators.insert(0, proxies)

    def trust(client_ca: bytes, request_header_ca: bytes) -> None:
        certificates.trust(client_ca)
        if proxies is not None:
            proxies.trust(request_header_ca)

    anonymous, paths = config.anonymous, config.anonymous_paths
    union = UnionAuthenticator(authenticators, anonymous=anonymous, anonymous_paths=paths)
    return AuthenticationFilter(union, trust)
