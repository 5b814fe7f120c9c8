"""Image references: `image("host:5000/team/app:v1")` and its parts."""

import re
from collections.abc import Callable
from typing import Any

from ..errors import EvaluationError

DECLARATIONS = """
image(string) -> kubernetes.Image
isImage(string) -> bool
kubernetes.Image::containsDigest() -> bool
kubernetes.Image::registry() -> string
kubernetes.Image::repository() -> string
kubernetes.Image::identifier() -> string
kubernetes.Image::tag() -> string
kubernetes.Image::digest() -> string
"""

_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::\d+)?"
_REFERENCE = re.compile(
    rf"(?:({_DOMAIN})/)?({_PATH}(?:/{_PATH})*)(?::([\w][\w.-]{{0,127}}))?"
    r"(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?\Z",
    re.ASCII,
)


class Image:
    """A reference with the defaults filled in: registry `docker.io`, tag `latest`."""

    cel_type = "kubernetes.Image"
    __slots__ = ("digest", "registry", "repository", "tag")

    def __init__(self, registry: str, repository: str, tag: str, digest: str) -> None:
        self.registry, self.repository, self.tag, self.digest = registry, repository, tag, digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[str, ...]:
        return (self.registry, self.repository, self.tag, self.digest)


def _parse(text: str) -> Image | None:
    head, slash, _ = text.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost" or head != head.lower()):
        text = f"docker.io/{text}" if slash else f"docker.io/library/{text}"
    found = _REFERENCE.match(text)
    if found is None:
        return None
    registry, repository, tag, digest = found.groups()
    if not tag and not digest:
        tag = "latest"
    return Image(registry or "", repository, tag or "", digest or "")


def _image(text: str) -> Image:
    found = _parse(text)
    if found is None:
        raise EvaluationError(f'could not parse image reference "{text}": invalid reference format')
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "image": _image,
    "isImage": lambda text: _parse(text) is not None,
    "containsDigest": lambda image: bool(image.digest),
    "registry": lambda image: image.registry,
    "repository": lambda image: image.repository,
    "identifier": lambda image: image.digest or image.tag,
    "tag": lambda image: image.tag,
    "digest": lambda image: image.digest,
}
