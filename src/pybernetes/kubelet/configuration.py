"""The kubelet's configuration file, and what `/configz` shows: KubeletConfiguration (kubelet.config.k8s.io/v1beta1).

    FILE ──▶ composed (every field with its line) ──▶ TABLE: field ─ kind ─ setting ──▶ `configured` ──▶ KubeletConfig
                                                             └───────────────────────▶ `shown` ──▶ /configz

A field that upstream does not know, or that is there twice, is refused with its line, and so is one that asks for
what this kubelet cannot do. Fields that are decided elsewhere here (who may connect, the cgroup driver, ...) are
accepted, so that files made for other nodes can be used. As upstream, what is zero or empty stands for the default.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import yaml

from ..api import quantity
from ..api.duration import parse_seconds
from .config import KubeletConfig
from .configuration_checks import ConfigurationError, check, duration_text
from .configuration_fields import DECIDED_ELSEWHERE, NEUTRAL, NOT_HERE

API_VERSION, KIND = "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"


class Kind(msgspec.Struct, frozen=True):
    """A field's value on the wire and as a setting. `read` raises ValueError or TypeError."""

    read: Callable[[Any], Any]
    show: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value} is no text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value} is no whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value} is neither true nor false")
    return value


def _list(value: Any, of: Callable[[Any], Any]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value} is no list")
    return tuple(of(entry) for entry in value)


def _map(value: Any, of: Callable[[Any], Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value} is no mapping")
    return {_text(key): of(entry) for key, entry in value.items()}


def _fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    found = _map(value, lambda entry: entry)
    if unknown := [name for name in found if name not in names]:
        raise ValueError(f'unknown field "{unknown[0]}"')
    return found


def _amounts(value: Any) -> dict[str, str]:
    return _map(value, lambda entry: str(entry) if isinstance(entry, int | float) else _text(entry))


def _priority(value: Any) -> tuple[int, int]:
    entry = _fields(value, ("priority", "shutdownGracePeriodSeconds"))
    return _number(entry.get("priority", 0)), _number(entry.get("shutdownGracePeriodSeconds", 0))


def _taint(value: Any) -> tuple[str, str, str]:
    entry = _fields(value, ("key", "value", "effect", "timeAdded"))
    return _text(entry.get("key")), _text(entry.get("value") or ""), _text(entry.get("effect"))


def _back_off(value: Any) -> float:
    entry = _fields(value, ("maxContainerRestartPeriod",))
    seconds = parse_seconds(_text(entry.get("maxContainerRestartPeriod") or "5m"))
    if not 1 <= seconds <= 300:
        raise ValueError("maxContainerRestartPeriod must be between 1s and 300s")
    return seconds


TEXT = Kind(_text, str)
NUMBER = Kind(_number, int)
FLAG = Kind(_flag, bool)
DURATION = Kind(lambda value: parse_seconds(_text(value)), duration_text)
TEXTS = Kind(lambda value: _list(value, _text), list)
AMOUNTS = Kind(_amounts, dict)
SIZE = Kind(
    lambda value: quantity.value(_text(value)), lambda size: f"{size >> 20}Mi" if size % (1 << 20) == 0 else str(size)
)
DURATIONS = Kind(
    lambda value: _map(value, lambda entry: parse_seconds(_text(entry))),
    lambda found: {name: duration_text(seconds) for name, seconds in found.items()},
)
PRIORITIES = Kind(
    lambda value: _list(value, _priority),
    lambda found: [{"priority": p, "shutdownGracePeriodSeconds": s} for p, s in found],
)
TAINTS = Kind(
    lambda value: _list(value, _taint),
    lambda found: [{"key": key, "value": value, "effect": effect} for key, value, effect in found],
)
BACK_OFF = Kind(_back_off, lambda seconds: {"maxContainerRestartPeriod": duration_text(seconds)})
PIDS = Kind(lambda value: max(_number(value), 0), lambda limit: limit or -1)

TABLE: Mapping[str, tuple[str, Kind]] = {
    "allowedUnsafeSysctls": ("allowed_unsafe_sysctls", TEXTS),
    "clusterDNS": ("cluster_dns", TEXTS),
    "clusterDomain": ("cluster_domain", TEXT),
    "containerLogMaxFiles": ("log_maximum_files", NUMBER),
    "containerLogMaxSize": ("log_maximum_bytes", SIZE),
    "cpuManagerPolicy": ("cpu_manager_policy", TEXT),
    "cpuManagerPolicyOptions": ("cpu_manager_policy_options", AMOUNTS),
    "cpuManagerReconcilePeriod": ("cpu_manager_reconcile_seconds", DURATION),
    "crashLoopBackOff": ("crash_loop_maximum_seconds", BACK_OFF),
    "evictionHard": ("eviction_hard", AMOUNTS),
    "evictionMaxPodGracePeriod": ("eviction_maximum_pod_grace_seconds", NUMBER),
    "evictionMinimumReclaim": ("eviction_minimum_reclaim", AMOUNTS),
    "evictionPressureTransitionPeriod": ("eviction_transition_seconds", DURATION),
    "evictionSoft": ("eviction_soft", AMOUNTS),
    "evictionSoftGracePeriod": ("eviction_soft_grace_seconds", DURATIONS),
    "imageGCHighThresholdPercent": ("image_gc_high_percent", NUMBER),
    "imageGCLowThresholdPercent": ("image_gc_low_percent", NUMBER),
    "imageMinimumGCAge": ("image_minimum_age_seconds", DURATION),
    "imagePullCredentialsVerificationPolicy": ("image_credentials_policy", TEXT),
    "kubeReserved": ("kube_reserved", AMOUNTS),
    "maxParallelImagePulls": ("max_parallel_image_pulls", NUMBER),
    "maxPods": ("max_pods", NUMBER),
    "nodeLeaseDurationSeconds": ("lease_duration_seconds", NUMBER),
    "nodeStatusReportFrequency": ("node_status_report_seconds", DURATION),
    "nodeStatusUpdateFrequency": ("node_status_update_seconds", DURATION),
    "podLogsDir": ("logs_directory", TEXT),
    "podPidsLimit": ("pod_pids_limit", PIDS),
    "preloadedImagesVerificationAllowlist": ("image_credentials_allowlist", TEXTS),
    "registerNode": ("register_node", FLAG),
    "registerWithTaints": ("taints", TAINTS),
    "reservedSystemCPUs": ("reserved_system_cpus", TEXT),
    "resolvConf": ("host_resolv_conf", TEXT),
    "seccompDefault": ("seccomp_default", FLAG),
    "serializeImagePulls": ("serialize_image_pulls", FLAG),
    "shutdownGracePeriod": ("shutdown_grace_seconds", DURATION),
    "shutdownGracePeriodByPodPriority": ("shutdown_by_priority", PRIORITIES),
    "shutdownGracePeriodCriticalPods": ("shutdown_critical_seconds", DURATION),
    "staticPodPath": ("static_pod_directory", TEXT),
    "systemReserved": ("system_reserved", AMOUNTS),
    "topologyManagerPolicy": ("topology_manager_policy", TEXT),
    "topologyManagerScope": ("topology_manager_scope", TEXT),
}
MERGE = "mergeDefaultEvictionSettings"


def configured(config: KubeletConfig, text: str) -> KubeletConfig:
    """The settings with what a document says. ConfigurationError."""
    document, lines = _composed(text)
    version, kind = document.pop("apiVersion", ""), document.pop("kind", "")
    if (version, kind) != (API_VERSION, KIND):
        raise ConfigurationError(
            f'no kind "{kind}" is registered for version "{version}"; it is {KIND} of {API_VERSION}'
        )
    changes: dict[str, Any] = {}
    merges = document.pop(MERGE, False)
    for name, value in document.items():
        if name not in TABLE:
            _check_other(name, value, lines[name])
            continue
        field, kind_of = TABLE[name]
        try:
            read = kind_of.read(value) if value is not None else None
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"line {lines[name]}: {name}: {error}") from None
        if read or read is False:
            changes[field] = read
    if merges and "eviction_hard" in changes:
        changes["eviction_hard"] = {**config.eviction_hard, **changes["eviction_hard"]}
    found = msgspec.structs.replace(config, **changes)
    check(found)
    return found


def _composed(text: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The document and the line of each of its fields."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"it is no YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode) or not isinstance(document, dict):
        raise ConfigurationError("Object 'Kind' is missing")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise ConfigurationError(f'line {line}: key "{key.value}" already set in map')
        lines[key.value] = line
    return document, lines


def _check_other(name: str, value: Any, line: int) -> None:
    """A field that no setting of ours stands for."""
    if name in DECIDED_ELSEWHERE or (name in NOT_HERE and value in NEUTRAL):
        return
    if name in NOT_HERE:
        raise ConfigurationError(f"line {line}: {name}: this kubelet cannot do that")
    raise ConfigurationError(f'line {line}: unknown field "{name}"')


def shown(config: KubeletConfig) -> dict[str, Any]:
    """The settings in force as `/configz` shows them."""
    found = {name: kind.show(getattr(config, field)) for name, (field, kind) in TABLE.items()}
    found |= {"containerRuntimeEndpoint": f"unix://{config.container_runtime_socket}", "port": config.port}
    return dict(sorted(found.items()))
