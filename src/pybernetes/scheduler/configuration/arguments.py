"""The arguments of a profile's plugins."""

from typing import Any

import msgspec

from pybernetes.scheduler.configuration.types import ARGUMENTS, ProfileConfig


class ConfigurationError(ValueError):
    """The document cannot be used; the message says why, in one or several sentences."""


def arguments_of(profile: ProfileConfig) -> dict[str, Any]:
    """The arguments of a profile's plugins by name: Structs of the built-in ones, dicts of others."""
    found: dict[str, Any] = {name: kind() for name, kind in ARGUMENTS.items()}
    for config in profile.plugin_config:
        kind = ARGUMENTS.get(config.name)
        found[config.name] = msgspec.convert(config.args, kind) if kind is not None else config.args
    return found
