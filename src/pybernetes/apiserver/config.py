"""What one API server is told at its start, whole; deeper parts take the few fields they need."""

import msgspec

from .authn.oidc_flags import OidcFlags
from .history.retention import Retention


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of PEM files. `client_ca` is what client certificates must chain to."""

    certificate: str
    key: str
    client_ca: str


class ApiServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`listen_port` 0 chooses one; without `tls` nothing listens and the server is used through `.app`.

    `advertise_address` is what the `kubernetes` Service leads to; "" leaves the Service without endpoints.
    `service_account_signing_key` and `service_account_keys` are PEM texts.
    """

    listen_host: str = "127.0.0.1"
    listen_port: int = 6443
    tls: TlsFiles | None = None
    advertise_address: str = ""
    advertise_port: int = 6443
    service_cidr: str = "10.96.0.0/16"
    """One range, or one of each family with a comma between."""
    node_port_range: str = "30000-32767"
    cluster_domain: str = "cluster.local"

    authorization_modes: tuple[str, ...] = ("Node", "RBAC")
    anonymous: bool = True
    bootstrap_tokens: bool = True
    token_file: str = ""
    request_header_ca: str = ""
    request_header_allowed_names: tuple[str, ...] = ()
    service_account_signing_key: bytes = b""
    service_account_keys: tuple[bytes, ...] = ()
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    api_audiences: tuple[str, ...] = ()

    enable_admission: tuple[str, ...] = ()
    disable_admission: tuple[str, ...] = ()
    admission_config_file: str = ""
    """`--admission-control-config-file`: an AdmissionConfiguration with settings of single plugins."""

    authentication_config_file: str = ""
    """`--authentication-config`: a structured AuthenticationConfiguration (JWT issuers, anonymous)."""
    oidc: OidcFlags | None = None
    """`--oidc-*`: one JWT issuer; not together with `authentication_config_file`."""
    token_webhook_config_file: str = ""
    """`--authentication-token-webhook-config-file`: a kubeconfig."""
    token_webhook_cache_seconds: float = 120.0
    authorization_config_file: str = ""
    """`--authorization-config`: a structured AuthorizationConfiguration; `authorization_modes` is then unused."""
    authorization_policy_file: str = ""
    """`--authorization-policy-file`: policies, one a line, for the mode ABAC."""
    authorization_webhook_config_file: str = ""
    """`--authorization-webhook-config-file`: a kubeconfig, for the mode Webhook."""
    authorization_webhook_allowed_seconds: float = 300.0
    authorization_webhook_denied_seconds: float = 30.0

    audit_policy_file: str = ""
    audit_log_path: str = ""
    """`-` is the standard output."""
    audit_log_max_age_days: int = 0
    audit_log_max_backups: int = 0
    audit_log_max_size_mib: int = 100
    audit_webhook_config_file: str = ""

    encryption_config_file: str = ""
    """`--encryption-provider-config`."""
    encryption_reload: bool = False
    """`--encryption-provider-config-automatic-reload`: whether a changed file takes effect while the server runs."""

    aggregation: bool = True
    """Whether APIServices are kept: local ones for what is served, and the availability of others."""
    proxy_client_certificate: str = ""
    proxy_client_key: str = ""
    """What the server shows extension API servers, so that they believe the identity it passes on."""

    runtime_config: dict[str, bool] = {}
    """`--runtime-config`: what is served beside the defaults, or not served (`runtime_config.py`)."""
    feature_gates: dict[str, bool] = {}
    """`--feature-gates`."""

    priority_and_fairness: bool = True
    keep_flow_control_objects: bool = True
    """Whether the built-in FlowSchemas and PriorityLevelConfigurations are written and kept."""

    keep_identity_lease: bool = True
    """Whether the server keeps a Lease that tells of it (`identity_lease.py`), where its gate is on."""

    shared_store: bool = False
    """Whether other API servers use the same store: each then keeps a lease there, and the `kubernetes` Service leads
    to all that are alive."""

    retention: Retention = Retention()
    """How much of the past is kept for `?at=` and `/history`."""

    max_requests_in_flight: int = 400
    max_mutating_requests_in_flight: int = 200
    request_timeout_seconds: float = 60.0
    shutdown_delay_seconds: float = 0.0
    bootstrap: bool = True
    """Whether the objects every cluster has (namespaces, RBAC, the kubernetes Service) are made at the start."""
