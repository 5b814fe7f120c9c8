"""Flags of upstream's kubelet that stand for a setting as it is, and what `/flagz` shows of the settings. Pure."""

from collections.abc import Mapping

from pybernetes.base.go_text import go_text

from .config import KubeletConfig

FIELDS: Mapping[str, str] = {
    "allowed-unsafe-sysctls": "allowed_unsafe_sysctls",
    "cpu-manager-policy": "cpu_manager_policy",
    "cpu-manager-policy-options": "cpu_manager_policy_options",
    "eviction-max-pod-grace-period": "eviction_maximum_pod_grace_seconds",
    "eviction-minimum-reclaim": "eviction_minimum_reclaim",
    "eviction-pressure-transition-period": "eviction_transition_seconds",
    "image-gc-high-threshold": "image_gc_high_percent",
    "image-gc-low-threshold": "image_gc_low_percent",
    "max-parallel-image-pulls": "max_parallel_image_pulls",
    "max-pods": "max_pods",
    "minimum-image-ttl-duration": "image_minimum_age_seconds",
    "node-labels": "labels",
    "node-status-update-frequency": "node_status_update_seconds",
    "pod-max-pids": "pod_pids_limit",
    "reserved-cpus": "reserved_system_cpus",
    "resolv-conf": "host_resolv_conf",
    "root-dir": "root_directory",
    "seccomp-default": "seccomp_default",
    "serialize-image-pulls": "serialize_image_pulls",
    "shutdown-grace-period": "shutdown_grace_seconds",
    "shutdown-grace-period-critical-pods": "shutdown_critical_seconds",
    "system-reserved": "system_reserved",
    "topology-manager-policy": "topology_manager_policy",
    "topology-manager-scope": "topology_manager_scope",
}
"""Flags that are a field as they are."""


def shown(config: KubeletConfig) -> dict[str, str]:
    """The settings in force as flags."""
    found = {name: go_text(getattr(config, field)) for name, field in FIELDS.items()}
    thresholds = {"eviction-hard": config.eviction_hard, "eviction-soft": config.eviction_soft}
    for name, amounts in thresholds.items():
        found[name] = ",".join(f"{signal}<{amount}" for signal, amount in sorted(amounts.items()))
    return dict(sorted(found.items()))
