"""Names of images and the credentials that go with them. Pure.

`normalized` adds the default tag; `registry_of` and `keyring_lookup` find which entries of a docker config apply, most
specific first (page "Pull an Image from a Private Registry", "Configuration interpretation").
"""

import base64
import binascii
import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .cri.messages import AuthConfig

DEFAULT_REGISTRY = "index.docker.io"

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])"
_REFERENCE = re.compile(
    rf"(?:{_HOST}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


class ImageNameError(ValueError):
    """Not an image reference; the message is for the waiting reason InvalidImageName."""


def normalized(image: str) -> str:
    """The image with the tag `latest` if it has neither tag nor digest. ImageNameError."""
    if not _REFERENCE.fullmatch(image):
        why = "repository name must be lowercase" if _REFERENCE.fullmatch(image.lower()) else "invalid reference format"
        text = f"invalid reference format: {why}" if "lowercase" in why else why
        raise ImageNameError(
            f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {text}'
        )
    if "@" in image or ":" in image.rsplit("/", 1)[-1]:
        return image
    return f"{image}:latest"


def default_pull_policy(image: str) -> str:
    """Always for `latest`, else IfNotPresent, as defaulting does."""
    try:
        return "Always" if normalized(image).endswith(":latest") else "IfNotPresent"
    except ImageNameError:
        return "IfNotPresent"


def registry_of(image: str) -> str:
    """`host[:port]` of an image; the default registry for a short name."""
    first, _, rest = image.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return first
    return DEFAULT_REGISTRY


def docker_config(secret_type: str, data: Mapping[str, bytes]) -> dict[str, AuthConfig]:
    """The credentials in a pull secret: registry (with optional path) -> credentials; {} for anything malformed."""
    try:
        if secret_type == "kubernetes.io/dockerconfigjson":
            entries = msgspec.json.decode(data.get(".dockerconfigjson", b"{}")).get("auths", {})
        elif secret_type == "kubernetes.io/dockercfg":
            entries = msgspec.json.decode(data.get(".dockercfg", b"{}"))
        else:
            return {}
        return {_bare(name): _credentials(entry) for name, entry in entries.items()}
    except (msgspec.DecodeError, AttributeError, binascii.Error, UnicodeDecodeError, ValueError):
        return {}


def _bare(name: str) -> str:
    name = name.removeprefix("https://").removeprefix("http://").rstrip("/")
    return re.sub(r"/v[12]$", "", name)


def _credentials(entry: dict[str, Any]) -> AuthConfig:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        user, _, secret = base64.b64decode(entry["auth"]).decode().partition(":")
        username, password = user, secret
    return AuthConfig(username=username, password=password)


def keyring_lookup(image: str, keyrings: Iterable[Mapping[str, AuthConfig]]) -> list[AuthConfig]:
    """The credentials that fit an image, the longest matching name first."""
    registry = registry_of(image)
    path = image if registry != DEFAULT_REGISTRY else f"{DEFAULT_REGISTRY}/{image}"
    found: list[tuple[int, AuthConfig]] = []
    for keyring in keyrings:
        for name, credentials in keyring.items():
            if _fits(_default_name(name), path):
                found.append((len(name), credentials))
    found.sort(key=lambda item: -item[0])
    return [credentials for _, credentials in found]


def _default_name(name: str) -> str:
    return name.replace("docker.io", DEFAULT_REGISTRY, 1) if name.split("/")[0] == "docker.io" else name


def _fits(pattern: str, path: str) -> bool:
    """`*.example.com/team` fits `a.example.com/team/web:1`: globs in the host, a prefix in the path."""
    host_pattern, _, path_pattern = pattern.partition("/")
    host, _, rest = path.partition("/")
    parts, wanted = host.split("."), host_pattern.split(".")
    if len(parts) != len(wanted) or not all(fnmatch.fnmatchcase(p, w) for p, w in zip(parts, wanted, strict=True)):
        return False
    return rest.startswith(path_pattern)
