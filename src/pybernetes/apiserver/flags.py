"""Which setting of `ApiServerConfig` is which flag of a `kube-apiserver`; both ways.

Command lines become settings with it (`pybernetes apiserver`), and `/flagz` tells settings as flags.
"""

import msgspec

from ..base.go_text import go_text
from .config import ApiServerConfig

VALUES = {
    "advertise-address": "advertise_address",
    "anonymous-auth": "anonymous",
    "api-audiences": "api_audiences",
    "authorization-mode": "authorization_modes",
    "bind-address": "listen_host",
    "disable-admission-plugins": "disable_admission",
    "enable-admission-plugins": "enable_admission",
    "enable-bootstrap-token-auth": "bootstrap_tokens",
    "encryption-provider-config-automatic-reload": "encryption_reload",
    "max-mutating-requests-inflight": "max_mutating_requests_in_flight",
    "max-requests-inflight": "max_requests_in_flight",
    "request-timeout": "request_timeout_seconds",
    "requestheader-allowed-names": "request_header_allowed_names",
    "audit-log-maxage": "audit_log_max_age_days",
    "audit-log-maxbackup": "audit_log_max_backups",
    "audit-log-maxsize": "audit_log_max_size_mib",
    "audit-log-path": "audit_log_path",
    "authentication-token-webhook-cache-ttl": "token_webhook_cache_seconds",
    "authorization-webhook-cache-authorized-ttl": "authorization_webhook_allowed_seconds",
    "authorization-webhook-cache-unauthorized-ttl": "authorization_webhook_denied_seconds",
    "enable-priority-and-fairness": "priority_and_fairness",
    "service-cluster-ip-range": "service_cidr",
    "service-node-port-range": "node_port_range",
    "shutdown-delay-duration": "shutdown_delay_seconds",
}
"""Flag -> the setting that takes its value."""
FILES = {
    "admission-control-config-file": "admission_config_file",
    "audit-policy-file": "audit_policy_file",
    "audit-webhook-config-file": "audit_webhook_config_file",
    "authentication-config": "authentication_config_file",
    "authentication-token-webhook-config-file": "token_webhook_config_file",
    "authorization-config": "authorization_config_file",
    "authorization-policy-file": "authorization_policy_file",
    "authorization-webhook-config-file": "authorization_webhook_config_file",
    "encryption-provider-config": "encryption_config_file",
    "proxy-client-cert-file": "proxy_client_certificate",
    "proxy-client-key-file": "proxy_client_key",
    "requestheader-client-ca-file": "request_header_ca",
    "token-auth-file": "token_file",
}
"""Paths that must exist."""
SWITCHES = {"feature-gates": "feature_gates", "runtime-config": "runtime_config"}

_MORE = {
    "secure-port": "listen_port",
    "service-account-issuer": "service_account_issuer",
}


def flags_of(config: ApiServerConfig) -> dict[str, str]:
    """The settings as flags with their values as Go prints them, the defaults among them. Keys and tokens are in files,
    so nothing in it is secret."""
    found = {name: go_text(getattr(config, field)) for name, field in {**VALUES, **FILES, **SWITCHES, **_MORE}.items()}
    if config.tls is not None:
        found["tls-cert-file"] = config.tls.certificate
        found["tls-private-key-file"] = config.tls.key
        found["client-ca-file"] = config.tls.client_ca
    if config.oidc is not None:
        for field, value in msgspec.structs.asdict(config.oidc).items():
            found["oidc-" + field.replace("_", "-")] = go_text(value)
    return dict(sorted(found.items()))
