"""Puts the parts of other concerns into a server: admission plugins, audit, encryption, the service network."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..api.resource import resource
from ..base.clock import Clock
from ..base.http.message import App
from ..base.metrics import Registry as Metrics
from .admission import AdmissionContext
from .admission import build as build_admission
from .admission.configuration import plugin_settings
from .admission.own_writes import Write, writer
from .admission.plugin import AdmissionPlugin
from .admission.quota_store import RegistryQuotas
from .admission.webhook.client import WebhookClient
from .aggregation import local
from .authz.claims import ClaimRules
from .authz.escalation import EscalationCheck
from .config import ApiServerConfig
from .filters import Filter
from .identity import Security, read_file
from .reader import ObjectReader
from .registry import Registry
from .resources.service import ServiceStrategy
from .resources.service_addresses import AddressObjects
from .resources.service_allocation import ServiceNetwork
from .versions import ServedVersions
from .watch_cache import WatchCache

if TYPE_CHECKING:
    from ..store.store import Store
    from .audit.backends import Backend
    from .encryption.store import EncryptingStore
    from .reload.keys import EncryptionKeys
    from .reload.pairs import FollowedPair


def admission_plugins(
    config: ApiServerConfig,
    reader: WatchCache,
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
        refresh=reader.wait_consistent,
        clock=clock,
        gates=registry.gates,
        configuration=plugin_settings(config.admission_config_file),
    )
    plugins = build_admission(
        context, enable=config.enable_admission, disable=config.disable_admission, gates=registry.gates
    )
    if security.rbac is not None:
        plugins.append(EscalationCheck(security.authorizer, security.rbac))
    granular = registry.gates["DRAResourceClaimGranularStatusAuthorization"]
    plugins.append(ClaimRules(reader, security.authorizer, granular=granular))
    return plugins


def proxy_identity(config: ApiServerConfig) -> "FollowedPair | None":
    """What we show extension API servers; None when nothing is configured."""
    if not config.proxy_client_certificate:
        return None
    from .reload.pairs import FollowedPair

    return FollowedPair("front proxy certificate", config.proxy_client_certificate, config.proxy_client_key)


async def publish_trust(config: ApiServerConfig, reader: ObjectReader, write: Write) -> None:
    """Tell extension API servers which certificates to believe."""
    await local.publish_trust(
        reader,
        write,
        client_ca=read_file(config.tls.client_ca) if config.tls is not None else b"",
        request_header_ca=read_file(config.request_header_ca),
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


def encryption_keys(
    config: ApiServerConfig, store: "EncryptingStore | None", metrics: Metrics, clock: Clock
) -> "EncryptionKeys | None":
    """What keeps the store's keys: their services, and the file if that is followed."""
    if store is None:
        return None
    from .reload.keys import EncryptionKeys
    from .reload.metrics import ReloadMetrics

    told = ReloadMetrics("encryption", metrics, clock) if config.encryption_reload else None
    return EncryptionKeys(store, config.encryption_config_file, clock, told)


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
