"""Which settings of a kubelet do not go together, whether they come from a file or from flags. Pure."""

from ..api.duration import format_nanoseconds
from .config import KubeletConfig
from .cpu_manager import settings as cpus
from .eviction_thresholds import all_thresholds
from .pulled_images import LISTED, POLICIES


class ConfigurationError(ValueError):
    """Settings that cannot be used; the message says why, with the line of the file if there is one."""


def duration_text(seconds: float) -> str:
    """`1m30s`"""
    return format_nanoseconds(round(seconds * 1e9))


def check(config: KubeletConfig) -> None:
    """ConfigurationError, worded as upstream's are."""
    total, critical = config.shutdown_grace_seconds, config.shutdown_critical_seconds
    if critical > total:
        raise _invalid(
            f"shutdownGracePeriodCriticalPods {duration_text(critical)} must be <= "
            f"shutdownGracePeriod {duration_text(total)}"
        )
    if 0 < total < 1:
        raise _invalid(f"shutdownGracePeriod {duration_text(total)} must be either zero or otherwise >= 1 sec")
    if total and config.shutdown_by_priority:
        fields = "shutdownGracePeriodByPodPriority and shutdownGracePeriod"
        raise _invalid(f"Cannot specify both {fields} at the same time")
    policy = config.image_credentials_policy
    if policy not in POLICIES:
        raise _invalid(f'invalid imagePullCredentialsVerificationPolicy: "{policy}"')
    if config.image_credentials_allowlist and policy != LISTED:
        raise _invalid(f"preloadedImagesVerificationAllowlist can only be set with the policy {LISTED}")
    if why := cpus.problem(config):
        raise _invalid(why)
    try:
        all_thresholds(
            config.eviction_hard,
            config.eviction_soft,
            config.eviction_soft_grace_seconds,
            config.eviction_minimum_reclaim,
        )
    except ValueError as error:
        raise _invalid(str(error)) from None


def _invalid(why: str) -> ConfigurationError:
    return ConfigurationError(f"invalid configuration: {why}")
