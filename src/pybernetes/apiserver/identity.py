"""Who somebody is and what he may do: the authenticators and authorizers that a configuration names, and what of them
follows its files."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ..base.clock import Clock
from ..base.metrics import Registry as Metrics
from .authn.configuration import Structured
from .authn.tokens import RemoteTokenAuthenticator, TokenUnion
from .authz.authorizer import Authorizer
from .authz.modes import UnionAuthorizer, build_authorizer
from .authz.rbac import RbacAuthorizer
from .config import ApiServerConfig
from .dispatch import Dispatcher
from .filters import Filter
from .filters.authentication import AuthenticationConfig, AuthenticationFilter, build_authentication, build_tokens
from .filters.authorization import build_authorization
from .filters.impersonation import build_impersonation
from .pages import Pages
from .reader import ObjectReader
from .reviews import build_reviews
from .service_account_keys import CONFIGURATION_PATH, JWKS_PATH, ServiceAccountKeys
from .token_request import TokenRequests
from .watch_cache import WatchCache

if TYPE_CHECKING:
    from .reload.files import FollowedFiles


class Security(msgspec.Struct, kw_only=True):
    """The authorizer and the filters made with it; `rbac` is None when the mode is off, `webhook` without one."""

    authorizer: UnionAuthorizer
    rbac: RbacAuthorizer | None
    tokens: TokenUnion
    webhook: RemoteTokenAuthenticator | None
    authentication: AuthenticationFilter
    filters: dict[str, Filter]

    async def trust(self, client_ca: bytes, request_header_ca: bytes) -> None:
        """Other CAs of clients and of front proxies (PEM) from now on."""
        self.authentication.trust(client_ca, request_header_ca)


def security_filters(
    config: ApiServerConfig,
    reader: WatchCache,
    dispatcher: Dispatcher,
    pages: Pages,
    gates: Mapping[str, bool],
    clock: Clock,
) -> Security:
    """Authentication, impersonation, authorization; reviews and token requests go to the dispatcher."""
    rbac = RbacAuthorizer(reader) if "RBAC" in modes_of(config) else None
    authorizer = _authorizer(config, reader, rbac, clock)
    keys = _keys(config)
    structured = _structured(config, clock)
    authentication = AuthenticationConfig(
        client_ca_pem=read_file(config.tls.client_ca) if config.tls is not None and config.request_header_ca else b"",
        request_header_ca_pem=read_file(config.request_header_ca),
        request_header_allowed_names=config.request_header_allowed_names,
        request_header_uid=gates["RemoteRequestHeaderUID"],
        certificate_uid=gates["AllowParsingUserUIDFromCertAuth"],
        token_file=read_file(config.token_file).decode(),
        bootstrap_tokens=config.bootstrap_tokens,
        anonymous=config.anonymous if structured.anonymous is None else structured.anonymous,
        anonymous_paths=structured.anonymous_paths,
    )
    webhook = _token_webhook(config, clock)
    tokens = build_tokens(authentication, reader, keys, clock=clock, issuers=structured.issuers, webhook=webhook)
    dispatcher.reviews.update(build_reviews(authorizer, tokens))
    if keys is not None:
        dispatcher.reviews["serviceaccounts/token"] = TokenRequests(
            reader,
            keys,
            clock=clock,
            refresh=reader.wait_consistent,
            checks_uid=gates["TokenRequestServiceAccountUIDValidation"],
        )
        pages.served[JWKS_PATH] = keys.serve_jwks
        pages.served[CONFIGURATION_PATH] = keys.serve_configuration
    authenticated = build_authentication(authentication, tokens, clock=clock)
    filters: dict[str, Filter] = {
        "authentication": authenticated,
        "impersonation": build_impersonation(authorizer, constrained=gates["ConstrainedImpersonation"]),
        "authorization": build_authorization(
            authorizer, create_to_connect=gates["AuthorizePodWebsocketUpgradeCreatePermission"]
        ),
    }
    return Security(
        authorizer=authorizer,
        rbac=rbac,
        tokens=tokens,
        webhook=webhook,
        authentication=authenticated,
        filters=filters,
    )


def followed(
    config: ApiServerConfig, security: Security, reader: ObjectReader, metrics: Metrics, clock: Clock
) -> "Sequence[FollowedFiles]":
    """The structured configurations whose changes take effect while the server runs."""
    files: list[FollowedFiles] = []
    if not config.authentication_config_file and not config.authorization_config_file:
        return files
    from .reload.identity import follow_authentication, follow_authorization
    from .reload.metrics import ReloadMetrics

    if path := config.authentication_config_file:
        files.append(
            follow_authentication(
                path,
                security.tokens,
                security.authentication.union,
                anonymous=config.anonymous,
                webhook=security.webhook,
                clock=clock,
                metrics=ReloadMetrics("authentication", metrics, clock),
            )
        )
    if path := config.authorization_config_file:
        told = ReloadMetrics("authorization", metrics, clock)
        files.append(follow_authorization(path, security.authorizer, reader, security.rbac, clock=clock, metrics=told))
    return files


def modes_of(config: ApiServerConfig) -> tuple[str, ...]:
    """The authorization modes, from the flags or the file."""
    if not config.authorization_config_file:
        return config.authorization_modes
    from .authz.configuration import read

    return tuple(str(row.get("type")) for row in read(config.authorization_config_file))


def _authorizer(
    config: ApiServerConfig, reader: ObjectReader, rbac: RbacAuthorizer | None, clock: Clock
) -> UnionAuthorizer:
    if config.authorization_config_file:
        from .authz.configuration import load

        return load(config.authorization_config_file, reader, rbac, clock)
    configured: dict[str, Authorizer] = {}
    if config.authorization_webhook_config_file:
        from .authz.webhook import WebhookAuthorizer
        from .remote_webhook import RemoteWebhook

        configured["Webhook"] = WebhookAuthorizer(
            RemoteWebhook(config.authorization_webhook_config_file),
            clock,
            allowed_seconds=config.authorization_webhook_allowed_seconds,
            denied_seconds=config.authorization_webhook_denied_seconds,
        )
    if config.authorization_policy_file:
        from .authz import abac

        configured["ABAC"] = abac.load(config.authorization_policy_file)
    return build_authorizer(config.authorization_modes, reader, rbac, configured)


def _structured(config: ApiServerConfig, clock: Clock) -> Structured:
    if config.authentication_config_file:
        from .authn.configuration import load

        return load(config.authentication_config_file, clock)
    if config.oidc is not None:
        from .authn.oidc import JwtAuthenticator
        from .authn.oidc_flags import as_structured

        return Structured(issuers=[JwtAuthenticator(as_structured(config.oidc), clock, config.oidc.signing_algs)])
    return Structured()


def _token_webhook(config: ApiServerConfig, clock: Clock) -> RemoteTokenAuthenticator | None:
    if not config.token_webhook_config_file:
        return None
    from .authn.token_webhook import TokenWebhook
    from .remote_webhook import RemoteWebhook

    webhook = RemoteWebhook(config.token_webhook_config_file)
    return TokenWebhook(webhook, clock, cache_seconds=config.token_webhook_cache_seconds)


def _keys(config: ApiServerConfig) -> ServiceAccountKeys | None:
    if not config.service_account_signing_key:
        return None
    return ServiceAccountKeys(
        config.service_account_signing_key,
        verification_keys_pem=config.service_account_keys,
        issuers=(config.service_account_issuer,),
        api_audiences=config.api_audiences,
    )


def read_file(path: str) -> bytes:
    """A file's bytes, none for no path. OSError."""
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read()
