"""Cloud providers by name: the built-in one, and those of installed packages.

[project.entry-points."pybernetes.cloud_providers"]
example = "example_cloud:Example"                       # called with the text of --cloud-config
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from .provider import CloudProvider

GROUP = "pybernetes.cloud_providers"
LOCAL = "local"

MakeProvider = Callable[[str], CloudProvider]


def names() -> list[str]:
    """All that there are."""
    return sorted({LOCAL, *(found.name for found in entry_points(group=GROUP))})


def local_provider(node_port_range: str = "30000-32767", reserved: Mapping[int, str] | None = None) -> CloudProvider:
    """The built-in one. reserved: TCP ports that nodes use themselves, and what has them."""
    from .local import LocalProvider

    return LocalProvider(node_port_range, reserved)


def provider(name: str, config: str = "") -> CloudProvider:
    """The provider of that name. ValueError when there is none, or it refuses its configuration."""
    if name == LOCAL:
        return local_provider()
    for found in entry_points(group=GROUP, name=name):
        make: MakeProvider = found.load()
        made: CloudProvider = make(config)
        return made
    raise ValueError(f"unknown cloud provider {name!r}; known are: {', '.join(names())}")
