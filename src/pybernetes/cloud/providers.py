"""Cloud providers by name: the built-in one, and those of installed packages.

[project.entry-points."pybernetes.cloud_providers"]
example = "example_cloud:Example"                       # called with the text of --cloud-config
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from .local import LocalProvider
from .provider import CloudProvider

GROUP = "pybernetes.cloud_providers"
LOCAL = "local"

MakeProvider = Callable[[str], CloudProvider]


def names() -> list[str]:
    """All that there are."""
    return sorted({LOCAL, *(found.name for found in entry_points(group=GROUP))})


def provider(name: str, config: str = "") -> CloudProvider:
    """The provider of that name. ValueError when there is none, or it refuses its configuration."""
    if name == LOCAL:
        return LocalProvider()
    for found in entry_points(group=GROUP, name=name):
        make: MakeProvider = found.load()
        made: CloudProvider = make(config)
        return made
    raise ValueError(f"unknown cloud provider {name!r}; known are: {', '.join(names())}")
