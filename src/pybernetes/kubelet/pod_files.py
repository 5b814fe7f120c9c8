"""Files of a pod and of its node, as its containers' configuration is made from them."""

from collections.abc import Mapping

from .env_file import MAXIMUM_BYTES
from .environment import ConfigError
from .volumes.subpath import read_text
from .volumes.volume import SetUpError


def text_in_volume(volumes: Mapping[str, str], volume: str, path: str) -> str | None:
    """A file of one of the pod's volumes, for fileKeyRef; None when it is not there. ConfigError."""
    if volume not in volumes:
        raise ConfigError(f'cannot find the volume "{volume}" referenced by FileKeyRef')
    try:
        return read_text(volumes[volume], path, MAXIMUM_BYTES)
    except (SetUpError, OSError) as error:
        raise ConfigError(str(error)) from None


def text_of_node(path: str) -> str:
    """A file of the node, "" when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
