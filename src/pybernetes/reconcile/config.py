"""The settings of the controller manager: one Struct, read once at the edge, defaults as upstream's flags have them."""

import msgspec


class ControllerManagerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting; durations in seconds, certificates and keys in PEM.

    `controllers` is the list of `--controllers`: "*" enables all that are on by default, "name" one, "-name" disables.
    """

    controllers: tuple[str, ...] = ("*",)
    leader_elect: bool = True
    identity: str = ""

    cluster_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    service_cidrs: tuple[str, ...] = ()
    allocate_node_cidrs: bool = True
    node_cidr_mask_ipv4: int = 24
    node_cidr_mask_ipv6: int = 64

    node_monitor_grace_period_seconds: float = 50.0
    node_startup_grace_period_seconds: float = 60.0
    node_eviction_rate: float = 0.1
    terminated_pod_gc_threshold: int = 12500
    horizontal_pod_autoscaler_sync_period_seconds: float = 15.0

    root_ca: bytes = b""
    signing_certificate: bytes = b""
    signing_key: bytes = b""
    signing_duration_seconds: float = 365 * 24 * 3600.0
    service_account_key: bytes = b""

    concurrent_reconciles: int = 4
    namespace_concurrency: int = 4
    max_endpoints_per_slice: int = 100
