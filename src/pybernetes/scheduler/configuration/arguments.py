"""The arguments of a profile's plugins."""

from typing import Any

import msgspec

from pybernetes.scheduler.configuration.types import (
    ARGUMENTS,
    CPU_AND_MEMORY,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    PodTopologySpreadArgs,
    ProfileConfig,
    ResourceWeight,
)


class ConfigurationError(ValueError):
    """The document cannot be used; the message says why, in one or several sentences."""


def arguments_of(profile: ProfileConfig) -> dict[str, Any]:
    """The arguments of a profile's plugins by name: Structs of the built-in ones, dicts of others."""
    found: dict[str, Any] = {name: kind() for name, kind in ARGUMENTS.items()}
    for config in profile.plugin_config:
        kind = ARGUMENTS.get(config.name)
        found[config.name] = _with_defaults(msgspec.convert(config.args, kind)) if kind is not None else config.args
    return found


def _with_defaults(args: Any) -> Any:
    """What upstream fills in where something is there, but empty."""
    if isinstance(args, NodeResourcesBalancedAllocationArgs):
        return msgspec.structs.replace(args, resources=_weighted(args.resources))
    if isinstance(args, NodeResourcesFitArgs):
        strategy = args.scoring_strategy
        strategy = msgspec.structs.replace(strategy, resources=_weighted(strategy.resources))
        return msgspec.structs.replace(args, scoring_strategy=strategy)
    if isinstance(args, PodTopologySpreadArgs) and not args.defaulting_type:
        return msgspec.structs.replace(args, defaulting_type="System")
    return args


def _weighted(resources: tuple[ResourceWeight, ...]) -> tuple[ResourceWeight, ...]:
    """CPU and memory when none is named; weight 1 instead of 0."""
    return tuple(ResourceWeight(row.name, row.weight or 1) for row in resources or CPU_AND_MEMORY)
