"""The messages of pluginregistration v1, the service every plugin's registration socket offers."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class Empty(Message):
    """InfoRequest and RegistrationStatusResponse: no fields."""


class PluginInfo(Message):
    type: A[str, 1] = ""
    name: A[str, 2] = ""
    endpoint: A[str, 3] = ""
    """The socket the plugin serves on; "" for the one that was asked."""
    supported_versions: A[list[str], 4] = field(default_factory=list)


class RegistrationStatus(Message):
    plugin_registered: A[bool, 1] = False
    error: A[str, 2] = ""
