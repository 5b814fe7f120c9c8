"""Reads the file: YAML or JSON, strict, with the defaults filled in and every broken rule named."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from pybernetes.scheduler.configuration.arguments import ConfigurationError as ConfigurationError
from pybernetes.scheduler.configuration.arguments import arguments_of
from pybernetes.scheduler.configuration.types import (
    API_VERSION,
    DEFAULT_SCHEDULER,
    KIND,
    Configuration,
    ProfileConfig,
)
from pybernetes.scheduler.configuration.validation import validate

_DROPPED = ("healthzBindAddress", "metricsBindAddress", "featureGates")


def read(path: Path) -> Configuration:
    """The configuration in a file. ConfigurationError."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None
    return load(text)


def load(text: str) -> Configuration:
    """The configuration in a document. ConfigurationError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the document is no YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError("Object 'Kind' is missing")
    version, kind = document.get("apiVersion"), document.get("kind")
    if not kind:
        raise ConfigurationError("Object 'Kind' is missing")
    if version != API_VERSION or kind != KIND:
        raise ConfigurationError(f'no kind "{kind}" is registered for version "{version}"')
    document = {key: value for key, value in document.items() if key not in _DROPPED}
    try:
        found = msgspec.convert(document, Configuration)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"strict decoding error: {error}") from None
    found = _with_defaults(found)
    arguments = {}
    for position, profile in enumerate(found.profiles):
        arguments[position] = _arguments(profile)
    errors = validate(found, arguments)
    if errors:
        texts = list(dict.fromkeys(map(str, errors)))
        raise ConfigurationError(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    return found


def _with_defaults(found: Configuration) -> Configuration:
    """A profile where there is none, and the usual name where there is just one."""
    profiles = found.profiles or [ProfileConfig()]
    if len(profiles) == 1 and not profiles[0].scheduler_name:
        profiles = [msgspec.structs.replace(profiles[0], scheduler_name=DEFAULT_SCHEDULER)]
    return msgspec.structs.replace(found, profiles=profiles)


def _arguments(profile: ProfileConfig) -> dict[str, Any]:
    try:
        return arguments_of(profile)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"strict decoding error: {error}") from None
