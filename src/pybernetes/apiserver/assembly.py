"""Puts the parts of other concerns into a server: identity and rights, admission plugins, the service network."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ..api.resource import resource
from ..base.clock import Clock
from ..base.http.message import App
from .admission import AdmissionContext
from .admission import build as build_admission
from .admission.configuration import plugin_settings
from .admission.own_writes import Write, writer
from .admission.plugin import AdmissionPlugin
from .admission.quota_store import RegistryQuotas
from .admission.webhook.client import WebhookClient
from .aggregation import local
from .authn.configuration import Structured
from .authn.tokens import RemoteTokenAuthenticator
from .authz.authorizer import Authorizer
from .authz.escalation import EscalationCheck
from .authz.modes import build_authorizer
from .authz.rbac import RbacAuthorizer
from .config import ApiServerConfig
from .dispatch import Dispatcher
from .filters import Filter
from .filters.authentication import AuthenticationConfig, build_authentication, build_tokens
from .filters.authorization import build_authorization
from .filters.impersonation import build_impersonation
from .pages import Pages
from .reader import ObjectReader
from .registry import Registry
from .resources.service import ServiceStrategy
from .resources.service_addresses import AddressObjects
from .resources.service_allocation import ServiceNetwork
from .reviews import build_reviews
from .service_account_keys import CONFIGURATION_PATH, JWKS_PATH, ServiceAccountKeys
from .token_request import TokenRequests
from .versions import ServedVersions
from .watch_cache import WatchCache

if TYPE_CHECKING:
    from ..base.x509 import KeyPair
    from ..store.store import Store
    from .audit.backends import Backend
    from .encryption.store import EncryptingStore


class Security(msgspec.Struct):
    """The authorizer and the filters made with it; `rbac` is None when the mode is off."""

    authorizer: Authorizer
    rbac: RbacAuthorizer | None
    filters: dict[str, Filter]


def security_filters(
    config: ApiServerConfig, reader: WatchCache, dispatcher: Dispatcher, pages: Pages, clock: Clock
) -> Security:
    """Authentication, impersonation, authorization; reviews and token requests go to the dispatcher."""
    rbac = RbacAuthorizer(reader) if "RBAC" in modes_of(config) else None
    authorizer = _authorizer(config, reader, rbac, clock)
    keys = _keys(config)
    structured = _structured(config, clock)
    authentication = AuthenticationConfig(
        client_ca_pem=_read(config.tls.client_ca) if config.tls is not None and config.request_header_ca else b"",
        request_header_ca_pem=_read(config.request_header_ca),
        request_header_allowed_names=config.request_header_allowed_names,
        token_file=_read(config.token_file).decode(),
        bootstrap_tokens=config.bootstrap_tokens,
        anonymous=config.anonymous if structured.anonymous is None else structured.anonymous,
        anonymous_paths=structured.anonymous_paths,
    )
    webhook = _token_webhook(config, clock)
    tokens = build_tokens(authentication, reader, keys, clock=clock, issuers=structured.issuers, webhook=webhook)
    dispatcher.reviews.update(build_reviews(authorizer, tokens))
    if keys is not None:
        dispatcher.reviews["serviceaccounts/token"] = TokenRequests(
            reader, keys, clock=clock, refresh=reader.wait_consistent
        )
        pages.served[JWKS_PATH] = keys.serve_jwks
        pages.served[CONFIGURATION_PATH] = keys.serve_configuration
    filters: dict[str, Filter] = {
        "authentication": build_authentication(authentication, tokens, clock=clock),
        "impersonation": build_impersonation(authorizer),
        "authorization": build_authorization(authorizer),
    }
    return Security(authorizer, rbac, filters)


def modes_of(config: ApiServerConfig) -> tuple[str, ...]:
    """The authorization modes, from the flags or the file."""
    if not config.authorization_config_file:
        return config.authorization_modes
    from .authz.configuration import read

    return tuple(str(row.get("type")) for row in read(config.authorization_config_file))


def _authorizer(config: ApiServerConfig, reader: ObjectReader, rbac: RbacAuthorizer | None, clock: Clock) -> Authorizer:
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


def _read(path: str) -> bytes:
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read()


def _keys(config: ApiServerConfig) -> ServiceAccountKeys | None:
    if not config.service_account_signing_key:
        return None
    return ServiceAccountKeys(
        config.service_account_signing_key,
        verification_keys_pem=config.service_account_keys,
        issuers=(config.service_account_issuer,),
        api_audiences=config.api_audiences,
    )


def admission_plugins(
    config: ApiServerConfig,
    reader: ObjectReader,
    security: Security,
    registry: Registry,
    webhooks: WebhookClient,
    *,
    app: Callable[[], App],
    clock: Clock,
) -> list[AdmissionPlugin]:
    """The enabled plugins, in order."""
    context = AdmissionContext(
        reader=reader,
        authorizer=security.authorizer,
        versions=ServedVersions(registry),
        webhooks=webhooks,
        quotas=RegistryQuotas(registry),
        write=writer(app),
        clock=clock,
        configuration=plugin_settings(config.admission_config_file),
    )
    plugins = build_admission(context, enable=config.enable_admission, disable=config.disable_admission)
    if security.rbac is not None:
        plugins.append(EscalationCheck(security.authorizer, security.rbac))
    return plugins


def proxy_identity(config: ApiServerConfig) -> "KeyPair | None":
    """What we show extension API servers; None when nothing is configured."""
    if not config.proxy_client_certificate:
        return None
    from ..base.x509 import KeyPair

    return KeyPair.load(config.proxy_client_certificate, config.proxy_client_key)


async def publish_trust(config: ApiServerConfig, reader: ObjectReader, write: Write) -> None:
    """Tell extension API servers which certificates to believe."""
    await local.publish_trust(
        reader,
        write,
        client_ca=_read(config.tls.client_ca) if config.tls is not None else b"",
        request_header_ca=_read(config.request_header_ca),
        allowed_names=config.request_header_allowed_names,
    )


def build_audit(config: ApiServerConfig, clock: Clock) -> "tuple[dict[str, Filter], list[Backend]]":
    """The audit filters and what they write to; nothing without a policy."""
    if not config.audit_policy_file:
        return {}, []
    from .audit import backends as kinds
    from .audit.filter import Audit
    from .audit.policy import load

    backends: list[Backend] = []
    if config.audit_log_path:
        backends.append(
            kinds.LogFile(
                config.audit_log_path,
                clock,
                max_bytes=config.audit_log_max_size_mib * 1024 * 1024,
                max_backups=config.audit_log_max_backups,
                max_age_days=config.audit_log_max_age_days,
            )
        )
    if config.audit_webhook_config_file:
        from .remote_webhook import RemoteWebhook

        backends.append(kinds.WebhookBatches(RemoteWebhook(config.audit_webhook_config_file)))
    audit = Audit(load(config.audit_policy_file), backends, clock)
    return {"failed_authentication": audit.failed_authentication, "audit": audit}, backends


def encrypted_store(config: ApiServerConfig, store: "Store", clock: Clock) -> "EncryptingStore | None":
    """The store in front of the store that encrypts; None when nothing is to be encrypted."""
    if not config.encryption_config_file:
        return None
    from .encryption.configuration import load
    from .encryption.store import EncryptingStore

    return EncryptingStore(store, load(config.encryption_config_file, clock))


def service_network(config: ApiServerConfig, registry: Registry) -> None:
    """Tell the Service strategy which addresses and ports it may give out."""
    strategy = registry.stored(resource("services")).strategy
    assert isinstance(strategy, ServiceStrategy)
    served = registry.find("networking.k8s.io", "v1", "ipaddresses")
    addresses = AddressObjects(served.resource) if served is not None and served.resource is not None else None
    strategy.use(ServiceNetwork(config.service_cidr, config.node_port_range), addresses)


async def repair_service_network(registry: Registry) -> None:
    """Bring Services and their IPAddresses together, once at the start."""
    services = registry.stored(resource("services"))
    assert isinstance(services.strategy, ServiceStrategy)
    await services.strategy.repair(services.clock.now())
